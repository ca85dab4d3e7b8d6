/* SPDX-License-Identifier: Apache-2.0 */
/* tests/gguf/oracle: the rules of a GGUF file written down a second time, slowly and plainly.
 *
 * Says whether a file is valid, by moat's rules, without the reader under test: sizes in 128 bits,
 * duplicates and overlaps by comparing every pair, UTF-8 by utf8proc. The corpus test demands that
 * reader and oracle agree on every mutated file. Part of test_corpus.c, which includes it. */
#include <string.h>
#include <utf8proc.h>

#include "base/limits.h"
#include "gguf/dtype.h"

typedef unsigned __int128 wide; /* sums and products of 64-bit numbers that cannot wrap twice */

enum { ORACLE_MAX = 64 }; /* entries and tensors: the corpus is made of small files */

struct oracle {
    const unsigned char *p;
    uint64_t n, at;
    bool bad;
    struct {
        const char *p;
        uint64_t n;
    } keys[ORACLE_MAX], names[ORACLE_MAX];
    struct {
        uint64_t from;
        wide bytes;
    } places[ORACLE_MAX];
    uint64_t n_kv, n_tensors, alignment, split_count;
};

static uint64_t oracle_int(struct oracle *o, unsigned n)
{
    uint64_t v = 0;
    if (o->bad || o->n - o->at < n) {
        o->bad = true;
        return 0;
    }
    memcpy(&v, o->p + o->at, n);
    o->at += n;
    return v;
}

static const char *oracle_str(struct oracle *o, uint64_t *n)
{
    *n = oracle_int(o, 8);
    const char *p = (const char *)o->p + o->at;
    if (o->bad || *n > o->n - o->at) {
        o->bad = true;
        *n = 0;
        return p;
    }
    o->at += *n;
    return p;
}

static bool oracle_text(const char *p, uint64_t n, uint64_t max)
{
    if (n == 0 || n > max)
        return false;
    for (uint64_t at = 0; at < n;) {
        utf8proc_int32_t c;
        utf8proc_ssize_t used =
            utf8proc_iterate((const utf8proc_uint8_t *)p + at, (utf8proc_ssize_t)(n - at), &c);
        if (used < 1 || c < 32 || c == 127)
            return false;
        at += (uint64_t)used;
    }
    return true;
}

static unsigned oracle_size(uint64_t type)
{
    static const unsigned char size[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    return type < sizeof size ? size[type] : 0;
}

static void oracle_one(struct oracle *o, uint64_t type)
{
    uint64_t n;
    if (type == 8)
        oracle_str(o, &n);
    else if (type == 7)
        o->bad |= oracle_int(o, 1) > 1;
    else if (oracle_size(type))
        oracle_int(o, oracle_size(type));
    else
        o->bad = true;
}

static void oracle_value(struct oracle *o, uint64_t type)
{
    if (type != 9) {
        oracle_one(o, type);
        return;
    }
    uint64_t elem = oracle_int(o, 4), n = oracle_int(o, 8);
    o->bad |= elem == 9 || elem > 12;
    for (uint64_t i = 0; i < n && !o->bad; i++)
        oracle_one(o, elem);
}

/* Integer keys that the reader itself obeys. */
static uint64_t oracle_own(struct oracle *o, uint64_t from, uint64_t type)
{
    unsigned n = oracle_size(type);
    bool is_signed = type == 1 || type == 3 || type == 5 || type == 11;
    uint64_t v = 0;
    if (o->bad || n == 0 || type == 6 || type == 7 || type == 12) {
        o->bad = true;
        return 0;
    }
    memcpy(&v, o->p + from, n);
    if (v > UINT32_MAX || (is_signed && v >> (8 * n - 1)))
        o->bad = true;
    return v;
}

static void oracle_kv(struct oracle *o, uint64_t i)
{
    o->keys[i].p = oracle_str(o, &o->keys[i].n);
    const char *key = o->keys[i].p;
    uint64_t n = o->keys[i].n;
    o->bad = o->bad || !oracle_text(key, n, LIMIT_GGUF_NAME);
    for (uint64_t j = 0; j < i; j++)
        o->bad |= o->keys[j].n == n && memcmp(o->keys[j].p, key, n) == 0;
    uint64_t type = oracle_int(o, 4), from = o->at;
    oracle_value(o, type);
#define IS(text) (n == sizeof(text) - 1 && memcmp(key, text, n) == 0)
    if (IS("general.alignment"))
        o->alignment = oracle_own(o, from, type);
    if (IS("split.count"))
        o->split_count = oracle_own(o, from, type);
    if (IS("split.no") || IS("split.tensors.count"))
        oracle_own(o, from, type);
#undef IS
}

static void oracle_tensor(struct oracle *o, uint64_t i)
{
    o->names[i].p = oracle_str(o, &o->names[i].n);
    o->bad = o->bad || !oracle_text(o->names[i].p, o->names[i].n, LIMIT_GGUF_TENSOR_NAME);
    for (uint64_t j = 0; j < i; j++)
        o->bad |= o->names[j].n == o->names[i].n &&
                  memcmp(o->names[j].p, o->names[i].p, o->names[i].n) == 0;
    uint64_t n_dim = oracle_int(o, 4), ne[4] = {1, 1, 1, 1};
    o->bad |= n_dim < 1 || n_dim > 4;
    wide weights = 1;
    for (uint64_t d = 0; d < n_dim && !o->bad; d++) {
        ne[d] = oracle_int(o, 8);
        o->bad |= ne[d] == 0 || ne[d] > (uint64_t)1 << 40;
        weights *= ne[d];
        o->bad |= weights > (wide)1 << 60;
    }
    uint64_t type = oracle_int(o, 4);
    o->places[i].from = oracle_int(o, 8);
    o->bad |= type > UINT32_MAX || !dtype_known((uint32_t)type);
    if (o->bad)
        return;
    o->bad |= ne[0] % dtype_block((enum dtype)type) != 0;
    o->places[i].bytes = weights / dtype_block((enum dtype)type) * dtype_bytes((enum dtype)type);
}

static void oracle_places(struct oracle *o)
{
    uint64_t start = o->at;
    while (start % o->alignment)
        start++;
    for (uint64_t i = 0; i < o->n_tensors; i++) {
        wide from = o->places[i].from, end = from + o->places[i].bytes;
        o->bad |= from % o->alignment != 0 || start + end > o->n;
        for (uint64_t j = 0; j < i; j++) {
            wide other = o->places[j].from, other_end = other + o->places[j].bytes;
            o->bad |= from < other_end && other < end;
        }
    }
}

static bool oracle_valid(struct oracle *o, const void *p, size_t n)
{
    *o = (struct oracle){.p = p, .n = n, .alignment = 32};
    if (n < 24 || memcmp(p, "GGUF", 4) != 0)
        return false;
    o->at = 4;
    uint64_t version = oracle_int(o, 4);
    o->n_tensors = oracle_int(o, 8);
    o->n_kv = oracle_int(o, 8);
    if ((version != 2 && version != 3) || o->n_kv > ORACLE_MAX || o->n_tensors > ORACLE_MAX)
        return false; /* so many entries do not fit into a file of the corpus */
    for (uint64_t i = 0; i < o->n_kv && !o->bad; i++)
        oracle_kv(o, i);
    if (o->alignment < 8 || o->alignment > LIMIT_GGUF_ALIGNMENT ||
        __builtin_popcountll(o->alignment) != 1 || o->split_count > 1)
        return false;
    for (uint64_t i = 0; i < o->n_tensors && !o->bad; i++)
        oracle_tensor(o, i);
    if (!o->bad)
        oracle_places(o);
    return !o->bad;
}
