/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel: see kernel.h. A new instruction set is one line in `levels`. */
#include "compute/kernel.h"

#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("f16c");
}
#endif

static bool always(void)
{
    return true;
}

static const struct {
    const struct kernels *table;
    bool (*supported)(void);
} levels[] = {
    /* weakest first */
    {&kernels_ref, always},
#if defined(__x86_64__)
    {&kernels_avx2, has_avx2},
#endif
};

const struct kernels *kernel_init(struct err *e)
{
    const char *wanted = getenv("MOAT_ISA");
    const struct kernels *best = NULL;
    bool known = false;
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        bool named = wanted && strcmp(wanted, levels[i].table->isa) == 0;
        known = known || named;
        if (levels[i].supported() && (!wanted || named))
            best = levels[i].table;
    }
    if (!best && known)
        fail(e, ERR_UNSUPPORTED, "this CPU has no %s, which MOAT_ISA asks for", wanted);
    else if (!best)
        fail(e, ERR_USAGE, "MOAT_ISA=%s is not an instruction set of this build (ref, avx2)",
             wanted);
    return best;
}
