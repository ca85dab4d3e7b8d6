/* SPDX-License-Identifier: Apache-2.0 */
/* gguf/dtype: see dtype.h. */
#include "gguf/dtype.h"

static const struct {
    const char *name;
    uint32_t block, bytes;
} table[DTYPE_COUNT] = {
#define X(name, id, text, block, bytes) [id] = {text, block, bytes},
    DTYPE_TABLE(X)
#undef X
};

bool dtype_known(uint32_t id)
{
    return id < DTYPE_COUNT && table[id].name;
}

const char *dtype_name(enum dtype t)
{
    return table[t].name;
}

uint32_t dtype_block(enum dtype t)
{
    return table[t].block;
}

uint32_t dtype_bytes(enum dtype t)
{
    return table[t].bytes;
}

bool dtype_from_name(struct str name, enum dtype *out)
{
    for (uint32_t id = 0; id < DTYPE_COUNT; id++)
        if (table[id].name && str_is(name, table[id].name)) {
            *out = (enum dtype)id;
            return true;
        }
    return false;
}

bool dtype_row_bytes(enum dtype t, uint64_t n, uint64_t *bytes)
{
    return n % table[t].block == 0 &&
           !__builtin_mul_overflow(n / table[t].block, (uint64_t)table[t].bytes, bytes);
}
