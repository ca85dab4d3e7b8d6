/* SPDX-License-Identifier: Apache-2.0 */
/* moat key: the API keys that a server's clients give. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/limits.h"
#include "cli/commands.h"
#include "guard/key_usage.h"
#include "guard/roles.h"
#include "store/store.h"

struct options {
    const char *verb, *which;
    const char *expires, *tenant, *subject;
    struct key_terms terms;
    bool is_operator, json, helped;
};

static bool take_scope(void *out, struct str value, struct err *e)
{
    return key_scope_add(&((struct options *)out)->terms.scopes, value, e);
}

static bool take_role(void *out, struct str value, struct err *e)
{
    unsigned roles;
    if (!roles_read(&roles, value, e))
        return false;
    if (!roles_scopes(roles))
        return fail(e, ERR_USAGE, "an officer has nothing to do at a server");
    ((struct options *)out)->terms.scopes |= roles_scopes(roles);
    return true;
}

static bool take_model(void *out, struct str value, struct err *e)
{
    return key_model_add(&((struct options *)out)->terms, value, e);
}

static bool copy_text(const char *name, const char *text, char *out, size_t cap, struct err *e)
{
    if (!text)
        return true;
    if (!text[0] || strlen(text) >= cap)
        return fail(e, ERR_USAGE, "--%s takes 1 to %zu bytes", name, cap - 1);
    memcpy(out, text, strlen(text) + 1);
    return true;
}

/* What the options say of a new key. */
static bool read_terms(struct options *o, struct err *e)
{
    struct key_terms *t = &o->terms;
    if (!t->scopes)
        t->scopes = KEY_USUAL;
    if (o->is_operator)
        t->scopes |= KEY_OPERATOR;
    return (!o->expires || key_expiry(str_of(o->expires), time(NULL), &t->expires, e)) &&
           copy_text("tenant", o->tenant, t->tenant, sizeof t->tenant, e) &&
           copy_text("subject", o->subject, t->subject, sizeof t->subject, e);
}

static bool check(struct options *o, struct err *e)
{
    static const struct key_terms none;
    bool list = strcmp(o->verb, "list") == 0, add = strcmp(o->verb, "add") == 0;
    if (!list && !add && strcmp(o->verb, "revoke") != 0)
        return fail(e, ERR_USAGE, "moat key does not know \"%s\"; it has add, list and revoke",
                    o->verb);
    if (list && o->which)
        return fail(e, ERR_USAGE, "moat key list takes no name");
    if (!list && !o->which)
        return fail(e, ERR_USAGE, "moat key %s needs a name", o->verb);
    if (add)
        return read_terms(o, e);
    return (!o->is_operator && !o->expires && !o->tenant && !o->subject &&
            memcmp(&o->terms, &none, sizeof none) == 0) ||
           fail(e, ERR_USAGE, "what a key may is said where it is made, with moat key add");
}

static bool parse(struct options *o, int argc, char **argv, struct err *e)
{
    const char *words[2] = {NULL, NULL};
    struct args args = {words, 0};
    const double most = UINT32_MAX;
    const struct opt table[] = {
        {"", 0, OPT_GROUP, NULL, NULL, N_("What a new key may (of add)"), 0, 0, NULL},
        {"operator", 0, OPT_FLAG, &o->is_operator, NULL,
         N_("who has the key may also pull, copy and delete models over the API, and see the keys "
            "and the metrics"),
         0, 0, NULL},
        {"scope", 0, OPT_CALL, o, "SCOPE",
         N_("what it is for: inference, embeddings, mirror, metrics, operator; may be given "
            "several times (default: the first three)"),
         0, 0, take_scope},
        {"role", 0, OPT_CALL, o, "ROLE",
         N_("the scopes of a role of the policy: user, operator or auditor; with commas between "
            "several"),
         0, 0, take_role},
        {"model", 'm', OPT_CALL, o, "NAME",
         N_("a model that it may use; may be given several times (default: all)"), 0, 0,
         take_model},
        {"requests-per-minute", 0, OPT_U32, &o->terms.requests, "N",
         N_("most requests a minute (default: any number)"), 1, most, NULL},
        {"tokens-per-minute", 0, OPT_U32, &o->terms.tokens, "N",
         N_("most tokens a minute, of prompts and answers (default: any number)"), 1, most, NULL},
        {"concurrent", 0, OPT_U32, &o->terms.concurrent, "N",
         N_("most requests under way at once (default: any number)"), 1, most, NULL},
        {"expires", 0, OPT_TEXT, &o->expires, "TIME",
         N_("when it ends: 2027-03-31, 2027-03-31T12:00:00Z, or 90d, 12h, 30m from now on"), 0, 0,
         NULL},
        {"tenant", 0, OPT_TEXT, &o->tenant, "NAME",
         N_("keys of one tenant share what was computed of prompts that begin alike (default: a "
            "key shares with no other)"),
         0, 0, NULL},
        {"subject", 0, OPT_TEXT, &o->subject, "NAME",
         N_("the key is the client's certificate with this subject, as openssl x509 -noout "
            "-subject -nameopt RFC2253 shows it; it has no text"),
         0, 0, NULL},
        {"", 0, OPT_GROUP, NULL, NULL, N_("Output"), 0, 0, NULL},
        {"json", 0, OPT_FLAG, &o->json, NULL, N_("print one JSON object"), 0, 0, NULL},
        {0}};
    if (!opts_parse(&cmd_key, (const struct opt *const[]){table, NULL}, argc, argv, &args, 1, 2,
                    &o->helped, e))
        return false;
    o->verb = words[0];
    o->which = args.n > 1 ? words[1] : NULL;
    return o->helped || check(o, e);
}

/* --- output --------------------------------------------------------------------------------------
 */

static void iso(int64_t at, char out[32])
{
    struct tm t;
    time_t when = (time_t)at;
    out[0] = '\0';
    if (gmtime_r(&when, &t))
        strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &t);
}

static bool print_json(json_t *j, struct err *e)
{
    struct buf out;
    buf_init(&out, LIMIT_KEYS_BYTES);
    bool ok = j ? json_write(j, JSON_COMPACT, &out, e) : fail(e, ERR_LIMIT, "out of memory");
    if (ok)
        printf("%s\n", buf_c(&out));
    buf_clear(&out);
    json_decref(j);
    return ok;
}

static json_t *object(const struct key *k, const struct key_usages *used)
{
    char when[32];
    const struct key_usage *u = key_usages_find(used, k->id);
    iso(k->created, when);
    json_t *j = json_pack("{ss ss ss sb}", "id", k->id, "name", k->name, "created", when, "expired",
                          key_expired(k, time(NULL)));
    json_t *terms = key_terms_json(&k->terms);
    if (k->terms.expires) {
        iso(k->terms.expires, when);
        json_object_set_new(terms, "expires", json_string(when));
    }
    json_object_update(j, terms);
    json_decref(terms);
    if (u)
        json_object_set_new(j, "used", key_usage_json(u));
    if (u && u->last_use) {
        iso(u->last_use, when);
        json_object_set_new(json_object_get(j, "used"), "last_use", json_string(when));
    }
    return j;
}

/* "  scopes: inference  models: a b  requests/minute: 60", what is not usual only. */
static void print_terms(const struct key_terms *t)
{
    char scopes[64], when[32];
    key_scope_list(t->scopes, scopes);
    printf("    scopes: %s", scopes);
    for (uint32_t i = 0; i < t->n_models; i++)
        printf("%s%s", i ? " " : "; models: ", t->models[i]);
    if (t->requests)
        printf("; requests/minute: %u", t->requests);
    if (t->tokens)
        printf("; tokens/minute: %u", t->tokens);
    if (t->concurrent)
        printf("; concurrent: %u", t->concurrent);
    if (t->tenant[0])
        printf("; tenant: %s", t->tenant);
    if (t->subject[0])
        printf("; subject: %s", t->subject);
    iso(t->expires, when);
    if (t->expires)
        printf("; expires: %s", when);
    printf("\n");
}

static void print_use(const struct key_usage *u)
{
    char when[32];
    if (!u || !u->last_use)
        return;
    iso(u->last_use, when);
    printf("    last use: %s; requests: %llu; refused: %llu; tokens: %llu + %llu\n", when,
           (unsigned long long)u->requests, (unsigned long long)u->refused,
           (unsigned long long)u->prompt_tokens, (unsigned long long)u->completion_tokens);
}

static bool list(const struct options *o, const struct keys *k, const struct key_usages *used,
                 struct err *e)
{
    json_t *all = json_array();
    for (uint32_t i = 0; o->json && i < k->n; i++)
        json_array_append_new(all, object(&k->v[i], used));
    if (o->json)
        return print_json(json_pack("{so}", "keys", all), e);
    json_decref(all);
    if (k->n == 0)
        printf(_("there are no keys; moat key add NAME makes one\n"));
    for (uint32_t i = 0; i < k->n; i++) {
        char when[32];
        iso(k->v[i].created, when);
        printf("%s  %s  %s%s\n", k->v[i].id, when, k->v[i].name,
               key_expired(&k->v[i], time(NULL)) ? _(" (expired)") : "");
        print_terms(&k->v[i].terms);
        print_use(key_usages_find(used, k->v[i].id));
    }
    return true;
}

/* The key alone on standard output, so that a script can take it. */
static bool show_new(const struct options *o, const struct keys *k, const char *text, struct err *e)
{
    if (o->json) {
        static const struct key_usages none;
        json_t *j = object(&k->v[k->n - 1], &none);
        if (text[0])
            json_object_set_new(j, "key", json_string(text));
        return print_json(j, e);
    }
    if (!text[0]) {
        printf(_("the certificate with this subject is the key; a server that runs takes it "
                 "within seconds\n"));
        return true;
    }
    printf("%s\n", text);
    fflush(stdout);
    fprintf(stderr, "%s\n",
            _("Keep this key: only its hash is stored, and it is not shown again. A server that "
              "runs takes it within seconds."));
    return true;
}

/* --- changes -------------------------------------------------------------------------------------
 */

static bool change(const struct options *o, struct keys *k, const char *path, struct err *e)
{
    char text[KEY_TEXT + 1];
    struct key gone;
    bool add = strcmp(o->verb, "add") == 0;
    bool ok = add ? keys_add(k, str_of(o->which), &o->terms, text, e)
                  : keys_remove(k, str_of(o->which), &gone, e);
    if (!ok || !keys_write(k, path, e))
        return false;
    if (add)
        return show_new(o, k, text, e);
    if (o->json)
        return print_json(object(&gone, &(const struct key_usages){0}), e);
    printf(_("revoked %s (%s)\n"), gone.id, gone.name);
    return true;
}

static bool read_and_list(const struct options *o, const struct store *s, struct err *e)
{
    struct keys k = {0};
    struct key_usages used = {0};
    char path[STORE_PATH];
    bool ok = keys_read(&k, store_path(s, path, KEYS_FILE), e) &&
              key_usages_read(&used, store_path(s, path, KEY_USAGE_FILE), e) &&
              list(o, &k, &used, e);
    key_usages_clear(&used);
    keys_clear(&k);
    return ok;
}

static bool run(const struct options *o, struct err *e)
{
    struct store s;
    struct keys k = {0};
    struct os_lock lock = {.fd = -1};
    char path[STORE_PATH];
    bool read_only = strcmp(o->verb, "list") == 0;
    if (!store_open(&s, !read_only, e))
        return false;
    if (read_only)
        return read_and_list(o, &s, e);
    bool ok = store_lock(&s, &lock, e) && keys_read(&k, store_path(&s, path, KEYS_FILE), e) &&
              change(o, &k, path, e);
    os_lock_close(&lock);
    keys_clear(&k);
    return ok;
}

static int main_key(int argc, char **argv)
{
    struct err e = {0};
    struct options o = {0};
    bool ok = parse(&o, argc, argv, &e) && (o.helped || run(&o, &e));
    return ok ? 0 : opts_report(&e);
}

const struct command cmd_key = {
    "key",
    "add NAME|list|revoke NAME|ID",
    N_("make, list or revoke the API keys of moat serve"),
    N_("add prints a new key, once: what is stored ($MOAT_HOME/keys.json) is its hash. Clients "
       "send it as Authorization: Bearer KEY or as x-api-key, as the SDKs of OpenAI and others do "
       "with their api_key. Servers that run take new keys and drop revoked ones within seconds. "
       "Every address that other machines can reach asks for a key; one at a loopback address "
       "does with https:// before it, or with --require-key true. What a key may is said when it "
       "is "
       "made; who asks for more is told what is missing, or when to come again.\n\n"
       "moat key add anna --model smollm2:135m --requests-per-minute 60 --expires 90d\n"
       "moat key add grafana --scope metrics"),
    main_key,
};
