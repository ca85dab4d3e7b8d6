/* SPDX-License-Identifier: Apache-2.0 */
/* lab/decode_speed: see decode_speed.h. */
#include "lab/decode_speed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/os.h"
#include "gguf/gguf_write.h"
#include "lab/bench.h"

#define N_VOCAB     64u /* so that layers are all there is */
#define D_HEAD      64u
#define N_TOKENS    32u
#define RUNS        3u
#define RESERVE     (256ull << 20) /* left to the rest of the machine */
#define FILL_BYTE   0x11           /* small, finite numbers in every format */
#define MOST_LAYERS 512u

/* Sizes of a made-up model: those of a 3B one, and of one of a hundred million weights. */
struct shape {
    uint32_t d_model, d_ff, n_head, n_head_kv, n_layer;
};
static const struct shape wide = {2048, 8192, 32, 8, 0}, narrow = {512, 1536, 8, 2, 0};

static const struct part {
    const char *name;
    enum { OF_MODEL, OF_KV, OF_FF } rows, cols;
} parts[] = {
    {"attn_q", OF_MODEL, OF_MODEL},      {"attn_k", OF_KV, OF_MODEL},   {"attn_v", OF_KV, OF_MODEL},
    {"attn_output", OF_MODEL, OF_MODEL}, {"ffn_gate", OF_FF, OF_MODEL}, {"ffn_up", OF_FF, OF_MODEL},
    {"ffn_down", OF_MODEL, OF_FF},
};
enum { N_PARTS = sizeof parts / sizeof *parts };

static uint32_t size_of(const struct shape *s, int which)
{
    return which == OF_FF ? s->d_ff : which == OF_KV ? s->n_head_kv * D_HEAD : s->d_model;
}

/* Bytes of weights of one layer; 0: the format cannot hold them. */
static uint64_t layer_bytes(const struct shape *s, enum dtype t)
{
    uint64_t sum = 0, row;
    for (int i = 0; i < N_PARTS; i++) {
        if (!dtype_row_bytes(t, size_of(s, parts[i].cols), &row))
            return 0;
        sum += row * size_of(s, parts[i].rows);
    }
    return sum;
}

static void add_metadata(struct gguf_writer *w, const struct shape *s)
{
    gguf_write_str(w, "general.architecture", STR("llama"));
    gguf_write_u32(w, "llama.block_count", s->n_layer);
    gguf_write_u32(w, "llama.context_length", 4 * N_TOKENS);
    gguf_write_u32(w, "llama.embedding_length", s->d_model);
    gguf_write_u32(w, "llama.feed_forward_length", s->d_ff);
    gguf_write_u32(w, "llama.attention.head_count", s->n_head);
    gguf_write_u32(w, "llama.attention.head_count_kv", s->n_head_kv);
    gguf_write_f32(w, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
}

static void add_vector(struct gguf_writer *w, const char *name, uint32_t n, const void *data)
{
    gguf_write_tensor(w, name, DTYPE_F32, 1, (uint64_t[]){n}, data);
}

static void add_layer(struct gguf_writer *w, const struct shape *s, uint32_t layer, enum dtype t,
                      const void *data)
{
    char name[64];
    snprintf(name, sizeof name, "blk.%u.attn_norm.weight", layer);
    add_vector(w, name, s->d_model, data);
    snprintf(name, sizeof name, "blk.%u.ffn_norm.weight", layer);
    add_vector(w, name, s->d_model, data);
    for (int i = 0; i < N_PARTS; i++) {
        snprintf(name, sizeof name, "blk.%u.%s.weight", layer, parts[i].name);
        gguf_write_tensor(w, name, t, 2,
                          (uint64_t[]){size_of(s, parts[i].cols), size_of(s, parts[i].rows)}, data);
    }
}

/* data: as many bytes as the largest tensor has. */
static bool write_model(const struct shape *s, enum dtype t, const void *data, struct buf *out,
                        struct err *e)
{
    struct gguf_writer w;
    gguf_write_init(&w, 64);
    add_metadata(&w, s);
    gguf_write_tensor(&w, "token_embd.weight", DTYPE_F32, 2, (uint64_t[]){s->d_model, N_VOCAB},
                      data);
    add_vector(&w, "output_norm.weight", s->d_model, data);
    for (uint32_t i = 0; i < s->n_layer; i++)
        add_layer(&w, s, i, t, data);
    bool ok = gguf_write_bytes(&w, out, e);
    gguf_write_clear(&w);
    return ok;
}

static struct gguf *make_model(const struct shape *s, enum dtype t, struct err *e)
{
    struct gguf *g = NULL;
    struct buf bytes;
    uint64_t widest = (uint64_t)s->d_ff * s->d_model * sizeof(float);
    unsigned char *data = mem_new_lazy(widest, 1, e);
    buf_init(&bytes, s->n_layer * (layer_bytes(s, t) + (64u << 10)) + widest);
    if (data) {
        memset(data, FILL_BYTE, widest);
        int fd = write_model(s, t, data, &bytes, e) ? os_memory_file(buf_view(&bytes), e) : -1;
        g = fd >= 0 ? gguf_take_fd(fd, "made-up model", e) : NULL;
    }
    mem_free_lazy(data, widest, 1);
    buf_clear(&bytes);
    return g;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Seconds a token takes, in the median of the runs. */
static bool time_token(const struct shape *s, enum dtype t, uint32_t threads, double *seconds,
                       struct err *e)
{
    struct lab lab = {0};
    struct bench_result *r = mem_new(1, sizeof *r, e);
    const struct bench_params b = {.n_decode = N_TOKENS, .sequences = 1, .runs = RUNS};
    const struct packed_params pack = {0};
    const struct lab_params p = {.n_ctx = 2 * N_TOKENS,
                                 .n_seq = 1,
                                 .n_batch = 16,
                                 .n_logits = 1,
                                 .threads = threads,
                                 .pack = &pack};
    struct gguf *g = r ? make_model(s, t, e) : NULL;
    bool ok = g && lab_open(&lab, g, &p, e) && bench_run(&lab, &b, r, e);
    if (ok) {
        qsort(r->decode_tps, RUNS, sizeof *r->decode_tps, by_value);
        *seconds = 1 / r->decode_tps[RUNS / 2];
    }
    lab_close(&lab);
    mem_free(r);
    return ok;
}

/* Layers enough for so many bytes, and the time of a token through them. */
static bool time_shape(struct shape s, enum dtype t, uint32_t threads, uint64_t bytes,
                       struct decode_work *w, double *seconds, struct err *e)
{
    uint64_t each = layer_bytes(&s, t), n = each ? (bytes + each - 1) / each : 0;
    if (each == 0)
        return fail(e, ERR_UNSUPPORTED, "%s is not a format that can be measured", dtype_name(t));
    s.n_layer = n < 1 ? 1 : n > MOST_LAYERS ? MOST_LAYERS : (uint32_t)n;
    uint64_t need = 3 * s.n_layer * each + RESERVE; /* written, as a file, packed */
    if (need > os_memory_free())
        return fail(e, ERR_LIMIT, "measuring takes %llu MiB, and there are only %llu",
                    (unsigned long long)(need >> 20), (unsigned long long)(os_memory_free() >> 20));
    *w = (struct decode_work){.n_layer = s.n_layer};
    w->bytes[t] = s.n_layer * each;
    return time_token(&s, t, threads, seconds, e);
}

bool decode_speed_measure(struct decode_speed *s, enum dtype t, uint32_t threads, uint64_t bytes,
                          struct err *e)
{
    struct decode_work w;
    double seconds;
    if (!time_shape(wide, t, threads, bytes, &w, &seconds, e))
        return false;
    double layers = s->layer_s * w.n_layer;
    s->rate[t] = (double)w.bytes[t] / (seconds > 2 * layers ? seconds - layers : seconds / 2);
    if (s->layer_s > 0)
        return true;
    if (!time_shape(narrow, t, threads, bytes, &w, &seconds, e))
        return false;
    s->layer_s = (seconds - (double)w.bytes[t] / s->rate[t]) / w.n_layer;
    s->layer_s = s->layer_s > 0 ? s->layer_s : 1e-9;
    return true;
}

/* "blk.3.ffn_up_exps.weight" */
static bool is_experts(struct str name)
{
    return str_find(name, STR("_exps.")) != SIZE_MAX;
}

static bool expert_share(const struct gguf *g, double *share, struct err *e)
{
    struct str arch = STR("");
    char key[128];
    uint32_t n = 0, used = 0;
    if (!gguf_get_str(g, "general.architecture", &arch, e))
        return false;
    snprintf(key, sizeof key, "%.*s.expert_count", STR_ARG(arch));
    if (!gguf_get_u32(g, key, &n, e))
        return false;
    snprintf(key, sizeof key, "%.*s.expert_used_count", STR_ARG(arch));
    if (!gguf_get_u32(g, key, &used, e))
        return false;
    *share = n && used < n ? (double)used / n : 1;
    return true;
}

bool decode_work_of(struct decode_work *w, const struct gguf *g, struct err *e)
{
    double share;
    bool tied = !gguf_tensor_find(g, STR("output.weight"));
    *w = (struct decode_work){0};
    if (!expert_share(g, &share, e))
        return false;
    for (uint64_t i = 0; i < g->n_tensors; i++) {
        const struct gguf_tensor *t = &g->tensors[i];
        bool looked_up = str_is(t->name, "token_embd.weight") && !tied;
        if (str_starts(t->name, STR("blk.")) && str_ends(t->name, STR(".attn_norm.weight")))
            w->n_layer++;
        if (t->n_dim >= 2 && !looked_up)
            w->bytes[t->type] +=
                is_experts(t->name) ? (uint64_t)((double)t->n_bytes * share) : t->n_bytes;
    }
    return true;
}

uint64_t decode_work_bytes(const struct decode_work *w)
{
    uint64_t sum = 0;
    for (int t = 0; t < DTYPE_COUNT; t++)
        sum += w->bytes[t];
    return sum;
}

double decode_speed_predict(const struct decode_speed *s, const struct decode_work *w)
{
    double seconds = s->layer_s * w->n_layer;
    for (int t = 0; t < DTYPE_COUNT; t++) {
        if (w->bytes[t] && s->rate[t] <= 0)
            return 0;
        if (w->bytes[t])
            seconds += (double)w->bytes[t] / s->rate[t];
    }
    return seconds > 0 ? 1 / seconds : 0;
}
