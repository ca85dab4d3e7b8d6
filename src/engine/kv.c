/* SPDX-License-Identifier: Apache-2.0 */
/* engine/kv: see kv.h.
 *
 * (I1) A block number of a sequence is in its table exactly while the pool block belongs to it.
 * (I2) free_list[0 .. n_free) are the pool blocks that belong to nobody.
 * (I3) owners[b] counts the table entries that name pool block b; only a block of one owner is
 *      written. */
#include "engine/kv.h"

#include <string.h>

#include "compute/kv_block.h"

struct pool {
    unsigned char *data; /* [n_layers][n_head_kv][n_blocks][piece_bytes] */
    uint64_t block_bytes, piece_bytes;
    uint32_t n_layers, n_blocks, n_free, window;
    uint32_t *free_list; /* [n_blocks] */
    uint32_t *table;     /* [n_seq][blocks_per_seq] */
    uint32_t *owners;    /* [n_blocks] */
};

struct kv {
    struct kv_params p;
    struct pool pool[KV_CLASSES];
    uint32_t *length;        /* [n_seq] */
    uint32_t *held;          /* [n_seq] where the last part of a prompt began */
    uint32_t blocks_per_seq; /* of the table: the whole context */
    uint64_t key_bytes;      /* of one head of one layer in a block; its values follow */
    uint32_t n_head_kv;
    struct states *states; /* NULL: no layer is recurrent */
};

static enum kv_class class_of(const struct layer *l)
{
    return l->window ? KV_WINDOW : KV_FULL;
}

static uint32_t blocks_for(uint32_t n_tokens)
{
    return n_tokens / KV_BLOCK + (n_tokens % KV_BLOCK != 0);
}

/* Sizes only; used both to plan and to allocate. */
static void plan_pools(const struct model *m, const struct kv_params *p,
                       struct pool pool[KV_CLASSES])
{
    const struct hparams *h = &m->h;
    memset(pool, 0, KV_CLASSES * sizeof *pool);
    for (uint32_t i = 0; i < h->n_layer; i++) {
        if (m->layers[i].recurrent)
            continue;
        struct pool *c = &pool[class_of(&m->layers[i])];
        c->n_layers++;
        c->window = m->layers[i].window;
    }
    for (int c = 0; c < KV_CLASSES; c++) {
        uint32_t per_seq = blocks_for(p->n_ctx);
        if (c == KV_WINDOW) { /* the window before a batch, the batch, a partial block at each end;
                                 and the window before the place held */
            uint64_t need = 2 * (uint64_t)pool[c].window + p->n_batch;
            uint32_t windowed = need < p->n_ctx ? blocks_for((uint32_t)need) + 4 : per_seq;
            per_seq = windowed < per_seq ? windowed : per_seq;
        }
        pool[c].piece_bytes =
            kv_key_bytes(p->type, h->d_head) + kv_value_bytes(p->type, h->d_head_v);
        pool[c].block_bytes = pool[c].piece_bytes * h->n_head_kv * pool[c].n_layers;
        uint64_t n_blocks = (uint64_t)per_seq * p->n_seq;
        uint64_t most = (p->n_tokens + KV_BLOCK - 1) / KV_BLOCK;
        if (c == KV_FULL && most && most < n_blocks)
            n_blocks = most;
        pool[c].n_blocks = pool[c].n_layers ? (uint32_t)n_blocks : 0;
    }
}

uint64_t kv_bytes(const struct model *m, const struct kv_params *p)
{
    struct pool pool[KV_CLASSES];
    plan_pools(m, p, pool);
    uint64_t sum = 0;
    for (int c = 0; c < KV_CLASSES; c++)
        sum += pool[c].block_bytes * pool[c].n_blocks;
    return sum;
}

static bool alloc_pool(const struct kv *kv, struct pool *c, struct err *e)
{
    size_t n_table = (size_t)kv->p.n_seq * kv->blocks_per_seq;
    c->data = mem_new_lazy(c->n_blocks, c->block_bytes, e);
    c->free_list = mem_new(c->n_blocks, sizeof *c->free_list, e);
    c->table = mem_new(n_table, sizeof *c->table, e);
    c->owners = mem_new(c->n_blocks, sizeof *c->owners, e);
    if (!c->data || !c->free_list || !c->table || !c->owners)
        return false;
    for (size_t i = 0; i < n_table; i++)
        c->table[i] = KV_NONE;
    for (uint32_t i = 0; i < c->n_blocks; i++) /* lowest block first */
        c->free_list[i] = c->n_blocks - 1 - i;
    c->n_free = c->n_blocks;
    return true;
}

struct kv *kv_new(const struct model *m, const struct kv_params *p, struct err *e)
{
    struct kv *kv = mem_new(1, sizeof *kv, e);
    if (!kv)
        return NULL;
    kv->p = *p;
    kv->n_head_kv = m->h.n_head_kv;
    kv->key_bytes = kv_key_bytes(p->type, m->h.d_head);
    kv->blocks_per_seq = blocks_for(p->n_ctx);
    plan_pools(m, p, kv->pool);
    kv->length = mem_new(p->n_seq, sizeof *kv->length, e);
    kv->held = mem_new(p->n_seq, sizeof *kv->held, e);
    bool ok = kv->length && kv->held;
    for (int c = 0; ok && c < KV_CLASSES; c++)
        ok = alloc_pool(kv, &kv->pool[c], e);
    if (ok && m->n_kv_slots[KV_SLOTS_STATE])
        ok = (kv->states = states_new(m, p->n_seq, e)) != NULL;
    if (!ok) {
        kv_free(kv);
        return NULL;
    }
    return kv;
}

void kv_free(struct kv *kv)
{
    if (!kv)
        return;
    for (int c = 0; c < KV_CLASSES; c++) {
        mem_free_lazy(kv->pool[c].data, kv->pool[c].n_blocks, kv->pool[c].block_bytes);
        mem_free(kv->pool[c].free_list);
        mem_free(kv->pool[c].table);
        mem_free(kv->pool[c].owners);
    }
    states_free(kv->states);
    mem_free(kv->length);
    mem_free(kv->held);
    mem_free(kv);
}

static uint32_t *table_of(const struct kv *kv, const struct pool *c, uint32_t seq)
{
    return c->table + (size_t)seq * kv->blocks_per_seq;
}

static void release(struct pool *c, uint32_t *entry)
{
    if (*entry == KV_NONE)
        return;
    if (--c->owners[*entry] == 0)
        c->free_list[c->n_free++] = *entry;
    *entry = KV_NONE;
}

/* The caller knows that one is free. */
static uint32_t take_block(struct pool *c)
{
    must(c->n_free > 0);
    uint32_t block = c->free_list[--c->n_free];
    c->owners[block] = 1;
    return block;
}

/* One layer's and head's part of a block; those of following blocks lie together, as they are read.
 */
static unsigned char *piece_of(const struct pool *c, uint64_t layer_head, uint32_t block)
{
    return c->data + (layer_head * c->n_blocks + block) * c->piece_bytes;
}

static uint64_t pieces_of(const struct pool *c)
{
    return c->block_bytes / c->piece_bytes;
}

static void copy_block(const struct pool *c, uint32_t to, uint32_t from)
{
    for (uint64_t i = 0; i < pieces_of(c); i++)
        memcpy(piece_of(c, i, to), piece_of(c, i, from), c->piece_bytes);
}

/* A block that others have too is copied (I3). */
static void make_own(struct pool *c, uint32_t *entry)
{
    uint32_t shared = *entry;
    if (shared == KV_NONE || c->owners[shared] == 1)
        return;
    *entry = take_block(c);
    copy_block(c, *entry, shared);
    c->owners[shared]--;
}

/* Blocks that positions from..from+n take from the pool. */
static uint32_t blocks_needed(const struct pool *c, const uint32_t *table, uint32_t from,
                              uint32_t n)
{
    uint32_t need = 0;
    for (uint32_t b = from / KV_BLOCK; c->n_layers && b < blocks_for(from + n); b++)
        need += table[b] == KV_NONE || c->owners[table[b]] > 1;
    return need;
}

/* First position a token at `pos` sees in this class. */
static uint32_t first_seen(const struct pool *c, uint32_t pos)
{
    return c->window && pos + 1 > c->window ? pos + 1 - c->window : 0;
}

/* Blocks of a sequence that a token at `from` and those behind it do not see. */
static void let_go(struct kv *kv, struct pool *c, uint32_t seq, uint32_t from)
{
    uint32_t *table = table_of(kv, c, seq), held = kv->held[seq];
    for (uint32_t b = 0; b < first_seen(c, from) / KV_BLOCK; b++)
        if (b < first_seen(c, held) / KV_BLOCK || b >= blocks_for(held))
            release(c, &table[b]);
}

bool kv_reserve(struct kv *kv, uint32_t seq, uint32_t from, uint32_t n, struct err *e)
{
    must(seq < kv->p.n_seq && from == kv->length[seq]);
    if (n > kv->p.n_ctx - from)
        return fail(e, ERR_LIMIT, "the context of %u tokens is full", kv->p.n_ctx);
    const struct pool *full = &kv->pool[KV_FULL];
    if (blocks_needed(full, table_of(kv, full, seq), from, n) > full->n_free)
        return fail(e, ERR_LIMIT, "the memory for contexts is full");
    if (from == 0 || n > PROMPT_TOKENS)
        kv->held[seq] = from;
    for (int i = 0; i < KV_CLASSES; i++) {
        struct pool *c = &kv->pool[i];
        uint32_t *table = table_of(kv, c, seq);
        if (c->n_layers)
            let_go(kv, c, seq, from);
        for (uint32_t b = from / KV_BLOCK; c->n_layers && b < blocks_for(from + n); b++) {
            make_own(c, &table[b]);
            if (table[b] == KV_NONE)
                table[b] = take_block(c);
        }
    }
    if (kv->states)
        states_begin(kv->states, seq, from, n);
    kv->length[seq] = from + n;
    return true;
}

/* Are the keys there that a token at n would see? */
static bool sees_window(const struct kv *kv, uint32_t seq, uint32_t n)
{
    const struct pool *c = &kv->pool[KV_WINDOW];
    const uint32_t *table = table_of(kv, c, seq);
    for (uint32_t b = first_seen(c, n) / KV_BLOCK; c->n_layers && b < blocks_for(n); b++)
        if (table[b] == KV_NONE)
            return false;
    return true;
}

uint32_t kv_place(const struct kv *kv, uint32_t seq, uint32_t n)
{
    uint32_t length = kv->length[seq], held = kv->held[seq];
    if (n > length)
        n = length;
    if (kv->states)
        n = states_place(kv->states, seq, length, n);
    if (sees_window(kv, seq, n))
        return n;
    bool there = n > held && sees_window(kv, seq, held) &&
                 (!kv->states || states_place(kv->states, seq, length, held) == held);
    return there ? held : 0;
}

uint32_t kv_truncate(struct kv *kv, uint32_t seq, uint32_t n)
{
    n = kv_place(kv, seq, n);
    for (int i = 0; i < KV_CLASSES; i++)
        for (uint32_t b = blocks_for(n); b < blocks_for(kv->length[seq]); b++)
            release(&kv->pool[i], &table_of(kv, &kv->pool[i], seq)[b]);
    if (n < kv->held[seq])
        kv->held[seq] = 0;
    if (n == 0)
        for (uint32_t b = 0; b < blocks_for(kv->length[seq]); b++)
            release(&kv->pool[KV_WINDOW], &table_of(kv, &kv->pool[KV_WINDOW], seq)[b]);
    if (kv->states)
        states_return(kv->states, seq, kv->length[seq], n);
    kv->length[seq] = n;
    return n;
}

bool kv_repeat(struct kv *kv, uint32_t seq, uint32_t n, struct err *e)
{
    must(kv->length[seq] && kv->length[seq] % KV_BLOCK == 0);
    for (uint32_t at = kv->length[seq]; at < n; at = kv->length[seq]) {
        if (!kv_reserve(kv, seq, at, n - at < KV_BLOCK ? n - at : KV_BLOCK, e))
            return false;
        for (int i = 0; i < KV_CLASSES; i++) {
            struct pool *c = &kv->pool[i];
            const uint32_t *entry = table_of(kv, c, seq) + at / KV_BLOCK;
            if (c->n_layers && entry[-1] != KV_NONE)
                copy_block(c, entry[0], entry[-1]);
        }
    }
    return true;
}

bool kv_share(struct kv *kv, uint32_t to, uint32_t from, uint32_t n, struct err *e)
{
    must(to != from && kv_place(kv, from, n) == n);
    (void)kv_truncate(kv, to, 0);
    if (n % KV_BLOCK && kv->pool[KV_FULL].n_layers && !kv->pool[KV_FULL].n_free)
        return fail(e, ERR_LIMIT, "the memory for contexts is full");
    for (int i = 0; i < KV_CLASSES; i++) {
        struct pool *c = &kv->pool[i];
        const uint32_t *theirs = table_of(kv, c, from);
        uint32_t *ours = table_of(kv, c, to), b = first_seen(c, n) / KV_BLOCK;
        for (; c->n_layers && b < blocks_for(n); b++) {
            ours[b] = theirs[b];
            c->owners[ours[b]]++;
        }
        if (c->n_layers && n % KV_BLOCK) /* both will go on in it */
            make_own(c, &ours[n / KV_BLOCK]);
    }
    if (kv->states)
        states_share(kv->states, to, from, kv->length[from], n);
    kv->held[to] = 0;
    kv->length[to] = n;
    return true;
}

uint32_t kv_blocks_free(const struct kv *kv)
{
    return kv->pool[KV_FULL].n_free;
}

uint32_t kv_blocks(const struct kv *kv)
{
    return kv->pool[KV_FULL].n_blocks;
}

void *kv_key_block(const struct kv *kv, const struct layer *l, uint32_t seq, uint32_t block,
                   uint32_t head)
{
    const struct pool *c = &kv->pool[class_of(l)];
    return piece_of(c, (uint64_t)l->kv_slot * kv->n_head_kv + head, table_of(kv, c, seq)[block]);
}

void *kv_value_block(const struct kv *kv, const struct layer *l, uint32_t seq, uint32_t block,
                     uint32_t head)
{
    return (unsigned char *)kv_key_block(kv, l, seq, block, head) + kv->key_bytes;
}

float *kv_state(const struct kv *kv, const struct layer *l, uint32_t seq)
{
    return states_of(kv->states, l, seq);
}

uint32_t kv_length(const struct kv *kv, uint32_t seq)
{
    return kv->length[seq];
}

enum kv_type kv_type_of(const struct kv *kv)
{
    return kv->p.type;
}

/* --- saved sequences ----------------------------------------------------------------------------
 */

#define SAVED_MAGIC 0x325145535441304dull

static struct kv_saved saved_of(const struct kv *kv, uint32_t seq)
{
    struct kv_saved s = {.magic = SAVED_MAGIC, .type = kv->p.type, .length = kv->length[seq]};
    if (kv->states)
        (void)states_all(kv->states, seq, &s.n_state);
    for (int i = 0; i < KV_CLASSES; i++) {
        const struct pool *c = &kv->pool[i];
        const uint32_t *table = table_of(kv, c, seq);
        uint32_t end = blocks_for(kv->length[seq]);
        s.block_bytes[i] = c->block_bytes;
        if (c->n_layers)
            for (s.first[i] = end; s.first[i] > 0 && table[s.first[i] - 1] != KV_NONE;)
                s.first[i]--;
    }
    return s;
}

static uint64_t saved_blocks(const struct kv_saved *s, int c)
{
    uint64_t end = blocks_for((uint32_t)s->length);
    return s->block_bytes[c] && s->first[c] < end ? end - s->first[c] : 0;
}

static uint64_t saved_bytes(const struct kv_saved *s)
{
    uint64_t n = sizeof *s + s->n_state * sizeof(float);
    for (int c = 0; c < KV_CLASSES; c++)
        n += saved_blocks(s, c) * s->block_bytes[c];
    return n;
}

uint64_t kv_saved_bytes(const struct kv *kv, uint32_t seq)
{
    struct kv_saved s = saved_of(kv, seq);
    return saved_bytes(&s);
}

/* The at-th part of what is saved: a piece of a block, at last the state. */
static void *part_of(const struct kv *kv, const struct kv_moving *m, uint64_t at, uint64_t *n)
{
    for (int i = 0; i < KV_CLASSES; i++) {
        const struct pool *c = &kv->pool[i];
        uint64_t parts = saved_blocks(&m->s, i) * pieces_of(c);
        if (at < parts) {
            uint64_t block = m->s.first[i] + at / pieces_of(c);
            *n = c->piece_bytes;
            return piece_of(c, at % pieces_of(c), table_of(kv, c, m->seq)[block]);
        }
        at -= parts;
    }
    float *state = states_all(kv->states, m->seq, n);
    *n *= sizeof *state;
    return state;
}

static uint64_t parts_of(const struct kv *kv, const struct kv_saved *s)
{
    uint64_t n = kv->states != NULL;
    for (int i = 0; i < KV_CLASSES; i++)
        n += saved_blocks(s, i) * pieces_of(&kv->pool[i]);
    return n;
}

void kv_save_begin(const struct kv *kv, uint32_t seq, struct kv_moving *m)
{
    *m = (struct kv_moving){.s = saved_of(kv, seq), .seq = seq};
    m->n = parts_of(kv, &m->s);
}

bool kv_save_some(const struct kv *kv, struct kv_moving *m, uint64_t bytes, kv_sink_fn *sink,
                  void *arg, struct err *e)
{
    for (uint64_t sum = 0, n = 0; sum < bytes && m->at < m->n; sum += n, m->at++) {
        const void *part = part_of(kv, m, m->at, &n);
        if (!sink(arg, part, n, e))
            return false;
    }
    return true;
}

bool kv_save(const struct kv *kv, uint32_t seq, kv_sink_fn *sink, void *arg, struct err *e)
{
    struct kv_moving m;
    kv_save_begin(kv, seq, &m);
    return sink(arg, &m.s, sizeof m.s, e) && kv_save_some(kv, &m, UINT64_MAX, sink, arg, e);
}

static bool check_saved(const struct kv *kv, const struct kv_saved *s, uint64_t n, struct err *e)
{
    struct kv_saved empty = saved_of(kv, 0);
    if (s->magic == SAVED_MAGIC && s->type < KV_TYPES && s->type != empty.type)
        return fail(e, ERR_CORRUPT,
                    "the saved sequence keeps keys and values as %s, this context as %s; load the "
                    "model with --kv-type %s",
                    kv_type_name((enum kv_type)s->type), kv_type_name((enum kv_type)empty.type),
                    kv_type_name((enum kv_type)s->type));
    bool ours = s->magic == SAVED_MAGIC && s->type == empty.type && s->n_state == empty.n_state &&
                memcmp(s->block_bytes, empty.block_bytes, sizeof empty.block_bytes) == 0;
    if (ours && s->length > kv->p.n_ctx)
        return fail(e, ERR_LIMIT, "the saved sequence has %llu tokens, the context is %u",
                    (unsigned long long)s->length, kv->p.n_ctx);
    for (int i = 0; ours && i < KV_CLASSES; i++) {
        const struct pool *c = &kv->pool[i];
        ours = (c->n_layers ? s->first[i] <= first_seen(c, (uint32_t)s->length) / KV_BLOCK
                            : s->first[i] == 0) &&
               (i == KV_FULL || saved_blocks(s, i) <= c->n_blocks / kv->p.n_seq);
        if (ours && saved_blocks(s, i) > c->n_free)
            return fail(e, ERR_LIMIT, "the memory for contexts is full");
    }
    if (!ours || n != saved_bytes(s))
        return fail(e, ERR_CORRUPT, "the saved sequence is not of this model and type of cache");
    return true;
}

bool kv_restore_begin(struct kv *kv, uint32_t seq, const struct kv_saved *saved, uint64_t n,
                      struct kv_moving *m, struct err *e)
{
    (void)kv_truncate(kv, seq, 0);
    if (!check_saved(kv, saved, n, e))
        return false;
    for (int i = 0; i < KV_CLASSES; i++) {
        struct pool *c = &kv->pool[i];
        uint32_t *table = table_of(kv, c, seq);
        for (uint64_t b = 0; b < saved_blocks(saved, i); b++)
            table[saved->first[i] + b] = take_block(c); /* check_saved: they are free */
    }
    if (kv->states)
        states_forget(kv->states, seq);
    kv->length[seq] = (uint32_t)saved->length;
    *m = (struct kv_moving){.s = *saved, .n = parts_of(kv, saved), .seq = seq};
    return true;
}

bool kv_restore_some(struct kv *kv, struct kv_moving *m, uint64_t bytes, kv_source_fn *source,
                     void *arg, struct err *e)
{
    for (uint64_t sum = 0, n = 0; sum < bytes && m->at < m->n; sum += n, m->at++) {
        void *part = part_of(kv, m, m->at, &n);
        if (!source(arg, part, n, e)) {
            (void)kv_truncate(kv, m->seq, 0);
            return false;
        }
    }
    return true;
}

struct reading {
    const unsigned char *in;
};

static bool read_some(void *arg, void *p, size_t n, struct err *e)
{
    struct reading *r = arg;
    (void)e; /* check_saved: there are as many as are asked for */
    memcpy(p, r->in, n);
    r->in += n;
    return true;
}

bool kv_restore(struct kv *kv, uint32_t seq, const unsigned char *in, uint64_t n, struct err *e)
{
    struct kv_saved s = {0};
    struct kv_moving m;
    struct reading r = {in + sizeof s};
    if (n >= sizeof s)
        memcpy(&s, in, sizeof s);
    return kv_restore_begin(kv, seq, &s, n, &m, e) &&
           kv_restore_some(kv, &m, UINT64_MAX, read_some, &r, e);
}
