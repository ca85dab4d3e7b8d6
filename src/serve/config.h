/* SPDX-License-Identifier: Apache-2.0 */
/* serve/config: what the owner of a server sets about it, in one table.
 *
 * The table is the single source for the keys of config.json, for the options of moat serve and
 * moat mirror (`--max-body` = key with dashes), for the environment (MOAT_MAX_BODY), for help, and
 * for moat config. An option overrides the environment, that the file. The file is $MOAT_CONFIG, or
 * else the first that is there of $XDG_CONFIG_HOME/moat/config.json (~/.config without it) and
 * /etc/moat/config.json; without any, the defaults hold. Unknown keys and values out of range are
 * errors that name the key, the range and the nearest known key. */
#ifndef MOAT_SERVE_CONFIG_H
#define MOAT_SERVE_CONFIG_H

#include <jansson.h>

#include "base/buf.h"
#include "run/settings.h"
#include "serve/duration.h"
#include "serve/listen.h"

enum config_kind {
    CONFIG_U32,
    CONFIG_SIZE,     /* bytes: a number, or text like "12G" */
    CONFIG_FLAG,     /* true or false */
    CONFIG_PATH,     /* of a file; "": none */
    CONFIG_URL,      /* of a host; "": none */
    CONFIG_DURATION, /* serve/duration */
    CONFIG_LISTEN,   /* a list of addresses, or one */
    CONFIG_HOSTS,    /* likewise of host names */
    CONFIG_ORIGINS,  /* and of origins of web pages */
    CONFIG_MODELS    /* {"NAME": {settings}}: see config_model; not an option */
};

/* Whose key it is. */
enum config_use { CONFIG_ALL, CONFIG_SERVE, CONFIG_MIRROR };

struct config_key {
    const char *key;
    enum config_use use;
    enum config_kind kind;
    size_t offset; /* in struct config */
    double min, max;
    const char *arg;
    const char *help; /* gettext id */
};

enum config_source { CONFIG_DEFAULT, CONFIG_FILE, CONFIG_ENVIRONMENT, CONFIG_OPTION };
enum { CONFIG_KEYS = 39, CONFIG_PATH_BYTES = 1024 };

struct config_list {
    char *v[LISTEN_MAX]; /* owned */
    uint32_t n;
};

struct config {
    struct config_list listen, allow_host, allow_origin;
    uint64_t memory, max_body, max_bodies, max_unread, limit_rate, quota, keep_responses, spill;
    uint32_t threads, parallel, queue, max_connections, max_per_address, request_seconds,
        load_seconds, stall_seconds, attest_seconds;
    uint32_t head_seconds, body_seconds, write_seconds, idle_seconds;
    char tls_certificate[CONFIG_PATH_BYTES], tls_key[CONFIG_PATH_BYTES],
        tls_client_ca[CONFIG_PATH_BYTES];
    char upstream_hf[CONFIG_PATH_BYTES], upstream_registry[CONFIG_PATH_BYTES];
    bool require_key, require_client_certificate, require_audit, require_policy, preload,
        background, strict, airgap;
    int64_t keep_alive; /* seconds, DURATION_EVER or DURATION_UNSET */
    json_t *models;     /* owned, or NULL */
    enum config_source source[CONFIG_KEYS];
    char path[4096]; /* of the file that was read, or "" */
};

extern const struct config_key config_keys[CONFIG_KEYS];

const struct config_key *config_find(const char *name); /* NULL: there is none */
void config_init(struct config *c);                     /* the defaults */
void config_clear(struct config *c);
bool config_copy(struct config *to, const struct config *from, struct err *e) MUST_USE;

/* File (a path, or NULL: the usual places), then environment. */
bool config_load(struct config *c, const char *path, struct err *e) MUST_USE;
bool config_from_json(struct config *c, const json_t *object, const char *where,
                      struct err *e) MUST_USE;
/* A value of a command line or of the environment. A list grows with each call of one source. */
bool config_set(struct config *c, const struct config_key *key, struct str value,
                enum config_source source, struct err *e) MUST_USE;
/* What a server, and no other program, is told of a model. */
struct config_own {
    const char *draft;  /* the name or file of a smaller model that guesses ahead for it; or NULL */
    const json_t *lora; /* adapters: names or files, or {"file", "scale"}; array or NULL */
    int64_t keep_alive; /* as that of the configuration, for this model */
};
/* What is said of one model: settings (run/settings), which go into s, and the keys of
 * struct config_own, whose texts point into `of`. */
bool config_model(const json_t *of, const char *name, struct settings *s, struct config_own *own,
                  struct err *e) MUST_USE;
/* The value as JSON; the caller owns it. All of them, by key. */
json_t *config_value(const struct config *c, const struct config_key *key);
json_t *config_to_json(const struct config *c);
const char *config_source_name(enum config_source s); /* gettext id */

#endif
