/* SPDX-License-Identifier: Apache-2.0 */
/* engine/recurrent: blocks of layers that carry a state from token to token (engine/state) instead
 * of looking back at all of them.
 *
 * As in blocks.h every thread calls them with the same arguments. Tokens of a sequence are taken in
 * the order of the batch, by one thread for each channel or head: the bits do not depend on how a
 * sequence is cut into batches or shared among threads. */
#ifndef MOAT_ENGINE_RECURRENT_H
#define MOAT_ENGINE_RECURRENT_H

#include "engine/blocks.h"
#include "engine/state.h"

/* y (+)= out(c * conv(b * v)), [b, c, v] = in(norm(x)): a short convolution between two gates. */
void block_short_conv(struct task *t, const struct layer *l, const float *x, float *y, bool add);

/* y (+)= the gated delta rule (Yang et al. 2024) over norm(x). interleaved: key heads serve
 * neighbouring value heads, and ba holds each key head's beta and alpha together. */
void block_delta_net(struct task *t, const struct layer *l, bool interleaved, const float *x,
                     float *y, bool add);

/* block_attention whose result is multiplied by the sigmoid of gates that wq gives beside each
 * head's query. */
void block_gated_attention(struct task *t, const struct layer *l, const float *x, float *y,
                           bool add);

/* A causal convolution of `taps` along the sequence for channels from..to of x [n][stride], in
 * place. weight [taps][channels]; of the layer's state the first [taps - 1][channels] floats. gate
 * [n][stride], or NULL, multiplies what comes in. */
struct conv {
    float *x;
    const float *gate, *weight;
    uint32_t stride, channels, taps;
};
void conv_channels(const struct task *t, const struct layer *l, const struct conv *c, uint32_t from,
                   uint32_t to);

/* deltanet.c: the sizes of the delta rule's layers, and which they are. */
bool hparams_delta(struct hparams *h, const struct gguf *g, struct err *e) MUST_USE;
/* expert_feed_forward_length and expert_shared_feed_forward_length, with their defaults. */
bool hparams_gated_experts(struct hparams *h, const struct gguf *g, struct err *e) MUST_USE;

/* For the tables of architectures that have recurrent layers and others: the attention of those. */
#define PART_SOME_QKV(field, name, rows, whole, first)                                             \
    LAYER_MAT_OR(field, name, rows, DIM_MODEL, IF_ATTENTION, "attn_qkv.weight", whole, first)
#define PART_SOME_QKV_BIAS(field, name, n, whole, first)                                           \
    LAYER_VEC_OR(field, name, n, OPTIONAL | IF_ATTENTION, "attn_qkv.bias", whole, first)
#define TENSORS_SOME_ATTENTION(q, qk, qkv)                                                         \
    LAYER_VEC(attn_norm.weight, "attn_norm.weight", DIM_MODEL, REQUIRED),                          \
        PART_SOME_QKV(wq, "attn_q.weight", q, qkv, DIM_NONE),                                      \
        PART_SOME_QKV(wk, "attn_k.weight", DIM_K, qkv, q),                                         \
        PART_SOME_QKV(wv, "attn_v.weight", DIM_V, qkv, qk),                                        \
        PART_SOME_QKV_BIAS(bq, "attn_q.bias", q, qkv, DIM_NONE),                                   \
        PART_SOME_QKV_BIAS(bk, "attn_k.bias", DIM_K, qkv, q),                                      \
        PART_SOME_QKV_BIAS(bv, "attn_v.bias", DIM_V, qkv, qk),                                     \
        LAYER_MAT(wo, "attn_output.weight", DIM_MODEL, DIM_ATTN, IF_ATTENTION),                    \
        LAYER_VEC(q_norm, "attn_q_norm.weight", DIM_HEAD, IF_ATTENTION),                           \
        LAYER_VEC(k_norm, "attn_k_norm.weight", DIM_HEAD, IF_ATTENTION)
#define TENSORS_GATED_ATTENTION TENSORS_SOME_ATTENTION(DIM_Q2, DIM_Q2K, DIM_Q2KV)
/* need: of q, k, v and z, which old files hold in another way */
#define TENSORS_DELTA_NET(need)                                                                    \
    LAYER_MAT(delta_qkv, "attn_qkv.weight", DIM_DELTA_QKV, DIM_MODEL, (need) | IF_RECURRENT),      \
        LAYER_MAT(delta_z, "attn_gate.weight", DIM_DELTA_VALUES, DIM_MODEL,                        \
                  (need) | IF_RECURRENT),                                                          \
        LAYER_COLUMNS(conv, "ssm_conv1d.weight", DIM_DELTA_QKV, DIM_TAPS, IF_RECURRENT),           \
        LAYER_VEC(delta_dt, "ssm_dt.bias", DIM_DELTA_HEADS, IF_RECURRENT),                         \
        LAYER_VEC(delta_a, "ssm_a", DIM_DELTA_HEADS, IF_RECURRENT),                                \
        LAYER_VEC(delta_norm, "ssm_norm.weight", DIM_DELTA_HEAD, IF_RECURRENT),                    \
        LAYER_MAT(delta_out, "ssm_out.weight", DIM_MODEL, DIM_DELTA_VALUES, IF_RECURRENT)

/* Channels handed out at once. */
#define CONV_CHANNELS 64u

#endif
