/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/amx_attend: attention of a prompt on AMX, 16 queries x 64 keys at a time.
 *
 * Queries, keys, weights and values are the sums of two BF16 numbers each, and all products but
 * that of the two lower ones are taken: as good as F32, at three times the cost of what is a small
 * part. (I1) of compute/attend.h holds: keys are taken in blocks that start at multiples of 64,
 * whatever the run. */
#include <math.h>
#include <string.h>

#include "compute/kernel/amx_tiles.h"

#include "compute/kernel/lanes.h"

#define QUERIES 16u /* of a tile */

struct work {
    const struct attend_run *r;
    uint16_t *q;   /* [n/16][d/32][2] tiles: what BF16 keeps of the scaled queries, and the rest */
    float *out;    /* [n/16][d_v/16] tiles of sums */
    uint16_t *k;   /* [d/32][TILE_BLOCKS][2] tiles */
    uint16_t *v;   /* [d_v/16][TILE_BLOCKS/2] tiles */
    float *scores; /* [TILE_BLOCKS] tiles */
    uint16_t *weight; /* [TILE_BLOCKS/2][2] tiles */
};

static void lay_out(struct work *w, const struct attend_run *r, uint32_t n, float *scratch)
{
    const size_t rows = (n + 15) & ~15u;
    w->r = r;
    w->out = scratch;
    w->q = (uint16_t *)(void *)(w->out + rows * r->d_v);
    w->k = w->q + 2 * rows * r->d;
    w->v = w->k + (size_t)2 * TILE_KEYS * r->d;
    w->scores = (float *)(void *)(w->v + (size_t)2 * TILE_KEYS * r->d_v);
    w->weight = (uint16_t *)(void *)(w->scores + TILE_BLOCKS * SUM_TILE);
    memset(w->out, 0, rows * r->d_v * sizeof *w->out);
    memset(w->weight, 0, TILE_BLOCKS * TILE_HALF * sizeof *w->weight);
}

/* 32 numbers -> a row of a tile of what BF16 keeps of them, and the same row of one of the rest. */
INLINE void split_row(uint16_t *row, vf a, vf b)
{
    vf high_a = vf_round_bf16(a), high_b = vf_round_bf16(b);
    _mm512_store_si512(row, (__m512i)_mm512_cvtne2ps_pbh(high_b, high_a));
    _mm512_store_si512(row + TILE_HALF, (__m512i)_mm512_cvtne2ps_pbh(b - high_b, a - high_a));
}

/* The same with a and b interleaved. */
INLINE void split_pair(uint16_t *row, vf a, vf b)
{
    vf high_a = vf_round_bf16(a), high_b = vf_round_bf16(b);
    store_pair(row, high_a, high_b);
    store_pair(row + TILE_HALF, a - high_a, b - high_b);
}

/* One query -> its row of the tiles of its group of 16. */
static void pack_query(const struct work *w, const struct attend_query *q, uint32_t i)
{
    const uint32_t d = w->r->d;
    const vf scale = vf_all(w->r->scale);
    uint16_t *row = w->q + (size_t)(i / 16) * (d / 32) * 2 * TILE_HALF + i % 16 * 32;
    for (uint32_t c = 0; c < d; c += 32, row += 2 * TILE_HALF)
        split_row(row, vf_mul(scale, vf_load(q->q + c)), vf_mul(scale, vf_load(q->q + c + 16)));
}

static void pack_queries(const struct work *w, const struct attend_query *q, uint32_t n)
{
    const size_t group = (size_t)w->r->d * 2 * QUERIES;
    if (n % QUERIES)
        memset(w->q + n / QUERIES * group, 0, group * sizeof *w->q);
    for (uint32_t i = 0; i < n; i++)
        pack_query(w, &q[i], i);
}

/* Keys [d][16] of block j of the 64. */
static void pack_keys(const struct work *w, const uint16_t *k, uint32_t j)
{
    for (uint32_t c = 0; c < w->r->d; c += 32) {
        uint16_t *tile = w->k + ((size_t)(c / 32) * TILE_BLOCKS + j) * 2 * TILE_HALF;
        for (uint32_t i = 0; i < 32; i += 2)
            split_pair(tile + i * 16, vf_f16(k + (c + i) * ATTEND_KEYS),
                       vf_f16(k + (c + i + 1) * ATTEND_KEYS));
    }
}

/* Values [16][d_v] of block j: pairs of keys together; keys from n on do not count. */
static void pack_values(const struct work *w, const uint16_t *v, uint32_t j, uint32_t n)
{
    const uint32_t d_v = w->r->d_v;
    for (uint32_t c = 0; c < d_v; c += 16) {
        uint16_t *row = w->v + ((size_t)(c / 16) * (TILE_BLOCKS / 2) + j / 2) * 2 * TILE_HALF +
                        j % 2 * (TILE_HALF / 2);
        for (uint32_t i = 0; i < ATTEND_KEYS; i += 2)
            split_pair(row + i * 16, i < n ? vf_f16(v + (size_t)i * d_v + c) : vf_zero(),
                       i + 1 < n ? vf_f16(v + (size_t)(i + 1) * d_v + c) : vf_zero());
    }
}

/* The keys from `base` on; blocks outside the run are zeros. */
static void pack_chunk(const struct work *w, uint32_t base)
{
    const struct attend_run *r = w->r;
    memset(w->k, 0, (size_t)2 * TILE_KEYS * r->d * sizeof *w->k);
    memset(w->v, 0, (size_t)2 * TILE_KEYS * r->d_v * sizeof *w->v);
    for (uint32_t j = 0; j < TILE_BLOCKS; j++) {
        const uint32_t from = base + j * ATTEND_KEYS;
        const void *k, *v;
        if (from > r->last || from + ATTEND_KEYS <= r->first)
            continue;
        r->block(r, from / ATTEND_KEYS, &k, &v);
        pack_keys(w, k, j);
        pack_values(w, v, j, r->last - from + 1);
    }
    BARRIER();
}

/* Scores of 16 queries and block j into tile j: high high + low high + high low. */
#define SCORE_BLOCK(j)                                                                             \
    _tile_loadd(6, k + (j)*2 * TILE_HALF, 64);                                                     \
    _tile_dpbf16ps(j, 4, 6);                                                                       \
    _tile_dpbf16ps(j, 5, 6);                                                                       \
    _tile_loadd(7, k + ((j)*2 + 1) * TILE_HALF, 64);                                               \
    _tile_dpbf16ps(j, 4, 7);

static void score(const struct work *w, const uint16_t *q)
{
    const uint16_t *k = w->k;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (uint32_t c = 0; c < w->r->d;
         c += 32, q += 2 * TILE_HALF, k += 2 * TILE_BLOCKS * TILE_HALF) {
        _tile_loadd(4, q, 64);
        _tile_loadd(5, q + TILE_HALF, 64);
        SCORE_BLOCK(0)
        SCORE_BLOCK(1)
        SCORE_BLOCK(2)
        SCORE_BLOCK(3)
    }
    _tile_stored(0, w->scores, 64);
    _tile_stored(1, w->scores + SUM_TILE, 64);
    _tile_stored(2, w->scores + 2 * SUM_TILE, 64);
    _tile_stored(3, w->scores + 3 * SUM_TILE, 64);
    BARRIER();
}

/* Scores of query i of the tile that it sees, the others -INFINITY; their maximum. */
INLINE float seen_scores(const struct work *w, const struct attend_query *q, uint32_t i,
                         uint32_t base, vf s[TILE_BLOCKS])
{
    const vi lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    const vi first = _mm512_set1_epi32((int)q->from), last = _mm512_set1_epi32((int)q->to);
    vf max = vf_all(-INFINITY);
    UNROLL (j, TILE_BLOCKS) {
        vi key = _mm512_add_epi32(lane, _mm512_set1_epi32((int)(base + j * ATTEND_KEYS)));
        __mmask16 seen = _mm512_cmpge_epu32_mask(key, first) & _mm512_cmple_epu32_mask(key, last);
        s[j] = vf_load(w->scores + j * SUM_TILE + i * 16);
        if (w->r->softcap > 0)
            s[j] = soft_cap(s[j], w->r->softcap);
        s[j] = _mm512_mask_mov_ps(vf_all(-INFINITY), seen, s[j]);
        max = _mm512_max_ps(max, s[j]);
    }
    return _mm512_reduce_max_ps(max);
}

/* Weights of query i of the tile; what it had summed shrinks to the new maximum. */
static void weigh(const struct work *w, struct attend_query *q, uint32_t i, uint32_t base,
                  float *out)
{
    vf s[TILE_BLOCKS], sum = vf_zero();
    float max = fmaxf(q->max, seen_scores(w, q, i, base, s));
    uint16_t *row = w->weight + i * 32;
    if (max == -INFINITY) { /* nothing seen so far */
        split_row(row, vf_zero(), vf_zero());
        split_row(row + 2 * TILE_HALF, vf_zero(), vf_zero());
        return;
    }
    UNROLL (j, TILE_BLOCKS) {
        s[j] = vf_exp(s[j] - vf_all(max));
        sum = vf_add(sum, s[j]);
    }
    split_row(row, s[0], s[1]);
    split_row(row + 2 * TILE_HALF, s[2], s[3]);
    float shrink = q->max == max ? 1.0f : expf(q->max - max);
    q->sum = q->sum * shrink + _mm512_reduce_add_ps(sum);
    q->max = max;
    if (shrink == 1.0f)
        return;
    for (uint32_t c = 0; c < w->r->d_v; c += 16, out += SUM_TILE)
        vf_store(out + i * 16, vf_mul(vf_all(shrink), vf_load(out + i * 16)));
}

/* Sums of 16 queries += weights times values: high high + low high + high low. */
static void add_values(const struct work *w, float *out)
{
    const uint16_t *v = w->v;
    BARRIER();
    _tile_loadd(2, w->weight, 64);
    _tile_loadd(3, w->weight + TILE_HALF, 64);
    _tile_loadd(4, w->weight + 2 * TILE_HALF, 64);
    _tile_loadd(5, w->weight + 3 * TILE_HALF, 64);
    for (uint32_t c = 0; c < w->r->d_v; c += 16, out += SUM_TILE, v += TILE_BLOCKS * TILE_HALF) {
        _tile_loadd(0, out, 64);
        _tile_loadd(6, v, 64);
        _tile_dpbf16ps(0, 2, 6);
        _tile_dpbf16ps(0, 3, 6);
        _tile_loadd(7, v + TILE_HALF, 64);
        _tile_dpbf16ps(0, 2, 7);
        _tile_loadd(6, v + 2 * TILE_HALF, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(0, 5, 6);
        _tile_loadd(7, v + 3 * TILE_HALF, 64);
        _tile_dpbf16ps(0, 4, 7);
        _tile_stored(0, out, 64);
    }
    BARRIER();
}

static void attend_tile(const struct work *w, struct attend_query *q, uint32_t n, uint32_t tile,
                        uint32_t base)
{
    const struct attend_run *r = w->r;
    float *out = w->out + (size_t)tile * QUERIES * r->d_v;
    bool seen = false;
    for (uint32_t i = 0; i < n; i++)
        seen |= q[i].from < base + TILE_KEYS && q[i].to >= base;
    if (!seen)
        return;
    score(w, w->q + (size_t)tile * QUERIES * r->d * 2);
    for (uint32_t i = 0; i < n; i++)
        weigh(w, &q[i], i, base, out);
    add_values(w, out);
}

/* The means: sums in tiles -> rows. */
static void store_means(const struct work *w, struct attend_query *q, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const float *sum = w->out + (size_t)(i / 16) * QUERIES * w->r->d_v + i % 16 * 16;
        const vf by = vf_all(1.0f / q[i].sum);
        for (uint32_t c = 0; c < w->r->d_v; c += 16, sum += SUM_TILE)
            vf_store(q[i].out + c, vf_mul(by, vf_load(sum)));
    }
}

bool amx_attend_prompt(const struct attend_run *r, struct attend_query *q, uint32_t n,
                       float *scratch)
{
    struct work w;
    if (r->type != KV_F16) /* what is rounded already gains nothing by being split */
        return avx512bf16_attend_prompt(r, q, n, scratch);
    if (r->d % 32 != 0 || r->d_v % 16 != 0)
        return false;
    lay_out(&w, r, n, scratch);
    pack_queries(&w, q, n);
    _tile_loadconfig(&tiles_16x64);
    for (uint32_t base = r->first & ~(TILE_KEYS - 1); base <= r->last; base += TILE_KEYS) {
        pack_chunk(&w, base);
        for (uint32_t i = 0; i < n; i += QUERIES)
            attend_tile(&w, q + i, n - i < QUERIES ? n - i : QUERIES, i / QUERIES, base);
    }
    store_means(&w, q, n);
    return true;
}
