/* SPDX-License-Identifier: Apache-2.0 */
/* serve/want: see want.h. */
#include "serve/want.h"

#include <string.h>

/* --- texts ---------------------------------------------------------------------------------------
 */

static bool part_allowed(struct str part)
{
    return part.n > 0 && !str_is(part, ".") && !str_is(part, "..");
}

/* Parts between slashes; none of them could mean another place. */
static bool text_allowed(struct str s)
{
    struct str part, rest = s;
    if (s.n == 0 || s.n >= WANT_TEXT || s.p[s.n - 1] == '/' || !str_utf8_valid(s))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f || s.p[i] == '\\')
            return false;
    while (str_cut(&rest, '/', &part))
        if (!part_allowed(part))
            return false;
    return true;
}

static bool take_text(char out[WANT_TEXT], struct str s)
{
    if (!text_allowed(s))
        return false;
    memcpy(out, s.p, s.n);
    out[s.n] = '\0';
    return true;
}

/* The part up to the next slash; false: there is none, or it is empty. */
static bool cut(struct str *rest, struct str *part)
{
    return str_cut(rest, '/', part) && part->n > 0;
}

/* "ORG/REPO" off the front. */
static bool cut_repository(struct str *rest, char out[WANT_TEXT])
{
    struct str whole = *rest, org, repo;
    if (!cut(rest, &org) || !cut(rest, &repo))
        return false;
    return take_text(out, str_sub(whole, 0, org.n + 1 + repo.n));
}

static bool take_ending(struct str *s, const char *ending)
{
    struct str end = str_of(ending);
    if (!str_ends(*s, end))
        return false;
    s->n -= end.n;
    return true;
}

/* --- each kind of clients ------------------------------------------------------------------------
 */

static bool read_blob(struct want *w, struct str rest)
{
    w->leaves = take_ending(&rest, ".leaves");
    if (str_starts(rest, STR("sha256-")))
        rest = str_from(rest, 7);
    w->kind = WANT_BLOB;
    w->by_digest = digest_parse(&w->digest, rest, NULL);
    return w->by_digest;
}

static bool read_witness(struct want *w, struct str rest)
{
    w->kind = WANT_WITNESS;
    w->by_digest = rest.n == DIGEST_HEX && digest_parse(&w->digest, rest, NULL);
    return w->by_digest;
}

/* NAME/TAG.gguf and what lies beside it */
static bool read_model(struct want *w, struct str rest)
{
    struct str name;
    if (!cut(&rest, &name) || !take_text(w->repository, name))
        return false;
    w->leaves = take_ending(&rest, ".gguf.leaves");
    if (w->leaves || take_ending(&rest, ".gguf"))
        w->kind = WANT_FILE;
    else if (take_ending(&rest, ".json"))
        w->kind = WANT_MODEL;
    else
        return false;
    return str_find(rest, STR("/")) == SIZE_MAX && take_text(w->revision, rest);
}

static bool read_hf_api(struct want *w, struct str rest)
{
    struct str word, revision;
    w->kind = WANT_HF_INFO;
    memcpy(w->revision, "main", 5);
    if (!cut_repository(&rest, w->repository))
        return false;
    if (rest.n == 0)
        return true;
    if (!cut(&rest, &word) || !cut(&rest, &revision) || !take_text(w->revision, revision))
        return false;
    if (str_is(word, "tree"))
        w->kind = WANT_HF_TREE;
    return rest.n == 0 && (w->kind == WANT_HF_TREE || str_is(word, "revision"));
}

static bool read_hf_file(struct want *w, struct str rest)
{
    struct str word, revision;
    if (!cut_repository(&rest, w->repository) || !cut(&rest, &word) || !cut(&rest, &revision))
        return false;
    w->kind = str_is(word, "raw") ? WANT_HF_POINTER : WANT_HF_FILE;
    return (w->kind == WANT_HF_POINTER || str_is(word, "resolve")) &&
           take_text(w->revision, revision) && take_text(w->file, rest);
}

/* The last two parts say what is wanted, all before them is the name. */
static bool read_v2(struct want *w, struct str rest)
{
    static const struct {
        const char *word;
        enum want_kind kind;
    } words[] = {{"/manifests/", WANT_V2_MANIFEST}, {"/blobs/", WANT_V2_BLOB}};
    if (rest.n == 0 || str_is(rest, "_catalog")) {
        w->kind = rest.n ? WANT_V2_CATALOG : WANT_V2;
        return true;
    }
    if (take_ending(&rest, "/tags/list")) {
        w->kind = WANT_V2_TAGS;
        return take_text(w->repository, rest);
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t at = str_find(rest, str_of(words[i].word));
        if (at == SIZE_MAX)
            continue;
        struct str what = str_from(rest, at + strlen(words[i].word));
        w->kind = words[i].kind;
        w->by_digest = str_starts(what, STR("sha256:")) && digest_parse(&w->digest, what, NULL);
        return take_text(w->repository, str_sub(rest, 0, at)) &&
               (w->by_digest ||
                (w->kind == WANT_V2_MANIFEST && str_find(what, STR("/")) == SIZE_MAX &&
                 take_text(w->revision, what)));
    }
    return false;
}

struct want want_of_path(struct str path)
{
    static const struct {
        const char *start;
        bool (*read)(struct want *w, struct str rest);
    } shapes[] = {{"/blobs/", read_blob},   {"/witness/", read_witness},
                  {"/models/", read_model}, {"/api/models/", read_hf_api},
                  {"/v2/", read_v2},        {"/", read_hf_file}};
    if (str_is(path, "/models"))
        return (struct want){.kind = WANT_LIST};
    if (str_is(path, "/v2"))
        return (struct want){.kind = WANT_V2};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct str start = str_of(shapes[i].start);
        struct want w = {0};
        if (str_starts(path, start))
            return shapes[i].read(&w, str_from(path, start.n)) ? w : (struct want){0};
    }
    return (struct want){0};
}

/* --- to the keeper and back ----------------------------------------------------------------------
 */

json_t *want_to_json(const struct want *w)
{
    return json_pack("{si sb sb ss ss ss ss}", "kind", (int)w->kind, "leaves", w->leaves, "head",
                     w->head, "repository", w->repository, "revision", w->revision, "file", w->file,
                     "digest", w->by_digest ? w->digest.hex : "");
}

static bool read_text(const json_t *j, const char *key, char out[WANT_TEXT])
{
    const json_t *v = json_object_get(j, key);
    struct str text = {json_string_value(v), json_string_length(v)};
    return json_is_string(v) && (text.n == 0 || take_text(out, text));
}

bool want_from_json(struct want *w, const json_t *j)
{
    const char *digest = json_string_value(json_object_get(j, "digest"));
    json_int_t kind = json_integer_value(json_object_get(j, "kind"));
    *w = (struct want){.leaves = json_is_true(json_object_get(j, "leaves")),
                       .head = json_is_true(json_object_get(j, "head")),
                       .by_digest = digest && *digest};
    if (kind <= WANT_NOTHING || kind >= WANT_KINDS)
        return false;
    w->kind = (enum want_kind)kind;
    return digest && read_text(j, "repository", w->repository) &&
           read_text(j, "revision", w->revision) && read_text(j, "file", w->file) &&
           (!w->by_digest || digest_parse(&w->digest, str_of(digest), NULL));
}
