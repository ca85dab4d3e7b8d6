/* SPDX-License-Identifier: Apache-2.0 */
/* guard/oms: the statement: names and hashes of files; see oms.h. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/limits.h"
#include "guard/oms_private.h"

#define STATEMENT      "https://in-toto.io/Statement/v1"
#define PREDICATE      "https://model_signing/signature/v1.0"
#define PREDICATE_PAST "https://model_signing/Digests/v0.1"

enum { IGNORED = 1024 };
#define SHARD_MOST 9007199254740992.0 /* 2^53: a number up to there is what it says */

/* A resource: a file, or a part of one. */
struct entry {
    char *name; /* in the list's arena, cut before the range of a shard */
    uint64_t from, to;
    uint8_t digest[OMS_DIGEST];
};

/* --- how they were hashed ------------------------------------------------------------------------
 */

static bool read_hash_type(struct oms_list *l, const json_t *j, struct err *e)
{
    const char *type = json_string_value(json_object_get(j, "hash_type"));
    if (type && strcmp(type, "sha256") == 0) {
        l->hash = "SHA2-256";
        l->digest_bytes = 32;
    } else if (type && strcmp(type, "blake2b") == 0) {
        l->hash = "BLAKE2B-512";
        l->digest_bytes = 64;
    } else {
        return fail(e, ERR_UNSUPPORTED,
                    "its files were hashed with \"%.20s\"; moat knows sha256 and blake2b",
                    type ? type : "");
    }
    return true;
}

static bool read_method(struct oms_list *l, const json_t *j, struct err *e)
{
    const char *method = json_string_value(json_object_get(j, "method"));
    const json_t *size = json_object_get(j, "shard_size");
    double shard = json_number_value(size); /* some signers write 1000000.0 */
    if (method && strcmp(method, "files") == 0)
        return !size || fail(e, ERR_CORRUPT, "\"shard_size\" must not stand beside \"files\"");
    if (!method || strcmp(method, "shards") != 0)
        return fail(e, ERR_UNSUPPORTED, "its method \"%.20s\" is not known to this version of moat",
                    method ? method : "");
    if (!(shard >= 1 && shard <= SHARD_MOST) || shard != (double)(uint64_t)shard)
        return fail(e, ERR_CORRUPT, "\"shard_size\" must be a whole number from 1 on");
    l->shard = (uint64_t)shard;
    return true;
}

static bool read_ignored(struct oms_list *l, const json_t *j, struct err *e)
{
    size_t i;
    json_t *one, *list = json_object_get(j, "ignore_paths");
    if (list && (!json_is_array(list) || json_array_size(list) > IGNORED))
        return fail(e, ERR_CORRUPT, "\"ignore_paths\" must be a list of at most %d", IGNORED);
    json_array_foreach(list, i, one)
    {
        if (!json_is_string(one))
            return fail(e, ERR_CORRUPT, "\"ignore_paths\" must be a list of texts");
    }
    l->ignore = json_incref(list);
    return true;
}

static bool read_serialization(struct oms_list *l, const json_t *j, struct err *e)
{
    const json_t *links = json_object_get(j, "allow_symlinks");
    if (!json_is_object(j) || !json_is_boolean(links))
        return fail(e, ERR_CORRUPT, "it does not say how its files were hashed (serialization)");
    l->links = json_is_true(links);
    return read_hash_type(l, j, e) && read_method(l, j, e) && read_ignored(l, j, e);
}

/* --- the files -----------------------------------------------------------------------------------
 */

/* Relative, and written in the one way there is: no path leads out, none has two names. */
static bool is_name(const char *name)
{
    struct str rest = str_of(name), part;
    if (strcmp(name, ".") == 0)
        return true;
    if (rest.n == 0 || rest.p[rest.n - 1] == '/')
        return false;
    while (str_cut(&rest, '/', &part))
        if (part.n == 0 || str_is(part, ".") || str_is(part, ".."))
            return false;
    return true;
}

/* Cuts ":FROM:TO" off a name. */
static bool cut_range(struct entry *one, uint64_t shard, struct err *e)
{
    char *to = strrchr(one->name, ':'), *from = NULL;
    if (to) {
        *to = '\0';
        from = strrchr(one->name, ':');
        *to = ':';
    }
    if (!from || !str_to_u64((struct str){from + 1, (size_t)(to - from - 1)}, &one->from) ||
        !str_to_u64(str_of(to + 1), &one->to) || one->from >= one->to || one->from % shard != 0 ||
        one->to - one->from > shard)
        return fail(e, ERR_CORRUPT, "\"%.100s\" must name a part of a file: NAME:FROM:TO",
                    one->name);
    *from = '\0';
    return true;
}

static bool read_entry(struct oms_list *l, const json_t *j, struct entry *out, struct err *e)
{
    const json_t *name = json_object_get(j, "name");
    const char *algorithm = json_string_value(json_object_get(j, "algorithm"));
    const char *hex = json_string_value(json_object_get(j, "digest"));
    size_t n = 0;
    if (!json_is_string(name) || strlen(json_string_value(name)) != json_string_length(name))
        return fail(e, ERR_CORRUPT, "it has no name");
    out->name = arena_copy(&l->names, str_of(json_string_value(name)), e);
    if (!out->name || (l->shard && !cut_range(out, l->shard, e)))
        return false;
    if (!is_name(out->name))
        return fail(e, ERR_CORRUPT, "\"%.100s\" is no path inside a folder", out->name);
    if (!algorithm || !hex || strlen(hex) != 2 * (size_t)l->digest_bytes ||
        sodium_hex2bin(out->digest, OMS_DIGEST, hex, strlen(hex), NULL, &n, NULL) != 0 ||
        n != l->digest_bytes)
        return fail(e, ERR_CORRUPT, "%.100s has no digest as it must have", out->name);
    return true;
}

static int by_place(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : x->from < y->from ? -1 : x->from > y->from;
}

/* Takes the next entry, sorted, into the list: another file, or the next part of the last one. */
static bool place(struct oms_list *l, const struct entry *one, struct err *e)
{
    struct oms_file *f = l->n ? &l->file[l->n - 1] : NULL;
    bool more = f && strcmp(f->name, one->name) == 0;
    if (more && (!l->shard || one->from != f->bytes || f->bytes % l->shard != 0))
        return fail(e, ERR_CORRUPT, "%.100s is named twice, or with a gap", one->name);
    if (!more && one->from != 0)
        return fail(e, ERR_CORRUPT, "the beginning of %.100s is missing", one->name);
    if (!more) {
        f = &l->file[l->n++];
        *f = (struct oms_file){.name = one->name, .first = (uint32_t)l->n_digest};
    }
    f->n++;
    f->bytes = one->to;
    memcpy(l->digest + l->n_digest++ * l->digest_bytes, one->digest, l->digest_bytes);
    return true;
}

/* The subject's digest is that of all digests, in the order of the statement. */
static bool check_root(const struct oms_list *l, const struct entry *v, size_t n,
                       const json_t *subject, struct err *e)
{
    struct hash_stream s;
    struct hash root = {0};
    char hex[2 * HASH_BYTES + 1];
    const char *said =
        json_string_value(json_object_get(json_object_get(subject, "digest"), "sha256"));
    bool ok = hash_begin(&s, e);
    for (size_t i = 0; ok && i < n; i++)
        ok = hash_add(&s, v[i].digest, l->digest_bytes, e);
    if (!hash_end(&s, ok ? &root : NULL, e) || !ok)
        return false;
    hash_hex(&root, hex);
    return (said && strcmp(said, hex) == 0) ||
           fail(e, ERR_CORRUPT, "the digest of its subject is not that of its files");
}

static bool take_all(struct oms_list *l, struct entry *v, size_t n, const json_t *list,
                     const json_t *subject, struct err *e)
{
    for (size_t i = 0; i < n; i++)
        if (!read_entry(l, json_array_get(list, i), &v[i], e))
            return err_at(e, "resource %zu", i + 1);
    if (!check_root(l, v, n, subject, e))
        return false;
    qsort(v, n, sizeof *v, by_place);
    for (size_t i = 0; i < n; i++)
        if (!place(l, &v[i], e))
            return false;
    return true;
}

static bool read_resources(struct oms_list *l, const json_t *list, const json_t *subject,
                           struct err *e)
{
    size_t n = json_array_size(list);
    if (!json_is_array(list) || n < 1 || n > LIMIT_OMS_FILES)
        return fail(e, ERR_CORRUPT, "\"resources\" must be a list of 1 to %u", LIMIT_OMS_FILES);
    struct entry *v = mem_new(n, sizeof *v, e);
    l->file = v ? mem_new(n, sizeof *l->file, e) : NULL;
    l->digest = l->file ? mem_new(n, l->digest_bytes, e) : NULL;
    bool ok = l->digest && take_all(l, v, n, list, subject, e);
    mem_free(v);
    return ok;
}

/* --- the statement -------------------------------------------------------------------------------
 */

static bool is_text(const json_t *j, const char *key, const char *wanted)
{
    const char *text = json_string_value(json_object_get(j, key));
    return text && strcmp(text, wanted) == 0;
}

static bool read_statement(struct oms_list *l, const json_t *j, struct err *e)
{
    const json_t *subject = json_object_get(j, "subject"), *p = json_object_get(j, "predicate");
    if (!is_text(j, "_type", STATEMENT))
        return fail(e, ERR_CORRUPT, "what is signed is no in-toto statement (%s)", STATEMENT);
    if (is_text(j, "predicateType", PREDICATE_PAST))
        return fail(e, ERR_UNSUPPORTED,
                    "it has the format from before Model Signing 1.0, which says too little; its "
                    "maker can sign the model again");
    if (!is_text(j, "predicateType", PREDICATE))
        return fail(e, ERR_CORRUPT, "what is signed is no model (%s)", PREDICATE);
    if (!json_is_array(subject) || json_array_size(subject) != 1)
        return fail(e, ERR_CORRUPT, "it must have one subject");
    return read_serialization(l, json_object_get(p, "serialization"), e) &&
           read_resources(l, json_object_get(p, "resources"), json_array_get(subject, 0), e);
}

bool oms_list_parse(struct oms_list *l, struct str payload, struct err *e)
{
    json_t *j = json_parse(payload, "JSON", e);
    bool ok = j ? read_statement(l, j, e) : (e->code = ERR_CORRUPT, false);
    json_decref(j);
    return ok || err_at(e, "its statement");
}
