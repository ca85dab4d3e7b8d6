/* SPDX-License-Identifier: Apache-2.0 */
/* guard/oms: is the envelope signed by whom we trust? See oms.h. Sources: DSSE 1.0 (protocol.md),
 * RFC 5280 (key usage), OpenSSF Model Signing 1.0, section 8.2. */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/limits.h"
#include "guard/oms_private.h"

enum { AUTH_LEVEL = 2 /* of OpenSSL: no SHA-1, no RSA below 2048 bits in a chain */ };

static bool no_memory(struct err *e)
{
    ERR_clear_error();
    return fail(e, ERR_LIMIT, "not enough memory");
}

/* A PEM file as a BIO over text, which the caller clears. */
static BIO *open_pem(const char *path, struct buf *text, struct err *e)
{
    buf_init(text, LIMIT_PEM_BYTES);
    if (!buf_read_file(text, path, e))
        return NULL;
    BIO *bio = BIO_new_mem_buf(buf_c(text), (int)text->n);
    if (!bio)
        no_memory(e);
    return bio;
}

/* --- one signature -------------------------------------------------------------------------------
 */

/* The digest that goes with the curve of a key. */
static const EVP_MD *digest_for(const EVP_PKEY *key, struct err *e)
{
    char curve[32] = "";
    size_t n = 0;
    if (EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, curve, sizeof curve, &n) == 1) {
        if (strcmp(curve, "prime256v1") == 0)
            return EVP_sha256();
        if (strcmp(curve, "secp384r1") == 0)
            return EVP_sha384();
        if (strcmp(curve, "secp521r1") == 0)
            return EVP_sha512();
    }
    ERR_clear_error();
    fail(e, ERR_UNSUPPORTED, "the key is none of the curves P-256, P-384 and P-521");
    return NULL;
}

static bool is_good(const struct oms_bundle *b, EVP_PKEY *key, const EVP_MD *md)
{
    char head[80];
    int n = snprintf(head, sizeof head, "DSSEv1 %zu %s %zu ", strlen(OMS_PAYLOAD_TYPE),
                     OMS_PAYLOAD_TYPE, b->payload.n);
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool ok = c && EVP_DigestVerifyInit(c, NULL, md, NULL, key) == 1 &&
              EVP_DigestVerifyUpdate(c, head, (size_t)n) == 1 &&
              EVP_DigestVerifyUpdate(c, b->payload.p, b->payload.n) == 1 &&
              EVP_DigestVerifyFinal(c, b->sig, b->n_sig) == 1;
    EVP_MD_CTX_free(c);
    ERR_clear_error();
    return ok;
}

/* --- with a key ----------------------------------------------------------------------------------
 */

static EVP_PKEY *read_key(const char *path, struct err *e)
{
    struct buf text;
    BIO *bio = open_pem(path, &text, e);
    EVP_PKEY *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
    if (bio && !key)
        fail(e, ERR_USAGE, "%s holds no public key (PEM, \"BEGIN PUBLIC KEY\")", path);
    BIO_free(bio);
    buf_clear(&text);
    ERR_clear_error();
    return key;
}

/* As signers write it: the SHA-256 of the key in PEM. */
static bool hint_of(EVP_PKEY *key, char out[2 * HASH_BYTES + 1], struct err *e)
{
    struct hash h;
    char *text = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    bool ok = bio && PEM_write_bio_PUBKEY(bio, key) == 1;
    long n = ok ? BIO_get_mem_data(bio, &text) : 0;
    ok = ok ? hash_of(&(struct str){text, (size_t)n}, 1, &h, e) : no_memory(e);
    if (ok)
        hash_hex(&h, out);
    BIO_free(bio);
    return ok;
}

static bool verify_key(const struct oms_bundle *b, EVP_PKEY *key, char signer[OMS_SIGNER],
                       struct err *e)
{
    char hint[2 * HASH_BYTES + 1];
    const EVP_MD *md = digest_for(key, e);
    if (!md || !hint_of(key, hint, e))
        return false;
    snprintf(signer, OMS_SIGNER, "key %s", hint);
    if (is_good(b, key, md))
        return true;
    if (b->hint[0] && strcmp(b->hint, hint) != 0)
        return fail(e, ERR_DENIED, "it was signed with key %.64s, not with the one given, %.64s",
                    b->hint, hint);
    return fail(e, ERR_DENIED,
                "it was changed after it was signed, or that is not the key; fetch both again");
}

/* --- with a certificate --------------------------------------------------------------------------
 */

static X509 *parse_certificate(const struct oms_bytes *der, struct err *e)
{
    const unsigned char *p = der->p;
    X509 *x = d2i_X509(NULL, &p, (long)der->n);
    if (x && p == der->p + der->n)
        return x;
    X509_free(x);
    ERR_clear_error();
    fail(e, ERR_CORRUPT, "one of its certificates is none");
    return NULL;
}

/* The certificates between the signer's and a trusted one. */
static STACK_OF(X509) * read_chain(const struct oms_bundle *b, struct err *e)
{
    STACK_OF(X509) *chain = sk_X509_new_null();
    bool ok = chain || no_memory(e);
    for (uint32_t i = 1; ok && i < b->n_chain; i++) {
        X509 *x = parse_certificate(&b->chain[i], e);
        ok = x && (sk_X509_push(chain, x) > 0 || no_memory(e));
        if (x && !ok)
            X509_free(x);
    }
    if (ok)
        return chain;
    sk_X509_pop_free(chain, X509_free);
    return NULL;
}

static bool trust_file(X509_STORE *store, const char *path, struct err *e)
{
    struct buf text;
    BIO *bio = open_pem(path, &text, e);
    bool ok = bio != NULL;
    uint32_t n = 0;
    for (X509 *x; ok && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)); n++) {
        ok = X509_STORE_add_cert(store, x) == 1 || no_memory(e);
        X509_free(x);
    }
    BIO_free(bio);
    buf_clear(&text);
    ERR_clear_error();
    return ok && (n > 0 ||
                  fail(e, ERR_USAGE, "%s holds no certificate (PEM, \"BEGIN CERTIFICATE\")", path));
}

/* (I1) What is given is trusted as it is, be it a root or not. */
static X509_STORE *read_trusted(const struct oms_trust *trust, struct err *e)
{
    X509_STORE *store = X509_STORE_new();
    bool ok =
        (store && X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1) || no_memory(e);
    for (uint32_t i = 0; ok && i < trust->n_certificate; i++)
        ok = trust_file(store, trust->certificate[i], e);
    if (ok) {
        X509_VERIFY_PARAM_set_auth_level(X509_STORE_get0_param(store), AUTH_LEVEL);
        return store;
    }
    X509_STORE_free(store);
    return NULL;
}

static bool verify_chain(X509_STORE *store, X509 *leaf, STACK_OF(X509) * chain, struct err *e)
{
    X509_STORE_CTX *c = X509_STORE_CTX_new();
    bool ready = c && X509_STORE_CTX_init(c, store, leaf, chain) == 1;
    bool ok = ready && X509_verify_cert(c) == 1;
    if (ready && !ok)
        fail(e, ERR_DENIED, "its certificate does not hold: %s",
             X509_verify_cert_error_string(X509_STORE_CTX_get_error(c)));
    else if (!ready)
        no_memory(e);
    X509_STORE_CTX_free(c);
    ERR_clear_error();
    return ok;
}

/* Made for signatures: that, or code signing, stands in it. */
static bool may_sign(X509 *leaf, struct err *e)
{
    uint32_t flags = X509_get_extension_flags(leaf);
    bool usage = flags & EXFLAG_KUSAGE && X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE;
    bool extended = flags & EXFLAG_XKUSAGE && X509_get_extended_key_usage(leaf) & XKU_CODE_SIGN;
    return usage || extended ||
           fail(e, ERR_DENIED, "its certificate is not one for signing (key usage)");
}

static void name_signer(X509 *leaf, char signer[OMS_SIGNER])
{
    char *text = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    long n = 0;
    if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(leaf), 0,
                                  XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0)
        n = BIO_get_mem_data(bio, &text);
    snprintf(signer, OMS_SIGNER, "%.*s", n > 0 ? (int)n : 0, text ? text : "");
    str_make_printable(signer);
    BIO_free(bio);
}

static bool verify_leaf(const struct oms_bundle *b, X509 *leaf, struct err *e)
{
    EVP_PKEY *key = X509_get0_pubkey(leaf);
    const EVP_MD *md = key ? digest_for(key, e) : NULL;
    if (!key)
        fail(e, ERR_CORRUPT, "its certificate has no key");
    return md && (is_good(b, key, md) ||
                  fail(e, ERR_DENIED, "it was changed after it was signed; fetch it again"));
}

static bool verify_certificate(const struct oms_bundle *b, const struct oms_trust *trust,
                               char signer[OMS_SIGNER], struct err *e)
{
    X509 *leaf = parse_certificate(&b->chain[0], e);
    STACK_OF(X509) *chain = leaf ? read_chain(b, e) : NULL;
    X509_STORE *store = chain ? read_trusted(trust, e) : NULL;
    bool ok = store && verify_chain(store, leaf, chain, e) && may_sign(leaf, e) &&
              verify_leaf(b, leaf, e);
    if (ok)
        name_signer(leaf, signer);
    X509_STORE_free(store);
    sk_X509_pop_free(chain, X509_free);
    X509_free(leaf);
    return ok;
}

/* --- either --------------------------------------------------------------------------------------
 */

bool oms_verify(const struct oms_bundle *b, const struct oms_trust *trust, char signer[OMS_SIGNER],
                struct err *e)
{
    if (trust->n_certificate && b->n_chain)
        return verify_certificate(b, trust, signer, e);
    if (trust->n_certificate)
        return fail(e, ERR_DENIED,
                    "it was signed with a key (%.64s), not with a certificate: check it with "
                    "--public-key",
                    b->hint[0] ? b->hint : "-");
    if (b->n_chain)
        return fail(e, ERR_DENIED,
                    "it was signed with a certificate, not with a bare key: check it with "
                    "--certificate-chain");
    EVP_PKEY *key = read_key(trust->public_key, e);
    bool ok = key && verify_key(b, key, signer, e);
    EVP_PKEY_free(key);
    return ok;
}
