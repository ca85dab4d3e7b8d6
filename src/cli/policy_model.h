/* SPDX-License-Identifier: Apache-2.0 */
/* cli/policy_model: what a policy has to say of a model: hashes of its file and packed weights. */
#ifndef MOAT_CLI_POLICY_MODEL_H
#define MOAT_CLI_POLICY_MODEL_H

#include "guard/policy.h"

/* Fills in size, sha256, tree, template and pack; makes the pack where there is none yet. */
bool policy_model_read(struct policy_model *m, const char *model, struct err *e) MUST_USE;

#endif
