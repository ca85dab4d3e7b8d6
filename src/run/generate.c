/* SPDX-License-Identifier: Apache-2.0 */
/* run/generate: see generate.h. The body of `decode` is the journey: one named call a step. */
#include "run/generate.h"

#include <string.h>

#include "base/mem.h"
#include "base/os.h"
#include "engine/timeline.h"

struct generator {
    struct loaded l;
    struct timeline timeline;
    struct tokens prompt;
};

struct generator *generator_open(struct gguf *gguf, const struct settings *s,
                                 const struct load_options *o, struct memplan *plan, struct err *e)
{
    *plan = (struct memplan){0};
    struct generator *g = mem_new(1, sizeof *g, e);
    if (!g) {
        gguf_close(gguf);
        return NULL;
    }
    if (loaded_open(&g->l, gguf, s, o, plan, e) && timeline_new(&g->timeline, g->l.f, 0, e))
        return g;
    generator_close(g);
    return NULL;
}

void generator_close(struct generator *g)
{
    if (!g)
        return;
    tokens_clear(&g->prompt);
    timeline_free(&g->timeline);
    loaded_close(&g->l);
    mem_free(g);
}

const struct vocab *generator_vocab(const struct generator *g)
{
    return g->l.vocab;
}

const struct chat *generator_chat(const struct generator *g)
{
    return g->l.chat;
}

uint32_t generator_context(const struct generator *g)
{
    return loaded_context(&g->l);
}

uint32_t generator_context_trained(const struct generator *g)
{
    return g->l.model->h.n_ctx_train;
}

uint32_t generator_threads(const struct generator *g)
{
    return g->l.f->p.n_threads;
}

/* What one generation needs beside the generator. */
struct journey {
    struct generator *g;
    const atomic_bool *cancel;
    generate_text_fn *on_text;
    void *arg;
    struct generation *r;
    struct completion completion;
    uint64_t start_ns;
    bool first_shown;
};

static double seconds_since(uint64_t ns)
{
    return (double)(os_now_ns() - ns) * 1e-9;
}

/* Gives out what is certain; false when the caller wants no more. */
static bool show(struct journey *j)
{
    struct buf *shown = &j->completion.shown;
    if (shown->n == 0)
        return true;
    if (!j->first_shown)
        j->r->first_token_s = seconds_since(j->start_ns);
    j->first_shown = true;
    bool more = j->on_text(j->arg, buf_view(shown));
    buf_reset(shown);
    return more;
}

/* Samples until the answer ends. */
static bool decode(struct journey *j, struct err *e)
{
    struct timeline *t = &j->g->timeline;
    struct completion *c = &j->completion;
    for (;;) {
        uint32_t id;
        bool over;
        c->finish = FINISH_CANCELLED;
        if (j->cancel && atomic_load(j->cancel))
            return true;
        if (!completion_choose(c, t->logits, t->n, &id, e))
            return false;
        completion_take(c, t->n, id, &over);
        if (!show(j)) {
            c->finish = FINISH_CANCELLED;
            return true;
        }
        if (over)
            return true;
        if (!timeline_push(t, id, e))
            return false;
    }
}

static bool answer(struct journey *j, struct err *e)
{
    const struct tokens *prompt = &j->g->prompt;
    uint64_t t0 = os_now_ns();
    j->r->n_prompt = (uint32_t)prompt->n;
    if (!timeline_sync(&j->g->timeline, prompt->id, (uint32_t)prompt->n, j->cancel, &j->r->n_reused,
                       e)) {
        j->r->finish = FINISH_CANCELLED;
        return e->code == ERR_CANCELLED;
    }
    j->r->prompt_s = seconds_since(t0);
    t0 = os_now_ns();
    if (!decode(j, e))
        return false;
    completion_end(&j->completion);
    (void)show(j);
    j->r->decode_s = seconds_since(t0);
    j->r->finish = j->completion.finish;
    return true;
}

bool generate(struct generator *g, struct str prompt, const struct settings *s,
              const atomic_bool *cancel, generate_text_fn *on_text, void *arg,
              struct generation *result, struct err *e)
{
    *result = (struct generation){0};
    struct journey j = {.g = g,
                        .cancel = cancel,
                        .on_text = on_text,
                        .arg = arg,
                        .r = result,
                        .start_ns = os_now_ns()};
    bool ok = loaded_tokenize(&g->l, prompt, &g->prompt, e) &&
              completion_start(&j.completion, &g->l, s, &g->prompt, e) && answer(&j, e);
    result->seed = j.completion.seed;
    result->n_generated = j.completion.n_generated;
    memcpy(result->stop, j.completion.stopped, sizeof result->stop);
    completion_clear(&j.completion);
    return ok;
}
