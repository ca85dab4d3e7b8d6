/* SPDX-License-Identifier: Apache-2.0 */
/* moat key: the API keys that a server's clients give. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/limits.h"
#include "cli/commands.h"
#include "guard/keys.h"
#include "store/store.h"

struct options {
    const char *verb, *which;
    bool is_operator, json, helped;
};

static bool parse(struct options *o, int argc, char **argv, struct err *e)
{
    const char *words[2] = {NULL, NULL};
    struct args args = {words, 0};
    const struct opt table[] = {
        {"operator", 0, OPT_FLAG, &o->is_operator, NULL,
         N_("of add: who has the key may also pull, copy and delete models over the API"), 0, 0,
         NULL},
        {"json", 0, OPT_FLAG, &o->json, NULL, N_("print one JSON object"), 0, 0, NULL},
        {0}};
    if (!opts_parse(&cmd_key, (const struct opt *const[]){table, NULL}, argc, argv, &args, 1, 2,
                    &o->helped, e))
        return false;
    o->verb = words[0];
    o->which = args.n > 1 ? words[1] : NULL;
    if (o->helped)
        return true;
    bool list = strcmp(o->verb, "list") == 0;
    if (!list && strcmp(o->verb, "add") != 0 && strcmp(o->verb, "revoke") != 0)
        return fail(e, ERR_USAGE, "moat key does not know \"%s\"; it has add, list and revoke",
                    o->verb);
    if (list && o->which)
        return fail(e, ERR_USAGE, "moat key list takes no name");
    if (o->is_operator && strcmp(o->verb, "add") != 0)
        return fail(e, ERR_USAGE, "--operator is of moat key add");
    return list || o->which || fail(e, ERR_USAGE, "moat key %s needs a name", o->verb);
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

static json_t *object(const struct key *k)
{
    char when[32];
    iso(k->created, when);
    return json_pack("{ss ss ss ss*}", "id", k->id, "name", k->name, "created", when, "role",
                     k->is_operator ? "operator" : NULL);
}

static bool list(const struct options *o, const struct keys *k, struct err *e)
{
    json_t *all = json_array();
    for (uint32_t i = 0; o->json && i < k->n; i++)
        json_array_append_new(all, object(&k->v[i]));
    if (o->json)
        return print_json(json_pack("{so}", "keys", all), e);
    json_decref(all);
    if (k->n == 0)
        printf(_("there are no keys; moat key add NAME makes one\n"));
    for (uint32_t i = 0; i < k->n; i++) {
        char when[32];
        iso(k->v[i].created, when);
        printf("%s  %s  %s%s\n", k->v[i].id, when, k->v[i].name,
               k->v[i].is_operator ? _(" (operator)") : "");
    }
    return true;
}

/* The key alone on standard output, so that a script can take it. */
static bool show_new(const struct options *o, const struct keys *k, const char *text, struct err *e)
{
    if (o->json) {
        json_t *j = object(&k->v[k->n - 1]);
        json_object_set_new(j, "key", json_string(text));
        return print_json(j, e);
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
    bool ok = add ? keys_add(k, str_of(o->which), o->is_operator, text, e)
                  : keys_remove(k, str_of(o->which), &gone, e);
    if (!ok || !keys_write(k, path, e))
        return false;
    if (add)
        return show_new(o, k, text, e);
    if (o->json)
        return print_json(object(&gone), e);
    printf(_("revoked %s (%s)\n"), gone.id, gone.name);
    return true;
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
    bool ok = (read_only || store_lock(&s, &lock, e)) &&
              keys_read(&k, store_path(&s, path, KEYS_FILE), e) &&
              (read_only ? list(o, &k, e) : change(o, &k, path, e));
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
       "does with https:// before it, or with --require-key true."),
    main_key,
};
