/* SPDX-License-Identifier: Apache-2.0 */
/* base/hash: see hash.h. */
#include "base/hash.h"

#include <openssl/evp.h>
#include <string.h>

static bool digest(EVP_MD_CTX *c, const struct str *parts, size_t n, struct hash *out)
{
    bool ok = c && EVP_DigestInit_ex(c, EVP_sha256(), NULL) == 1;
    for (size_t i = 0; ok && i < n; i++)
        ok = EVP_DigestUpdate(c, parts[i].p, parts[i].n) == 1;
    return ok && EVP_DigestFinal_ex(c, out->b, NULL) == 1;
}

static bool report(bool ok, struct err *e)
{
    return ok || fail(e, ERR_INTERNAL, "SHA-256 is not available in this OpenSSL");
}

bool hash_of(const struct str *parts, size_t n, struct hash *out, struct err *e)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool ok = digest(c, parts, n, out);
    EVP_MD_CTX_free(c);
    return report(ok, e);
}

bool hash_begin(struct hash_stream *s, struct err *e)
{
    s->ctx = EVP_MD_CTX_new();
    if (s->ctx && EVP_DigestInit_ex(s->ctx, EVP_sha256(), NULL) == 1)
        return true;
    EVP_MD_CTX_free(s->ctx);
    s->ctx = NULL;
    return report(false, e);
}

bool hash_add(struct hash_stream *s, const void *p, size_t n, struct err *e)
{
    return report(EVP_DigestUpdate(s->ctx, p, n) == 1, e);
}

bool hash_end(struct hash_stream *s, struct hash *out, struct err *e)
{
    bool ok = s->ctx && (!out || EVP_DigestFinal_ex(s->ctx, out->b, NULL) == 1);
    EVP_MD_CTX_free(s->ctx);
    s->ctx = NULL;
    return report(ok, e);
}

bool hash_leaf(const void *p, size_t n, struct hash *out, struct err *e)
{
    return hash_of((struct str[]){{"", 1}, {p, n}}, 2, out, e);
}

static bool join(EVP_MD_CTX *c, const struct hash *left, struct hash *inout)
{
    struct str parts[] = {
        STR("\1"), {(const char *)left->b, HASH_BYTES}, {(const char *)inout->b, HASH_BYTES}};
    return digest(c, parts, 3, inout);
}

/* Leaves from left to right; a subtree of 2^i of them waits in whole[i] for its neighbour. What
 * waits at the end is joined from the right, the smallest first: the split of the RFC. */
static bool root_of(EVP_MD_CTX *c, const struct hash *leaves, uint64_t n, struct hash *out)
{
    struct hash whole[64];
    bool ok = c != NULL;
    for (uint64_t i = 0; ok && i < n; i++) {
        struct hash h = leaves[i];
        int level = 0;
        for (; ok && i >> level & 1; level++)
            ok = join(c, &whole[level], &h);
        whole[level] = h;
    }
    bool any = false;
    for (int level = 0; ok && level < 64; level++) {
        if (!(n >> level & 1))
            continue;
        if (any)
            ok = join(c, &whole[level], out);
        else
            *out = whole[level];
        any = true;
    }
    return ok && (any || digest(c, NULL, 0, out));
}

bool hash_root(const struct hash *leaves, uint64_t n, struct hash *out, struct err *e)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool ok = root_of(c, leaves, n, out);
    EVP_MD_CTX_free(c);
    return report(ok, e);
}

void hash_hex(const struct hash *h, char out[2 * HASH_BYTES + 1])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < HASH_BYTES; i++) {
        out[2 * i] = digits[h->b[i] >> 4];
        out[2 * i + 1] = digits[h->b[i] & 15];
    }
    out[2 * HASH_BYTES] = '\0';
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hash_parse(struct hash *h, struct str hex)
{
    bool ok = hex.n == 2 * (size_t)HASH_BYTES;
    for (size_t i = 0; ok && i < HASH_BYTES; i++) {
        int high = digit(hex.p[2 * i]), low = digit(hex.p[2 * i + 1]);
        ok = high >= 0 && low >= 0;
        h->b[i] = ok ? (uint8_t)(high << 4 | low) : 0;
    }
    return ok;
}

bool hash_eq(const struct hash *a, const struct hash *b)
{
    return memcmp(a->b, b->b, HASH_BYTES) == 0;
}
