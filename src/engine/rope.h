/* SPDX-License-Identifier: Apache-2.0 */
/* engine/rope: the rotation frequencies of a model. */
#ifndef MOAT_ENGINE_ROPE_H
#define MOAT_ENGINE_ROPE_H

#include "engine/model.h"

/* Frequencies base^(-2i/n_rot), divided by factors[i] where given (Llama 3), then scaled as the
 * model says: linear (Chen et al. 2023) or YaRN (Peng et al. 2023, section 3). YaRN's ext_factor is
 * the share of its kept frequencies that is kept indeed. */
bool rope_init(struct rope *r, const struct hparams *h, float base, bool scaled,
               const float *factors, struct arena *arena, struct err *e) MUST_USE;

/* Puts the options (NULL: none) in place of what the file says; then h->rope_* are in force. */
bool rope_apply(struct hparams *h, const struct rope_options *o, struct err *e) MUST_USE;
/* ERR_USAGE for options of a model whose layers turn nothing by its position. */
bool rope_check(const struct model *m, const struct rope_options *o, struct err *e) MUST_USE;

/* cos and sin of every angle at position pos: cs [n_rot / 2][2]. */
void rope_angles(const struct rope *r, uint32_t pos, float *cs);

#endif
