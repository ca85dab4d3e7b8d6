/* SPDX-License-Identifier: Apache-2.0 */
/* guard/sign: see sign.h. Sources: DSSE 1.0 (protocol.md), RFC 8032. */
#include "guard/sign.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/os.h"

#define BASE64 sodium_base64_VARIANT_ORIGINAL

enum { FRAME = 128 + SIGN_TYPE }; /* of the encoding, around the body */

static bool ready(struct err *e)
{
    return sodium_init() >= 0 || fail(e, ERR_INTERNAL, "libsodium does not start");
}

/* What is signed: the pre-authentication encoding. */
static bool encode(struct buf *out, const char *type, struct str body, struct err *e)
{
    buf_init(out, body.n + FRAME);
    if (!ready(e))
        return false;
    buf_fmt(out, "DSSEv1 %zu %s %zu ", strlen(type), type, body.n);
    buf_str(out, body);
    return buf_ok(out, type, e);
}

/* --- the file of signatures ------------------------------------------------------------------ */

static bool is_id(const char *text)
{
    return text && strlen(text) == SIGN_ID && strspn(text, "0123456789abcdef") == SIGN_ID;
}

static int find(const struct sign_set *s, const char *id)
{
    int i = (int)s->n;
    while (--i >= 0 && strcmp(s->v[i].id, id) != 0) {
    }
    return i;
}

static bool parse_one(struct sign_set *s, const json_t *j)
{
    const char *id = json_string_value(json_object_get(j, "keyid"));
    const char *sig = json_string_value(json_object_get(j, "sig"));
    size_t n = 0;
    if (!is_id(id) || !sig || find(s, id) >= 0 ||
        sodium_base642bin(s->v[s->n].b, SIGN_BYTES, sig, strlen(sig), NULL, &n, NULL, BASE64) !=
            0 ||
        n != SIGN_BYTES)
        return false;
    memcpy(s->v[s->n++].id, id, SIGN_ID + 1);
    return true;
}

static bool from_json(struct sign_set *s, const json_t *j)
{
    const char *type = json_string_value(json_object_get(j, "type"));
    const json_t *list = json_object_get(j, "signatures");
    if (!type || strlen(type) >= SIGN_TYPE || !json_is_array(list) ||
        json_array_size(list) > SIGN_SIGNERS)
        return false;
    snprintf(s->type, sizeof s->type, "%s", type);
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!parse_one(s, json_array_get(list, i)))
            return false;
    return true;
}

bool sign_set_parse(struct sign_set *s, struct str text, const char *where, struct err *e)
{
    *s = (struct sign_set){0};
    if (!ready(e))
        return false;
    json_t *j = text.n <= SIGN_FILE ? json_parse(text, where, NULL) : NULL;
    bool ok = j && from_json(s, j);
    json_decref(j);
    if (!ok)
        *s = (struct sign_set){0};
    return ok || fail(e, ERR_CORRUPT, "%s is no file of signatures; fetch it again", where);
}

bool sign_set_print(const struct sign_set *s, struct buf *out, struct err *e)
{
    char sig[sodium_base64_ENCODED_LEN(SIGN_BYTES, BASE64)];
    json_t *list = json_array();
    for (uint32_t i = 0; i < s->n; i++) {
        sodium_bin2base64(sig, sizeof sig, s->v[i].b, SIGN_BYTES, BASE64);
        json_array_append_new(list, json_pack("{s:s, s:s}", "keyid", s->v[i].id, "sig", sig));
    }
    json_t *j = json_pack("{s:s, s:o}", "type", s->type, "signatures", list);
    bool ok = j ? json_write(j, JSON_INDENT(1), out, e) : fail(e, ERR_LIMIT, "not enough memory");
    buf_byte(out, '\n');
    json_decref(j);
    return ok && buf_ok(out, "JSON", e);
}

/* --- signing and checking -------------------------------------------------------------------- */

bool sign_add(struct sign_set *s, const struct sign_secret *k, const char *type, struct str body,
              struct err *e)
{
    struct buf text;
    if (strcmp(s->type, type) != 0)
        *s = (struct sign_set){0};
    int at = find(s, k->key.id);
    if (at < 0 && s->n == SIGN_SIGNERS)
        return fail(e, ERR_LIMIT, "%d signatures are the most", SIGN_SIGNERS);
    bool ok = encode(&text, type, body, e);
    if (ok) {
        at = at < 0 ? (int)s->n++ : at;
        snprintf(s->type, sizeof s->type, "%s", type);
        memcpy(s->v[at].id, k->key.id, SIGN_ID + 1);
        crypto_sign_detached(s->v[at].b, NULL, (const unsigned char *)text.p, text.n, k->b);
    }
    buf_clear(&text);
    return ok;
}

static bool verify(const uint8_t sig[SIGN_BYTES], const struct buf *text, const struct sign_key *k)
{
    return crypto_sign_verify_detached(sig, (const unsigned char *)text->p, text->n, k->b) == 0;
}

static bool is_repeated(const struct sign_trust *trust, uint32_t i)
{
    for (uint32_t k = 0; k < i; k++)
        if (memcmp(trust->key[k].b, trust->key[i].b, SIGN_PUBLIC) == 0)
            return true;
    return false;
}

/* The keys of a list, for a message. */
static const char *name_all(char out[512], const char *id, const char *name)
{
    size_t n = strlen(out);
    snprintf(out + n, 512 - n, "%s%s%s%s%s", n ? ", " : "", id, name ? " (" : "", name ? name : "",
             name ? ")" : "");
    return out;
}

static bool too_few(const struct sign_set *s, const struct sign_trust *trust, uint32_t good,
                    struct err *e)
{
    char wanted[512] = "", signers[512] = "";
    for (uint32_t i = 0; i < trust->n; i++)
        name_all(wanted, trust->key[i].id, trust->key[i].name[0] ? trust->key[i].name : NULL);
    for (uint32_t i = 0; i < s->n; i++)
        name_all(signers, s->v[i].id, NULL);
    if (trust->needed > 1)
        return fail(e, ERR_DENIED,
                    "it has %u good signatures of %u that are wanted; trusted keys: %s; signed "
                    "by: %s",
                    good, trust->needed, wanted[0] ? wanted : "-", signers[0] ? signers : "-");
    return fail(e, ERR_DENIED,
                "it is not signed by a key that is trusted for it; trusted keys: %s; signed by: %s",
                wanted[0] ? wanted : "-", signers[0] ? signers : "-");
}

bool sign_check(const struct sign_set *s, const char *type, struct str body,
                const struct sign_trust *trust, struct err *e)
{
    struct buf text;
    uint32_t good = 0;
    const struct sign_key *bad = NULL;
    if (strcmp(s->type, type) != 0)
        return fail(e, ERR_DENIED, "it is signed as %s, not as %s", s->type[0] ? s->type : "-",
                    type);
    bool ok = encode(&text, type, body, e);
    for (uint32_t i = 0; ok && i < trust->n && !bad; i++) {
        int at = find(s, trust->key[i].id);
        if (at < 0 || is_repeated(trust, i))
            continue;
        if (verify(s->v[at].b, &text, &trust->key[i]))
            good++;
        else
            bad = &trust->key[i];
    }
    buf_clear(&text);
    if (!ok)
        return false;
    if (bad)
        return fail(e, ERR_DENIED,
                    "it was changed after key %s signed it, or that is not its signature; fetch "
                    "both again",
                    bad->id);
    return (good > 0 && good >= trust->needed) || too_few(s, trust, good, e);
}

/* --- files ----------------------------------------------------------------------------------- */

static bool sig_path(const char *path, char out[4096], struct err *e)
{
    return snprintf(out, 4096, "%s" SIGN_SUFFIX, path) < 4096 ||
           fail(e, ERR_USAGE, "path is too long: %s", path);
}

static bool read_set(const char *sig, struct sign_set *s, struct err *e)
{
    struct buf text;
    buf_init(&text, SIGN_FILE);
    bool ok = buf_read_file(&text, sig, e) && sign_set_parse(s, buf_view(&text), sig, e);
    buf_clear(&text);
    return ok;
}

bool sign_open(const char *path, const char *type, size_t max, const struct sign_trust *trust,
               struct buf *body, struct err *e)
{
    char sig[4096];
    struct sign_set s;
    buf_init(body, max);
    return sig_path(path, sig, e) && buf_read_file(body, path, e) && read_set(sig, &s, e) &&
           (sign_check(&s, type, buf_view(body), trust, e) || err_at(e, "%s", path));
}

static bool write_set(const struct sign_set *s, const char *sig, struct err *e)
{
    struct os_atomic_file f = {.fd = -1};
    struct buf text;
    buf_init(&text, SIGN_FILE);
    bool ok = sign_set_print(s, &text, e) && os_atomic_open(&f, sig, e) &&
              os_atomic_write(&f, text.p, text.n, e) && os_atomic_commit(&f, e);
    os_atomic_close(&f);
    buf_clear(&text);
    return ok;
}

/* Signatures of what the document was before are of no use to anybody: they go. */
static void drop_stale(struct sign_set *s, const struct sign_set *old, const struct sign_secret *k)
{
    int mine = find(old, k->key.id), now = find(s, k->key.id);
    if (mine >= 0 && now >= 0 && memcmp(old->v[mine].b, s->v[now].b, SIGN_BYTES) != 0) {
        s->v[0] = s->v[now];
        s->n = 1;
    }
}

bool sign_file(const char *path, const char *type, size_t max, const struct sign_secret *k,
               struct err *e)
{
    char sig[4096];
    struct sign_set s = {0}, old;
    struct buf body;
    buf_init(&body, max);
    bool ok = sig_path(path, sig, e) && buf_read_file(&body, path, e) &&
              (access(sig, F_OK) != 0 || read_set(sig, &s, e));
    old = s;
    ok = ok && sign_add(&s, k, type, buf_view(&body), e);
    if (ok)
        drop_stale(&s, &old, k);
    ok = ok && write_set(&s, sig, e);
    buf_clear(&body);
    return ok;
}

/* --- terms ----------------------------------------------------------------------------------- */

bool sign_time_read(int64_t *out, const json_t *j, const char *key, struct err *e)
{
    const json_t *v = json_object_get(j, key);
    struct tm tm = {0};
    *out = 0;
    if (!v)
        return true;
    const char *text = json_string_value(v);
    const char *end = text ? strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm) : NULL;
    *out = end && *end == '\0' ? (int64_t)timegm(&tm) : 0;
    return *out > 0 || fail(e, ERR_CORRUPT, "\"%s\" must be a time like 2027-01-01T00:00:00Z", key);
}

bool sign_quorum_read(struct sign_key key[SIGN_SIGNERS], uint32_t *n, uint32_t *needed,
                      const json_t *j, struct err *e)
{
    json_int_t m = json_integer_value(json_object_get(j, "needed"));
    if (!sign_keys_read(key, n, json_object_get(j, "keys"), e))
        return false;
    if (*n < 1 || m < 1 || m > (json_int_t)*n)
        return fail(e, ERR_CORRUPT,
                    "\"keys\" must be a list of 1 to %d keys, and \"needed\" how many of them must "
                    "sign",
                    SIGN_SIGNERS);
    *needed = (uint32_t)m;
    return true;
}

bool sign_terms_read(struct sign_terms *t, const json_t *j, const char *where, struct err *e)
{
    const json_t *version = json_object_get(j, "version");
    *t = (struct sign_terms){0};
    if (!json_is_integer(version) || json_integer_value(version) < 1)
        return fail(e, ERR_CORRUPT, "%s: \"version\" must be a whole number from 1 on", where);
    t->version = (uint64_t)json_integer_value(version);
    return sign_time_read(&t->expires, j, "expires", e) || err_at(e, "%s", where);
}

bool sign_terms_check(const struct sign_terms *t, uint64_t seen, int64_t now, const char *where,
                      struct err *e)
{
    char day[32] = "";
    time_t at = (time_t)t->expires;
    struct tm tm;
    if (t->version < seen)
        return fail(e, ERR_DENIED,
                    "%s has version %llu, and version %llu was there before: somebody put an old "
                    "one back; ask who signs it",
                    where, (unsigned long long)t->version, (unsigned long long)seen);
    if (t->expires == 0 || now < t->expires)
        return true;
    if (gmtime_r(&at, &tm))
        strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return fail(e, ERR_DENIED,
                "%s expired at %s; get a newer one, or set the clock of this machine", where, day);
}
