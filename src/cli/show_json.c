/* SPDX-License-Identifier: Apache-2.0 */
/* cli/show_json: see show.h. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "cli/show.h"

/* Written as \u: what could steer a terminal that shows the text. */
static bool is_escaped(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x200e || c == 0x200f ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static void put_char(uint32_t c)
{
    char bytes[4];
    if (c == '"' || c == '\\')
        printf("\\%c", (int)c);
    else if (c == '\n')
        fputs("\\n", stdout);
    else if (is_escaped(c))
        printf("\\u%04x", (unsigned)c);
    else
        fwrite(bytes, 1, str_utf8_put(c, bytes), stdout);
}

static void put_str(struct str s)
{
    putchar('"');
    for (size_t at = 0; at < s.n;)
        put_char(str_utf8_next(s, &at));
    putchar('"');
}

static void put_element(const struct gguf_kv *kv, uint64_t i)
{
    struct buf text;
    if (kv->elem == GGUF_STRING) {
        put_str(kv->type == GGUF_ARRAY ? kv->strings[i] : kv->text);
    } else if (!isfinite(gguf_float_at(kv, i))) {
        fputs("null", stdout);
    } else {
        buf_init(&text, 64);
        show_number(kv, i, &text);
        fputs(buf_c(&text), stdout);
        buf_clear(&text);
    }
}

void show_json_value(const struct gguf_kv *kv)
{
    if (kv->type != GGUF_ARRAY) {
        put_element(kv, 0);
        return;
    }
    putchar('[');
    for (uint64_t i = 0; i < kv->n; i++) {
        fputs(i ? ", " : "", stdout);
        put_element(kv, i);
    }
    putchar(']');
}

static void put_tensor(const struct gguf_tensor *t)
{
    fputs("    {\"name\": ", stdout);
    put_str(t->name);
    printf(", \"type\": \"%s\", \"shape\": [", dtype_name(t->type));
    for (uint32_t i = 0; i < t->n_dim; i++)
        printf("%s%" PRIu64, i ? ", " : "", t->ne[i]);
    printf("], \"bytes\": %" PRIu64 ", \"part\": %u, \"offset\": %" PRIu64 "}", t->n_bytes,
           t->split + 1, t->file_offset);
}

void show_json_file(const struct gguf *g, const char *path)
{
    fputs("{\n  \"file\": ", stdout);
    put_str(str_of(path));
    printf(",\n  \"version\": %u,\n  \"alignment\": %u,\n  \"parts\": %u,\n  \"bytes\": %" PRIu64
           ",\n  \"metadata\": {\n",
           g->version, g->alignment, g->n_splits, g->file_bytes);
    for (uint64_t i = 0; i < g->n_kv; i++) {
        fputs("    ", stdout);
        put_str(g->kv[i].key);
        fputs(": ", stdout);
        show_json_value(&g->kv[i]);
        fputs(i + 1 < g->n_kv ? ",\n" : "\n", stdout);
    }
    fputs("  },\n  \"tensors\": [\n", stdout);
    for (uint64_t i = 0; i < g->n_tensors; i++) {
        put_tensor(&g->tensors[i]);
        fputs(i + 1 < g->n_tensors ? ",\n" : "\n", stdout);
    }
    fputs("  ]\n}\n", stdout);
}
