/* SPDX-License-Identifier: Apache-2.0 */
/* text/grammar_digest: what a grammar allows, as a SHA-256: its parts one after another, each field
 * a little-endian number, so that neither names nor padding count. */
#include "base/limits.h"
#include "text/grammar_code.h"

static void put(struct buf *b, uint64_t x, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        buf_byte(b, (char)(x >> 8 * i & 0xff));
}

static void put_nodes(struct buf *b, const struct grammar *g)
{
    put(b, g->n_node, 4);
    for (uint32_t i = 0; i < g->n_node; i++) {
        const struct grammar_node *n = &g->node[i];
        put(b, (uint64_t)n->op | (uint64_t)n->lo << 8 | (uint64_t)n->hi << 16, 3);
        put(b, (uint64_t)n->a | (uint64_t)n->next << 32, 8);
    }
}

static void put_rules(struct buf *b, const struct grammar *g)
{
    put(b, (uint64_t)g->n_rule | (uint64_t)g->root << 32, 8);
    for (uint32_t i = 0; i < g->n_rule; i++) {
        put(b, (uint64_t)g->rule[i].start | (uint64_t)g->rule[i].border << 32, 5);
        put(b, g->rule[i].data, 8);
    }
}

static void put_objects(struct buf *b, const struct grammar *g)
{
    put(b, g->n_object, 4);
    for (uint32_t i = 0; i < g->n_object; i++) {
        const struct grammar_object *o = &g->object[i];
        put(b, (uint64_t)o->member | (uint64_t)o->n_member << 32, 8);
        put(b, (uint64_t)o->min | (uint64_t)o->max << 32, 8);
        put(b, (uint64_t)o->comma | (uint64_t)o->choice << 32, 8);
        put(b, o->ordered, 1);
    }
    put(b, g->n_member, 4);
    for (uint32_t i = 0; i < g->n_member; i++) {
        const struct grammar_member *m = &g->member[i];
        put(b, (uint64_t)m->rule | (uint64_t)m->required << 32 | (uint64_t)m->repeats << 40, 6);
        put(b, (uint64_t)m->need | (uint64_t)m->n_need << 32, 8);
    }
    put(b, g->n_need, 4);
    for (uint32_t i = 0; i < g->n_need; i++)
        put(b, g->need[i], 4);
}

bool grammar_digest(const struct grammar *g, struct hash *out, struct err *e)
{
    struct buf b;
    buf_init(&b, LIMIT_JSON_BYTES);
    put_nodes(&b, g);
    put_rules(&b, g);
    put_objects(&b, g);
    struct str all = buf_view(&b);
    bool ok = buf_ok(&b, "grammar", e) && hash_of(&all, 1, out, e);
    buf_clear(&b);
    return ok;
}
