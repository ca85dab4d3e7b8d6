/* SPDX-License-Identifier: Apache-2.0 */
/* engine/deltanet: the gated delta rule (Yang, Kautz & Hatamizadeh 2024), see recurrent.h.
 *
 * A value head keeps a matrix S of d x d, values by keys. A token lets it decay, replaces what S
 * says of its key by its value as far as beta goes, and asks S for its query:
 *
 *   S = exp(g) S,  S += beta (v - S k) k',  o = S q / sqrt(d)
 *
 * q, k and v come through a short convolution, q and k of length 1; what comes out is normalised
 * and gated by z. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "compute/ops.h"
#include "engine/arch.h"
#include "engine/recurrent.h"

/* Buffers of activations.spare; hparams_delta sizes them. */
enum { SPARE_QKV, SPARE_Z, SPARE_BA, SPARE_MIXED };

static float softplus(float x)
{
    return x > 20.0f ? x : log1pf(expf(x));
}

/* --- q, k, v and z ------------------------------------------------------------------------------
 */

/* Old files mix them: for each key head its q, its k, its values' v, their z. */
static void unmix(struct task *t)
{
    const struct hparams *h = &t->f->m->h;
    const struct activations *a = &t->f->act;
    size_t d = h->d_delta, keys = d * h->n_delta_k, values = d * h->n_delta_v;
    size_t share = values / h->n_delta_k, group = 2 * d + 2 * share;
    uint32_t from, to;
    task_share(t, t->n_tok, &from, &to);
    for (size_t i = from; i < to; i++)
        for (size_t j = 0; j < h->n_delta_k; j++) {
            const float *in = a->spare[SPARE_MIXED] + (i * h->n_delta_k + j) * group;
            float *qkv = a->spare[SPARE_QKV] + i * (2 * keys + values);
            memcpy(qkv + j * d, in, d * sizeof *in);
            memcpy(qkv + keys + j * d, in + d, d * sizeof *in);
            memcpy(qkv + 2 * keys + j * share, in + 2 * d, share * sizeof *in);
            memcpy(a->spare[SPARE_Z] + i * values + j * share, in + 2 * d + share,
                   share * sizeof *in);
        }
    task_barrier(t);
}

static void project(struct task *t, const struct layer *l, const float *x)
{
    const struct activations *a = &t->f->act;
    const struct hparams *h = &t->f->m->h;
    float *beta = a->spare[SPARE_BA], *alpha = beta + (size_t)t->n_tok * h->n_delta_v;
    bool mixed = !l->delta_qkv.data, joint = l->delta_ba.data != NULL;
    struct product p[4];
    uint32_t n = 0;
    if (mixed) {
        p[n++] = (struct product){.w = &l->delta_mixed, .y = a->spare[SPARE_MIXED]};
    } else {
        p[n++] = (struct product){.w = &l->delta_qkv, .y = a->spare[SPARE_QKV]};
        p[n++] = (struct product){.w = &l->delta_z, .y = a->spare[SPARE_Z]};
    }
    p[n++] = (struct product){.w = joint ? &l->delta_ba : &l->delta_beta, .y = beta};
    if (!joint)
        p[n++] = (struct product){.w = &l->delta_alpha, .y = alpha};
    task_enter(t, STAGE_QKV);
    block_norm(t, x, l->attn_norm, p, n);
    block_products(t, p, n);
    task_enter(t, STAGE_RECURRENT);
    if (mixed)
        unmix(t);
}

/* The convolution with SiLU after it. */
static void convolve(struct task *t, const struct layer *l)
{
    const struct hparams *h = &t->f->m->h;
    uint32_t width = h->d_delta * (2 * h->n_delta_k + h->n_delta_v), chunk;
    uint32_t n_chunks = (width + CONV_CHANNELS - 1) / CONV_CHANNELS;
    float *x = t->f->act.spare[SPARE_QKV];
    const struct conv conv = {
        .x = x, .weight = l->conv, .stride = width, .channels = width, .taps = h->conv_taps};
    while (task_next(t, n_chunks, &chunk)) {
        uint32_t from = chunk * CONV_CHANNELS, left = width - from;
        uint32_t n = left < CONV_CHANNELS ? left : CONV_CHANNELS;
        conv_channels(t, l, &conv, from, from + n);
        for (size_t i = 0; i < t->n_tok; i++)
            t->f->kernels->gated(x + i * width + from, NULL, GATE_SILU, n);
    }
    task_barrier(t);
}

/* Queries and keys to length 1. */
static void normalise_keys(struct task *t)
{
    const struct hparams *h = &t->f->m->h;
    uint32_t d = h->d_delta, width = d * (2 * h->n_delta_k + h->n_delta_v), from, to;
    task_share(t, t->n_tok, &from, &to);
    for (size_t i = from; i < to; i++)
        for (size_t j = 0; j < 2 * h->n_delta_k; j++) {
            float *x = t->f->act.spare[SPARE_QKV] + i * width + j * d;
            float square = t->f->kernels->dot(x, x, d);
            t->f->kernels->scale(x, 1.0f / sqrtf(square + h->norm_eps), d);
        }
    task_barrier(t);
}

/* --- the rule -----------------------------------------------------------------------------------
 */

/* Where a row's beta and alpha of a value head lie. */
static void gates(const struct task *t, const struct layer *l, uint32_t row, uint32_t head,
                  float *beta, float *alpha)
{
    const struct hparams *h = &t->f->m->h;
    const float *ba = t->f->act.spare[SPARE_BA];
    uint32_t n = h->n_delta_v, group = n / h->n_delta_k;
    if (l->delta_ba.data) {
        ba += (size_t)row * 2 * n + (size_t)(head / group) * 2 * group + head % group;
        *beta = ba[0];
        *alpha = ba[group];
    } else {
        *beta = ba[(size_t)row * n + head];
        *alpha = ba[((size_t)t->f->batch.n + row) * n + head];
    }
}

/* All tokens of one value head, then norm and gate. */
static void run_head(struct task *t, const struct layer *l, uint32_t head, bool interleaved)
{
    const struct forward *f = t->f;
    const struct hparams *h = &f->m->h;
    uint32_t d = h->d_delta, keys = d * h->n_delta_k, width = 2 * keys + d * h->n_delta_v;
    uint32_t key = interleaved ? head / (h->n_delta_v / h->n_delta_k) : head % h->n_delta_k;
    size_t skip = (size_t)(h->conv_taps - 1) * width + (size_t)head * d * d;
    for (uint32_t i = 0; i < f->batch.n; i++) {
        float *row = f->act.spare[SPARE_QKV] + (size_t)i * width;
        float *v = row + 2 * keys + head * d, beta, alpha;
        float *z = f->act.spare[SPARE_Z] + ((size_t)i * h->n_delta_v + head) * d;
        gates(t, l, i, head, &beta, &alpha);
        struct delta_token token = {
            .state = kv_state(f->kv, l, f->batch.seq[i]) + skip,
            .q = row + key * d,
            .k = row + keys + key * d,
            .v = v,
            .d = d,
            .decay = expf(l->delta_a[head] * softplus(alpha + l->delta_dt[head])),
            .beta = sigmoid(beta)};
        f->kernels->delta(&token);
        f->kernels->norm(v, l->delta_norm, h->norm_eps, v, d);
        f->kernels->gated(z, v, GATE_SILU, d);
    }
}

/* Sequences of a batch, whose states are read and written. */
static uint32_t sequences(const struct batch *b)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < b->n; i++)
        n += i == 0 || b->seq[i] != b->seq[i - 1];
    return n;
}

void block_delta_net(struct task *t, const struct layer *l, bool interleaved, const float *x,
                     float *y, bool add)
{
    const struct hparams *h = &t->f->m->h;
    const struct product out = {.w = &l->delta_out, .y = y, .add = add};
    uint32_t values = h->n_delta_v * h->d_delta, head;
    float *z = t->f->act.spare[SPARE_Z];
    project(t, l, x);
    convolve(t, l);
    normalise_keys(t);
    task_count(t, 8 * (uint64_t)values * h->d_delta * sequences(&t->f->batch),
               3 * (uint64_t)values * h->d_delta * t->n_tok);
    while (task_next(t, h->n_delta_v, &head))
        run_head(t, l, head, interleaved);
    task_barrier(t);
    block_keep_wanted(t, l, z, values, values);
    task_enter(t, STAGE_OUTPUT);
    block_input(t, z, t->n_tok, values, &out, 1);
    block_products(t, &out, 1);
}

/* --- attention beside it ------------------------------------------------------------------------
 */

void block_gated_attention(struct task *t, const struct layer *l, const float *x, float *y,
                           bool add)
{
    const struct activations *a = &t->f->act;
    const struct hparams *h = &t->f->m->h;
    float *both = a->spare[SPARE_QKV];
    const struct product qkv[] = {{.w = &l->wq, .bias = l->bq, .y = both},
                                  {.w = &l->wk, .bias = l->bk, .y = a->k},
                                  {.w = &l->wv, .bias = l->bv, .y = a->v}};
    const struct product out = {.w = &l->wo, .y = y, .add = add};
    size_t d = h->d_head;
    uint32_t from, to;
    task_enter(t, STAGE_QKV);
    block_norm(t, x, l->attn_norm, qkv, 3);
    block_products(t, qkv, 3);
    task_enter(t, STAGE_ATTENTION);
    task_share(t, t->n_tok, &from, &to);
    for (uint32_t i = from; i < to; i++) {
        for (size_t j = (size_t)i * h->n_head; j < (size_t)(i + 1) * h->n_head; j++)
            memcpy(a->q + j * d, both + j * 2 * d, d * sizeof *both);
        norm_and_rotate(t, l, i, a->q, h->n_head, l->q_norm);
        norm_and_rotate(t, l, i, a->k, h->n_head_kv, l->k_norm);
    }
    attend(t, l);
    task_share(t, t->n_tok, &from, &to);
    for (size_t j = (size_t)from * h->n_head; j < (size_t)to * h->n_head; j++)
        for (size_t c = 0; c < d; c++)
            a->a[j * d + c] *= sigmoid(both[(2 * j + 1) * d + c]);
    task_barrier(t);
    block_keep_wanted(t, l, a->a, h->n_head * h->d_head_v, h->n_head * h->d_head_v);
    task_enter(t, STAGE_OUTPUT);
    block_input(t, a->a, t->n_tok, h->n_head * h->d_head_v, &out, 1);
    block_products(t, &out, 1);
}

/* --- sizes --------------------------------------------------------------------------------------
 */

static bool read_recurrent(struct hparams *h, const struct gguf *g, struct err *e)
{
    char key[128];
    uint32_t interval = 4;
    snprintf(key, sizeof key, "%s.attention.recurrent_layers", h->arch->name);
    const struct gguf_kv *kv = gguf_find(g, key);
    if (kv && kv->type == GGUF_ARRAY) {
        if (!(gguf_is_integer(kv->elem) || kv->elem == GGUF_BOOL) ||
            kv->n != h->n_layer + h->n_layer_draft)
            return fail(e, ERR_CORRUPT,
                        "%s does not say for each of the %u layers whether it is recurrent", key,
                        h->n_layer);
        for (uint32_t i = 0; i < h->n_layer; i++)
            h->recurrent[i] = gguf_int_at(kv, i) != 0;
        return true;
    }
    if (!hparams_u32(g, h, "full_attention_interval", 1, LIMIT_LAYERS, &interval, e))
        return false;
    for (uint32_t i = 0; i < h->n_layer; i++)
        h->recurrent[i] = (i + 1) % interval != 0;
    return true;
}

static bool read_sizes(struct hparams *h, const struct gguf *g, uint32_t *inner, struct err *e)
{
    static const char *const keys[] = {"ssm.conv_kernel", "ssm.inner_size", "ssm.state_size",
                                       "ssm.time_step_rank", "ssm.group_count"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!hparams_required(g, h, keys[i], e))
            return false;
    return hparams_u32(g, h, "ssm.conv_kernel", 1, LIMIT_CONV_TAPS, &h->conv_taps, e) &&
           hparams_u32(g, h, "ssm.inner_size", 1, LIMIT_WIDTH, inner, e) &&
           hparams_u32(g, h, "ssm.state_size", 1, LIMIT_STATE_SIZE, &h->d_delta, e) &&
           hparams_u32(g, h, "ssm.time_step_rank", 1, LIMIT_HEADS, &h->n_delta_v, e) &&
           hparams_u32(g, h, "ssm.group_count", 1, LIMIT_HEADS, &h->n_delta_k, e);
}

bool hparams_delta(struct hparams *h, const struct gguf *g, struct err *e)
{
    uint32_t inner = 0;
    if (!read_sizes(h, g, &inner, e) || !read_recurrent(h, g, e))
        return false;
    uint64_t values = (uint64_t)h->d_delta * h->n_delta_v;
    uint64_t width = 2 * (uint64_t)h->d_delta * h->n_delta_k + values;
    uint64_t q = (uint64_t)h->n_head * h->d_head;
    if (values != inner || width > LIMIT_WIDTH || h->n_delta_v % h->n_delta_k)
        return fail(e, ERR_CORRUPT,
                    "the sizes of the model's recurrent layers (%u heads of %u, %u groups, width "
                    "%u) do not fit together",
                    h->n_delta_v, h->d_delta, h->n_delta_k, inner);
    if (h->d_head != h->d_head_v)
        return fail(e, ERR_UNSUPPORTED,
                    "attention heads of %u and %u: with gates they must be equal", h->d_head,
                    h->d_head_v);
    h->attn_scale = 1.0f / sqrtf((float)h->d_head);
    h->expert_scale = 1;
    h->widest = inner;
    h->d_state = (h->conv_taps - 1) * width + values * h->d_delta;
    h->d_spare[SPARE_QKV] = width > 2 * q ? width : 2 * q;
    h->d_spare[SPARE_Z] = values;
    h->d_spare[SPARE_BA] = 2 * (uint64_t)h->n_delta_v;
    h->d_spare[SPARE_MIXED] = width + values;
    return true;
}

bool hparams_gated_experts(struct hparams *h, const struct gguf *g, struct err *e)
{
    h->d_ff_expert = h->d_ff / h->n_expert_used;
    h->d_ff_shared = h->d_ff;
    return hparams_u32(g, h, "expert_feed_forward_length", 1, LIMIT_WIDTH, &h->d_ff_expert, e) &&
           hparams_u32(g, h, "expert_shared_feed_forward_length", 1, LIMIT_WIDTH, &h->d_ff_shared,
                       e);
}
