/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the GGUF reader. What it accepts is read to the last byte, copied by the writer and read
 * again: the copy must be accepted and say the same. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/show.h"
#include "gguf/gguf_write.h"

static struct gguf *open_bytes(const void *p, size_t n)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    struct err e;
    must(fd >= 0 && write(fd, p, n) == (ssize_t)n);
    return gguf_take_fd(fd, "fuzz", &e);
}

static uint64_t touch(const unsigned char *p, uint64_t n)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < n; i++)
        sum += p[i];
    return sum;
}

static uint64_t touch_kv(const struct gguf_kv *kv)
{
    uint64_t sum = touch((const unsigned char *)kv->key.p, kv->key.n);
    for (uint64_t i = 0; i < kv->n; i++)
        sum += (uint64_t)gguf_int_at(kv, i) + (gguf_float_at(kv, i) > 0);
    for (uint64_t i = 0; kv->strings && i < kv->n; i++)
        sum += touch((const unsigned char *)kv->strings[i].p, kv->strings[i].n);
    struct buf shown;
    buf_init(&shown, 1 << 12);
    show_type(kv, &shown);
    show_value(kv, 60, &shown);
    must(!shown.bad && shown.n < 200);
    buf_clear(&shown);
    return sum + touch((const unsigned char *)kv->text.p, kv->text.n);
}

static uint64_t touch_all(const struct gguf *g)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < g->n_kv; i++) {
        sum += touch_kv(&g->kv[i]);
        must(g->kv[i].type <= GGUF_F64 && g->kv[i].elem != GGUF_ARRAY);
    }
    for (uint64_t i = 0; i < g->n_tensors; i++) {
        sum += touch(g->tensors[i].data, g->tensors[i].n_bytes);
        must(gguf_tensor_find(g, g->tensors[i].name) == &g->tensors[i]);
    }
    return sum;
}

static struct gguf *copy(const struct gguf *g)
{
    struct gguf_writer w;
    struct buf b;
    struct err e;
    char name[512];
    gguf_write_init(&w, g->alignment);
    for (uint64_t i = 0; i < g->n_kv; i++)
        if (g->alignment == 32 || !str_is(g->kv[i].key, "general.alignment"))
            gguf_write_kv(&w, &g->kv[i]);
    for (uint64_t i = 0; i < g->n_tensors; i++) {
        const struct gguf_tensor *t = &g->tensors[i];
        memcpy(name, t->name.p, t->name.n);
        name[t->name.n] = '\0';
        gguf_write_tensor(&w, name, t->type, t->n_dim, t->ne, t->data);
    }
    buf_init(&b, (size_t)1 << 28);
    must(gguf_write_bytes(&w, &b, &e));
    struct gguf *again = open_bytes(b.p, b.n);
    gguf_write_clear(&w);
    buf_clear(&b);
    return again;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct gguf *g = open_bytes(p, n);
    if (!g)
        return 0;
    uint64_t sum = touch_all(g);
    if (g->alignment <= 4096) {
        struct gguf *same = copy(g);
        must(same && same->n_kv == g->n_kv && same->n_tensors == g->n_tensors);
        must(same->alignment != 32 || touch_all(same) == sum);
        gguf_close(same);
    }
    gguf_close(g);
    return 0;
}
