/* SPDX-License-Identifier: Apache-2.0 */
/* cli/lab_opts: the options all measuring commands share. */
#ifndef MOAT_CLI_LAB_OPTS_H
#define MOAT_CLI_LAB_OPTS_H

#include "cli/opts.h"
#include "compute/kv_type.h"
#include "compute/mat.h"

bool take_exact(void *precision, struct str none, struct err *e); /* for OPT_CALL */
bool take_fast(void *precision, struct str none, struct err *e);
bool parse_kv_type(void *kv_type, struct str value, struct err *e); /* for OPT_CALL */

#define KV_OPTION(out)                                                                             \
    {                                                                                              \
        "kv", 0, OPT_CALL, (out), "TYPE",                                                          \
            N_("keep keys and values as f16 (default), bf16, q8 or f32"), 0, 0, parse_kv_type      \
    }
/* --exact and --fast, of which one may be given. out: enum precision */
#define PRECISION_OPTIONS(out)                                                                     \
    {"exact", 0, OPT_CALL, (out), NULL, N_("form all sums in F32"), 0, 0, take_exact},             \
    {                                                                                              \
        "fast", 0, OPT_CALL, (out), NULL,                                                          \
            N_("read prompts in int8 where that is faster, a little less exactly"), 0, 0,          \
            take_fast                                                                              \
    }
#define THREADS_OPTION(out)                                                                        \
    {                                                                                              \
        "threads", 't', OPT_U32, (out), "N",                                                       \
            N_("threads (default: one for each core this process may use)"), 1, 1024, NULL         \
    }

#endif
