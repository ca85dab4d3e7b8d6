/* SPDX-License-Identifier: Apache-2.0 */
/* ops/forecast: see forecast.h. */
#include "ops/forecast.h"

#include "run/memplan.h"

#define N_CTX         8192u
#define N_BATCH       512u
#define PROGRAM_BYTES (16ull << 20)
#define TOKEN_BYTES   200u /* of vocabulary and merges, a token */

static const struct shape {
    const char *size;
    uint32_t n_layer, d_model, d_ff, n_head, n_head_kv, d_head, n_vocab;
    bool tied; /* the embedding is the output matrix too */
} shapes[FORECAST_SIZES] = {
    {"0.6B", 28, 1024, 3072, 16, 8, 128, 151936, true},
    {"1.5B", 28, 1536, 8960, 12, 2, 128, 151936, true},
    {"7B", 28, 3584, 18944, 28, 4, 128, 152064, false},
    {"14B", 48, 5120, 13824, 40, 8, 128, 152064, false},
    {"32B", 64, 5120, 27648, 40, 8, 128, 152064, false},
};

/* What a format makes of each kind of matrix. */
static const struct quant {
    const char *name;
    enum dtype most, value, output; /* value: attention's values and the down projection, where
                                       `mixed` layers have more bits */
    bool mixed;
} quants[FORECAST_QUANTS] = {
    {"Q4_K_M", DTYPE_Q4_K, DTYPE_Q6_K, DTYPE_Q6_K, true},
    {"Q8_0", DTYPE_Q8_0, DTYPE_Q8_0, DTYPE_Q8_0, false},
    {"F16", DTYPE_F16, DTYPE_F16, DTYPE_F16, false},
};

/* Of Q4_K_M the first and the last eighth of the layers have more bits, and every third between. */
static bool has_more_bits(uint32_t layer, uint32_t n)
{
    return layer < n / 8 || layer >= 7 * n / 8 || (layer - n / 8) % 3 == 2;
}

static void add(struct decode_work *w, enum dtype t, uint64_t rows, uint64_t cols)
{
    w->bytes[t] += rows * (cols / dtype_block(t) * dtype_bytes(t));
}

static void add_layer(struct decode_work *w, const struct shape *s, const struct quant *q,
                      uint32_t layer)
{
    uint64_t d_q = (uint64_t)s->n_head * s->d_head, d_kv = (uint64_t)s->n_head_kv * s->d_head;
    enum dtype value = has_more_bits(layer, s->n_layer) ? q->value : q->most;
    add(w, q->most, d_q, s->d_model);
    add(w, q->most, d_kv, s->d_model);
    add(w, value, d_kv, s->d_model);
    add(w, q->most, s->d_model, d_q);
    add(w, q->most, 2ull * s->d_ff, s->d_model);
    add(w, value, s->d_model, s->d_ff);
}

static uint64_t rest_of_memory(const struct shape *s)
{
    uint64_t kv = 2ull * 2 * s->n_layer * s->n_head_kv * s->d_head * N_CTX;
    uint64_t scratch = 4ull * N_BATCH * (8ull * s->d_model + 3ull * s->d_ff);
    return kv + scratch + (uint64_t)TOKEN_BYTES * s->n_vocab + PROGRAM_BYTES;
}

static struct forecast of(const struct shape *s, const struct quant *q)
{
    struct forecast f = {.size = s->size, .quant = q->name, .fits = FITS_NOT};
    for (uint32_t i = 0; i < s->n_layer; i++)
        add_layer(&f.work, s, q, i);
    add(&f.work, q->output, s->n_vocab, s->d_model);
    f.work.n_layer = s->n_layer;
    struct decode_work stored = f.work;
    if (!s->tied)
        add(&stored, q->most, s->n_vocab, s->d_model);
    f.weights = decode_work_bytes(&stored);
    f.memory = f.weights + rest_of_memory(s);
    return f;
}

void forecast_sizes(struct forecast f[FORECASTS])
{
    for (uint32_t i = 0; i < FORECASTS; i++)
        f[i] = of(&shapes[i / FORECAST_QUANTS], &quants[i % FORECAST_QUANTS]);
}

void forecast_judge(struct forecast *f, const struct host *h, const struct measured *m)
{
    uint64_t left = host_memory_free(&h->memory), reserve = left / 20;
    uint64_t now = left - (reserve < (512u << 20) ? reserve : (512u << 20));
    uint64_t most = host_memory_total(&h->memory) / 10 * 9;
    f->fits = f->memory <= now ? FITS_NOW : f->memory <= most ? FITS_FREED : FITS_NOT;
    f->tokens_per_s = decode_speed_predict(&m->decode, &f->work);
}

const struct forecast *forecast_best(const struct forecast f[FORECASTS], double tokens_per_s)
{
    const struct forecast *best = NULL;
    for (uint32_t i = 0; i < FORECASTS; i += FORECAST_QUANTS)
        if (f[i].fits == FITS_NOW && f[i].tokens_per_s >= tokens_per_s)
            best = &f[i];
    return best;
}

bool forecast_file(struct forecast *f, const char *name, const struct gguf *g, struct err *e)
{
    struct memplan plan = {0};
    *f = (struct forecast){.size = name, .fits = FITS_NOT};
    struct model *m = model_new(g, NULL, e);
    bool ok = m && model_can_generate(m, e) && decode_work_of(&f->work, g, e);
    if (ok) {
        const struct forward_params p = {
            .kv = {.type = KV_F16,
                   .n_ctx = m->h.n_ctx_train < N_CTX ? m->h.n_ctx_train : N_CTX,
                   .n_seq = 1,
                   .n_batch = N_BATCH},
            .n_threads = os_cpu_count(),
            .n_logits = 1};
        memplan_of(&plan, g, m, &p);
        memplan_sum(&plan);
        f->weights = plan.weights;
        f->memory = plan.total;
    }
    model_free(m);
    return ok;
}
