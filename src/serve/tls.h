/* SPDX-License-Identifier: Apache-2.0 */
/* serve/tls: the bytes of a connection, encrypted: OpenSSL between two buffers in memory, so that
 * sockets, deadlines and limits stay with serve/conn.
 *
 * TLS 1.3, or 1.2 with forward secrecy and authenticated encryption; ALPN http/1.1; neither
 * compression nor renegotiation nor early data. A client may or must show a certificate of its own
 * (then no session is resumed: each connection shows it again). A handshake has no deadline of its
 * own here: the connection's for its first request counts from when it was made. */
#ifndef MOAT_SERVE_TLS_H
#define MOAT_SERVE_TLS_H

#include "base/err.h"
#include "base/str.h"

#define TLS_PIECE 16384u /* bytes to give and take at once: one record */

#define TLS_SUBJECT 256u

/* A certificate with its chain and its key; the certificates of authorities whose clients are known
 * ("": clients show none), and whether a client without one is turned away. The texts are PEM; the
 * paths are for messages. */
struct tls_files {
    struct str certificate, key, client_ca;
    const char *certificate_path, *key_path, *client_ca_path;
    bool client_required;
};

struct tls_server;
/* Copies what it needs. Messages say what is wrong and what to do: no PEM, an encrypted key, a key
 * of another certificate, too weak, expired. */
struct tls_server *tls_server_new(const struct tls_files *f, struct err *e) MUST_USE;
void tls_server_free(struct tls_server *s); /* connections made with it go on */

struct tls;
struct tls *tls_new(const struct tls_server *s) MUST_USE; /* NULL: memory is short */
void tls_free(struct tls *t);

enum tls_state {
    TLS_DATA,  /* *n bytes of plain text */
    TLS_MORE,  /* none until more has come */
    TLS_END,   /* the client has said that nothing more will (close_notify) */
    TLS_PLAIN, /* it does not speak TLS, but HTTP */
    TLS_FAILED /* what came is no TLS, or none that is taken here */
};

/* What came from the client; false: memory is short. */
bool tls_feed(struct tls *t, struct str in) MUST_USE;
/* Call it until it says other than TLS_DATA, and tls_take after each. */
enum tls_state tls_read(struct tls *t, char *out, size_t room, size_t *n) MUST_USE;
/* Encrypts all of it; false: not now (the handshake is not over), or memory is short. */
bool tls_write(struct tls *t, struct str plain) MUST_USE;
/* Who the client is by its certificate, which one of the authorities has signed: the subject as
 * RFC 2253 writes it, at most TLS_SUBJECT - 1 bytes. "": it showed none, or a longer one. */
struct str tls_subject(struct tls *t);
/* Is this a name (or the text of an IP address) of the server's certificate? */
bool tls_server_named(const struct tls_server *s, const char *host);
void tls_end(struct tls *t); /* says close_notify */
/* What is to be sent to the client, up to room; 0: nothing. */
size_t tls_take(struct tls *t, char *out, size_t room);

#endif
