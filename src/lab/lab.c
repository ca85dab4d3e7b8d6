/* SPDX-License-Identifier: Apache-2.0 */
/* lab/lab: see lab.h. */
#include "lab/lab.h"

#include "base/os.h"

#define EMBED_CONTEXT 8192u /* tokens of a text, where nothing else is asked for */
#define EMBED_TEXTS   16u   /* of one pass */

/* A model that sees the whole text needs it in one pass; several short ones share it. */
static bool choose_embedding(const struct model *m, uint32_t n_ctx, struct kv_params *p,
                             struct err *e)
{
    bool whole = m->h.bidirectional;
    if (n_ctx > m->h.n_ctx_train)
        return fail(e, ERR_LIMIT,
                    "a context of %u tokens is more than the %u the model was trained for", n_ctx,
                    m->h.n_ctx_train);
    if (n_ctx == 0 && p->n_ctx > EMBED_CONTEXT)
        p->n_ctx = EMBED_CONTEXT;
    p->n_seq = whole ? EMBED_TEXTS : 1;
    p->n_batch = whole && p->n_ctx > LAB_BATCH ? p->n_ctx : LAB_BATCH;
    return true;
}

/* Before weights are packed or memory is taken. */
static bool fits(const struct lab *l, const struct forward_params *p, struct memplan *plan,
                 struct err *e)
{
    if (!plan)
        return true;
    memplan_of(plan, l->g, l->m, p);
    memplan_sum(plan);
    return memplan_check(plan, e);
}

bool lab_open(struct lab *l, struct gguf *g, const struct lab_params *p, struct err *e)
{
    *l = (struct lab){.g = g, .adapters = p->adapters};
    uint32_t threads = p->threads ? p->threads : os_cpu_count();
    l->m = model_new(g, p->rope, e);
    bool ok =
        l->m && lora_add(l->m, &l->adapters, e) && (p->embedding || model_can_generate(l->m, e));
    if (ok) {
        struct forward_params fp = {.kv = {.type = p->kv,
                                           .n_ctx = p->n_ctx ? p->n_ctx : l->m->h.n_ctx_train,
                                           .n_seq = p->n_seq,
                                           .n_batch = p->n_batch ? p->n_batch : LAB_BATCH},
                                    .n_threads = threads,
                                    .n_logits = p->n_logits,
                                    .precision = p->precision};
        if ((!p->embedding || choose_embedding(l->m, p->n_ctx, &fp.kv, e)) &&
            fits(l, &fp, p->plan, e) &&
            packed_open_threads(&l->packed, l->m, g, p->pack, threads, e))
            l->f = forward_new(l->m, &fp, e);
    }
    if (l->f)
        lora_use(l->f, &l->adapters);
    else
        lab_close(l);
    return l->f != NULL;
}

void lab_close(struct lab *l)
{
    forward_free(l->f);
    model_free(l->m);
    packed_close(&l->packed);
    lora_files_close(&l->adapters);
    gguf_close(l->g);
    *l = (struct lab){0};
}

static bool check_ids(const struct lab *l, const uint32_t *token, uint32_t n, struct err *e)
{
    for (uint32_t i = 0; i < n; i++)
        if (token[i] >= l->m->h.n_vocab)
            return fail(e, ERR_USAGE, "token id %u at place %u is not below the vocabulary's %u",
                        token[i], i, l->m->h.n_vocab);
    if (n > l->f->p.kv.n_ctx)
        return fail(e, ERR_LIMIT, "%u tokens do not fit the context of %u; raise it with --context",
                    n, l->f->p.kv.n_ctx);
    return true;
}

static bool give_rows(struct lab *l, uint32_t first_row, lab_row_fn *row, void *arg, struct err *e)
{
    struct forward *f = l->f;
    for (uint32_t done = 0; done < f->batch.n_out;) {
        uint32_t left = f->batch.n_out - done;
        uint32_t n = left < f->p.n_logits ? left : f->p.n_logits;
        const float *logits = forward_logits(f, done, n);
        for (uint32_t j = 0; j < n; j++)
            if (!row(arg, first_row + done + j, logits + (size_t)j * l->m->h.n_vocab, e))
                return false;
        done += n;
    }
    return true;
}

bool lab_run(struct lab *l, const uint32_t *token, uint32_t n, uint32_t first, lab_row_fn *row,
             void *arg, struct err *e)
{
    struct batch *b = &l->f->batch;
    if (!check_ids(l, token, n, e))
        return false;
    (void)kv_truncate(l->f->kv, 0, 0);
    for (uint32_t at = 0; at < n; at += b->n) {
        uint32_t step = n - at < b->max ? n - at : b->max;
        if (!kv_reserve(l->f->kv, 0, at, step, e))
            return false;
        batch_reset(b, true);
        for (uint32_t i = at; i < at + step; i++)
            batch_add(b, 0, i, token[i], i >= first);
        forward(l->f);
        if (!give_rows(l, at > first ? at : first, row, arg, e))
            return false;
    }
    return true;
}
