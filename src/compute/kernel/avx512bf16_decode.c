/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/avx512bf16_decode: attention of few queries over a BF16 cache with the BF16 dot
 * products of AVX-512: as stored, keys are pairs of coordinates and values pairs of tokens, so
 * nothing is converted, and each instruction does twice the products of an F32 one.
 *
 * Queries and weights are rounded to BF16, as a prompt's are; the sum of weights is that of the
 * rounded ones. Caches of other types go to the AVX-512 kernels. */
#include "compute/kernel/bf16.h"

#include "compute/kernel.h"
#include "compute/kernel/attend.h"

static uint32_t query_bytes(uint32_t d)
{
    return (d + 1) / 2 * 4;
}

/* As pairs; one half of the last is 0 where d is odd. */
static void prepare_query(const struct attend_run *r, const float *q, void *to)
{
    uint16_t *half = to;
    uint32_t c = 0;
    half[(r->d - 1) | 1] = 0;
    for (; c + LANES <= r->d; c += LANES)
        _mm256_storeu_si256((__m256i *)(void *)(half + c),
                            (__m256i)_mm512_cvtneps_pbh(vf_load(q + c)));
    for (; c < r->d; c++) {
        __m512bh both = _mm512_cvtne2ps_pbh(vf_all(q[c]), vf_all(q[c]));
        memcpy(half + c, &both, sizeof *half);
    }
}

INLINE __m512bh pair_of(const void *p)
{
    int32_t two;
    memcpy(&two, p, 4);
    return (__m512bh)_mm512_set1_epi32(two);
}

/* B blocks from b on. */
INLINE void score_blocks_bf16(const struct attend_run *r, const struct tile *t, struct weights *w,
                              uint32_t b, uint32_t Q, uint32_t B)
{
    vf s[ATTEND_QUERIES][TILE_BLOCKS];
    UNROLL (i, Q)
        UNROLL (j, B)
            s[i][j] = vf_zero();
    for (uint32_t c = 0; c < r->d; c += 2) {
        const size_t word = (size_t)(c / 2) * LINE;
        __m512bh key[TILE_BLOCKS];
        UNROLL (j, B) {
            fetch(t->next_k[b + j] + word);
            key[j] = (__m512bh)vi_load((const char *)t->k[b + j] + word);
        }
        UNROLL (i, Q) {
            __m512bh q = pair_of((const char *)w[i].prepared + (size_t)2 * c);
            UNROLL (j, B) {
                s[i][j] = _mm512_dpbf16_ps(s[i][j], key[j], q);
                STAY(s[i][j]);
            }
        }
    }
    UNROLL (i, Q)
        UNROLL (j, B)
            vf_store(w[i].p + (b + j) * ATTEND_KEYS, vf_mul(s[i][j], vf_all(r->scale)));
}

INLINE void score_pairs(const struct attend_run *r, const struct tile *t, struct weights *w,
                        uint32_t Q)
{
    const uint32_t B = Q <= 6 ? 4 : 2;
    uint32_t b = t->from;
    for (; b + B <= t->end; b += B)
        score_blocks_bf16(r, t, w, b, Q, B);
    for (; b < t->end; b++)
        score_blocks_bf16(r, t, w, b, Q, 1);
}

INLINE vf to_bf16(vf p)
{
    return vf_round_bf16(p);
}

/* V vectors of coordinates from c on; p: the weights, [Q][64]. */
INLINE void add_pairs_at(const struct attend_run *r, const struct tile *t, const struct weights *w,
                         const uint16_t (*p)[TILE_KEYS], uint32_t Q, uint32_t c, uint32_t V)
{
    vf a[ATTEND_QUERIES][4];
    UNROLL (i, Q)
        UNROLL (v, V)
            a[i][v] = vf_mul(vf_load(w[i].query->out + c + v * LANES), vf_all(w[i].shrink));
    for (uint32_t b = t->from; b < t->end; b++) {
        const char *value = (const char *)t->v[b] + (size_t)4 * c;
        const char *next = t->next_v[b] + (size_t)4 * c;
        const uint32_t j0 = b * ATTEND_KEYS, end = j0 + seen_of_block(w, b, Q);
        for (uint32_t j = j0; j < end; j += 2) {
            const vi half =
                _mm512_set1_epi32(j + 1 < end ? -1 : 0xffff); /* nobody wrote the other */
            __m512bh x[4];
            UNROLL (v, V) {
                fetch(next + v * LINE);
                x[v] = (__m512bh)_mm512_and_si512(half, vi_load(value + v * LINE));
            }
            UNROLL (i, Q) {
                __m512bh both = pair_of(p[i] + j);
                UNROLL (v, V) {
                    a[i][v] = _mm512_dpbf16_ps(a[i][v], x[v], both);
                    STAY(a[i][v]);
                }
            }
            value += (size_t)4 * r->d_v;
            next += (size_t)4 * r->d_v;
        }
    }
    UNROLL (i, Q)
        UNROLL (v, V)
            vf_store(w[i].query->out + c + v * LANES, a[i][v]);
}

INLINE void add_pairs(const struct attend_run *r, const struct tile *t, struct weights *w,
                      uint32_t Q)
{
    const uint32_t V = Q <= 6 ? 4 : 2;
    uint16_t p[ATTEND_QUERIES][TILE_KEYS];
    uint32_t c = 0;
    UNROLL (i, Q)
        for (uint32_t j = t->from * ATTEND_KEYS; j < t->end * ATTEND_KEYS; j += LANES)
            _mm256_storeu_si256((__m256i *)(void *)(p[i] + j),
                                (__m256i)_mm512_cvtneps_pbh(vf_load(w[i].p + j)));
    for (; c + V * LANES <= r->d_v; c += V * LANES)
        add_pairs_at(r, t, w, p, Q, c, V);
    for (; c + LANES <= r->d_v; c += LANES)
        add_pairs_at(r, t, w, p, Q, c, 1);
    if (c < r->d_v)
        for (uint32_t i = 0; i < Q; i++)
            add_rest(KV_BF16, r, t, &w[i], c);
}

void avx512bf16_attend(const struct attend_run *r, struct attend_query *q, uint32_t n,
                       float *scratch)
{
    if (r->type != KV_BF16) {
        kernels_avx512.attend(r, q, n, scratch);
        return;
    }
    attend_with(&(const struct attend_steps){.score = score_pairs,
                                             .add = add_pairs,
                                             .prepare = prepare_query,
                                             .prepared_bytes = query_bytes,
                                             .round = to_bf16},
                r, q, n, scratch);
}
