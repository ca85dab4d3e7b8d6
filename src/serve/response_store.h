/* SPDX-License-Identifier: Apache-2.0 */
/* serve/response_store: answers of the Responses API that are kept, so that a later request can go
 * on from one ("previous_response_id") or read it again.
 *
 * In memory only, within the configuration's keep_responses, a quarter of it for one key at most;
 * what was used longest ago goes first, and so does what nobody has used for RESPONSE_STORE_S. One
 * key's are not there for another. Nothing outlives the front. */
#ifndef MOAT_SERVE_RESPONSE_STORE_H
#define MOAT_SERVE_RESPONSE_STORE_H

#include <jansson.h>

#include "base/str.h"
#include "guard/keys.h"

#define RESPONSE_STORE_S 3600u
enum { RESPONSE_STORE_MOST = 4096, RESPONSE_STORE_SHARE = 4, RESPONSE_ID = 48 };

struct kept_response;
struct response_store {
    struct kept_response *oldest, *newest; /* owned; by last use */
    uint32_t n;
    size_t bytes;
};

/* Keeps "response" and "items" of an object as its text; false: it is too large to be kept. */
bool response_store_put(struct response_store *s, size_t max, const char *key, const char *id,
                        const json_t *object, uint64_t now_ns);
/* The object, for the caller to free; NULL: this key has none of this id. */
json_t *response_store_get(struct response_store *s, const char *key, struct str id,
                           uint64_t now_ns) MUST_USE;
bool response_store_remove(struct response_store *s, const char *key, struct str id);
void response_store_clear(struct response_store *s);

#endif
