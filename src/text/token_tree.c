/* SPDX-License-Identifier: Apache-2.0 */
/* text/token_tree: see token_tree.h. Tokens sorted by their bytes are the tree
 * in depth-first order: each adds the nodes beyond what it shares with the one
 * before. */
#include "text/token_tree.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/os.h"

#define MOST_BYTES 1024u /* of a token in the tree; a longer one is never allowed */

struct entry {
    uint64_t head; /* the first bytes, for comparing */
    struct str bytes;
    uint32_t id;
};

static uint64_t head_of(struct str s)
{
    uint64_t head = 0;
    for (size_t i = 0; i < 8; i++)
        head = head << 8 | (i < s.n ? (unsigned char)s.p[i] : 0);
    return head;
}

static int by_bytes(const void *p, const void *q)
{
    const struct entry *a = p, *b = q;
    if (a->head != b->head)
        return a->head < b->head ? -1 : 1;
    int c = str_cmp(a->bytes, b->bytes);
    return c ? c : (a->id > b->id) - (a->id < b->id);
}

static struct entry *list_tokens(struct token_tree *t, const struct vocab *v, struct err *e)
{
    struct entry *list = mem_new(v->n_tokens, sizeof *list, e);
    size_t cap = 0;
    for (uint32_t id = 0; list && id < v->n_tokens; id++) {
        struct str bytes = vocab_view(v, id, false);
        if (bytes.n && bytes.n <= MOST_BYTES && !vocab_ends_answer(v, id))
            list[t->n_token++] = (struct entry){head_of(bytes), bytes, id};
        if (!vocab_ends_answer(v, id))
            continue;
        if (mem_grow(&t->ends, t->n_ends, &cap, sizeof *t->ends, e)) {
            t->ends[t->n_ends++] = id;
            continue;
        }
        mem_free(list);
        return NULL;
    }
    if (list)
        qsort(list, t->n_token, sizeof *list, by_bytes);
    return list;
}

static size_t shared(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n, i = 0;
    while (i < n && a.p[i] == b.p[i])
        i++;
    return i;
}

static bool make_room(struct token_tree *t, const struct entry *list, struct err *e)
{
    size_t n = 0;
    for (uint32_t i = 0; i < t->n_token; i++) {
        n += list[i].bytes.n - (i ? shared(list[i - 1].bytes, list[i].bytes) : 0);
        if (list[i].bytes.n > t->depth)
            t->depth = (uint32_t)list[i].bytes.n;
    }
    t->n = (uint32_t)n; /* at most MOST_BYTES * LIMIT_VOCAB, below 2^32 */
    t->node = mem_new_lazy(n + 1, sizeof *t->node, e);
    if (t->node)
        os_use_large_pages(t->node, (n + 1) * sizeof *t->node);
    t->id = mem_new(t->n_token, sizeof *t->id, e);
    t->n_char = mem_new(t->n_token, sizeof *t->n_char, e);
    return t->node && t->id && t->n_char;
}

/* Nodes; open[d] is the node of d + 1 bytes on the way to the last token. */
static void fill(struct token_tree *t, const struct entry *list, uint32_t *open)
{
    uint32_t n = 0, depth = 0;
    for (uint32_t i = 0; i < t->n_token; i++) {
        struct str s = list[i].bytes;
        size_t keep = i ? shared(list[i - 1].bytes, s) : 0;
        while (depth > keep)
            t->node[open[--depth]].end = n;
        for (; depth < s.n; depth++) {
            if (depth == 0) {
                t->root_byte[t->n_root] = (unsigned char)s.p[0];
                t->root[t->n_root++] = n;
            }
            t->node[n] = (struct token_node){
                .label = (unsigned char)s.p[depth], .level = (uint16_t)depth, .first = i};
            open[depth] = n++;
        }
        t->id[i] = list[i].id;
        for (size_t k = 0; k < s.n; k++)
            if (((unsigned char)s.p[k] & 0xc0) != 0x80)
                t->n_char[i]++;
    }
    while (depth)
        t->node[open[--depth]].end = n;
    t->node[n].first = t->n_token;
    t->root[t->n_root] = n;
}

/* Bytes still to come of the character after this byte; 8: not UTF-8. Exact
 * enough: overlong forms and surrogates are told apart by the second byte,
 * which is looked at with the first. */
static unsigned pending_after(unsigned pending, unsigned char before, unsigned char c)
{
    if (pending == 8)
        return 8;
    if (pending == 0)
        return c < 0x80 ? 0 : c < 0xc2 ? 8 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : c < 0xf5 ? 3 : 8;
    if ((c & 0xc0) != 0x80 || (before == 0xe0 && c < 0xa0) || (before == 0xed && c > 0x9f) ||
        (before == 0xf0 && c < 0x90) || (before == 0xf4 && c > 0x8f))
        return 8;
    return pending - 1;
}

static void note_byte(struct token_node *x)
{
    if (x->label < 0x80)
        x->ascii[x->label / 64] |= 1ull << x->label % 64;
    else
        x->others = true;
}

/* What stands in a node's subtree stands in its parent's. */
static void add_to_parent(struct token_node *p, const struct token_node *x)
{
    if (x->tall > p->tall)
        p->tall = x->tall;
    p->ascii[0] |= x->ascii[0];
    p->ascii[1] |= x->ascii[1];
    p->others |= x->others;
    p->broken |= x->broken;
    p->whole &= x->whole;
}

/* Pending bytes, then what stands in subtrees, from the
 * last node back. */
static bool describe(struct token_tree *t, struct err *e)
{
    uint32_t *up = mem_new((size_t)t->depth + 1, sizeof *up, e); /* node of each level */
    uint32_t *parent = mem_new(t->n, sizeof *parent, e);
    for (uint32_t i = 0; up && parent && i < t->n; i++) {
        struct token_node *x = &t->node[i];
        up[x->level] = i;
        parent[i] = x->level ? up[x->level - 1] : UINT32_MAX;
        const struct token_node *before = x->level ? &t->node[parent[i]] : NULL;
        x->pending = (uint8_t)pending_after(before ? before->pending : 0,
                                            before ? before->label : 0, x->label);
        bool token = t->node[i + 1].first > x->first;
        x->whole = !(token && x->pending != 0) && x->pending != 8;
    }
    for (uint32_t i = t->n; up && parent && i-- > 0;) {
        struct token_node *x = &t->node[i];
        note_byte(x);
        x->broken |= x->pending == 8;
        x->tall++;
        if (parent[i] != UINT32_MAX)
            add_to_parent(&t->node[parent[i]], x);
    }
    for (uint32_t i = 0; up && parent && i < t->n; i++) /* it begins a character */
        t->node[i].whole &= parent[i] == UINT32_MAX || t->node[parent[i]].pending == 0;
    bool ok = up && parent;
    mem_free(up);
    mem_free(parent);
    return ok;
}

struct token_tree *token_tree_new(const struct vocab *v, struct err *e)
{
    struct token_tree *t = mem_new(1, sizeof *t, e);
    if (!t)
        return NULL;
    uint32_t *open = NULL;
    struct entry *list = list_tokens(t, v, e);
    bool ok = list && make_room(t, list, e) && (open = mem_new(t->depth, sizeof *open, e));
    if (ok)
        fill(t, list, open);
    ok = ok && describe(t, e);
    mem_free(open);
    mem_free(list);
    if (ok)
        return t;
    token_tree_free(t);
    return NULL;
}

void token_tree_free(struct token_tree *t)
{
    if (!t)
        return;
    mem_free_lazy(t->node, (size_t)t->n + 1, sizeof *t->node);
    mem_free(t->id);
    mem_free(t->n_char);
    mem_free(t->ends);
    mem_free(t);
}
