/* SPDX-License-Identifier: Apache-2.0 */
/* lab/importance: see importance.h. */
#include "lab/importance.h"

#include <math.h>
#include <stdio.h>

#include "base/limits.h"
#include "compute/quant.h"

bool importance_open(struct importance *m, const char *path, struct err *e)
{
    struct str type = {0};
    m->g = gguf_open(path, e);
    if (!m->g)
        return false;
    if (gguf_get_str(m->g, "general.type", &type, e) && str_is(type, "imatrix"))
        return true;
    fail(e, ERR_UNSUPPORTED,
         "%s is not an importance matrix in GGUF form; make one with moat imatrix", path);
    importance_close(m);
    return false;
}

void importance_close(struct importance *m)
{
    gguf_close(m->g);
    m->g = NULL;
}

static const struct gguf_tensor *find(const struct importance *m, struct str name, const char *end)
{
    char full[LIMIT_GGUF_TENSOR_NAME + 16];
    int n = snprintf(full, sizeof full, "%.*s.%s", (int)name.n, name.p, end);
    const struct gguf_tensor *t = gguf_tensor_find(m->g, (struct str){full, (size_t)n});
    return t && t->type == DTYPE_F32 ? t : NULL;
}

/* A matrix that saw nothing says nothing: it counts as if all its columns mattered alike. */
static bool mean(const float *sum, float count, uint64_t n, float *out, const char *name,
                 struct err *e)
{
    for (uint64_t i = 0; i < n; i++) {
        out[i] = count > 0 ? sum[i] / count : 1;
        if (!(out[i] >= 0 && isfinite(out[i])))
            return fail(e, ERR_CORRUPT,
                        "the importance of a column of %s is not a number from 0 on", name);
    }
    return true;
}

bool importance_of(const struct importance *m, const struct gguf_tensor *t, float *out, bool *there,
                   struct err *e)
{
    const struct gguf_tensor *sums = find(m, t->name, "in_sum2");
    const struct gguf_tensor *counts = find(m, t->name, "counts");
    char name[LIMIT_GGUF_TENSOR_NAME + 1];
    bool any = false;
    *there = false;
    if (!sums || !counts)
        return true;
    snprintf(name, sizeof name, "%.*s", (int)t->name.n, t->name.p);
    if (sums->ne[0] != t->ne[0] || sums->ne[1] != t->ne[2] || counts->ne[0] != 1 ||
        counts->ne[1] != t->ne[2] || sums->ne[2] != 1 || counts->ne[2] != 1)
        return fail(e, ERR_CORRUPT,
                    "the importance matrix has other sizes for %s: it was made with another model",
                    name);
    for (uint64_t i = 0; i < t->ne[2]; i++) {
        float count, *row = out + i * t->ne[0];
        f32_decode(counts->data + 4 * i, &count, 1);
        f32_decode(sums->data + i * sums->row_bytes, row, t->ne[0]);
        any = any || count > 0;
        if (!mean(row, count, t->ne[0], row, name, e))
            return false;
    }
    *there = any;
    return true;
}
