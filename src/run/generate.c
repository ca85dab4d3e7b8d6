/* SPDX-License-Identifier: Apache-2.0 */
/* run/generate: see generate.h. The body of `answer` is the journey: one named call a step. */
#include "run/generate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/os.h"
#include "engine/timeline.h"
#include "run/breakers.h"
#include "run/shift.h"
#include "run/state.h"
#include "run/stop.h"
#include "text/detok.h"
#include "text/mask_cache.h"
#include "text/tokenize.h"

#define DEFAULT_CONTEXT 8192u
#define PREFILL_BATCH   512u

struct generator {
    struct gguf *g;
    struct vocab *vocab;
    struct chat *chat;
    struct model *model;
    struct packed packed;
    struct forward *f;
    struct timeline timeline;
    struct tokens prompt;
    struct mask_cache *masks; /* of grammars; made for the first */
    struct rope_options rope;
    struct hash identity; /* of the model, for saved states */
    bool identified;
};

const char *finish_name(enum finish f)
{
    static const char *const names[] = {"end", "stop", "length", "context", "cancelled"};
    return names[f];
}

static bool choose_context(const struct model *m, const struct settings *s, uint32_t *n_ctx,
                           struct err *e)
{
    uint32_t trained = m->h.n_ctx_train, reach = m->h.n_ctx_reach;
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

static bool make_plan(const struct generator *g, const struct forward_params *p,
                      const struct generator_options *o, struct memplan *plan, struct err *e)
{
    plan->budget = o->memory ? o->memory : memplan_free();
    plan->budget_given = o->memory != 0;
    memplan_of(plan, g->g, g->model, p);
    if (o->grammar)
        plan->text += mask_cache_most_bytes(g->model->h.n_vocab, 1);
    memplan_sum(plan);
    return memplan_check(plan, e);
}

static bool open_parts(struct generator *g, const struct settings *s,
                       const struct generator_options *o, struct memplan *plan, struct err *e)
{
    struct forward_params p = {
        .kv = {.type = o->kv, .n_seq = 1, .n_batch = PREFILL_BATCH},
        .n_threads = o->threads ? o->threads : os_cpu_count(),
        .n_logits = 1,
        .exact = o->exact,
    };
    if (!(g->model = model_new(g->g, &s->rope, e)) || !model_can_generate(g->model, e) ||
        !choose_context(g->model, s, &p.kv.n_ctx, e) || !make_plan(g, &p, o, plan, e) ||
        !(g->vocab = vocab_new(g->g, e)))
        return false;
    if (g->vocab->n_tokens > g->model->h.n_vocab)
        return fail(e, ERR_CORRUPT, "the vocabulary has %u tokens, but the model only %u",
                    g->vocab->n_tokens, g->model->h.n_vocab);
    g->chat = chat_new(g->g, g->vocab, e);
    if (!g->chat && e->code != ERR_NONE)
        return false;
    return packed_open_threads(&g->packed, g->model, g->g, o->pack, p.n_threads, e) &&
           (g->f = forward_new(g->model, &p, e)) && timeline_new(&g->timeline, g->f, 0, e);
}

struct generator *generator_open(struct gguf *gguf, const struct settings *s,
                                 const struct generator_options *o, struct memplan *plan,
                                 struct err *e)
{
    *plan = (struct memplan){0};
    struct generator *g = mem_new(1, sizeof *g, e);
    if (!g) {
        gguf_close(gguf);
        return NULL;
    }
    g->g = gguf;
    g->rope = s->rope;
    if (open_parts(g, s, o, plan, e))
        return g;
    generator_close(g);
    return NULL;
}

void generator_close(struct generator *g)
{
    if (!g)
        return;
    mask_cache_free(g->masks);
    tokens_clear(&g->prompt);
    timeline_free(&g->timeline);
    forward_free(g->f);
    chat_free(g->chat);
    vocab_free(g->vocab);
    model_free(g->model);
    packed_close(&g->packed);
    gguf_close(g->g);
    mem_free(g);
}

const struct vocab *generator_vocab(const struct generator *g)
{
    return g->vocab;
}

const struct chat *generator_chat(const struct generator *g)
{
    return g->chat;
}

uint32_t generator_context(const struct generator *g)
{
    return g->f->p.kv.n_ctx;
}

uint32_t generator_context_trained(const struct generator *g)
{
    return g->model->h.n_ctx_train;
}

uint32_t generator_threads(const struct generator *g)
{
    return g->f->p.n_threads;
}

uint32_t generator_length(const struct generator *g)
{
    return g->timeline.n;
}

static bool identify(struct generator *g, struct err *e)
{
    struct hash_stream s;
    bool ok = g->identified || hash_begin(&s, e);
    if (!ok || g->identified)
        return ok;
    for (uint32_t i = 0; ok && i < g->g->n_splits; i++) {
        struct str all = gguf_bytes(g->g, i);
        ok = hash_add(&s, all.p, all.n, e);
    }
    ok = ok && hash_add(&s, &g->rope, sizeof g->rope, e);
    g->identified = hash_end(&s, ok ? &g->identity : NULL, e) && ok;
    return g->identified;
}

bool generator_save(struct generator *g, const char *path, struct str attached, struct err *e)
{
    return identify(g, e) && state_write(&g->timeline, &g->identity, attached, path, e);
}

bool generator_restore(struct generator *g, const char *path, struct buf *attached, struct err *e)
{
    return identify(g, e) && state_read(&g->timeline, &g->identity, path, attached, e);
}

/* What one generation needs beside the generator. */
struct journey {
    struct generator *g;
    const struct settings *s;
    const atomic_bool *cancel;
    generate_text_fn *on_text;
    void *arg;
    struct generation *r;
    struct sampler *sampler;
    struct token_mask *mask; /* NULL: any token may follow */
    struct breakers breakers;
    struct shift shift;
    struct detok detok;
    struct stop stop;
    struct buf text;  /* whole characters from the last token */
    struct buf shown; /* the part of it that no stop sequence can swallow */
    uint64_t start_ns;
    bool first_shown;
};

static double seconds_since(uint64_t ns)
{
    return (double)(os_now_ns() - ns) * 1e-9;
}

/* The token that begins every text is always kept. */
static bool start_shift(struct journey *j, struct err *e)
{
    const struct tokens *prompt = &j->g->prompt;
    uint32_t keep = j->s->keep;
    if (!j->s->context_shift)
        return true;
    if (keep == 0 && prompt->id[0] == j->g->vocab->bos)
        keep = 1;
    j->r->n_kept = keep;
    return shift_init(&j->shift, generator_context(j->g), keep, e);
}

static void drop_oldest(struct journey *j)
{
    struct tokens *all = &j->g->prompt;
    uint32_t gone = j->shift.step ? shift_drop(&j->shift, all->id, (uint32_t)all->n) : 0;
    all->n -= gone;
    j->r->n_dropped += gone;
}

/* BOS goes in front unless the prompt's text already starts with it, as templates often do. */
static bool tokenize_prompt(struct journey *j, struct str prompt, struct err *e)
{
    const struct vocab *v = j->g->vocab;
    struct str bos = v->bos == TOKEN_NONE ? STR("") : vocab_text(v, v->bos);
    bool has_bos = bos.n && str_starts(prompt, bos);
    j->g->prompt.n = 0;
    if (!tokenize(v, prompt, !has_bos, true, &j->g->prompt, e))
        return false;
    size_t n = j->g->prompt.n;
    if (n && v->add_eos && j->g->prompt.id[n - 1] == v->eos) /* an answer follows */
        j->g->prompt.n = --n;
    if (n == 0)
        return fail(e, ERR_USAGE, "the prompt is empty, and the model has no token to start from");
    if (!start_shift(j, e))
        return false;
    if (n >= generator_context(j->g) && !j->shift.step)
        return fail(e, ERR_LIMIT,
                    "the prompt has %zu tokens, but the context holds %u with at least one for the "
                    "answer; raise it with --context or shorten the prompt",
                    n, generator_context(j->g));
    drop_oldest(j);
    j->r->n_prompt = (uint32_t)j->g->prompt.n;
    return true;
}

static bool start_sampler(struct journey *j, struct err *e)
{
    const struct settings *s = j->s;
    uint64_t seed = s->seed;
    if (!s->seed_set && !os_random(&seed, sizeof seed, e))
        return false;
    j->r->seed = s->seed_set ? seed : seed >> 11; /* a drawn seed fits JSON's exact integers */
    if (s->dry_multiplier > 0 && !breakers_find(&j->breakers, j->g->vocab, s, e))
        return false;
    struct sample_params p;
    settings_sample_params(s, &p);
    p.seed = j->r->seed;
    p.dry_breakers = j->breakers.id;
    p.n_dry_breakers = (uint32_t)j->breakers.n;
    j->sampler = sample_new(&p, j->g->model->h.n_vocab, generator_context(j->g), e);
    if (!j->sampler)
        return false;
    for (size_t i = 0; i < j->g->prompt.n; i++)
        sample_accept(j->sampler, j->g->prompt.id[i]);
    return true;
}

/* Gives out what is certain; false when the caller wants no more. */
static bool show(struct journey *j)
{
    if (j->shown.n == 0)
        return true;
    if (!j->first_shown)
        j->r->first_token_s = seconds_since(j->start_ns);
    j->first_shown = true;
    bool more = j->on_text(j->arg, buf_view(&j->shown));
    buf_reset(&j->shown);
    return more;
}

/* One token's text through the stop sequences to the caller. True: go on. */
static bool deliver(struct journey *j, uint32_t id, enum finish *finish)
{
    buf_reset(&j->text);
    detok_push(&j->detok, id, &j->text);
    const char *stopped = stop_push(&j->stop, buf_view(&j->text), &j->shown);
    if (!show(j)) {
        *finish = FINISH_CANCELLED;
        return false;
    }
    if (!stopped)
        return true;
    snprintf(j->r->stop, sizeof j->r->stop, "%s", stopped);
    j->r->stop[str_utf8_whole(str_of(j->r->stop))] = '\0';
    *finish = FINISH_STOP;
    return false;
}

static bool start_mask(struct journey *j, struct err *e)
{
    struct generator *g = j->g;
    if (!j->s->grammar)
        return true;
    if (!g->masks && !(g->masks = mask_cache_new(g->vocab, g->model->h.n_vocab, e)))
        return false;
    j->mask = mask_cache_begin(g->masks, j->s->grammar, e);
    return j->mask != NULL;
}

static uint32_t tokens_left(const struct journey *j)
{
    uint32_t room = generator_context(j->g) - j->g->timeline.n + 1; /* the last is not computed */
    if (j->shift.step)
        room = UINT32_MAX;
    uint32_t most = j->s->max_tokens ? j->s->max_tokens - j->r->n_generated : UINT32_MAX;
    return room < most ? room : most;
}

static bool get_mask(struct journey *j, const uint32_t **mask, struct err *e)
{
    uint64_t t0 = os_now_ns();
    bool ok = token_mask_get(j->mask, tokens_left(j), mask, e);
    j->r->mask_s += seconds_since(t0);
    return ok;
}

static bool accept(struct journey *j, uint32_t id, struct err *e)
{
    uint64_t t0 = os_now_ns();
    bool ok = token_mask_accept(j->mask, id, e);
    j->r->mask_s += seconds_since(t0);
    return ok;
}

static bool choose(struct journey *j, uint32_t *id, struct err *e)
{
    const uint32_t *mask = NULL;
    if (j->mask && !get_mask(j, &mask, e))
        return false;
    *id = sample(j->sampler, j->g->timeline.logits, mask);
    if (*id == UINT32_MAX && mask)
        return fail(e, ERR_UNSUPPORTED,
                    "no token of the vocabulary fits the grammar here, or logit_bias bans those "
                    "that do");
    if (*id == UINT32_MAX)
        return fail(e, ERR_CORRUPT,
                    "no token can follow: the model's logits are not numbers, or logit_bias "
                    "bans them all");
    sample_accept(j->sampler, *id);
    if (!j->mask || *id >= j->g->vocab->n_tokens || vocab_ends_answer(j->g->vocab, *id))
        return true;
    return accept(j, *id, e);
}

/* The context is full: what stays of it, and one more, is computed anew. */
static bool push_shifted(struct journey *j, uint32_t id, struct err *e)
{
    struct tokens *all = &j->g->prompt;
    struct timeline *t = &j->g->timeline;
    uint32_t reused;
    all->n = 0;
    for (uint32_t i = 0; i < t->n; i++)
        if (!tokens_push(all, t->token[i], e))
            return false;
    if (!tokens_push(all, id, e))
        return false;
    drop_oldest(j);
    return timeline_sync(t, all->id, (uint32_t)all->n, j->cancel, &reused, e);
}

static bool is_full(const struct journey *j)
{
    return j->g->timeline.n >= generator_context(j->g);
}

static bool push(struct journey *j, uint32_t id, struct err *e)
{
    return is_full(j) ? push_shifted(j, id, e) : timeline_push(&j->g->timeline, id, e);
}

/* Samples until the answer ends; says why it did. */
static bool decode(struct journey *j, enum finish *finish, struct err *e)
{
    for (;;) {
        if (j->cancel && atomic_load(j->cancel)) {
            *finish = FINISH_CANCELLED;
            return true;
        }
        uint32_t id;
        if (!choose(j, &id, e))
            return false;
        j->r->n_generated++;
        *finish = FINISH_END;
        if (id >= j->g->vocab->n_tokens)
            return fail(e, ERR_CORRUPT,
                        "the model chose token %u, for which its vocabulary has no text", id);
        if (vocab_ends_answer(j->g->vocab, id) || !deliver(j, id, finish))
            return true;
        if (j->mask && token_mask_over(j->mask))
            return true;
        *finish = FINISH_LENGTH;
        if (j->s->max_tokens && j->r->n_generated >= j->s->max_tokens)
            return true;
        *finish = FINISH_CONTEXT;
        if (is_full(j) && !j->shift.step)
            return true;
        *finish = FINISH_CANCELLED;
        if (!push(j, id, e))
            return e->code == ERR_CANCELLED;
    }
}

/* What detok and stop still hold back, once nothing can follow. */
static void flush(struct journey *j, enum finish finish)
{
    if (finish == FINISH_STOP || finish == FINISH_CANCELLED)
        return;
    buf_reset(&j->text);
    detok_flush(&j->detok, &j->text);
    if (!stop_push(&j->stop, buf_view(&j->text), &j->shown))
        stop_flush(&j->stop, &j->shown);
    (void)show(j);
}

static bool answer(struct journey *j, struct str prompt, struct err *e)
{
    if (!tokenize_prompt(j, prompt, e) || !start_sampler(j, e) || !start_mask(j, e))
        return false;
    uint64_t t0 = os_now_ns();
    if (!timeline_sync(&j->g->timeline, j->g->prompt.id, (uint32_t)j->g->prompt.n, j->cancel,
                       &j->r->n_reused, e)) {
        j->r->finish = FINISH_CANCELLED;
        return e->code == ERR_CANCELLED;
    }
    j->r->prompt_s = seconds_since(t0);
    t0 = os_now_ns();
    if (!decode(j, &j->r->finish, e))
        return false;
    flush(j, j->r->finish);
    j->r->decode_s = seconds_since(t0);
    return true;
}

bool generate(struct generator *g, struct str prompt, const struct settings *s,
              const atomic_bool *cancel, generate_text_fn *on_text, void *arg,
              struct generation *result, struct err *e)
{
    *result = (struct generation){0};
    struct journey j = {.g = g,
                        .s = s,
                        .cancel = cancel,
                        .on_text = on_text,
                        .arg = arg,
                        .r = result,
                        .start_ns = os_now_ns()};
    buf_init(&j.text, LIMIT_TEXT_BYTES);
    buf_init(&j.shown, LIMIT_TEXT_BYTES);
    detok_init(&j.detok, g->vocab, s->special);
    detok_continue(&j.detok);
    bool ok =
        stop_init(&j.stop, s->stop_sequences.v, s->stop_sequences.n, e) && answer(&j, prompt, e);
    stop_clear(&j.stop);
    sample_free(j.sampler);
    token_mask_free(j.mask);
    breakers_clear(&j.breakers);
    buf_clear(&j.text);
    buf_clear(&j.shown);
    return ok;
}
