/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel: see kernel.h. A new instruction set is one line in `levels`. */
#include "compute/kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compute/cpu.h"

static const struct {
    const struct kernels *table;
    bool (*supported)(void);
} levels[] = {
    /* weakest first; one that this CPU lacks is left out, those after it may still be there */
    {&kernels_ref, cpu_any},
#if defined(__x86_64__)
    {&kernels_avx2, cpu_has_avx2},
    {&kernels_avxvnni, cpu_has_avx_vnni},
    {&kernels_avx512, cpu_has_avx512_vnni},
    {&kernels_avx512bf16, cpu_has_avx512_bf16},
    {&kernels_amx, cpu_has_amx_bf16},
#elif defined(__aarch64__)
    {&kernels_neon, cpu_any},
    {&kernels_dotprod, cpu_has_dotprod},
    {&kernels_i8mm, cpu_has_i8mm},
#endif
};

#define N_LEVELS (sizeof levels / sizeof *levels)

/* Replaces what the stronger table has. */
static void overlay(struct kernels *k, const struct kernels *over)
{
#define X(field)                                                                                   \
    if (over->field)                                                                               \
        k->field = over->field;
    X(isa)
    X(form)
    X(act)
    X(matmul)
    X(gated_matmul)
    X(dot)
    X(axpy)
    X(scale) X(gated) X(norm) X(attend) X(attend_prompt) X(delta) X(from_f16) X(to_f16) X(peak)
#undef X
}

static bool check_name(const char *wanted, struct err *e)
{
    char names[128] = "";
    for (size_t i = 0; i < N_LEVELS; i++) {
        if (strcmp(wanted, levels[i].table->isa) == 0)
            return levels[i].supported() ||
                   fail(e, ERR_UNSUPPORTED, "this CPU has no %s, which MOAT_ISA asks for", wanted);
        size_t n = strlen(names);
        snprintf(names + n, sizeof names - n, "%s%s", n ? ", " : "", levels[i].table->isa);
    }
    return fail(e, ERR_USAGE, "MOAT_ISA=%s is not an instruction set of this build (%s)", wanted,
                names);
}

const struct kernels *kernel_init(struct err *e)
{
    static struct kernels chosen; /* the same for every call of a process */
    const char *wanted = getenv("MOAT_ISA");
    if (wanted && !check_name(wanted, e))
        return NULL;
    struct kernels k = {0};
    for (size_t i = 0; i < N_LEVELS; i++) {
        if (levels[i].supported())
            overlay(&k, levels[i].table);
        if (wanted && strcmp(wanted, levels[i].table->isa) == 0)
            break;
    }
    chosen = k;
    return &chosen;
}
