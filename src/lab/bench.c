/* SPDX-License-Identifier: Apache-2.0 */
/* lab/bench: see bench.h. */
#include "lab/bench.h"

#include "base/os.h"

uint32_t bench_context(const struct bench_params *p)
{
    uint32_t decode = p->depth + 1 + p->n_decode;
    return p->n_prompt > decode ? p->n_prompt : decode;
}

static uint32_t bench_token(const struct lab *l, uint32_t i)
{
    uint32_t n = l->m->h.n_vocab < 30000 ? l->m->h.n_vocab : 30000;
    return (uint32_t)(((uint64_t)i * 7919 + 11) % n);
}

/* n tokens at once for one sequence, from position `from`; logits of the last. */
static bool prefill(struct lab *l, uint32_t seq, uint32_t from, uint32_t n, struct err *e)
{
    struct batch *b = &l->f->batch;
    for (uint32_t at = 0; at < n; at += b->n) {
        uint32_t step = n - at < b->max ? n - at : b->max;
        if (!kv_reserve(l->f->kv, seq, from + at, step, e))
            return false;
        batch_reset(b, true);
        for (uint32_t i = at; i < at + step; i++)
            batch_add(b, seq, from + i, bench_token(l, from + i), i == n - 1);
        forward(l->f);
    }
    (void)forward_logits(l->f, 0, 1);
    return true;
}

/* One token for each sequence. */
static bool decode_step(struct lab *l, uint32_t sequences, uint32_t pos, struct err *e)
{
    batch_reset(&l->f->batch, false);
    for (uint32_t s = 0; s < sequences; s++) {
        if (!kv_reserve(l->f->kv, s, pos, 1, e))
            return false;
        batch_add(&l->f->batch, s, pos, bench_token(l, pos + s), true);
    }
    forward(l->f);
    (void)forward_logits(l->f, 0, sequences);
    return true;
}

static void forget(struct lab *l)
{
    for (uint32_t s = 0; s < l->f->p.kv.n_seq; s++)
        (void)kv_truncate(l->f->kv, s, 0);
}

/* From start_clock to stop_clock; parts may be NULL. */
static uint64_t start_clock(struct lab *l, struct bench_parts *parts)
{
    if (parts) {
        l->f->clock = &parts->stages;
        stages_start(&parts->stages);
    }
    return os_now_ns();
}

/* The seconds between. */
static double stop_clock(struct lab *l, struct bench_parts *parts, uint64_t t0, uint64_t passes)
{
    uint64_t ns = os_now_ns() - t0;
    if (parts) {
        stages_stop(&parts->stages);
        parts->ns += ns;
        parts->passes += passes;
    }
    l->f->clock = NULL;
    return (double)ns * 1e-9;
}

static bool time_prefill(struct lab *l, const struct bench_params *p, double *tps,
                         struct bench_parts *parts, struct err *e)
{
    forget(l);
    uint64_t t0 = start_clock(l, parts);
    if (!prefill(l, 0, 0, p->n_prompt, e))
        return false;
    *tps = p->n_prompt / stop_clock(l, parts, t0, 1);
    return true;
}

/* The context of a sequence, up to n tokens: what an earlier run has left of it counts. */
static bool reach(struct lab *l, const struct bench_params *p, uint32_t seq, uint32_t n,
                  struct err *e)
{
    uint32_t at = kv_truncate(l->f->kv, seq, n);
    uint32_t whole = (at / LAB_BATCH + 1) * LAB_BATCH;
    if (p->copies && whole < n) {
        if (!prefill(l, seq, at, whole - at, e) || !kv_repeat(l->f->kv, seq, n - 1, e))
            return false;
        at = n - 1;
    }
    return at == n || prefill(l, seq, at, n - at, e);
}

static bool time_decode(struct lab *l, const struct bench_params *p, double *tps,
                        struct bench_parts *parts, struct err *e)
{
    for (uint32_t s = 0; s < p->sequences; s++)
        if (!reach(l, p, s, p->depth + 1, e))
            return false;
    uint64_t t0 = start_clock(l, parts);
    for (uint32_t i = 0; i < p->n_decode; i++)
        if (!decode_step(l, p->sequences, p->depth + 1 + i, e))
            return false;
    *tps = (double)p->n_decode * p->sequences / stop_clock(l, parts, t0, p->n_decode);
    return true;
}

bool bench_run(struct lab *l, const struct bench_params *p, struct bench_result *r, struct err *e)
{
    must(p->runs <= BENCH_RUNS);
    *r = (struct bench_result){0};
    forget(l);
    if (!prefill(l, 0, 0, p->n_prompt < 16 && p->n_prompt ? p->n_prompt : 16, e)) /* warm-up */
        return false;
    for (uint32_t i = 0; p->n_prompt && i < p->runs; i++)
        if (!time_prefill(l, p, &r->prefill_tps[i], p->explain ? &r->prefill : NULL, e))
            return false;
    forget(l);
    for (uint32_t i = 0; p->n_decode && i < p->runs; i++)
        if (!time_decode(l, p, &r->decode_tps[i], p->explain ? &r->decode : NULL, e))
            return false;
    if (!p->explain)
        return true;
    machine_measure_macs(&r->macs, l->f);
    return machine_measure_reads(&r->reads, l->f->workers, e);
}
