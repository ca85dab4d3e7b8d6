/* SPDX-License-Identifier: Apache-2.0 */
/* base/err: how every fallible function of moat reports failure.
 *
 * A fallible function returns bool (or a pointer) and takes `struct err *e` last. The storage is
 * the caller's, nothing is allocated on the failure path, and the message is one line that names
 * the cause and what to do about it. `fail()` always returns false, so the idiom is
 *
 *     return fail(e, ERR_CORRUPT, "tensor %s: offset is past the end of the file", name);
 *
 * Messages are gettext message ids (xgettext keyword fail:3, err_at:2): write the English sentence,
 * the translation is looked up here. Control characters coming from hostile input (names, keys) are
 * replaced when the message is formatted, so a message is always safe to print on a terminal.
 *
 * `must()` is for our own bugs only and stays on in every build. No input may ever reach it. */
#ifndef MOAT_BASE_ERR_H
#define MOAT_BASE_ERR_H

#include <stdbool.h>
#include <stddef.h>

/* code, name, exit status, HTTP status */
#define ERR_TABLE(X)                                                                               \
    X(ERR_NONE, "ok", 0, 200)                                                                      \
    X(ERR_USAGE, "usage", 2, 400)                                                                  \
    X(ERR_NOT_FOUND, "not-found", 3, 404)                                                          \
    X(ERR_CORRUPT, "corrupt", 4, 422)                                                              \
    X(ERR_UNSUPPORTED, "unsupported", 5, 422)                                                      \
    X(ERR_LIMIT, "limit", 6, 400)                                                                  \
    X(ERR_BUSY, "busy", 7, 429)                                                                    \
    X(ERR_DENIED, "denied", 8, 403)                                                                \
    X(ERR_UNAUTHORISED, "unauthorised", 9, 401)                                                    \
    X(ERR_NETWORK, "network", 10, 502)                                                             \
    X(ERR_IO, "io", 11, 507)                                                                       \
    X(ERR_CANCELLED, "cancelled", 130, 499)                                                        \
    X(ERR_INTERNAL, "internal", 70, 500)

enum err_code {
#define X(code, name, exit_status, http_status) code,
    ERR_TABLE(X)
#undef X
};

struct err {
    enum err_code code;
    char msg[1024]; /* NUL-terminated UTF-8, already translated */
};

#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define MUST_USE               __attribute__((warn_unused_result))

/* Fills *e (when e is not NULL) and returns false. A message too long for the storage ends in
 * "...". */
bool fail(struct err *e, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Puts "context: " before the message already in *e. Returns false, so it can end a failure path.
 */
bool err_at(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* A word inside a message is a gettext id of its own: marked N_("web page") where it stands,
 * looked up by err_text() where the message is made. */
#define N_(text) text
const char *err_text(const char *id);

const char *err_name(enum err_code code);
int err_exit_status(enum err_code code);
int err_http_status(enum err_code code);

/* Stops the program with file and line: a condition our own code guarantees did not hold. */
#define must(cond) ((cond) ? (void)0 : must_failed(__FILE__, __LINE__, #cond))
_Noreturn void must_failed(const char *file, int line, const char *cond);

#endif
