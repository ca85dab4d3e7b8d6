/* SPDX-License-Identifier: Apache-2.0 */
/* The naive sampler the real one is compared with: doubles, libm and full sorts. */
#ifndef MOAT_TESTS_SAMPLE_REFERENCE_H
#define MOAT_TESTS_SAMPLE_REFERENCE_H

#include "sample_inputs.h"

struct pick {
    double logit, key;
    uint32_t id;
};

struct ref {
    struct pick v[MAX_VOCAB];
    uint32_t n;
};

static struct ref ref; /* one is enough, and too large for the stack of some machines */

static inline int by_key(const void *a, const void *b)
{
    const struct pick *x = a, *y = b;
    if (x->key != y->key)
        return x->key > y->key ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static inline void ref_sort(void)
{
    for (uint32_t i = 0; i < ref.n; i++)
        ref.v[i].key = ref.v[i].logit;
    qsort(ref.v, ref.n, sizeof ref.v[0], by_key);
}

static inline void ref_load(const float *v, uint32_t n)
{
    ref.n = 0;
    for (uint32_t i = 0; i < n; i++)
        if (!isnan(v[i]) && v[i] != -INFINITY)
            ref.v[ref.n++] = (struct pick){.logit = fmin((double)v[i], FLT_MAX), .id = i};
    ref_sort();
}

static inline double ref_sum(void)
{
    double z = 0;
    for (uint32_t i = 0; i < ref.n; i++)
        z += exp(ref.v[i].logit - ref.v[0].logit);
    return z;
}

static inline double ref_p(uint32_t i, double z)
{
    return exp(ref.v[i].logit - ref.v[0].logit) / z;
}

static inline void ref_top_k(uint32_t k)
{
    if (k && k < ref.n)
        ref.n = k;
}

static inline void ref_top_p(double p)
{
    double z = ref_sum(), sum = 0;
    for (uint32_t i = 0; i < ref.n && p < 1; i++)
        if ((sum += ref_p(i, z)) >= p)
            ref.n = i + 1;
}

static inline void ref_min_p(double p)
{
    uint32_t n = 1;
    while (n < ref.n && exp(ref.v[n].logit - ref.v[0].logit) >= p)
        n++;
    ref.n = n;
}

/* The survivors, dense or listed, are exactly the reference's; a list is sorted. */
static inline void compare(const struct sampler *s, const char *what)
{
    static uint8_t in[MAX_VOCAB];
    memset(in, 0, sizeof in);
    uint32_t n = 0;
    for (uint32_t i = 0; s->dense && i < s->n_vocab; i++)
        n += in[i] = s->work[i] > -INFINITY;
    for (uint32_t i = 0; !s->dense && i < s->n; i++) {
        n += in[sample_rank_id(s->list[i])] = 1;
        assert_true(i == 0 || s->list[i - 1] < s->list[i]);
        assert_true(sample_rank_logit(s->list[i]) == s->work[sample_rank_id(s->list[i])]);
    }
    if (n != ref.n)
        fail_msg("%s: %u tokens kept, not %u", what, n, ref.n);
    for (uint32_t i = 0; i < ref.n; i++)
        if (!in[ref.v[i].id])
            fail_msg("%s: token %u is missing", what, ref.v[i].id);
}

static inline void load(struct sampler *s, enum shape shape)
{
    fill(logits, s->n_vocab, shape);
    ref_load(logits, s->n_vocab);
    sample_load(s, logits, NULL);
}

#endif
