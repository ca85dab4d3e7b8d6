/* SPDX-License-Identifier: Apache-2.0 */
/* cli/lora_opts: see lora_opts.h. */
#include "cli/lora_opts.h"

#include <string.h>

#include "base/mem.h"
#include "cli/open_model.h"

/* What is behind the last "=", where it is a number: a file's name may have one too. */
static struct str split_scale(struct str value, float *scale)
{
    double number;
    size_t at = value.n;
    while (at > 0 && value.p[at - 1] != '=')
        at--;
    *scale = 1;
    if (at <= 1 || !str_to_f64(str_from(value, at), &number))
        return value;
    *scale = (float)number;
    return str_sub(value, 0, at - 1);
}

bool take_lora(void *lora_opts, struct str value, struct err *e)
{
    struct lora_opts *o = lora_opts;
    float scale;
    struct str model = split_scale(value, &scale);
    if (o->n == LIMIT_ADAPTERS)
        return fail(e, ERR_USAGE, "--lora: %u adapters are the most", LIMIT_ADAPTERS);
    if (scale < -1000 || scale > 1000)
        return fail(e, ERR_USAGE, "--lora: the scale must be from -1000 to 1000");
    char *copy = mem_new(model.n + 1, 1, e);
    if (!copy)
        return false;
    memcpy(copy, model.p, model.n);
    o->v[o->n].model = copy;
    o->v[o->n++].scale = scale;
    return true;
}

bool lora_opts_open(const struct lora_opts *o, struct lora_files *out, struct err *e)
{
    out->n = 0;
    for (uint32_t i = 0; i < o->n; i++) {
        struct gguf *g = open_model(o->v[i].model, e);
        if (!g) {
            lora_files_close(out);
            return false;
        }
        out->v[out->n++] = (struct lora_file){g, o->v[i].scale};
    }
    return true;
}
