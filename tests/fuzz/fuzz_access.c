/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes what says who may use a server: a list of keys, what they have used, when a key ends, and
 * Host and Origin of a request. What is taken must hold: a list reads the same when it was written,
 * and what is let pass is what the rules name. */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "guard/key_usage.h"
#include "serve/origin.h"

static void try_keys(struct str text)
{
    struct keys k = {0}, back = {0};
    struct key_usages used = {0};
    struct err e;
    json_t *j = json_parse(text, "fuzz", &e);
    if (j && keys_from_json(&k, j, &e)) {
        json_t *again = keys_to_json(&k);
        must(keys_from_json(&back, again, &e) && back.n == k.n);
        for (uint32_t i = 0; i < k.n; i++)
            must(memcmp(&k.v[i].terms, &back.v[i].terms, sizeof k.v[i].terms) == 0);
        json_decref(again);
    }
    if (j && key_usages_take(&used, j, &e))
        must(used.n <= json_object_size(j));
    json_decref(j);
    keys_clear(&k);
    keys_clear(&back);
    key_usages_clear(&used);
}

static void try_expiry(struct str text)
{
    struct err e;
    int64_t at;
    if (key_expiry(text, 1790000000, &at, &e))
        must(at > 1790000000);
}

/* Host, a line feed, Origin. */
static void try_origin(struct str text)
{
    struct config_list none = {0};
    struct str host, origin = text;
    struct err e;
    bool listed;
    if (!str_cut(&origin, '\n', &host))
        return;
    bool here = origin_host_is_loopback(host);
    if (origin_allowed(origin, host, true, &none, &listed) && !here)
        must(!listed && str_ends(origin, str_from(origin, 8)) && origin.n == host.n + 8);
    if (origin_check_host(host, &e))
        must(!memchr(host.p, '*', host.n) && !memchr(host.p, '/', host.n));
    if (origin_check_origin(origin, &e))
        must(!memchr(origin.p, '*', origin.n) && !memchr(origin.p, '\r', origin.n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    try_keys(text);
    try_expiry(text);
    try_origin(text);
    return 0;
}
