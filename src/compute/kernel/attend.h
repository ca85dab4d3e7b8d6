/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/attend: compute/attend.h in the words of vec_<isa>.h, for every type of cache.
 *
 * Up to ATTEND_QUERIES queries share each pass over a tile of keys and the same over its values, so
 * that sums in registers, not loads and conversions, set the pace. A level that has dot products
 * for a type gives steps of its own, which may want the queries in another form (`prepare`). */
#ifndef MOAT_COMPUTE_KERNEL_ATTEND_H
#define MOAT_COMPUTE_KERNEL_ATTEND_H

#include <math.h>
#include <string.h>

#include "compute/attend.h"
#include "compute/kernel/lanes.h"
#include "compute/kv_block.h"

/* gcc also makes functions of the steps, in which the number of queries is no constant and it does
 * not see that the same loops set and read the sums. */
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

#define KEY_VECTORS (ATTEND_KEYS / LANES)

/* The blocks of 64 keys that some query of the run sees. */
struct tile {
    uint32_t base;      /* position of its first key */
    uint32_t from, end; /* blocks */
    const void *k[TILE_BLOCKS], *v[TILE_BLOCKS];
    const char *next_k[TILE_BLOCKS], *next_v[TILE_BLOCKS]; /* to fetch; without one, these again */
};

/* A query's scores of the tile's keys, then their weights; what it summed before shrinks. */
struct weights {
    struct attend_query *query;
    const void *prepared;
    uint32_t first, last; /* keys of the tile it sees; first > last: none */
    float p[TILE_KEYS], shrink;
};

/* How keys and values of one type are read. Q is a constant. */
struct attend_steps {
    /* Scores of the tile's blocks -> w[..].p */
    void (*score)(const struct attend_run *r, const struct tile *t, struct weights *w, uint32_t Q);
    /* out = out * shrink + weights times values */
    void (*add)(const struct attend_run *r, const struct tile *t, struct weights *w, uint32_t Q);
    /* A query in the form that `score` wants; NULL: as it is */
    void (*prepare)(const struct attend_run *r, const float *q, void *to);
    uint32_t (*prepared_bytes)(uint32_t d); /* multiples of 4 */
    vf (*round)(vf p);                      /* what `add` rounds weights to; NULL: they are F32 */
};

#define LINE 64u

/* Of the tile after this one, while this one's is worked on: blocks lie apart, so the machine does
 * not see what comes next. Into the second cache, since the first holds this tile. */
INLINE void fetch(const char *p)
{
    __builtin_prefetch(p, 0, 2);
}

/* --- any type, in F32 ---------------------------------------------------------------------------
 */

/* Numbers in the 32 bits that lie together, see compute/kv_block.h. */
INLINE uint32_t numbers_of(enum kv_type t)
{
    return t == KV_Q8 ? 4 : t == KV_BF16 ? 2 : 1;
}

/* j-th number of each of the words of LANES keys, or coordinates, at p. */
INLINE vf number_of(enum kv_type t, const void *p, uint32_t j)
{
    if (t == KV_Q8)
        return vf_of_signed_byte(vi_load(p), j);
    if (t == KV_BF16)
        return j ? vf_second_bf16(vi_load(p)) : vf_first_bf16(vi_load(p));
    return t == KV_F16 ? vf_f16(p) : vf_load(p);
}

INLINE uint32_t word_bytes(enum kv_type t)
{
    return t == KV_F16 ? 2 : 4;
}

/* s += coordinate c + j of B blocks of keys times that of the queries; c begins a word. */
INLINE void add_products(enum kv_type t, const char *const k[TILE_BLOCKS], const struct weights *w,
                         uint32_t c, uint32_t j, vf s[ATTEND_QUERIES][ATTEND_SUMS], uint32_t Q,
                         uint32_t B)
{
    const uint32_t bytes = word_bytes(t);
    const size_t at = (size_t)c / numbers_of(t) * ATTEND_KEYS * bytes;
    vf x[TILE_BLOCKS * KEY_VECTORS];
    UNROLL (v, B * KEY_VECTORS)
        x[v] = number_of(t, k[v / KEY_VECTORS] + at + (size_t)(v % KEY_VECTORS) * LANES * bytes, j);
    UNROLL (i, Q) {
        vf q = vf_all(w[i].query->q[c + j]);
        UNROLL (v, B * KEY_VECTORS) {
            s[i][v] = vf_fma(q, x[v], s[i][v]);
            STAY(s[i][v]);
        }
    }
}

/* Coordinates c..end of B blocks of keys, times their scales where they have some, added to p,
 * [B][16] of the weights from key `at` on. */
INLINE void score_part(enum kv_type t, const char *const k[TILE_BLOCKS],
                       const char *const next[TILE_BLOCKS], size_t scales, float scale,
                       struct weights *w, uint32_t at, uint32_t c, uint32_t end, uint32_t Q,
                       uint32_t B)
{
    const uint32_t W = numbers_of(t);
    vf s[ATTEND_QUERIES][ATTEND_SUMS];
    UNROLL (i, Q)
        UNROLL (v, B * KEY_VECTORS)
            s[i][v] = vf_zero();
    for (; c + W <= end; c += W) {
        UNROLL (i, B)
            fetch(next[i] + (size_t)c / W * ATTEND_KEYS * word_bytes(t));
        UNROLL (j, W)
            add_products(t, k, w, c, j, s, Q, B);
    }
    UNROLL (j, W - 1)
        if (c + j < end)
            add_products(t, k, w, c, j, s, Q, B);
    UNROLL (v, B * KEY_VECTORS) {
        vf by = vf_all(scale);
        if (t == KV_Q8)
            fetch(next[v / KEY_VECTORS] + scales);
        if (t == KV_Q8)
            by = vf_mul(by, vf_bf16(k[v / KEY_VECTORS] + scales + v % KEY_VECTORS * LANES * 2));
        UNROLL (i, Q) {
            float *p = w[i].p + at + v * LANES;
            vf_store(p, t == KV_Q8 ? vf_fma(by, s[i][v], vf_load(p)) : vf_mul(by, s[i][v]));
        }
    }
}

/* B blocks from b on. */
INLINE void score_blocks(enum kv_type t, const struct attend_run *r, const struct tile *tile,
                         struct weights *w, uint32_t b, uint32_t Q, uint32_t B)
{
    const uint32_t at = b * ATTEND_KEYS;
    const char *k[TILE_BLOCKS], *next[TILE_BLOCKS];
    UNROLL (i, B) {
        k[i] = tile->k[b + i];
        next[i] = tile->next_k[b + i];
    }
    if (t == KV_Q8) {
        size_t scales = (size_t)(r->d + 3) / 4 * 4 * ATTEND_KEYS;
        UNROLL (i, Q)
            UNROLL (v, B * KEY_VECTORS)
                vf_store(w[i].p + at + v * LANES, vf_zero());
        for (uint32_t c = 0; c < r->d; c += 32, scales += 2 * ATTEND_KEYS)
            score_part(t, k, next, scales, r->scale, w, at, c, r->d - c < 32 ? r->d : c + 32, Q, B);
    } else {
        score_part(t, k, next, 0, r->scale, w, at, 0, r->d, Q, B);
    }
}

INLINE void score_any(enum kv_type t, const struct attend_run *r, const struct tile *tile,
                      struct weights *w, uint32_t Q)
{
    const uint32_t B = Q * KEY_VECTORS * 4 <= ATTEND_SUMS   ? 4
                       : Q * KEY_VECTORS * 2 <= ATTEND_SUMS ? 2
                                                            : 1;
    uint32_t b = tile->from;
    for (; B > 1 && b + B <= tile->end; b += B)
        score_blocks(t, r, tile, w, b, Q, B);
    for (; b < tile->end; b++)
        score_blocks(t, r, tile, w, b, Q, 1);
}

/* Keys of block b up to the last that one of the queries sees. */
INLINE uint32_t seen_of_block(const struct weights *w, uint32_t b, uint32_t Q)
{
    uint32_t end = 0;
    for (uint32_t i = 0; i < Q; i++)
        end = w[i].first <= w[i].last && w[i].last >= end ? w[i].last + 1 : end;
    end = end > b * ATTEND_KEYS ? end - b * ATTEND_KEYS : 0;
    return end < ATTEND_KEYS ? end : ATTEND_KEYS;
}

/* a += the weights of value j + k times V vectors of it at p; j begins a word. */
INLINE void add_value(enum kv_type t, const char *p, const struct weights *w, uint32_t j,
                      uint32_t k, vf a[ATTEND_QUERIES][4], uint32_t Q, uint32_t V)
{
    UNROLL (v, V) {
        vf x = number_of(t, p + (size_t)v * LANES * word_bytes(t), k);
        UNROLL (i, Q) {
            a[i][v] = vf_fma(vf_all(w[i].p[j + k]), x, a[i][v]);
            STAY(a[i][v]);
        }
    }
}

/* V vectors of coordinates from c on. */
INLINE void add_vectors(enum kv_type t, const struct attend_run *r, const struct tile *tile,
                        const struct weights *w, uint32_t Q, uint32_t c, uint32_t V)
{
    const uint32_t W = numbers_of(t);
    const size_t row = (size_t)r->d_v * word_bytes(t);
    vf a[ATTEND_QUERIES][4];
    UNROLL (i, Q)
        UNROLL (v, V)
            a[i][v] = vf_mul(vf_load(w[i].query->out + c + v * LANES), vf_all(w[i].shrink));
    for (uint32_t b = tile->from; b < tile->end; b++) {
        const char *p = (const char *)tile->v[b] + (size_t)c * word_bytes(t);
        const char *next = tile->next_v[b] + (size_t)c * word_bytes(t);
        uint32_t j = b * ATTEND_KEYS, end = j + seen_of_block(w, b, Q);
        for (; j + W <= end; j += W, p += row, next += row) {
            for (uint32_t i = 0; i < V * LANES * word_bytes(t); i += LINE)
                fetch(next + i);
            UNROLL (k, W)
                add_value(t, p, w, j, k, a, Q, V);
        }
        UNROLL (k, W - 1)
            if (j + k < end)
                add_value(t, p, w, j, k, a, Q, V);
    }
    UNROLL (i, Q)
        UNROLL (v, V)
            vf_store(w[i].query->out + c + v * LANES, a[i][v]);
}

/* Coordinates that fill no vector. */
INLINE void add_rest(enum kv_type t, const struct attend_run *r, const struct tile *tile,
                     const struct weights *w, uint32_t c)
{
    const uint32_t W = numbers_of(t), bytes = word_bytes(t);
    char word[4 * LANES] = {0};
    float x[LANES];
    for (; c < r->d_v; c++) {
        float a = w->query->out[c] * w->shrink;
        for (uint32_t b = tile->from; b < tile->end; b++)
            for (uint32_t j = 0, n = seen_of_block(w, b, 1); j < n; j++) {
                const char *p = tile->v[b];
                memcpy(word, p + ((size_t)j / W * r->d_v + c) * bytes, bytes);
                for (uint32_t k = 0; k < W; k++)
                    if (j % W == k)
                        vf_store(x, number_of(t, word, k));
                a = fmaf(w->p[b * ATTEND_KEYS + j], x[0], a);
            }
        w->query->out[c] = a;
    }
}

/* q8: weights times the scales of their values. */
INLINE void scale_weights(const struct attend_run *r, const struct tile *tile, struct weights *w)
{
    for (uint32_t b = tile->from; b < tile->end; b++) {
        const uint16_t *scales = (const uint16_t *)(const void *)((const char *)tile->v[b] +
                                                                  (size_t)r->d_v * ATTEND_KEYS);
        UNROLL (v, KEY_VECTORS) {
            float *p = w->p + b * ATTEND_KEYS + v * LANES;
            vf_store(p, vf_mul(vf_load(p), vf_bf16(scales + v * LANES)));
        }
    }
}

INLINE void add_any(enum kv_type t, const struct attend_run *r, const struct tile *tile,
                    struct weights *w, uint32_t Q)
{
    const uint32_t V = Q * 4 <= ATTEND_SUMS ? 4 : Q * 2 <= ATTEND_SUMS ? 2 : 1;
    uint32_t c = 0;
    if (t == KV_Q8)
        UNROLL (i, Q)
            scale_weights(r, tile, &w[i]);
    for (; c + V * LANES <= r->d_v; c += V * LANES)
        add_vectors(t, r, tile, w, Q, c, V);
    for (; V > 1 && c + LANES <= r->d_v; c += LANES)
        add_vectors(t, r, tile, w, Q, c, 1);
    if (c < r->d_v)
        for (uint32_t i = 0; i < Q; i++)
            add_rest(t, r, tile, &w[i], c);
}

/* --- the tiles of a run -------------------------------------------------------------------------
 */

/* The further a key lies before the query's last, the less it counts. */
INLINE void add_slope(const struct tile *t, struct weights *w, uint32_t from, uint32_t end)
{
    const float slope = w->query->slope;
    const int64_t distance = (int64_t)t->base - w->query->to;
    for (uint32_t j = from; j < end; j++)
        w->p[j] += slope * (float)(distance + j);
}

/* -INFINITY for what a query does not see; the largest score, or the query's maximum so far. */
INLINE float largest_score(const struct attend_run *r, const struct tile *t, struct weights *w)
{
    const uint32_t from = t->from * ATTEND_KEYS, end = t->end * ATTEND_KEYS;
    vf most = vf_all(-INFINITY);
    if (r->softcap > 0)
        for (uint32_t j = from; j < end; j += LANES)
            vf_store(w->p + j, soft_cap(vf_load(w->p + j), r->softcap));
    if (w->query->slope != 0)
        add_slope(t, w, from, end);
    for (uint32_t j = from; j < end && j < w->first; j++)
        w->p[j] = -INFINITY;
    for (uint32_t j = w->last + 1; j < end; j++)
        w->p[j] = -INFINITY;
    for (uint32_t j = from; j < end; j += LANES)
        most = vf_max(most, vf_load(w->p + j));
    float largest = vf_largest(most);
    return largest > w->query->max ? largest : w->query->max;
}

/* Scores -> weights relative to the maximum. */
INLINE void weigh(const struct tile *t, struct weights *w, float max, vf (*round)(vf))
{
    struct attend_query *q = w->query;
    vf sum = vf_zero();
    for (uint32_t j = t->from * ATTEND_KEYS; j < t->end * ATTEND_KEYS; j += LANES) {
        vf p = vf_exp(vf_sub(vf_load(w->p + j), vf_all(max)));
        p = round ? round(p) : p;
        sum = vf_add(sum, p);
        vf_store(w->p + j, p);
    }
    w->shrink = q->max == max ? 1.0f : expf(q->max - max);
    q->max = max;
    q->sum = fmaf(q->sum, w->shrink, vf_total(sum));
}

INLINE void attend_some(const struct attend_steps *s, const struct attend_run *r,
                        const struct tile *t, struct weights *w, uint32_t Q)
{
    float max[ATTEND_QUERIES];
    s->score(r, t, w, Q);
    for (uint32_t i = 0; i < Q; i++)
        max[i] = largest_score(r, t, &w[i]);
    for (uint32_t i = 0; i < Q; i++)
        weigh(t, &w[i], max[i], s->round);
    s->add(r, t, w, Q);
}

/* Up to ATTEND_QUERIES of them: the same code for each number, its sums in registers. */
INLINE void attend_group(const struct attend_steps *s, const struct attend_run *r,
                         const struct tile *t, struct weights *w, uint32_t n)
{
    switch (n) {
#if ATTEND_QUERIES >= 8
    case 8:
        attend_some(s, r, t, w, 8);
        break;
    case 7:
        attend_some(s, r, t, w, 7);
        break;
#endif
    case 6:
        attend_some(s, r, t, w, 6);
        break;
    case 5:
        attend_some(s, r, t, w, 5);
        break;
    case 4:
        attend_some(s, r, t, w, 4);
        break;
    case 3:
        attend_some(s, r, t, w, 3);
        break;
    case 2:
        attend_some(s, r, t, w, 2);
        break;
    case 1:
        attend_some(s, r, t, w, 1);
        break;
    }
}

/* The keys of the tile that a query sees, of those the run goes over; false: none. */
static bool see(const struct attend_run *r, const struct attend_query *q, uint32_t base,
                struct weights *w)
{
    uint32_t from = q->from > r->first ? q->from : r->first, to = q->to < r->last ? q->to : r->last;
    if (from > to || to < base || from >= base + TILE_KEYS)
        return false;
    w->first = from > base ? from - base : 0;
    w->last = to - base < TILE_KEYS ? to - base : TILE_KEYS - 1;
    return true;
}

/* The blocks between the first and the last key of the run in this tile. */
static void open_tile(const struct attend_run *r, uint32_t base, struct tile *t)
{
    uint32_t to = r->last - base < TILE_KEYS ? r->last - base : TILE_KEYS - 1;
    t->base = base;
    t->from = r->first > base ? (r->first - base) / ATTEND_KEYS : 0;
    t->end = to / ATTEND_KEYS + 1;
    for (uint32_t b = t->from; b < t->end; b++)
        r->block(r, base / ATTEND_KEYS + b, &t->k[b], &t->v[b]);
}

/* t becomes the tile that was opened as `next`, and `next` the one behind it, if there is one. */
static void next_tile(const struct attend_run *r, struct tile *t, struct tile *next)
{
    *t = *next;
    if (r->last - t->base >= TILE_KEYS)
        open_tile(r, t->base + TILE_KEYS, next);
    for (uint32_t b = t->from; b < t->end; b++) {
        bool there = b >= next->from && b < next->end;
        t->next_k[b] = there ? next->k[b] : t->k[b];
        t->next_v[b] = there ? next->v[b] : t->v[b];
    }
}

/* The first tile has none before it. */
static void fetch_tile(const struct attend_run *r, const struct tile *t)
{
    const size_t k = kv_key_bytes(r->type, r->d), v = kv_value_bytes(r->type, r->d_v);
    for (uint32_t b = t->from; b < t->end; b++) {
        for (size_t i = 0; i < k; i += LINE)
            fetch((const char *)t->k[b] + i);
        for (size_t i = 0; i < v; i += LINE)
            fetch((const char *)t->v[b] + i);
    }
}

static void prepare(const struct attend_steps *s, const struct attend_run *r,
                    const struct attend_query *q, uint32_t n, char *to)
{
    for (uint32_t i = 0; i < n; i++)
        s->prepare(r, q[i].q, to + (size_t)i * s->prepared_bytes(r->d));
}

INLINE void attend_with(const struct attend_steps *s, const struct attend_run *r,
                        struct attend_query *q, uint32_t n, float *scratch)
{
    const uint32_t tiles = r->last / TILE_KEYS - r->first / TILE_KEYS + 1;
    const uint32_t bytes = s->prepare ? s->prepared_bytes(r->d) : 0;
    const char *prepared = (const char *)scratch;
    struct tile t, next;
    if (s->prepare)
        prepare(s, r, q, n, (char *)scratch);
    open_tile(r, r->first / TILE_KEYS * TILE_KEYS, &next);
    fetch_tile(r, &next);
    for (uint32_t i = 0; i < tiles; i++) {
        struct weights w[ATTEND_QUERIES];
        uint32_t m = 0;
        next_tile(r, &t, &next);
        for (uint32_t j = 0; j < n; j++) {
            if (see(r, &q[j], t.base, &w[m])) {
                w[m].query = &q[j];
                w[m++].prepared = prepared + (size_t)j * bytes;
            }
            if (m == ATTEND_QUERIES || (m && j + 1 == n)) {
                attend_group(s, r, &t, w, m);
                m = 0;
            }
        }
    }
}

#endif
