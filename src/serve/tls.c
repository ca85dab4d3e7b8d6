/* SPDX-License-Identifier: Apache-2.0 */
/* serve/tls: see tls.h. */
#include "serve/tls.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"

#define CIPHERS_12 "ECDHE+AESGCM:ECDHE+CHACHA20"

struct tls_server {
    SSL_CTX *ctx;
};

struct tls {
    SSL *ssl;
    BIO *in, *out;      /* the ssl's */
    bool broken, asked; /* asked: for the subject */
    char subject[TLS_SUBJECT];
};

/* --- certificate and key -------------------------------------------------------------------------
 */

/* What the library says, for the end of a message. */
static const char *reason(void)
{
    const char *text = ERR_reason_error_string(ERR_peek_last_error());
    return text ? text : "unknown error";
}

static BIO *bio_of(struct str text)
{
    return text.n <= INT_MAX ? BIO_new_mem_buf(text.p, (int)text.n) : NULL;
}

/* Asked for the password of an encrypted key: there is nobody to ask. */
static int no_password(char *out, int size, int writing, void *asked)
{
    (void)out, (void)size, (void)writing;
    *(bool *)asked = true;
    return -1;
}

static bool check_time(X509 *x, const char *path, struct err *e)
{
    struct tm t = {0};
    if (X509_cmp_current_time(X509_get0_notAfter(x)) >= 0)
        return true;
    ASN1_TIME_to_tm(X509_get0_notAfter(x), &t);
    return fail(e, ERR_DENIED, "%s: the certificate expired on %04d-%02d-%02d; renew it", path,
                t.tm_year + 1900, t.tm_mon + 1, t.tm_mday);
}

/* The first certificate is the server's, those behind it lead to the one that clients know. */
static bool use_certificates(SSL_CTX *ctx, struct str text, const char *path, struct err *e)
{
    BIO *bio = bio_of(text);
    X509 *x = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    bool ok = false;
    if (!x)
        fail(e, ERR_CORRUPT,
             "%s: holds no certificate in PEM form (\"-----BEGIN CERTIFICATE-----\")", path);
    else if (SSL_CTX_use_certificate(ctx, x) != 1)
        fail(e, ERR_DENIED, "%s: the certificate cannot be used: %s", path, reason());
    else
        ok = check_time(x, path, e);
    X509_free(x);
    while (ok && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        ok = SSL_CTX_add0_chain_cert(ctx, x) == 1; /* takes it */
        if (!ok) {
            fail(e, ERR_DENIED, "%s: a certificate of the chain cannot be used: %s", path,
                 reason());
            X509_free(x);
        }
    }
    BIO_free(bio);
    return ok;
}

static bool use_key(SSL_CTX *ctx, struct str text, const char *path, const char *certificate_path,
                    struct err *e)
{
    bool asked = false, ok = false;
    BIO *bio = bio_of(text);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, &asked) : NULL;
    if (!key && asked)
        fail(e, ERR_UNSUPPORTED,
             "%s: the private key is encrypted; store it without a password, in a file that only "
             "this user can read",
             path);
    else if (!key)
        fail(e, ERR_CORRUPT,
             "%s: holds no private key in PEM form (\"-----BEGIN PRIVATE KEY-----\")", path);
    else if (SSL_CTX_use_PrivateKey(ctx, key) != 1 || SSL_CTX_check_private_key(ctx) != 1)
        fail(e, ERR_DENIED, "%s: is not the key of the certificate in %s; give both of one pair",
             path, certificate_path);
    else
        ok = true;
    EVP_PKEY_free(key);
    BIO_free(bio);
    return ok;
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *n,
                           const unsigned char *in, unsigned in_n, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen = NULL;
    (void)ssl, (void)arg;
    if (SSL_select_next_proto(&chosen, n, ours, sizeof ours - 1, in, in_n) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL; /* it speaks something else, as RFC 7301 3.2 wants */
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static bool set_up(SSL_CTX *ctx)
{
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
    return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(ctx, CIPHERS_12) == 1;
}

static bool use_authority(SSL_CTX *ctx, X509 *x, const char *path, struct err *e)
{
    if (X509_check_ca(x) == 0)
        return fail(e, ERR_DENIED,
                    "%s: holds a certificate that is no authority's; give the one that signs "
                    "clients' certificates",
                    path);
    return check_time(x, path, e) &&
           ((X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), x) == 1 &&
             SSL_CTX_add_client_CA(ctx, x) == 1) ||
            fail(e, ERR_DENIED, "%s: the certificate cannot be used: %s", path, reason()));
}

/* Those whose certificates clients show. */
static bool use_client_ca(SSL_CTX *ctx, const struct tls_files *f, struct err *e)
{
    BIO *bio = bio_of(f->client_ca);
    X509 *x;
    uint32_t n = 0;
    bool ok = true;
    for (; ok && bio && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL; n++) {
        ok = use_authority(ctx, x, f->client_ca_path, e);
        X509_free(x);
    }
    BIO_free(bio);
    if (n == 0)
        return fail(e, ERR_CORRUPT,
                    "%s: holds no certificate in PEM form (\"-----BEGIN CERTIFICATE-----\")",
                    f->client_ca_path);
    SSL_CTX_set_verify(
        ctx, SSL_VERIFY_PEER | (f->client_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    return ok && (SSL_CTX_set_num_tickets(ctx, 0) == 1 ||
                  fail(e, ERR_INTERNAL, "the TLS library cannot be used: %s", reason()));
}

struct tls_server *tls_server_new(const struct tls_files *f, struct err *e)
{
    struct tls_server *s = mem_new(1, sizeof *s, e);
    if (!s)
        return NULL;
    ERR_clear_error();
    s->ctx = SSL_CTX_new(TLS_server_method());
    bool ok = s->ctx && set_up(s->ctx);
    if (!ok)
        fail(e, ERR_INTERNAL, "the TLS library cannot be used: %s", reason());
    ok = ok && use_certificates(s->ctx, f->certificate, f->certificate_path, e) &&
         use_key(s->ctx, f->key, f->key_path, f->certificate_path, e) &&
         (f->client_ca.n == 0 || use_client_ca(s->ctx, f, e));
    ERR_clear_error();
    if (ok)
        return s;
    tls_server_free(s);
    return NULL;
}

void tls_server_free(struct tls_server *s)
{
    if (!s)
        return;
    SSL_CTX_free(s->ctx);
    mem_free(s);
}

bool tls_server_named(const struct tls_server *s, const char *host)
{
    X509 *x = SSL_CTX_get0_certificate(s->ctx);
    return x && (X509_check_ip_asc(x, host, 0) == 1 || X509_check_host(x, host, 0, 0, NULL) == 1);
}

/* --- a connection --------------------------------------------------------------------------------
 */

struct tls *tls_new(const struct tls_server *s)
{
    struct tls *t = mem_new(1, sizeof *t, NULL);
    if (!t)
        return NULL;
    t->ssl = SSL_new(s->ctx);
    t->in = BIO_new(BIO_s_mem());
    t->out = BIO_new(BIO_s_mem());
    if (!t->ssl || !t->in || !t->out) {
        SSL_free(t->ssl);
        BIO_free(t->in);
        BIO_free(t->out);
        mem_free(t);
        return NULL;
    }
    BIO_set_mem_eof_return(t->in, -1); /* empty means: later */
    SSL_set_bio(t->ssl, t->in, t->out);
    SSL_set_accept_state(t->ssl);
    return t;
}

void tls_free(struct tls *t)
{
    if (!t)
        return;
    SSL_free(t->ssl);
    mem_free(t);
}

bool tls_feed(struct tls *t, struct str in)
{
    return in.n <= INT_MAX && BIO_write(t->in, in.p, (int)in.n) == (int)in.n;
}

/* The first bytes were a method of HTTP. */
static bool is_http(void)
{
    unsigned long code = ERR_peek_last_error();
    return ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_HTTP_REQUEST;
}

enum tls_state tls_read(struct tls *t, char *out, size_t room, size_t *n)
{
    if (t->broken)
        return TLS_FAILED;
    ERR_clear_error();
    int got = SSL_read_ex(t->ssl, out, room, n), why = SSL_get_error(t->ssl, got);
    if (got == 1)
        return TLS_DATA;
    if (why == SSL_ERROR_WANT_READ)
        return TLS_MORE;
    if (why == SSL_ERROR_ZERO_RETURN)
        return TLS_END;
    t->broken = true;
    enum tls_state state = is_http() ? TLS_PLAIN : TLS_FAILED;
    ERR_clear_error();
    return state;
}

bool tls_write(struct tls *t, struct str plain)
{
    size_t n = 0;
    ERR_clear_error();
    return !t->broken && SSL_is_init_finished(t->ssl) &&
           SSL_write_ex(t->ssl, plain.p, plain.n, &n) == 1 && n == plain.n;
}

/* Fills t->subject, or leaves it empty. */
static void read_subject(struct tls *t)
{
    X509 *x = SSL_get_verify_result(t->ssl) == X509_V_OK ? SSL_get1_peer_certificate(t->ssl) : NULL;
    BIO *bio = x ? BIO_new(BIO_s_mem()) : NULL;
    if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(x), 0, XN_FLAG_RFC2253) > 0) {
        char *text = NULL;
        long n = BIO_get_mem_data(bio, &text);
        if (n > 0 && (size_t)n < sizeof t->subject && !memchr(text, '\0', (size_t)n)) {
            memcpy(t->subject, text, (size_t)n);
            t->subject[n] = '\0';
        }
    }
    BIO_free(bio);
    X509_free(x);
    ERR_clear_error();
}

struct str tls_subject(struct tls *t)
{
    if (!t->asked && !t->broken && SSL_is_init_finished(t->ssl)) {
        t->asked = true;
        read_subject(t);
    }
    return str_of(t->subject);
}

void tls_end(struct tls *t)
{
    ERR_clear_error();
    if (!t->broken && SSL_is_init_finished(t->ssl))
        (void)SSL_shutdown(t->ssl);
    ERR_clear_error();
}

size_t tls_take(struct tls *t, char *out, size_t room)
{
    int n = BIO_read(t->out, out, room < INT_MAX ? (int)room : INT_MAX);
    return n > 0 ? (size_t)n : 0;
}
