/* SPDX-License-Identifier: Apache-2.0 */
/* guard/age: see age.h. */
#include "guard/age.h"

#include <sodium.h>
#include <string.h>

#include "base/buf.h"

#define X25519_LABEL "age-encryption.org/v1/X25519"
#define HEAD_BYTES   (16u << 10)
#define BASE64       sodium_base64_VARIANT_ORIGINAL_NO_PADDING

enum { FILE_KEY = 16, NONCE = 16, BASE64_32 = 44 }; /* of 32 bytes, with the NUL */

static void hmac(const uint8_t *key, size_t n, struct str text, uint8_t out[32])
{
    crypto_auth_hmacsha256_state s;
    crypto_auth_hmacsha256_init(&s, key, n);
    crypto_auth_hmacsha256_update(&s, (const unsigned char *)text.p, text.n);
    crypto_auth_hmacsha256_final(&s, out);
}

/* HKDF (RFC 5869) with SHA-256, 32 bytes. */
static void derive(const uint8_t *key, size_t n, struct str salt, const char *info,
                   uint8_t out[AGE_KEY])
{
    static const uint8_t none[32];
    uint8_t middle[32];
    char text[64];
    size_t length = strlen(info);
    hmac(salt.n ? (const uint8_t *)salt.p : none, salt.n ? salt.n : sizeof none,
         (struct str){(const char *)key, n}, middle);
    memcpy(text, info, length);
    text[length] = 1;
    hmac(middle, sizeof middle, (struct str){text, length + 1}, out);
    sodium_memzero(middle, sizeof middle);
}

static void add_base64(struct buf *out, const uint8_t b[32])
{
    char text[BASE64_32];
    sodium_bin2base64(text, sizeof text, b, 32, BASE64);
    buf_cstr(out, text);
}

/* One line of the head, and the file's key wrapped in the next. */
static bool add_recipient(struct buf *out, const uint8_t to[AGE_KEY], const uint8_t key[FILE_KEY],
                          struct err *e)
{
    static const uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];
    uint8_t once[32], salt[64], shared[32], wrap[32], body[FILE_KEY + AGE_SEAL];
    bool ok = os_random(once, sizeof once, e);
    crypto_scalarmult_base(salt, once);
    memcpy(salt + 32, to, 32);
    if (ok && crypto_scalarmult(shared, once, to) != 0)
        ok = fail(e, ERR_USAGE, "the key of an auditor is none that can be encrypted to");
    if (ok) {
        derive(shared, sizeof shared, (struct str){(const char *)salt, sizeof salt}, X25519_LABEL,
               wrap);
        crypto_aead_chacha20poly1305_ietf_encrypt(body, NULL, key, FILE_KEY, NULL, 0, NULL, nonce,
                                                  wrap);
        buf_cstr(out, "-> X25519 ");
        add_base64(out, salt);
        buf_byte(out, '\n');
        add_base64(out, body);
        buf_byte(out, '\n');
    }
    sodium_memzero(once, sizeof once);
    sodium_memzero(shared, sizeof shared);
    sodium_memzero(wrap, sizeof wrap);
    return ok;
}

static bool write_head(struct age *a, const uint8_t (*recipients)[AGE_KEY], uint32_t n,
                       const uint8_t key[FILE_KEY], struct err *e)
{
    struct buf out;
    uint8_t sign[32], mac[32], nonce[NONCE];
    buf_init(&out, HEAD_BYTES);
    buf_cstr(&out, "age-encryption.org/v1\n");
    bool ok = os_random(nonce, sizeof nonce, e);
    for (uint32_t i = 0; ok && i < n; i++)
        ok = add_recipient(&out, recipients[i], key, e);
    buf_cstr(&out, "---");
    derive(key, FILE_KEY, STR(""), "header", sign);
    hmac(sign, sizeof sign, buf_view(&out), mac);
    buf_byte(&out, ' ');
    add_base64(&out, mac);
    buf_byte(&out, '\n');
    buf_add(&out, nonce, sizeof nonce);
    derive(key, FILE_KEY, (struct str){(const char *)nonce, sizeof nonce}, "payload", a->key);
    ok = ok && buf_ok(&out, "age", e) && os_atomic_write(a->file, out.p, out.n, e);
    buf_clear(&out);
    sodium_memzero(sign, sizeof sign);
    return ok;
}

bool age_begin(struct age *a, struct os_atomic_file *file, const uint8_t (*recipients)[AGE_KEY],
               uint32_t n, struct err *e)
{
    uint8_t key[FILE_KEY];
    a->file = file;
    a->n = 0;
    a->count = 0;
    if (sodium_init() < 0)
        return fail(e, ERR_INTERNAL, "libsodium does not start");
    bool ok = os_random(key, sizeof key, e) && write_head(a, recipients, n, key, e);
    sodium_memzero(key, sizeof key);
    return ok;
}

/* The counter in 11 bytes, big end first, and whether it is the last. */
static bool seal(struct age *a, bool last, struct err *e)
{
    uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES] = {0};
    unsigned long long n = 0;
    for (unsigned i = 0; i < 8; i++)
        nonce[10 - i] = (uint8_t)(a->count >> 8 * i);
    nonce[11] = last;
    a->count++;
    crypto_aead_chacha20poly1305_ietf_encrypt(a->sealed, &n, a->piece, a->n, NULL, 0, NULL, nonce,
                                              a->key);
    a->n = 0;
    return os_atomic_write(a->file, a->sealed, (size_t)n, e);
}

bool age_add(struct age *a, struct str bytes, struct err *e)
{
    while (bytes.n) {
        if (a->n == AGE_PIECE && !seal(a, false, e))
            return false;
        struct str part = str_sub(bytes, 0, AGE_PIECE - a->n);
        memcpy(a->piece + a->n, part.p, part.n);
        a->n += part.n;
        bytes = str_from(bytes, part.n);
    }
    return true;
}

bool age_end(struct age *a, struct err *e)
{
    return seal(a, true, e);
}

void age_clear(struct age *a)
{
    sodium_memzero(a, sizeof *a);
}
