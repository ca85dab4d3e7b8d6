/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the reader of safetensors files: what it accepts is read to the last byte, every tensor is
 * found by its name, and together they are all there is. */
#include <sys/mman.h>
#include <unistd.h>

#include "gguf/safetensors.h"

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

static uint64_t touch(const struct safetensor *t)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < t->n_bytes; i++)
        sum += t->data[i];
    return sum;
}

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
    struct err e = {0};
    uint64_t sum = 0, bytes = 0;
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    must(fd >= 0 && write(fd, p, n) == (ssize_t)n);
    struct safetensors *s = safetensors_take_fd(fd, "fuzz", &e);
    must(s || e.msg[0]);
    for (uint64_t i = 0; s && i < s->n; i++) {
        const struct safetensor *t = &s->tensors[i];
        sum += touch(t);
        bytes += t->n_bytes;
        must(safetensors_find(s, t->name) == t);
        must(t->n_bytes == t->n_values * safetensor_type_bytes(t->type));
    }
    must(!s || (bytes < n && s->file_bytes == n));
    safetensors_close(s);
    return sum == UINT64_MAX;
}
