/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch: the list of architectures. */
#include "engine/arch.h"

#include <stdio.h>

static const struct arch *const table[] = {
#define X(name) &arch_##name,
    ARCH_TABLE(X)
#undef X
};

#define N_ARCHS (sizeof table / sizeof *table)

const struct arch *arch_find(struct str name)
{
    for (size_t i = 0; i < N_ARCHS; i++)
        if (str_is(name, table[i]->name))
            return table[i];
    return NULL;
}

void arch_names(char *out, size_t cap)
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < N_ARCHS && n < cap; i++)
        n += (size_t)snprintf(out + n, cap - n, "%s%s", i ? ", " : "", table[i]->name);
}
