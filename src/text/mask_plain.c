/* SPDX-License-Identifier: Apache-2.0 */
/* text/mask_plain: see mask_plain.h. */
#include "text/mask_plain.h"

#include "base/mem.h"

static bool add_range(struct mask_plain *p, uint32_t from, uint32_t to, struct err *e)
{
    if (from == to)
        return true;
    if (p->n_range && p->range[p->n_range - 1][1] == from) {
        p->range[p->n_range - 1][1] = to;
        return true;
    }
    if (!mem_grow(&p->range, p->n_range, &p->range_cap, sizeof *p->range, e))
        return false;
    p->range[p->n_range][0] = from;
    p->range[p->n_range++][1] = to;
    return true;
}

static bool add_exit(struct mask_plain *p, uint32_t node, uint32_t n_char, struct err *e)
{
    if (!mem_grow(&p->exit, p->n_exit, &p->exit_cap, sizeof *p->exit, e))
        return false;
    p->exit[p->n_exit++] = (struct mask_plain_exit){node, n_char};
    return true;
}

static bool lies_in(const struct mask_plain *p, const struct token_tree_chars *x)
{
    return ((x->ascii[0] & ~p->ascii[0]) | (x->ascii[1] & ~p->ascii[1])) == 0 &&
           (!x->others || (p->others && x->whole));
}

/* The tokens that end at a node inside of the set. */
static bool add_ending(struct mask_plain *p, const struct token_tree *t, uint32_t i, struct err *e)
{
    if (t->pending[i] == 0)
        return add_range(p, t->first[i], t->first[i + 1], e);
    for (uint32_t k = t->first[i]; k < t->first[i + 1]; k++) {
        if (!mem_grow(&p->half, p->n_half, &p->half_cap, sizeof *p->half, e))
            return false;
        p->half[p->n_half++] = k;
    }
    return true;
}

/* n_char[level]: characters begun before a node of that level. */
static bool fill(struct mask_plain *p, const struct token_tree *t, uint16_t *n_char, struct err *e)
{
    for (uint32_t i = 0; i < t->n;) {
        unsigned char c = t->label[i];
        uint32_t level = t->level[i];
        bool begins = (c & 0xc0) != 0x80, ok;
        if (begins && lies_in(p, &t->chars[i])) {
            ok = add_range(p, t->first[i], t->first[t->end[i]], e);
            i = t->end[i];
        } else if (c < 0x80 ? p->ascii[c / 64] >> c % 64 & 1 : p->others && !t->chars[i].broken) {
            n_char[level + 1] = (uint16_t)(n_char[level] + begins);
            ok = add_ending(p, t, i++, e);
        } else {
            ok = add_exit(p, i, n_char[level], e);
            i = t->end[i];
        }
        if (!ok)
            return false;
    }
    return true;
}

bool mask_plain_make(struct mask_plain *p, const struct token_tree *t, const uint64_t ascii[2],
                     bool others, struct err *e)
{
    *p = (struct mask_plain){.ascii = {ascii[0], ascii[1]}, .others = others};
    uint16_t *n_char = mem_new((size_t)t->depth + 1, sizeof *n_char, e);
    bool ok = n_char && fill(p, t, n_char, e);
    mem_free(n_char);
    return ok;
}

void mask_plain_clear(struct mask_plain *p)
{
    mem_free(p->range);
    mem_free(p->half);
    mem_free(p->exit);
    *p = (struct mask_plain){0};
}
