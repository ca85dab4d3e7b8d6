/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/avx512bf16_attend: attention of a prompt with the BF16 dot products of AVX-512, 32
 * queries x 64 keys at a time.
 *
 * Queries lie in the lanes, keys and values are broadcast: maxima, sums and weights of 16 queries
 * are vectors, and no vector is ever folded. Both products are then the same: a panel of queries
 * (of weights) times pairs of coordinates (of keys), TILE_V x TILE_T sums in registers. Keys that
 * no query of a tile sees are left out by index, in steps of TILE_T.
 *
 * Queries, keys, values and weights are rounded to BF16, scores and sums are F32; the sum of
 * weights is that of the rounded ones. Split in two BF16 parts, as on AMX, they would cost more
 * here than F32 does.
 *
 * (I1) of compute/attend.h holds: keys are taken in blocks that start at multiples of 64, whatever
 * the run; a key that a query does not see weighs 0, which changes no sum. */
#include <string.h>

#include "compute/attend.h"
#include "compute/kernel/bf16.h"
#include "compute/kernel/lanes.h"
#include "compute/quant.h"

#define TILE_V 2u /* vectors of 16 queries */
#define TILE_T 8u /* keys, or coordinates of values, whose sums are formed together */
#define TILE   (16 * TILE_V)
#define LOG2_E 1.44269504f

/* Scores of keys that are not seen, and maxima where none was: 2 to their difference is 0, while
 * infinities would make it no number. */
#define HIDDEN (-2e30f)
#define NONE   (-1e30f)

/* Of 32 queries: the keys that some see are `some`, those that all see `all`. */
struct seen {
    uint32_t some_from, some_to, all_from, all_to;
};

struct work {
    const struct attend_run *r;
    uint32_t tiles;
    float *out;       /* [tiles][d_v][TILE] sums */
    float *state;     /* [tiles][4][TILE]: maxima, sums of weights, first and last keys as int32 */
    float *scores;    /* [TILE_KEYS][TILE] */
    uint16_t *q;      /* [tiles][TILE_V][d/2][16][2] */
    uint16_t *k;      /* [TILE_BLOCKS][d/2][16][2] */
    uint16_t *v;      /* [TILE_KEYS/2][d_v][2] */
    uint16_t *weight; /* [TILE_V][TILE_KEYS/2][16][2] */
};

static void lay_out(struct work *w, const struct attend_run *r, uint32_t n, float *scratch)
{
    w->r = r;
    w->tiles = (n + TILE - 1) / TILE;
    w->out = scratch;
    w->state = w->out + (size_t)w->tiles * TILE * r->d_v;
    w->scores = w->state + (size_t)w->tiles * TILE * 4;
    w->q = (uint16_t *)(void *)(w->scores + TILE_KEYS * TILE);
    w->k = w->q + (size_t)w->tiles * TILE * r->d;
    w->v = w->k + (size_t)TILE_KEYS * r->d;
    w->weight = w->v + (size_t)TILE_KEYS * r->d_v;
    memset(w->out, 0, (size_t)w->tiles * TILE * r->d_v * sizeof *w->out);
}

/* Two rows of 16 numbers -> their BF16 pairs. */
INLINE vi bf16_pairs(vf a, vf b)
{
    const vi order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8,
                                      23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return _mm512_permutexvar_epi16(order, (vi)_mm512_cvtne2ps_pbh(b, a));
}

/* 2^x to 3e-6: r^0 to r^4 minimax on |r| <= 1/2. */
INLINE vf exp2_short(vf x)
{
    vf n = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    vf r = vf_sub(x, n);
    vf p = vf_fma(r, vf_all(0.00958285f), vf_all(0.05590643f));
    p = vf_fma(p, r, vf_all(0.24024099f));
    p = vf_fma(p, r, vf_all(0.69312419f));
    p = vf_fma(p, r, vf_all(1.0f));
    return vf_scale2(p, n);
}

/* --- into panels --------------------------------------------------------------------------------
 */

/* Query i of the run -> its lane. Scores come out in units of log 2, but for those to be capped. */
static void pack_query(const struct work *w, const struct attend_query *q, uint32_t i)
{
    const uint32_t d = w->r->d, lane = i % 16;
    const vf scale = vf_all(w->r->softcap > 0 ? w->r->scale : w->r->scale * LOG2_E);
    uint32_t *to = (uint32_t *)(void *)(w->q + (size_t)(i / 16) * 16 * d) + lane;
    uint32_t pairs[8];
    for (uint32_t c = 0; c < d; c += 16) {
        __m256i bf16 = (__m256i)_mm512_cvtneps_pbh(vf_mul(scale, vf_load(q->q + c)));
        _mm256_storeu_si256((__m256i *)(void *)pairs, bf16);
        UNROLL (j, 8)
            to[(c / 2 + j) * 16] = pairs[j];
    }
}

static void start_query(const struct work *w, const struct attend_query *q, uint32_t i)
{
    float *state = w->state + (size_t)(i / TILE) * 4 * TILE + i % TILE;
    int32_t *keys = (int32_t *)(void *)(state + (size_t)2 * TILE);
    state[0] = q && q->max > NONE ? q->max * LOG2_E : NONE;
    state[TILE] = q ? q->sum : 0;
    keys[0] = q ? (int32_t)q->from : 1; /* none */
    keys[TILE] = q ? (int32_t)q->to : 0;
}

/* The last tile is filled up with queries that see nothing. */
static void pack_queries(const struct work *w, const struct attend_query *q, uint32_t n)
{
    const size_t tile = (size_t)TILE * w->r->d;
    if (n % TILE)
        memset(w->q + n / TILE * tile, 0, tile * sizeof *w->q);
    for (uint32_t i = 0; i < w->tiles * TILE; i++)
        start_query(w, i < n ? &q[i] : NULL, i);
    for (uint32_t i = 0; i < n; i++)
        pack_query(w, &q[i], i);
}

static const uint16_t *halves_at(const void *p, size_t bytes)
{
    return (const uint16_t *)(const void *)((const char *)p + bytes);
}

/* Block j of the 64 keys -> [d/2][16][2]. */
static void pack_keys(const struct work *w, const void *block, uint32_t j)
{
    const uint32_t d = w->r->d;
    const char *q8 = block;
    const uint16_t *f16 = block, *scales = halves_at(block, (size_t)d * ATTEND_KEYS);
    uint16_t *to = w->k + (size_t)j * ATTEND_KEYS * d;
    if (w->r->type == KV_BF16) {
        memcpy(to, block, (size_t)d * ATTEND_KEYS * sizeof *to);
    } else if (w->r->type == KV_F16) {
        for (uint32_t c = 0; c < d; c += 2, f16 += 2 * ATTEND_KEYS, to += 2 * ATTEND_KEYS)
            vi_store(to, bf16_pairs(vf_f16(f16), vf_f16(f16 + ATTEND_KEYS)));
    } else {
        for (uint32_t c = 0; c < d; c += 4, q8 += 4 * ATTEND_KEYS, to += 4 * ATTEND_KEYS) {
            const vf scale = vf_bf16(scales + c / 32 * ATTEND_KEYS);
            const vi four = vi_load(q8);
            vf x[4];
            UNROLL (i, 4)
                x[i] = vf_mul(vf_of_signed_byte(four, i), scale);
            vi_store(to, bf16_pairs(x[0], x[1]));
            vi_store(to + 2 * ATTEND_KEYS, bf16_pairs(x[2], x[3]));
        }
    }
}

/* 16 coordinates from c on of values i of a block; those from n on do not count. */
INLINE vf values_at(const struct attend_run *r, const void *block, uint32_t i, uint32_t n,
                    uint32_t c)
{
    const uint32_t d_v = r->d_v;
    if (i >= n)
        return vf_zero();
    if (r->type == KV_F16)
        return vf_f16((const uint16_t *)block + (size_t)i * d_v + c);
    if (r->type == KV_BF16) {
        vi two = vi_load((const uint16_t *)block + ((size_t)(i / 2) * d_v + c) * 2);
        return i % 2 ? vf_second_bf16(two) : vf_first_bf16(two);
    }
    float scale = bf16_to_f32(halves_at(block, (size_t)d_v * ATTEND_KEYS)[i]);
    vi four = vi_load((const char *)block + ((size_t)(i / 4) * d_v + c) * 4);
    return vf_mul(vf_all(scale), vf_of_signed_byte(four, i % 4));
}

/* Values of block j -> [16/2][d_v][2]; keys from n on do not count. */
static void pack_values(const struct work *w, const void *block, uint32_t j, uint32_t n)
{
    const uint32_t d_v = w->r->d_v;
    uint16_t *to = w->v + (size_t)j * ATTEND_KEYS * d_v;
    for (uint32_t i = 0; i < ATTEND_KEYS; i += 2)
        for (uint32_t c = 0; c < d_v; c += 16, to += 32)
            vi_store(to, bf16_pairs(values_at(w->r, block, i, n, c),
                                    values_at(w->r, block, i + 1, n, c)));
}

/* The keys from `base` on, as far as they are in the run. */
static void pack_chunk(const struct work *w, uint32_t base)
{
    const struct attend_run *r = w->r;
    for (uint32_t j = 0; j < TILE_BLOCKS; j++) {
        const uint32_t from = base + j * ATTEND_KEYS;
        const void *k, *v;
        if (from > r->last || from + ATTEND_KEYS <= r->first)
            continue;
        r->block(r, from / ATTEND_KEYS, &k, &v);
        pack_keys(w, k, j);
        pack_values(w, v, j, r->last - from + 1);
    }
}

/* --- a tile -------------------------------------------------------------------------------------
 */

/* acc += panel [TILE_V][..][16][2], vectors v_step apart, times pairs of x: those of the TILE_T
 * side by side, the next x_step further. */
INLINE void add_pairs(vf acc[TILE_V][TILE_T], const uint16_t *panel, size_t v_step,
                      const uint16_t *x, size_t x_step, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++, panel += 32, x += x_step) {
        __m512bh w[TILE_V];
        UNROLL (v, TILE_V)
            w[v] = (__m512bh)vi_load(panel + v * v_step);
        UNROLL (t, TILE_T) {
            int32_t two;
            memcpy(&two, x + 2 * t, 4);
            __m512bh a = (__m512bh)_mm512_set1_epi32(two);
            UNROLL (v, TILE_V)
                acc[v][t] = _mm512_dpbf16_ps(acc[v][t], w[v], a);
        }
    }
}

/* Of TILE_T scores from key `key` on, HIDDEN for what a query does not see. */
INLINE void hide_keys(vf s[TILE_V][TILE_T], const float *state, uint32_t key)
{
    UNROLL (v, TILE_V) {
        vi from = vi_load(state + (size_t)2 * TILE + v * 16);
        vi to = vi_load(state + (size_t)3 * TILE + v * 16);
        UNROLL (t, TILE_T) {
            vi at = _mm512_set1_epi32((int)(key + t));
            __mmask16 seen = _mm512_cmple_epi32_mask(from, at) & _mm512_cmple_epi32_mask(at, to);
            s[v][t] = _mm512_mask_mov_ps(vf_all(HIDDEN), seen, s[v][t]);
        }
    }
}

/* Scores of keys j0..j1 of the 64 at `base` -> w->scores; max grows with them. */
static void score(const struct work *w, uint32_t tile, uint32_t base, uint32_t j0, uint32_t j1,
                  const struct seen *seen, vf max[TILE_V])
{
    const uint32_t d = w->r->d;
    const float *state = w->state + (size_t)tile * 4 * TILE;
    for (uint32_t j = j0; j < j1; j += TILE_T) {
        const uint16_t *k =
            w->k + (size_t)(j / ATTEND_KEYS) * ATTEND_KEYS * d + j % ATTEND_KEYS * 2;
        vf s[TILE_V][TILE_T];
        UNROLL (v, TILE_V)
            UNROLL (t, TILE_T)
                s[v][t] = vf_zero();
        add_pairs(s, w->q + (size_t)tile * TILE * d, (size_t)16 * d, k, 2 * ATTEND_KEYS, d / 2);
        if (w->r->softcap > 0)
            UNROLL (v, TILE_V)
                UNROLL (t, TILE_T)
                    s[v][t] = vf_mul(soft_cap(s[v][t], w->r->softcap), vf_all(LOG2_E));
        if (base + j < seen->all_from || base + j + TILE_T > seen->all_to + 1)
            hide_keys(s, state, base + j);
        UNROLL (v, TILE_V)
            UNROLL (t, TILE_T) {
                max[v] = _mm512_max_ps(max[v], s[v][t]);
                vf_store(w->scores + (size_t)(j + t) * TILE + v * 16, s[v][t]);
            }
    }
}

/* Scores -> weights relative to the new maxima; shrink: what was summed before is worth. */
static void weigh(const struct work *w, float *state, uint32_t j0, uint32_t j1,
                  const vf max[TILE_V], vf shrink[TILE_V])
{
    const __m512bh ones = (__m512bh)_mm512_set1_epi32(0x3f803f80);
    UNROLL (v, TILE_V) {
        const float *s = w->scores + v * 16;
        uint16_t *to = w->weight + (size_t)v * TILE_KEYS * 16;
        vf sum = vf_zero();
        for (uint32_t j = j0; j < j1; j += 2) {
            vf a = exp2_short(vf_sub(vf_load(s + (size_t)j * TILE), max[v]));
            vf b = exp2_short(vf_sub(vf_load(s + (size_t)(j + 1) * TILE), max[v]));
            vi pairs = bf16_pairs(a, b);
            vi_store(to + (size_t)j * 16, pairs);
            sum = _mm512_dpbf16_ps(sum, (__m512bh)pairs, ones);
        }
        shrink[v] = exp2_short(vf_sub(vf_load(state + v * 16), max[v]));
        vf_store(state + v * 16, max[v]);
        vf_store(state + TILE + v * 16, vf_fma(vf_load(state + TILE + v * 16), shrink[v], sum));
    }
}

/* Sums of the tile, times shrink, += weights times values of keys j0..j1. */
static void add_values(const struct work *w, float *out, uint32_t j0, uint32_t j1,
                       const vf shrink[TILE_V])
{
    const uint32_t d_v = w->r->d_v;
    for (uint32_t c = 0; c < d_v; c += TILE_T, out += TILE_T * TILE) {
        vf a[TILE_V][TILE_T];
        UNROLL (t, TILE_T)
            UNROLL (v, TILE_V)
                a[v][t] = vf_mul(shrink[v], vf_load(out + t * TILE + v * 16));
        add_pairs(a, w->weight + (size_t)j0 * 16, (size_t)TILE_KEYS * 16,
                  w->v + (size_t)j0 * d_v + (size_t)2 * c, (size_t)2 * d_v, (j1 - j0) / 2);
        UNROLL (t, TILE_T)
            UNROLL (v, TILE_V)
                vf_store(out + t * TILE + v * 16, a[v][t]);
    }
}

static struct seen seen_by(const struct attend_query *q, uint32_t n)
{
    struct seen s = {q[0].from, q[0].to, q[0].from, q[0].to};
    for (uint32_t i = 1; i < n; i++) {
        s.some_from = q[i].from < s.some_from ? q[i].from : s.some_from;
        s.some_to = q[i].to > s.some_to ? q[i].to : s.some_to;
        s.all_from = q[i].from > s.all_from ? q[i].from : s.all_from;
        s.all_to = q[i].to < s.all_to ? q[i].to : s.all_to;
    }
    return s;
}

/* n queries of a tile and the 64 keys at `base`. */
static void attend_tile(const struct work *w, const struct attend_query *q, uint32_t n,
                        uint32_t tile, uint32_t base)
{
    const struct seen seen = seen_by(q, n);
    float *state = w->state + (size_t)tile * 4 * TILE;
    vf max[TILE_V], shrink[TILE_V];
    if (seen.some_from >= base + TILE_KEYS || seen.some_to < base)
        return;
    uint32_t j0 = seen.some_from > base ? (seen.some_from - base) / TILE_T * TILE_T : 0;
    uint32_t j1 = seen.some_to - base < TILE_KEYS ? (seen.some_to - base) / TILE_T * TILE_T + TILE_T
                                                  : TILE_KEYS;
    UNROLL (v, TILE_V)
        max[v] = vf_load(state + v * 16);
    score(w, tile, base, j0, j1, &seen, max);
    weigh(w, state, j0, j1, max, shrink);
    add_values(w, w->out + (size_t)tile * TILE * w->r->d_v, j0, j1, shrink);
}

/* The means: lanes -> rows. */
static void store_means(const struct work *w, struct attend_query *q, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const float *sum = w->out + (size_t)(i / TILE) * TILE * w->r->d_v + i % TILE;
        float by = 1.0f / w->state[(size_t)(i / TILE) * 4 * TILE + TILE + i % TILE];
        for (uint32_t c = 0; c < w->r->d_v; c++)
            q[i].out[c] = by * sum[(size_t)c * TILE];
    }
}

bool avx512bf16_attend_prompt(const struct attend_run *r, struct attend_query *q, uint32_t n,
                              float *scratch)
{
    struct work w;
    if (r->type == KV_F32 || r->d % 16 != 0 || r->d_v % 16 != 0)
        return false;
    lay_out(&w, r, n, scratch);
    pack_queries(&w, q, n);
    for (uint32_t base = r->first & ~(TILE_KEYS - 1); base <= r->last; base += TILE_KEYS) {
        pack_chunk(&w, base);
        for (uint32_t i = 0; i < n; i += TILE)
            attend_tile(&w, q + i, n - i < TILE ? n - i : TILE, i / TILE, base);
    }
    store_means(&w, q, n);
    return true;
}
