/* SPDX-License-Identifier: Apache-2.0 */
/* run/stop: see stop.h. */
#include "run/stop.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

static uint32_t *borders(struct str text, struct err *e)
{
    uint32_t *border = mem_new(text.n, sizeof *border, e), k = 0;
    for (size_t i = 1; border && i < text.n; i++) {
        while (k && text.p[k] != text.p[i])
            k = border[k - 1];
        k += text.p[k] == text.p[i];
        border[i] = k;
    }
    return border;
}

bool stop_init(struct stop *s, char *const *texts, uint32_t n, struct err *e)
{
    *s = (struct stop){0};
    buf_init(&s->held, 2 * LIMIT_STOP_BYTES);
    s->v = mem_new(n, sizeof *s->v, e);
    if (!s->v)
        return false;
    for (; s->n < n; s->n++) {
        struct str text = str_of(texts[s->n]);
        if (text.n == 0 || text.n > LIMIT_STOP_BYTES)
            return fail(e, ERR_USAGE, "a stop sequence must have 1 to %u bytes, not %zu",
                        LIMIT_STOP_BYTES, text.n);
        s->v[s->n] = (struct stop_sequence){text, borders(text, e), 0};
        if (!s->v[s->n].border)
            return false;
    }
    return true;
}

void stop_clear(struct stop *s)
{
    for (uint32_t i = 0; i < s->n; i++)
        mem_free((void *)(uintptr_t)s->v[i].border);
    mem_free(s->v);
    buf_clear(&s->held);
    *s = (struct stop){0};
}

/* Moves on by one byte; true when the sequence is complete. */
static bool advance(struct stop_sequence *q, char c)
{
    uint32_t k = q->matched;
    while (k && q->text.p[k] != c)
        k = q->border[k - 1];
    q->matched = k + (q->text.p[k] == c);
    return q->matched == q->text.n;
}

/* Feeds c to every sequence. Returns the longest one it completes; *open: the bytes at the end
 * that some sequence begins with. */
static const struct stop_sequence *feed(struct stop *s, char c, uint32_t *open)
{
    const struct stop_sequence *done = NULL;
    *open = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        if (advance(&s->v[i], c) && (!done || s->v[i].text.n > done->text.n))
            done = &s->v[i];
        *open = s->v[i].matched > *open ? s->v[i].matched : *open;
    }
    return done;
}

/* Passes on all that is held but the last `keep` bytes. */
static void release(struct stop *s, size_t keep, struct buf *out)
{
    buf_add(out, buf_c(&s->held), s->held.n - keep);
    buf_drop_front(&s->held, s->held.n - keep);
}

const char *stop_push(struct stop *s, struct str piece, struct buf *out)
{
    uint32_t open = 0;
    for (size_t i = 0; i < piece.n && !s->found; i++) {
        const struct stop_sequence *done = feed(s, piece.p[i], &open);
        buf_byte(&s->held, piece.p[i]);
        if (done) {
            release(s, done->text.n, out);
            buf_reset(&s->held);
            s->found = done->text.p;
        } else if (s->held.n >= LIMIT_STOP_BYTES + open) {
            release(s, open, out); /* seldom: moving bytes costs */
        }
    }
    if (!s->found && piece.n)
        release(s, open, out);
    return s->found;
}

void stop_flush(struct stop *s, struct buf *out)
{
    release(s, 0, out);
    for (uint32_t i = 0; i < s->n; i++)
        s->v[i].matched = 0;
}
