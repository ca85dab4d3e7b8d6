/* SPDX-License-Identifier: Apache-2.0 */
/* serve/served: the models a server answers for: their names, and their files, open. */
#ifndef MOAT_SERVE_SERVED_H
#define MOAT_SERVE_SERVED_H

#include <time.h>

#include "base/limits.h"
#include "gguf/gguf.h"
#include "run/settings.h"
#include "store/admit.h"
#include "store/name.h"

#define SERVED_EVERY "*" /* every model of the store */

enum { SERVED_MAX = 256, SERVED_ID = 2 * NAME_PART + 2 };

struct served {
    char id[SERVED_ID]; /* what clients call it: "smollm2:135m", or the file's name without .gguf */
    char path[4096];    /* of a file that is run where it lies; "" for one of the store */
    char digest[72];    /* "sha256:..." of one of the store, else "" */
    int fd;
    uint64_t bytes;
    time_t modified;
    struct settings settings; /* owned; what answers start from */
    json_t *opening;          /* owned; what conversations start with, or NULL */
    struct served *draft;     /* owned: a smaller model that guesses ahead for it; NULL: none */
    struct served *adapters[LIMIT_ADAPTERS]; /* owned, [n_adapters] */
    float adapter_scale[LIMIT_ADAPTERS];     /* of requests that do not say, at the start */
    uint32_t n_adapters;
    int64_t keep_alive; /* of its own: seconds, DURATION_EVER or DURATION_UNSET */
    bool at_start;      /* it is loaded then, and the server ends where it cannot be */
    bool from_store;    /* nobody named it (serve/served_store) */
    bool gone;          /* it was removed there: it is served no more */
};

struct served_list {
    struct served *v[SERVED_MAX]; /* owned */
    uint32_t n;
};

/* Opens the file of a name or path and adds it. Settings of the model's manifest come first, then
 * those of the configuration ("models", may be NULL), by the id or, where it has none, under
 * SERVED_EVERY; there a draft model and adapters may stand. */
bool served_add(struct served_list *l, const char *model, const json_t *settings_by_name,
                struct err *e) MUST_USE;
void served_clear(struct served_list *l);
/* Takes m over as the i-th, in place of the one before it, or as the next (i = n). */
void served_put(struct served_list *l, uint32_t i, struct served *m);
/* The same model, of which m says more, or what has changed; takes m over. What points to `have`
 * stays good. */
void served_renew(struct served *have, struct served *m);
/* What who only speaks of a model must know of it, and back: without its file and settings. */
json_t *served_to_json(const struct served *m);
struct served *served_from_json(const json_t *j, struct err *e) MUST_USE;
/* Reads the file (in the engine: it is what parses outside bytes), if it may run here
 * (store/admit). */
struct gguf *served_open(const struct served *m, const struct admission *a, bool draft,
                         struct err *e) MUST_USE;
/* Is it the model that a client means by this name? "a" also means "a:latest". */
bool served_is(const struct served *m, struct str name);

#endif
