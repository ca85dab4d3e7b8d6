/* SPDX-License-Identifier: Apache-2.0 */
/* serve/keys_route: GET /moat/keys, for operators: the keys there are, what each may and has used;
 * never a hash. What other servers of the same store have added since this one's start is not in
 * it: moat key list has that. */
#include <time.h>

#include "serve/dialects.h"
#include "serve/loop.h"
#include "serve/reply.h"

static json_t *row_of(const struct server *s, const struct key *k)
{
    const struct ledger_key *use = ledger_find(&s->ledger, k->id);
    json_t *j = json_pack(
        "{ss ss sI sb so so* si}", "id", k->id, "name", k->name, "created", (json_int_t)k->created,
        "expired", key_expired(k, time(NULL)), "terms", key_terms_json(&k->terms), "used",
        use ? key_usage_json(&use->total) : NULL, "requests_live", use ? (int)use->live : 0);
    return j;
}

void moat_keys(struct exchange *x)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < x->server->keys.n; i++)
        json_array_append_new(list, row_of(x->server, &x->server->keys.v[i]));
    reply_json(x, 200, json_pack("{so}", "keys", list));
}
