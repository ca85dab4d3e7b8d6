/* SPDX-License-Identifier: Apache-2.0 */
/* text/detok: see detok.h. Bytes pass one by one through a small automaton; its state is the bytes
 * of the character begun, so where tokens end makes no difference to what comes out. */
#include "text/detok.h"

#include <string.h>

void detok_init(struct detok *d, const struct vocab *v, bool special)
{
    *d = (struct detok){.vocab = v, .special = special, .strip_space = v->add_space_prefix};
    if (v->kind == VOCAB_WORDPIECE)
        d->strip_space = true; /* every word begins with one */
}

void detok_continue(struct detok *d)
{
    d->strip_space = false;
}

enum state { CUT, WHOLE, INVALID };

/* Of n bytes, all but the last of which could begin a character. */
static enum state state_of(const char *p, uint32_t n)
{
    struct str s = {p, n};
    if (str_utf8_whole(s) == 0) /* all of it is the beginning of one character */
        return CUT;
    return str_utf8_valid(s) ? WHOLE : INVALID;
}

static void drop(struct detok *d, struct buf *out)
{
    if (d->n_pending)
        buf_add(out, "\xef\xbf\xbd", 3);
    d->n_pending = 0;
}

static void push_byte(struct detok *d, char c, struct buf *out)
{
    d->pending[d->n_pending++] = c;
    enum state s = state_of(d->pending, d->n_pending);
    if (s == INVALID && d->n_pending > 1) { /* the begun character is lost; c may begin another */
        d->n_pending--;
        drop(d, out);
        d->pending[d->n_pending++] = c;
        s = state_of(d->pending, 1);
    }
    if (s == WHOLE) {
        buf_add(out, d->pending, d->n_pending);
        d->n_pending = 0;
    } else if (s == INVALID) {
        drop(d, out);
    }
}

static void push_bytes(struct detok *d, struct str s, struct buf *out)
{
    if (d->strip_space && s.n) {
        d->strip_space = false;
        if (s.p[0] == ' ')
            s = str_from(s, 1);
    }
    if (d->n_pending == 0 && str_utf8_valid(s)) {
        buf_str(out, s);
        return;
    }
    for (size_t i = 0; i < s.n; i++)
        push_byte(d, s.p[i], out);
}

void detok_push(struct detok *d, uint32_t id, struct buf *out)
{
    push_bytes(d, vocab_view(d->vocab, id, d->special), out);
}

void detok_flush(struct detok *d, struct buf *out)
{
    drop(d, out);
}
