/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch: the list of architectures, and what several of them do. */
#include "engine/arch.h"

#include <math.h>
#include <stdio.h>

#include "engine/model.h"

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

void arch_init_windowed(const struct model *m, struct layer *l)
{
    bool local = m->h.windowed[l->index];
    l->window = local ? m->h.window : 0;
    l->rope = local ? &m->rope_local : &m->rope;
}

float arch_embed_scale(const struct hparams *h)
{
    return sqrtf((float)h->d_model);
}
