/* SPDX-License-Identifier: Apache-2.0 */
/* run/memplan: see memplan.h. */
#include "run/memplan.h"

#include <libintl.h>
#include <stdio.h>

#include "base/os.h"
#include "compute/kv_block.h"

#define PROGRAM_BYTES (16ull << 20) /* code, libraries and stacks, measured without a model */

/* An upper estimate of what vocabulary, merges and template take once indexed. */
static uint64_t text_bytes(const struct gguf *g)
{
    uint64_t sum = 1u << 20;
    for (uint64_t i = 0; i < g->n_kv; i++)
        if (str_starts(g->kv[i].key, STR("tokenizer.")) && g->kv[i].type == GGUF_ARRAY)
            sum += g->kv[i].n * 96;
    return sum;
}

void memplan_of(struct memplan *p, const struct gguf *g, const struct model *m,
                const struct forward_params *f)
{
    *p = (struct memplan){.weights = m->weight_bytes,
                          .adapters = m->lora_bytes,
                          .kv = kv_bytes(m, &f->kv),
                          .states = states_bytes(m, f->kv.n_seq),
                          .scratch = forward_bytes(m, f),
                          .text = text_bytes(g),
                          .program = PROGRAM_BYTES,
                          .budget = p->budget,
                          .budget_given = p->budget_given,
                          .n_ctx = f->kv.n_ctx,
                          .kv_type = f->kv.type};
    p->kv_per_token = p->kv / (f->kv.n_tokens ? f->kv.n_tokens : f->kv.n_ctx);
}

uint64_t memplan_free(void)
{
    uint64_t left = os_memory_free(), reserve = left / 20;
    return left - (reserve < (512u << 20) ? reserve : (512u << 20));
}

void memplan_sum(struct memplan *p)
{
    p->total =
        p->weights + p->kv + p->states + p->scratch + p->text + p->draft + p->adapters + p->program;
}

static double gib(uint64_t bytes)
{
    return (double)bytes / (1024.0 * 1024.0 * 1024.0);
}

static double mib(uint64_t bytes)
{
    return (double)bytes / (1024.0 * 1024.0);
}

bool memplan_check(const struct memplan *p, struct err *e)
{
    if (p->total <= p->budget)
        return true;
    if (p->budget_given)
        return fail(e, ERR_LIMIT, "the model needs %.1f MiB, more than the %.1f MiB of --memory",
                    mib(p->total), mib(p->budget));
    return fail(e, ERR_LIMIT, "the model needs %.1f MiB, but only %.1f MiB of memory are free",
                mib(p->total), mib(p->budget));
}

static void line(struct buf *out, const char *label, uint64_t bytes)
{
    buf_fmt(out, "  %10.1f MiB  %s\n", mib(bytes), label);
}

/* Tokens of context whose KV cache would still fit; 0 when even none would. */
static uint64_t context_that_fits(const struct memplan *p)
{
    uint64_t rest = p->total - p->kv;
    return rest < p->budget && p->kv_per_token ? (p->budget - rest) / p->kv_per_token : 0;
}

static void advise(const struct memplan *p, struct buf *out)
{
    uint64_t n_ctx = context_that_fits(p) / 64 * 64;
    buf_cstr(out, gettext("What would make it fit:\n"));
    if (n_ctx >= 64) {
        buf_fmt(out, "  --context %llu", (unsigned long long)n_ctx);
        buf_cstr(out, gettext("  (a shorter context)\n"));
    }
    if (p->draft)
        buf_cstr(out, gettext("  without --draft  (no draft model)\n"));
    if (p->kv_type != KV_Q8)
        buf_fmt(out, gettext("  --kv-type %s  (half the cache)\n"),
                p->kv_type == KV_F32 ? "f16" : "q8");
    if (p->budget_given)
        buf_fmt(out, gettext("  --memory %.1fG  (if the machine has it)\n"), gib(p->total) + 0.05);
    buf_cstr(out, gettext("  a smaller model, or the same one with fewer bits per weight\n"));
}

void memplan_render(const struct memplan *p, struct buf *out)
{
    char kv[128];
    snprintf(kv, sizeof kv, gettext("KV cache of %u tokens, %s"), p->n_ctx,
             kv_type_name(p->kv_type));
    line(out, gettext("weights"), p->weights);
    line(out, kv, p->kv);
    if (p->states)
        line(out, gettext("states of recurrent layers"), p->states);
    line(out, gettext("scratch of one pass"), p->scratch);
    line(out, gettext("vocabulary and templates"), p->text);
    if (p->draft)
        line(out, gettext("draft model"), p->draft);
    if (p->adapters)
        line(out, gettext("adapters"), p->adapters);
    line(out, gettext("the program itself"), p->program);
    line(out, gettext("sum"), p->total);
    line(out,
         p->budget_given ? gettext("budget (--memory)")
                         : gettext("budget (free memory less a reserve)"),
         p->budget);
    if (p->total > p->budget)
        advise(p, out);
}
