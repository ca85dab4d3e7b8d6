/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/attend_q8: attention over int8 keys and values with the dot products of AVX-512
 * VNNI, instead of making floats of them: 2 times the speed with six queries.
 *
 * Queries become int8 with a scale for 32 coordinates, as keys are, and lose as little as these.
 * Weights become two parts of 8 bits, 256 * high + low: at most 2^-17 of the largest of their tile
 * is lost, else many small ones beside a large one would be. Sums of products of bytes are whole
 * numbers: exact, whatever their order. */
#ifndef MOAT_COMPUTE_KERNEL_ATTEND_Q8_H
#define MOAT_COMPUTE_KERNEL_ATTEND_Q8_H

#include "compute/kernel/attend.h"

#define WEIGHT_UNITS (255 * 256)
#define SMALLEST     1e-30f /* what is no larger than this counts as 0 */

/* 32 coordinates of a query. Keys are made unsigned by adding 128: sums start with what that adds,
 * taken away. */
struct query_part {
    int8_t q[32];
    int32_t start;
    float unit;
};

static uint32_t query_bytes_q8(uint32_t d)
{
    return (uint32_t)((d + 31) / 32 * sizeof(struct query_part));
}

static void prepare_part(const float *q, uint32_t n, float scale, struct query_part *p)
{
    const uint32_t seen = n < 32 ? (1u << n) - 1 : UINT32_MAX;
    const vf a = _mm512_maskz_loadu_ps((__mmask16)seen, q);
    const vf b = _mm512_maskz_loadu_ps((__mmask16)(seen >> 16), q + (n > 16 ? 16 : 0));
    float most = vf_largest(vf_max(vf_abs(a), vf_abs(b)));
    const vf inverse = vf_all(most > SMALLEST ? 127.0f / most : 0.0f);
    const vi steps[2] = {vi_round(vf_mul(a, inverse)), vi_round(vf_mul(b, inverse))};
    vi_store_i8(p->q, steps);
    p->start = -128 * vi_total(vi_add(steps[0], steps[1]));
    p->unit = most > SMALLEST ? most / 127.0f * scale : 0.0f;
}

static void prepare_q8(const struct attend_run *r, const float *q, void *to)
{
    struct query_part *part = to;
    for (uint32_t c = 0; c < r->d; c += 32)
        prepare_part(q + c, r->d - c < 32 ? r->d - c : 32, r->scale, &part[c / 32]);
}

INLINE vi four_of(const void *p)
{
    int32_t four;
    memcpy(&four, p, 4);
    return _mm512_set1_epi32(four);
}

/* score += `steps` words of 4 coordinates, part g of the queries, of B blocks, times their scales.
 */
INLINE void dot_part(const char *const k[TILE_BLOCKS], const char *const next[TILE_BLOCKS],
                     size_t scales, const struct weights *w, uint32_t g, uint32_t steps,
                     vf score[ATTEND_QUERIES][TILE_BLOCKS], uint32_t Q, uint32_t B)
{
    vi sum[ATTEND_QUERIES][TILE_BLOCKS];
    const struct query_part *part[ATTEND_QUERIES];
    UNROLL (i, Q) {
        part[i] = (const struct query_part *)w[i].prepared + g;
        UNROLL (b, B)
            sum[i][b] = _mm512_set1_epi32(part[i]->start);
    }
    for (uint32_t s = 0; s < steps; s++) {
        const size_t word = (size_t)(g * 8 + s) * LINE;
        vi key[TILE_BLOCKS];
        UNROLL (b, B) {
            fetch(next[b] + word);
            key[b] = vi_signed(vi_load(k[b] + word));
        }
        UNROLL (i, Q) {
            const vi q = four_of(part[i]->q + 4 * s);
            UNROLL (b, B) {
                sum[i][b] = _mm512_dpbusd_epi32(sum[i][b], key[b], q);
                STAY(sum[i][b]);
            }
        }
    }
    UNROLL (b, B) {
        const vf scale = vf_bf16(k[b] + scales);
        fetch(next[b] + scales);
        UNROLL (i, Q)
            score[i][b] =
                vf_fma(vf_of_int(sum[i][b]), vf_mul(scale, vf_all(part[i]->unit)), score[i][b]);
    }
}

/* B blocks from b on. */
INLINE void dot_blocks(const struct attend_run *r, const struct tile *t, struct weights *w,
                       uint32_t b, uint32_t Q, uint32_t B)
{
    const uint32_t words = (r->d + 3) / 4;
    const char *k[TILE_BLOCKS], *next[TILE_BLOCKS];
    size_t scales = (size_t)words * LINE;
    vf score[ATTEND_QUERIES][TILE_BLOCKS];
    UNROLL (i, B) {
        k[i] = t->k[b + i];
        next[i] = t->next_k[b + i];
    }
    UNROLL (i, Q)
        UNROLL (j, B)
            score[i][j] = vf_zero();
    for (uint32_t g = 0; g < words / 8; g++, scales += 2 * ATTEND_KEYS)
        dot_part(k, next, scales, w, g, 8, score, Q, B);
    if (words % 8)
        dot_part(k, next, scales, w, words / 8, words % 8, score, Q, B);
    UNROLL (i, Q)
        UNROLL (j, B)
            vf_store(w[i].p + (b + j) * ATTEND_KEYS, score[i][j]);
}

INLINE void score_bytes(const struct attend_run *r, const struct tile *t, struct weights *w,
                        uint32_t Q)
{
    const uint32_t B = Q <= 3 ? 4 : 2;
    uint32_t b = t->from;
    for (; B > 1 && b + B <= t->end; b += B)
        dot_blocks(r, t, w, b, Q, B);
    for (; b < t->end; b++)
        dot_blocks(r, t, w, b, Q, 1);
}

/* Weights times the scales of their values, as 256 high + low units. */
struct weight_parts {
    uint8_t high[TILE_KEYS], low[TILE_KEYS];
    float unit;
};

INLINE void split_weights(const struct attend_run *r, const struct tile *t, struct weights *w,
                          struct weight_parts *to)
{
    vf p[TILE_BLOCKS], most = vf_zero();
    for (uint32_t b = t->from; b < t->end; b++) {
        vf x = vf_load(w->p + b * ATTEND_KEYS);
        fetch(t->next_v[b] + (size_t)r->d_v * ATTEND_KEYS);
        __mmask16 some =
            _mm512_cmp_ps_mask(x, vf_zero(), _CMP_NEQ_UQ); /* others may have no scale */
        p[b] = _mm512_maskz_mul_ps(some, x,
                                   vf_bf16((const char *)t->v[b] + (size_t)r->d_v * ATTEND_KEYS));
        most = vf_max(most, p[b]);
    }
    float largest = vf_largest(most);
    vf inverse = vf_all(largest > SMALLEST ? WEIGHT_UNITS / largest : 0.0f);
    to->unit = largest > SMALLEST ? largest / WEIGHT_UNITS : 0.0f;
    for (uint32_t b = t->from; b < t->end; b++) {
        vi n = vi_round(vf_mul(p[b], inverse));
        _mm_storeu_si128((__m128i *)(to->high + b * ATTEND_KEYS),
                         _mm512_cvtepi32_epi8(_mm512_srli_epi32(n, 8)));
        _mm_storeu_si128((__m128i *)(to->low + b * ATTEND_KEYS), _mm512_cvtepi32_epi8(n));
    }
}

/* V vectors of coordinates from c on. */
INLINE void add_bytes_at(const struct attend_run *r, const struct tile *t, const struct weights *w,
                         const struct weight_parts *parts, uint32_t Q, uint32_t c, uint32_t V)
{
    vi high[ATTEND_QUERIES][2], low[ATTEND_QUERIES][2];
    UNROLL (i, Q)
        UNROLL (v, V)
            high[i][v] = low[i][v] = vi_zero();
    for (uint32_t b = t->from; b < t->end; b++) {
        const char *value = (const char *)t->v[b] + (size_t)4 * c;
        const char *next = t->next_v[b] + (size_t)4 * c;
        for (uint32_t j = b * ATTEND_KEYS; j < (b + 1) * ATTEND_KEYS; j += 4) {
            vi x[2];
            UNROLL (v, V) {
                fetch(next + v * LINE);
                x[v] = vi_load(value + v * LINE);
            }
            UNROLL (i, Q) {
                const vi h = four_of(parts[i].high + j), l = four_of(parts[i].low + j);
                UNROLL (v, V) {
                    high[i][v] = _mm512_dpbusd_epi32(high[i][v], h, x[v]);
                    low[i][v] = _mm512_dpbusd_epi32(low[i][v], l, x[v]);
                    STAY(high[i][v]);
                    STAY(low[i][v]);
                }
            }
            value += (size_t)4 * r->d_v;
            next += (size_t)4 * r->d_v;
        }
    }
    UNROLL (i, Q)
        UNROLL (v, V) {
            float *out = w[i].query->out + c + v * LANES;
            vf sum = vf_of_int(vi_add(_mm512_slli_epi32(high[i][v], 8), low[i][v]));
            vf_store(out,
                     vf_fma(sum, vf_all(parts[i].unit), vf_mul(vf_load(out), vf_all(w[i].shrink))));
        }
}

INLINE void add_bytes(const struct attend_run *r, const struct tile *t, struct weights *w,
                      uint32_t Q)
{
    const uint32_t V = Q <= 6 ? 2 : 1;
    struct weight_parts parts[ATTEND_QUERIES];
    uint32_t c = 0;
    for (uint32_t i = 0; i < Q; i++)
        split_weights(r, t, &w[i], &parts[i]);
    for (; c + V * LANES <= r->d_v; c += V * LANES)
        add_bytes_at(r, t, w, parts, Q, c, V);
    for (; V > 1 && c + LANES <= r->d_v; c += LANES)
        add_bytes_at(r, t, w, parts, Q, c, 1);
    if (c < r->d_v)
        for (uint32_t i = 0; i < Q; i++) {
            scale_weights(r, t, &w[i]);
            add_rest(KV_Q8, r, t, &w[i], c);
        }
}

static void attend_q8(const struct attend_run *r, struct attend_query *q, uint32_t n,
                      float *scratch)
{
    attend_with(&(const struct attend_steps){.score = score_bytes,
                                             .add = add_bytes,
                                             .prepare = prepare_q8,
                                             .prepared_bytes = query_bytes_q8},
                r, q, n, scratch);
}

#endif
