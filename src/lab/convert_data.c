/* SPDX-License-Identifier: Apache-2.0 */
/* lab/convert_data: the bytes of one tensor of the output, in pieces.
 *
 * Values go from the mapping through a buffer of CONVERT_VALUES; the pages of a tensor that is done
 * are given back, so memory stays the same whatever the model's size. */
#include <math.h>
#include <string.h>

#include "base/os.h"
#include "compute/quant.h"
#include "lab/convert_private.h"

struct pour {
    struct conversion *c;
    const struct planned *p;
    struct gguf_sink *out;
    uint32_t n; /* values in c->values */
};

static void decode(const struct safetensor *t, uint64_t from, uint64_t n, float *out)
{
    const unsigned char *p = t->data + from * safetensor_type_bytes(t->type);
    switch (t->type) {
    case SAFETENSOR_F16:
        f16_decode(p, out, n);
        break;
    case SAFETENSOR_BF16:
        bf16_decode(p, out, n);
        break;
    case SAFETENSOR_F64:
        for (uint64_t i = 0; i < n; i++) {
            double d;
            memcpy(&d, p + 8 * i, 8);
            out[i] = (float)d;
        }
        break;
    default:
        f32_decode(p, out, n);
    }
}

/* An F16 ends at 65504: what was finite must stay so. */
static bool encode_f16(const struct planned *p, const float *x, uint32_t n, uint16_t *out,
                       struct err *e)
{
    for (uint32_t i = 0; i < n; i++) {
        out[i] = f32_to_f16(x[i]);
        if ((out[i] & 0x7fff) == 0x7c00 && isfinite(x[i]))
            return fail(e, ERR_UNSUPPORTED,
                        "tensor %s holds %g, which does not fit F16; use --type bf16 or f32",
                        p->from->name.p, (double)x[i]);
    }
    return true;
}

static bool flush(struct pour *w, struct err *e)
{
    const float *x = w->c->values;
    uint16_t *half = w->c->encoded;
    uint32_t n = w->n;
    w->n = 0;
    if (w->p->type == DTYPE_F32)
        return gguf_put(w->out, x, 4ull * n, e);
    if (w->p->type == DTYPE_F16) {
        if (!encode_f16(w->p, x, n, half, e))
            return false;
    } else {
        for (uint32_t i = 0; i < n; i++)
            half[i] = f32_to_bf16(x[i]);
    }
    return gguf_put(w->out, half, 2ull * n, e);
}

#define FORGET (8u << 20) /* bytes of a tensor after which their pages are given back */

static bool tell(struct conversion *c, uint64_t bytes, struct err *e)
{
    c->done += bytes;
    return !c->o->progress || c->o->progress(c->o->arg, c->done, c->total) ||
           fail(e, ERR_CANCELLED, "stopped; nothing was written");
}

/* Values from.. of the input, n of them. */
static bool pour(struct pour *w, uint64_t from, uint64_t n, struct err *e)
{
    const struct safetensor *t = w->p->from;
    float plus = w->c->family->norm_less_one && w->p->step == STEP_NORM ? 1.0f : 0.0f;
    uint64_t size = safetensor_type_bytes(t->type), kept = from;
    while (n) {
        uint64_t room = CONVERT_VALUES - w->n, part = n < room ? n : room;
        float *x = w->c->values + w->n;
        decode(t, from, part, x);
        for (uint64_t i = 0; plus > 0 && i < part; i++)
            x[i] += plus;
        w->n += (uint32_t)part;
        from += part;
        n -= part;
        if (w->n == CONVERT_VALUES && (!flush(w, e) || !tell(w->c, CONVERT_VALUES * size, e)))
            return false;
        if ((from - kept) * size >= FORGET) {
            os_map_forget(t->data + kept * size, (from - kept) * size);
            kept = from;
        }
    }
    return true;
}

/* Row 2 i + j of a head is its row j d/2 + i: neighbours turn together instead of halves. */
static bool pour_turned(struct pour *w, uint32_t heads, struct err *e)
{
    const struct safetensor *t = w->p->from;
    uint64_t rows = t->shape[0], cols = t->n_values / rows, d = rows / heads;
    for (uint64_t r = 0; r < rows; r++) {
        uint64_t in_head = r % d, from = r - in_head + in_head % 2 * (d / 2) + in_head / 2;
        if (!pour(w, from * cols, cols, e))
            return false;
    }
    return true;
}

bool convert_make(void *conversion, uint64_t tensor, struct gguf_sink *out, struct err *e)
{
    struct conversion *c = conversion;
    const struct planned *p = &c->plan[tensor];
    struct pour w = {.c = c, .p = p, .out = out};
    uint64_t before = c->done;
    bool turned = c->family->turns_pairs && (p->step == STEP_Q || p->step == STEP_K);
    bool ok = turned ? pour_turned(&w, p->step == STEP_Q ? c->n_head : c->n_head_kv, e)
                     : pour(&w, 0, p->from->n_values, e);
    ok = ok && (w.n == 0 || flush(&w, e));
    os_map_forget(p->from->data, p->from->n_bytes);
    c->done = before;
    return ok && tell(c, p->from->n_bytes, e);
}
