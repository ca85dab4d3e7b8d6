/* SPDX-License-Identifier: Apache-2.0 */
/* run/loaded: see loaded.h. */
#include "run/loaded.h"

#include "base/mem.h"
#include "base/os.h"
#include "engine/embedding.h"
#include "text/token_mask.h"

#define DEFAULT_CONTEXT 8192u
#define PREFILL_BATCH   512u
#define EMBED_TEXTS     16u /* of one pass */

static bool choose_context(const struct model *m, const struct settings *s, uint32_t draft_for,
                           uint32_t *n_ctx, struct err *e)
{
    uint32_t trained = m->h.n_ctx_train, reach = m->h.n_ctx_reach;
    if (draft_for) {
        *n_ctx = draft_for < trained ? draft_for : trained;
        return true;
    }
    *n_ctx = s->context_window ? s->context_window : trained;
    if (!s->context_window && *n_ctx > DEFAULT_CONTEXT)
        *n_ctx = DEFAULT_CONTEXT;
    if (*n_ctx > reach && reach > trained)
        return fail(e, ERR_LIMIT,
                    "a context of %u tokens is more than the %u that the options extend the "
                    "model's %u to; raise --rope-scale",
                    *n_ctx, reach, trained);
    if (*n_ctx > reach)
        return fail(e, ERR_LIMIT,
                    "a context of %u tokens is more than the %u the model was trained for; "
                    "--rope-scaling yarn --rope-scale %u can extend it",
                    *n_ctx, trained, (*n_ctx + trained - 1) / trained);
    return true;
}

static void make_plan(const struct loaded *l, const struct forward_params *p,
                      const struct load_options *o, uint64_t budget, struct memplan *plan)
{
    *plan = (struct memplan){.budget = budget, .budget_given = o->memory != 0};
    memplan_of(plan, l->g, l->model, p);
    if (o->grammar)
        plan->text += mask_cache_most_bytes(l->model->h.n_vocab, 1);
    if (!l->embeds && !o->draft_for)
        plan->text += l->n_parallel * speculation_bytes(p->kv.n_ctx);
    plan->draft = l->draft_bytes;
    memplan_sum(plan);
}

/* Bytes with `kept` finished sequences, and room for a whole context in each or for one in all. */
static uint64_t total_with(const struct loaded *l, struct forward_params p,
                           const struct load_options *o, uint32_t kept, bool full)
{
    struct memplan plan;
    if (!l->embeds) {
        p.kv.n_seq = l->n_parallel + kept;
        p.kv.n_tokens = p.kv.n_seq > 1 ? (uint64_t)p.kv.n_ctx * (full ? p.kv.n_seq : 1) : 0;
    }
    make_plan(l, &p, o, 0, &plan);
    return plan.total;
}

static bool choose_budget(const struct loaded *l, const struct forward_params *p,
                          const struct load_options *o, uint64_t *budget, struct err *e)
{
    *budget = o->memory ? o->memory : memplan_free();
    return !o->grant.ask || o->grant.ask(o->grant.arg, total_with(l, *p, o, 0, false),
                                         total_with(l, *p, o, o->n_kept, true), budget, e);
}

/* As many sequences, and as much room for their contexts, as the budget has place for. */
static bool fit(const struct loaded *l, struct forward_params *p, const struct load_options *o,
                uint64_t budget, struct memplan *plan, struct err *e)
{
    uint32_t kept = o->n_kept;
    for (;;) {
        p->kv.n_seq = l->n_parallel + kept;
        p->kv.n_tokens = p->kv.n_seq > 1 ? (uint64_t)p->kv.n_ctx * p->kv.n_seq : 0;
        make_plan(l, p, o, budget, plan);
        uint64_t room = p->kv.n_tokens, step = p->kv.n_ctx;
        while (plan->total > budget && room > p->kv.n_ctx) {
            room = room > 2 * step ? room - step : step;
            p->kv.n_tokens = room;
            make_plan(l, p, o, budget, plan);
        }
        if (plan->total <= budget || kept == 0)
            return memplan_check(plan, e);
        kept /= 2;
    }
}

/* A model that sees the whole text needs it in one pass; several short ones share it. */
static void for_embedding(const struct model *m, struct forward_params *p)
{
    bool whole = m->h.bidirectional;
    p->kv.n_seq = whole ? EMBED_TEXTS : 1;
    if (whole && p->kv.n_ctx > PREFILL_BATCH)
        p->kv.n_batch = p->kv.n_ctx;
}

static bool plan_memory(struct loaded *l, struct forward_params *p, const struct load_options *o,
                        struct memplan *plan, struct err *e)
{
    uint64_t budget = 0;
    if (l->embeds)
        for_embedding(l->model, p);
    if (!choose_budget(l, p, o, &budget, e))
        return false;
    if (!l->embeds)
        return fit(l, p, o, budget, plan, e);
    make_plan(l, p, o, budget, plan);
    return memplan_check(plan, e);
}

/* --- the draft model ------------------------------------------------------------------------- */

static bool same_texts(const struct vocab *a, const struct vocab *b, struct err *e)
{
    uint32_t n = a->n_tokens < b->n_tokens ? a->n_tokens : b->n_tokens;
    for (uint32_t i = 0; i < n; i++)
        if (!str_eq(vocab_text(a, i), vocab_text(b, i)))
            return fail(e, ERR_UNSUPPORTED,
                        "the draft model has other tokens than the model, token %u for one; it "
                        "must be a smaller model of the same family",
                        i);
    return true;
}

static bool check_draft(const struct loaded *l, struct err *e)
{
    struct timeline t = {.f = l->draft->f};
    if (!timeline_can_cut(&t))
        return fail(e, ERR_UNSUPPORTED,
                    "a draft model must be able to take tokens back, which one with recurrent "
                    "layers cannot");
    return same_texts(l->vocab, l->draft->vocab, e);
}

/* In what the budget leaves beside the weights of the model, of which it is a small part. */
static bool open_draft(struct loaded *l, uint32_t n_ctx, const struct load_options *o,
                       struct err *e)
{
    struct settings s;
    struct memplan plan;
    struct load_options mine = {.memory = o->memory,
                                .threads = o->threads,
                                .kv = o->kv,
                                .precision = o->precision,
                                .pack = o->draft.pack,
                                .draft_for = n_ctx,
                                .n_parallel = l->n_parallel};
    if (!(l->draft = mem_new(1, sizeof *l->draft, e)))
        return false;
    settings_init(&s);
    bool ok = loaded_open(l->draft, o->draft.g, &s, &mine, &plan, e);
    settings_clear(&s);
    l->draft_bytes = plan.total - plan.program;
    return ok || err_at(e, "the draft model");
}

/* --- opening --------------------------------------------------------------------------------- */

static bool open_parts(struct loaded *l, const struct settings *s, const struct load_options *o,
                       struct memplan *plan, struct err *e)
{
    struct forward_params p = {
        .kv = {.type = s->kv_type ? (enum kv_type)(s->kv_type - 1) : o->kv,
               .n_batch = PREFILL_BATCH},
        .n_threads = o->threads ? o->threads : os_cpu_count(),
        .n_logits = DECODE_TOKENS,
        .precision = o->precision,
    };
    if (!(l->model = model_new(l->g, &s->rope, e)) || !lora_add(l->model, &l->adapters, e))
        return false;
    l->embeds = o->embed && l->model->h.pooling != POOLING_UNSTATED;
    if ((!l->embeds && !model_can_generate(l->model, e)) ||
        !choose_context(l->model, s, o->draft_for, &p.kv.n_ctx, e) ||
        (o->draft.g && !open_draft(l, p.kv.n_ctx, o, e)) || !plan_memory(l, &p, o, plan, e) ||
        !(l->vocab = vocab_new(l->g, e)))
        return false;
    p.workers = l->draft ? l->draft->f->workers : NULL;
    if (l->vocab->n_tokens > l->model->h.n_vocab)
        return fail(e, ERR_CORRUPT, "the vocabulary has %u tokens, but the model only %u",
                    l->vocab->n_tokens, l->model->h.n_vocab);
    if (l->embeds && !pair_open(&l->pair, l->g, e))
        return false;
    e->code = ERR_NONE;
    l->chat = chat_new(l->g, l->vocab, e);
    if (!l->chat && e->code != ERR_NONE)
        return false;
    if (l->chat && o->opening)
        chat_set_opening(l->chat, o->opening);
    return (!l->draft || check_draft(l, e)) &&
           packed_open_threads(&l->packed, l->model, l->g, o->pack, p.n_threads, e) &&
           (l->f = forward_new(l->model, &p, e));
}

bool loaded_open(struct loaded *l, struct gguf *g, const struct settings *s,
                 const struct load_options *o, struct memplan *plan, struct err *e)
{
    *plan = (struct memplan){0};
    *l = (struct loaded){
        .g = g, .n_parallel = o->n_parallel ? o->n_parallel : 1, .adapters = o->adapters};
    if (open_parts(l, s, o, plan, e)) {
        lora_use(l->f, &l->adapters);
        return true;
    }
    if (!l->draft)
        gguf_close(o->draft.g);
    loaded_close(l);
    return false;
}

bool loaded_same_scales(const struct loaded *l, const float *now, const float *then)
{
    for (uint32_t i = 0; i < l->adapters.n; i++)
        if (now[i] < then[i] || now[i] > then[i])
            return false;
    return true;
}

struct mask_cache *loaded_masks(struct loaded *l, struct err *e)
{
    if (!l->masks)
        l->masks = mask_cache_new(l->vocab, l->model->h.n_vocab, e);
    return l->masks;
}

void loaded_close(struct loaded *l)
{
    mask_cache_free(l->masks);
    forward_free(l->f); /* before the draft model, whose team it shares */
    if (l->draft)
        loaded_close(l->draft);
    mem_free(l->draft);
    chat_free(l->chat);
    vocab_free(l->vocab);
    model_free(l->model);
    packed_close(&l->packed);
    lora_files_close(&l->adapters);
    gguf_close(l->g);
    *l = (struct loaded){0};
}

struct speculation *loaded_speculation(struct loaded *l, uint32_t i, struct err *e)
{
    const struct speculation_params p = {.n_ctx = loaded_context(l),
                                         .n_vocab = l->model->h.n_vocab,
                                         .costs = &l->costs,
                                         .draft = l->draft ? l->draft->f : NULL,
                                         .seq = i};
    return speculation_new(&p, e);
}

uint32_t loaded_context(const struct loaded *l)
{
    return l->f->p.kv.n_ctx;
}

uint32_t loaded_window(const struct loaded *l, const struct settings *s)
{
    uint32_t n_ctx = loaded_context(l);
    return s->context_window && s->context_window < n_ctx ? s->context_window : n_ctx;
}

bool loaded_check_ids(const struct loaded *l, const struct tokens *t, struct err *e)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->id[i] >= l->model->h.n_vocab)
            return fail(e, ERR_USAGE, "token id %u at place %zu is not below the vocabulary's %u",
                        t->id[i], i, l->model->h.n_vocab);
    return true;
}

bool loaded_check_prompt(const struct loaded *l, const struct settings *s, const struct tokens *t,
                         struct err *e)
{
    uint32_t n_ctx = loaded_window(l, s);
    if (t->n == 0)
        return fail(e, ERR_USAGE, "the prompt is empty, and the model has no token to start from");
    if (!loaded_check_ids(l, t, e))
        return false;
    if (t->n >= n_ctx)
        return fail(e, ERR_LIMIT,
                    "the prompt has %zu tokens, but the context holds %u with at least one for the "
                    "answer; raise it with --context or shorten the prompt",
                    t->n, n_ctx);
    return true;
}

bool loaded_tokenize(const struct loaded *l, struct str prompt, struct tokens *out, struct err *e)
{
    const struct vocab *v = l->vocab;
    struct str bos = v->bos == TOKEN_NONE ? STR("") : vocab_text(v, v->bos);
    bool has_bos = bos.n && str_starts(prompt, bos);
    out->n = 0;
    if (!tokenize(v, prompt, !has_bos, true, out, e))
        return false;
    if (out->n && v->add_eos && out->id[out->n - 1] == v->eos) /* an answer follows */
        out->n--;
    return true;
}
