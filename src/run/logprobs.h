/* SPDX-License-Identifier: Apache-2.0 */
/* run/logprobs: how likely a token was, and which others were likely: as the model says, before any
 * setting of the sampler. */
#ifndef MOAT_RUN_LOGPROBS_H
#define MOAT_RUN_LOGPROBS_H

#include <jansson.h>

#include "text/vocab.h"

/* {"id", "token", "bytes", "logprob", "top": [the same without top, most likely first]}: logits
 * [n], n_top <= JOB_LOGPROBS. NULL: out of memory. */
json_t *logprobs_of(const struct vocab *v, const float *logits, uint32_t n, uint32_t id,
                    uint32_t n_top) MUST_USE;

#endif
