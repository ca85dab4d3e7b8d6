/* SPDX-License-Identifier: Apache-2.0 */
/* cli/show_value: see show.h. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/show.h"

void show_type(const struct gguf_kv *kv, struct buf *out)
{
    buf_cstr(out, gguf_type_name(kv->elem));
    if (kv->type == GGUF_ARRAY)
        buf_fmt(out, "[%" PRIu64 "]", kv->n);
}

void show_float(double v, bool f32, struct buf *out)
{
    char text[40];
    int least = f32 ? 6 : 15, most = f32 ? 9 : 17;
    for (int digits = least; digits <= most; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (f32 ? (double)strtof(text, NULL) == v : strtod(text, NULL) == v)
            break;
    }
    buf_cstr(out, isnan(v) ? "nan" : text);
}

void show_number(const struct gguf_kv *kv, uint64_t i, struct buf *out)
{
    if (kv->elem == GGUF_F32 || kv->elem == GGUF_F64)
        show_float(gguf_float_at(kv, i), kv->elem == GGUF_F32, out);
    else if (kv->elem == GGUF_BOOL)
        buf_cstr(out, gguf_int_at(kv, i) ? "true" : "false");
    else if (kv->elem == GGUF_U64)
        buf_fmt(out, "%" PRIu64, gguf_uint_at(kv, i));
    else
        buf_fmt(out, "%" PRId64, gguf_int_at(kv, i));
}

/* Adds s, cut to what is left of `end` bytes of out. */
static void add_cut(struct buf *out, struct str s, size_t end)
{
    size_t room = out->n < end ? end - out->n : 0;
    if (s.n <= room) {
        buf_str(out, s);
        return;
    }
    struct str head = str_sub(s, 0, room);
    head.n = str_utf8_whole(head);
    buf_str(out, head);
    buf_cstr(out, "...");
}

static void add_element(const struct gguf_kv *kv, uint64_t i, size_t end, struct buf *out)
{
    if (kv->elem != GGUF_STRING) {
        show_number(kv, i, out);
        return;
    }
    buf_byte(out, '"');
    add_cut(out, kv->strings[i], end);
    buf_byte(out, '"');
}

void show_value(const struct gguf_kv *kv, size_t max, struct buf *out)
{
    size_t end = out->n + max;
    if (kv->type == GGUF_STRING) {
        add_cut(out, kv->text, end);
    } else if (kv->type != GGUF_ARRAY) {
        show_number(kv, 0, out);
    } else {
        uint64_t i = 0;
        buf_byte(out, '[');
        for (; i < kv->n && (i == 0 || out->n + 12 < end); i++) {
            buf_cstr(out, i ? ", " : "");
            add_element(kv, i, end, out);
        }
        buf_cstr(out, i < kv->n ? ", ...]" : "]");
    }
}
