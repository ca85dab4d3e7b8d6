/* SPDX-License-Identifier: Apache-2.0 */
/* store/catalog_copy: a catalogue on its way: from its origin, checked, into the store and back;
 * see catalogs.h. */
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/os.h"
#include "fetch/url.h"
#include "store/catalogs.h"
#include "store/upstream.h"

/* --- the origin --------------------------------------------------------------------------------
 */

static bool get(const char *at, struct fetch_job *how, const atomic_bool *stop, struct buf *out,
                struct err *e)
{
    return url_is(at) ? upstream_get(at, how, stop, out, e) : buf_read_file(out, at, e);
}

/* "https://host/c.json?x" -> "https://host/c.json.sig?x" */
static bool signature_at(const char *origin, char out[LIMIT_URL_BYTES], struct err *e)
{
    size_t n = url_is(origin) ? strcspn(origin, "?#") : strlen(origin);
    return snprintf(out, LIMIT_URL_BYTES, "%.*s" SIGN_SUFFIX "%s", (int)n, origin, origin + n) <
               (int)LIMIT_URL_BYTES ||
           fail(e, ERR_USAGE, "path is too long: %s", origin);
}

bool catalog_fetch(const struct catalog_source *s, struct fetch_job *how, const atomic_bool *stop,
                   struct buf *document, struct buf *signatures, struct err *e)
{
    char sig[LIMIT_URL_BYTES];
    buf_init(document, LIMIT_CATALOG_BYTES);
    buf_init(signatures, SIGN_FILE);
    return get(s->origin, how, stop, document, e) &&
           (s->n_key == 0 ||
            (signature_at(s->origin, sig, e) && get(sig, how, stop, signatures, e)));
}

/* --- checking ----------------------------------------------------------------------------------
 */

static bool check_signed(const struct catalog_source *s, struct str document, struct str signatures,
                         struct err *e)
{
    const struct sign_trust trust = {s->key, s->n_key, s->needed};
    struct sign_set set;
    return s->n_key == 0 || (sign_set_parse(&set, signatures, s->name, e) &&
                             sign_check(&set, SIGN_CATALOG, document, &trust, e));
}

bool catalog_accept(const struct catalog_source *s, struct str document, struct str signatures,
                    int64_t now, struct catalog *out, struct err *e)
{
    if (!check_signed(s, document, signatures, e))
        return err_at(e, "catalogue %s", s->name);
    if (!catalog_parse(out, document, s->name, e))
        return false;
    if (sign_terms_check(&out->terms, s->seen, now, s->name, e))
        return true;
    catalog_clear(out);
    return false;
}

/* --- the copy ----------------------------------------------------------------------------------
 */

bool catalog_keep(const struct catalog_source *s, const struct store *store, struct str document,
                  struct str signatures, struct err *e)
{
    struct os_atomic_file f = {.fd = -1};
    struct buf text;
    char path[STORE_PATH];
    json_t *j = json_pack("{s:s%, s:s%}", "document", document.p ? document.p : "", document.n,
                          "signatures", signatures.p ? signatures.p : "", signatures.n);
    buf_init(&text, LIMIT_JSON_BYTES);
    bool ok = j ? json_write(j, 0, &text, e)
                : fail(e, ERR_CORRUPT, "catalogue %s is not valid UTF-8 text", s->name);
    ok = ok && os_mkdirs(store_path(store, path, "catalogs"), e) &&
         os_atomic_open(&f, store_path(store, path, "catalogs/%s.signed", s->name), e) &&
         os_atomic_write(&f, text.p, text.n, e) && os_atomic_commit(&f, e);
    os_atomic_close(&f);
    buf_clear(&text);
    json_decref(j);
    return ok;
}

bool catalog_load(const struct catalog_source *s, const struct store *store, int64_t now,
                  struct catalog *out, struct err *e)
{
    char path[STORE_PATH];
    store_path(store, path, "catalogs/%s.signed", s->name);
    if (access(path, F_OK) != 0)
        return fail(e, ERR_NOT_FOUND,
                    "catalogue %s was never fetched; moat catalog update %s fetches it", s->name,
                    s->name);
    json_t *j = json_read_file(path, LIMIT_JSON_BYTES, e);
    const json_t *document = json_object_get(j, "document");
    const json_t *signatures = json_object_get(j, "signatures");
    bool ok = j && ((json_is_string(document) && json_is_string(signatures)) ||
                    fail(e, ERR_CORRUPT, "%s is damaged; moat catalog update %s fetches it again",
                         path, s->name));
    ok = ok &&
         catalog_accept(s, (struct str){json_string_value(document), json_string_length(document)},
                        (struct str){json_string_value(signatures), json_string_length(signatures)},
                        now, out, e);
    json_decref(j);
    return ok;
}
