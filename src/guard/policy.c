/* SPDX-License-Identifier: Apache-2.0 */
/* guard/policy: the document; see policy.h. */
#include "guard/policy.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/mem.h"

static const struct {
    const char *name;
    enum policy_use use;
} uses[] = {{"model", POLICY_MODEL}, {"draft", POLICY_DRAFT}};

enum { N_USES = sizeof uses / sizeof *uses };

void policy_clear(struct policy *p)
{
    mem_free(p->v);
    *p = (struct policy){0};
}

/* --- reading -------------------------------------------------------------------------------------
 */

static bool read_hash(const json_t *j, const char *key, struct hash *h, struct err *e)
{
    return hash_parse(h, str_of(json_string_value(json_object_get(j, key)))) ||
           fail(e, ERR_CORRUPT, "\"%s\" must be 64 hexadecimal digits in lower case", key);
}

static bool read_text(const json_t *j, const char *key, bool must_be, char out[POLICY_TEXT],
                      struct err *e)
{
    const json_t *text = json_object_get(j, key);
    if (!text && !must_be)
        return true;
    size_t n = json_string_length(text);
    if (!json_is_string(text) || n >= POLICY_TEXT || (must_be && n == 0) ||
        strlen(json_string_value(text)) != n)
        return fail(e, ERR_CORRUPT, "\"%s\" must be a text of 1 to %d bytes", key, POLICY_TEXT - 1);
    memcpy(out, json_string_value(text), n + 1);
    return true;
}

static bool read_packs(const json_t *list, struct policy_model *m, struct err *e)
{
    size_t n = json_array_size(list);
    if ((list && !json_is_array(list)) || n > POLICY_PACKS)
        return fail(e, ERR_CORRUPT, "\"packs\" must be a list of at most %d", POLICY_PACKS);
    for (m->n_pack = 0; m->n_pack < n; m->n_pack++) {
        const json_t *one = json_array_get(list, m->n_pack);
        json_int_t layout = json_integer_value(json_object_get(one, "layout"));
        if (layout < 1 || layout > UINT32_MAX)
            return fail(e, ERR_CORRUPT, "\"layout\" must be a whole number from 1 on");
        m->pack[m->n_pack].layout = (uint32_t)layout;
        if (!read_hash(one, "root", &m->pack[m->n_pack].root, e))
            return false;
    }
    return true;
}

static bool read_uses(const json_t *list, unsigned *out, struct err *e)
{
    size_t i;
    const json_t *one;
    *out = list ? 0 : POLICY_MODEL;
    json_array_foreach(list, i, one)
    {
        const char *name = json_string_value(one);
        unsigned use = 0;
        for (size_t k = 0; name && k < N_USES; k++)
            use |= strcmp(uses[k].name, name) == 0 ? uses[k].use : 0;
        if (!use)
            return fail(e, ERR_CORRUPT, "\"use\" may hold \"model\" and \"draft\"");
        *out |= use;
    }
    return *out || fail(e, ERR_CORRUPT, "\"use\" must be a list of \"model\" and \"draft\"");
}

/* (I1) What a policy says that this program does not know may be a bound: it is refused. */
static bool only_known(const json_t *j, const char *const *known, struct err *e)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)j, key, value)
    {
        size_t i = 0;
        while (known[i] && strcmp(known[i], key) != 0)
            i++;
        if (!known[i])
            return fail(e, ERR_UNSUPPORTED,
                        "\"%.40s\" is not known to this version of moat, and may be a bound", key);
    }
    return true;
}

static bool read_model(const json_t *j, struct policy_model *m, struct err *e)
{
    static const char *const known[] = {
        "name",       "sha256",    "size", "tree", "template_sha256", "packs", "use",
        "not_before", "not_after", "note", NULL};
    json_int_t size = json_integer_value(json_object_get(j, "size"));
    if (!json_is_object(j) || !only_known(j, known, e))
        return json_is_object(j) ? false : fail(e, ERR_CORRUPT, "it is no object");
    if (size < 1)
        return fail(e, ERR_CORRUPT, "\"size\" must be a whole number from 1 on");
    m->size = (uint64_t)size;
    return read_text(j, "name", true, m->name, e) && read_text(j, "note", false, m->note, e) &&
           read_hash(j, "sha256", &m->sha256, e) && read_hash(j, "tree", &m->tree, e) &&
           (!json_object_get(j, "template_sha256") ||
            read_hash(j, "template_sha256", &m->template, e)) &&
           read_packs(json_object_get(j, "packs"), m, e) &&
           read_uses(json_object_get(j, "use"), &m->uses, e) &&
           sign_time_read(&m->not_before, j, "not_before", e) &&
           sign_time_read(&m->not_after, j, "not_after", e);
}

static bool read_models(struct policy *p, const json_t *list, struct err *e)
{
    size_t n = json_array_size(list);
    if (!json_is_array(list) || n > POLICY_MODELS)
        return fail(e, ERR_CORRUPT, "\"models\" must be a list of at most %d", POLICY_MODELS);
    if (!(p->v = mem_new(n + 1, sizeof *p->v, e)))
        return false;
    for (p->n = 0; p->n < n; p->n++)
        if (!read_model(json_array_get(list, p->n), &p->v[p->n], e))
            return err_at(e, "model %zu", p->n + 1);
    return true;
}

bool policy_parse(struct policy *p, struct str text, const char *where, struct err *e)
{
    static const char *const known[] = {"policy", "version", "expires", "keys",
                                        "needed", "models",  "roles",   NULL};
    *p = (struct policy){0};
    json_t *j = json_parse(text, where, e);
    if (!j)
        return false;
    bool ok = json_integer_value(json_object_get(j, "policy")) == 1 ||
              fail(e, ERR_UNSUPPORTED, "it is no policy of format 1");
    ok = ok && only_known(j, known, e) && sign_terms_read(&p->terms, j, "it", e) &&
         sign_quorum_read(p->key, &p->n_key, &p->needed, j, e) &&
         read_models(p, json_object_get(j, "models"), e) &&
         roles_parse(&p->roles, json_object_get(j, "roles"), e);
    json_decref(j);
    if (ok)
        return true;
    policy_clear(p);
    return err_at(e, "%s", where);
}

/* --- writing -------------------------------------------------------------------------------------
 */

static json_t *time_json(int64_t at)
{
    char text[32] = "";
    time_t t = (time_t)at;
    struct tm tm;
    if (gmtime_r(&t, &tm))
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return json_string(text);
}

static json_t *hash_json(const struct hash *h)
{
    char hex[2 * HASH_BYTES + 1];
    hash_hex(h, hex);
    return json_string(hex);
}

static json_t *model_json(const struct policy_model *m)
{
    static const struct hash none;
    json_t *packs = json_array(), *use = json_array();
    for (uint32_t i = 0; i < m->n_pack; i++)
        json_array_append_new(packs,
                              json_pack("{s:I, s:o}", "layout", (json_int_t)m->pack[i].layout,
                                        "root", hash_json(&m->pack[i].root)));
    for (size_t i = 0; i < N_USES; i++)
        if (m->uses & uses[i].use)
            json_array_append_new(use, json_string(uses[i].name));
    json_t *j = json_pack("{s:s, s:o, s:I, s:o, s:o, s:o}", "name", m->name, "sha256",
                          hash_json(&m->sha256), "size", (json_int_t)m->size, "tree",
                          hash_json(&m->tree), "packs", packs, "use", use);
    if (!hash_eq(&m->template, &none))
        json_object_set_new(j, "template_sha256", hash_json(&m->template));
    if (m->not_before)
        json_object_set_new(j, "not_before", time_json(m->not_before));
    if (m->not_after)
        json_object_set_new(j, "not_after", time_json(m->not_after));
    if (m->note[0])
        json_object_set_new(j, "note", json_string(m->note));
    return j;
}

json_t *policy_to_json(const struct policy *p)
{
    json_t *keys = json_array(), *models = json_array();
    char text[SIGN_TEXT];
    for (uint32_t i = 0; i < p->n_key; i++) {
        sign_key_text(&p->key[i], text);
        json_array_append_new(keys, json_string(text));
    }
    for (size_t i = 0; i < p->n; i++)
        json_array_append_new(models, model_json(&p->v[i]));
    json_t *j =
        json_pack("{s:i, s:I, s:o, s:I, s:o}", "policy", 1, "version", (json_int_t)p->terms.version,
                  "keys", keys, "needed", (json_int_t)p->needed, "models", models);
    json_t *roles = roles_to_json(&p->roles);
    if (j && roles)
        json_object_set_new(j, "roles", roles);
    if (j && p->terms.expires)
        json_object_set_new(j, "expires", time_json(p->terms.expires));
    return j;
}

bool policy_put(struct policy *p, const struct policy_model *m, struct err *e)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->v[i].name, m->name) == 0 || hash_eq(&p->v[i].tree, &m->tree)) {
            p->v[i] = *m;
            return true;
        }
    if (p->n == POLICY_MODELS)
        return fail(e, ERR_LIMIT, "%d models are the most", POLICY_MODELS);
    struct policy_model *v = mem_new(p->n + 1, sizeof *v, e);
    if (!v)
        return false;
    if (p->n)
        memcpy(v, p->v, p->n * sizeof *v);
    mem_free(p->v);
    p->v = v;
    p->v[p->n++] = *m;
    return true;
}

/* --- asking --------------------------------------------------------------------------------------
 */

static bool in_time(const struct policy_model *m, int64_t now, struct err *e)
{
    if (m->not_before && now < m->not_before)
        return fail(e, ERR_DENIED, "the policy allows %s only later (not_before)", m->name);
    if (m->not_after && now >= m->not_after)
        return fail(e, ERR_DENIED, "the policy no longer allows %s (not_after)", m->name);
    return true;
}

const struct policy_model *policy_allows(const struct policy *p, const struct hash *tree,
                                         const char *name, enum policy_use use, int64_t now,
                                         struct err *e)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct policy_model *m = &p->v[i];
        if (!hash_eq(&m->tree, tree))
            continue;
        if (!in_time(m, now, e))
            return NULL;
        if (m->uses & use)
            return m;
        fail(e, ERR_DENIED, "the policy allows %s, but not as a %s", m->name,
             use == POLICY_DRAFT ? "draft" : "model");
        return NULL;
    }
    fail(
        e, ERR_DENIED,
        "%s is not a model that the policy of this machine allows (version %llu); moat policy show "
        "lists them, and who signs it can add one",
        name, (unsigned long long)p->terms.version);
    return NULL;
}
