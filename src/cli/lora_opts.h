/* SPDX-License-Identifier: Apache-2.0 */
/* cli/lora_opts: --lora FILE[=SCALE], which may be given several times. */
#ifndef MOAT_CLI_LORA_OPTS_H
#define MOAT_CLI_LORA_OPTS_H

#include "cli/opts.h"
#include "engine/lora.h"

struct lora_opts {
    struct {
        char *model; /* owned */
        float scale;
    } v[LIMIT_ADAPTERS];
    uint32_t n;
};

bool take_lora(void *lora_opts, struct str value, struct err *e); /* for OPT_CALL */
/* The files, if they may be used here (store/admit). */
bool lora_opts_open(const struct lora_opts *o, struct lora_files *out, struct err *e) MUST_USE;

#define LORA_OPTION(out)                                                                           \
    {                                                                                              \
        "lora", 0, OPT_CALL, (out), "FILE",                                                        \
            N_("a LoRA adapter over the model; FILE=SCALE uses it at another scale than 1; may "   \
               "be "                                                                               \
               "given several times"),                                                             \
            0, 0, take_lora                                                                        \
    }

#endif
