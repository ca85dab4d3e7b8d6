/* SPDX-License-Identifier: Apache-2.0 */
/* text/mask_plain: see mask_plain.h. */
#include "text/mask_plain.h"

#include <string.h>

#include "base/mem.h"

struct maker {
    struct mask_plain *p;
    const struct token_tree *t;
    uint32_t n_word;
};

static uint32_t row_of(uint32_t n_char)
{
    return n_char < 2 ? 0 : n_char < MASK_PLAIN_ROWS ? n_char - 1 : MASK_PLAIN_ROWS - 1;
}

/* Tokens from .. to of the tree, each in the row of its length only. */
static bool add_tokens(struct maker *m, uint32_t from, uint32_t to, struct err *e)
{
    struct mask_plain *p = m->p;
    const struct token_tree *t = m->t;
    for (uint32_t i = from; i < to; i++) {
        uint32_t id = t->id[i];
        p->row[(size_t)row_of(t->n_char[i]) * m->n_word + id / 32] |= 1u << id % 32;
        if (t->n_char[i] < MASK_PLAIN_ROWS)
            continue;
        if (!mem_grow(&p->longer, p->n_longer, &p->longer_cap, sizeof *p->longer, e))
            return false;
        p->longer[p->n_longer++] = i;
    }
    return true;
}

static bool add_exit(struct mask_plain *p, uint32_t node, uint16_t n_char, unsigned char label,
                     struct err *e)
{
    if (!mem_grow(&p->exit, p->n_exit, &p->exit_cap, sizeof *p->exit, e))
        return false;
    p->exit[p->n_exit++] = (struct mask_plain_exit){node, n_char, label};
    return true;
}

static bool lies_in(const struct mask_plain *p, const struct token_node *x)
{
    return ((x->ascii[0] & ~p->ascii[0]) | (x->ascii[1] & ~p->ascii[1])) == 0 &&
           (!x->others || (p->others && x->whole));
}

/* The tokens that end at a node inside of the set. */
static bool add_ending(struct maker *m, uint32_t i, struct err *e)
{
    struct mask_plain *p = m->p;
    const struct token_tree *t = m->t;
    if (t->node[i].pending == 0)
        return add_tokens(m, t->node[i].first, t->node[i + 1].first, e);
    for (uint32_t k = t->node[i].first; k < t->node[i + 1].first; k++) {
        if (!mem_grow(&p->half, p->n_half, &p->half_cap, sizeof *p->half, e))
            return false;
        p->half[p->n_half++] = k;
    }
    return true;
}

/* n_char[level]: characters begun before a node of that level. */
static bool fill(struct maker *m, uint16_t *n_char, struct err *e)
{
    struct mask_plain *p = m->p;
    const struct token_tree *t = m->t;
    for (uint32_t i = 0; i < t->n;) {
        const struct token_node *x = &t->node[i];
        unsigned char c = x->label;
        uint32_t level = x->level;
        bool begins = (c & 0xc0) != 0x80, ok;
        if (begins && lies_in(p, x)) {
            ok = add_tokens(m, x->first, t->node[x->end].first, e);
            i = x->end;
        } else if (c < 0x80 ? p->ascii[c / 64] >> c % 64 & 1 : p->others && !x->broken) {
            n_char[level + 1] = (uint16_t)(n_char[level] + begins);
            ok = add_ending(m, i++, e);
        } else {
            ok = add_exit(p, i, n_char[level], c, e);
            i = x->end;
        }
        if (!ok)
            return false;
    }
    return true;
}

/* Each row has the tokens of those before it too. */
static void add_up(struct mask_plain *p, uint32_t n_word)
{
    for (size_t i = n_word; i < (size_t)MASK_PLAIN_ROWS * n_word; i++)
        p->row[i] |= p->row[i - n_word];
}

bool mask_plain_make(struct mask_plain *p, const struct token_tree *t, uint32_t n_word,
                     const uint64_t ascii[2], bool others, struct err *e)
{
    *p = (struct mask_plain){.ascii = {ascii[0], ascii[1]}, .others = others};
    struct maker m = {p, t, n_word};
    uint16_t *n_char = mem_new((size_t)t->depth + 1, sizeof *n_char, e);
    p->row = mem_new((size_t)MASK_PLAIN_ROWS * n_word, sizeof *p->row, e);
    bool ok = n_char && p->row && fill(&m, n_char, e);
    if (ok)
        add_up(p, n_word);
    mem_free(n_char);
    return ok;
}

bool mask_plain_json(struct mask_plain *p, const struct token_tree *t, uint32_t n_word,
                     struct err *e)
{
    static const uint64_t ascii[2] = {0xfffffffb00000000u, 0xffffffffefffffffu};
    return mask_plain_make(p, t, n_word, ascii, true, e);
}

void mask_plain_copy(const struct mask_plain *p, const struct token_tree *t, uint32_t n_word,
                     uint32_t n, uint32_t *bits)
{
    memcpy(bits, p->row + (size_t)row_of(n) * n_word, n_word * sizeof *bits);
    for (size_t i = 0; n >= MASK_PLAIN_ROWS && i < p->n_longer; i++)
        if (t->n_char[p->longer[i]] > n)
            bits[t->id[p->longer[i]] / 32] &= ~(1u << t->id[p->longer[i]] % 32);
}

uint64_t mask_plain_bytes(const struct mask_plain *p, uint32_t n_word)
{
    return (p->row ? (uint64_t)MASK_PLAIN_ROWS * n_word * sizeof *p->row : 0) +
           p->longer_cap * sizeof *p->longer + p->half_cap * sizeof *p->half +
           p->exit_cap * sizeof *p->exit;
}

void mask_plain_clear(struct mask_plain *p)
{
    mem_free(p->row);
    mem_free(p->longer);
    mem_free(p->half);
    mem_free(p->exit);
    *p = (struct mask_plain){0};
}
