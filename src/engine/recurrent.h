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
 * place. weight [channels][taps]; of the layer's state the first [taps - 1][channels] floats. gate
 * [n][stride], or NULL, multiplies what comes in. */
struct conv {
    float *x;
    const float *gate, *weight;
    uint32_t stride, channels, taps;
};
void conv_channels(const struct task *t, const struct layer *l, const struct conv *c, uint32_t from,
                   uint32_t to);

/* Channels handed out at once. */
#define CONV_CHANNELS 64u

#endif
