/* SPDX-License-Identifier: Apache-2.0 */
/* serve/config: see config.h. */
#include "serve/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/near.h"
#include "fetch/role.h"
#include "fetch/url.h"
#include "run/settings.h"
#include "serve/origin.h"
#include "store/name.h"

#define ROW(key, use, kind, min, max, arg, help)                                                   \
    {                                                                                              \
        #key, use, kind, offsetof(struct config, key), min, max, arg, help                         \
    }

const struct config_key config_keys[CONFIG_KEYS] = {
    ROW(listen, CONFIG_ALL, CONFIG_LISTEN, 0, 0, "ADDR:PORT",
        N_("where to be reached: 127.0.0.1:8080, [::1]:8080, or unix:PATH; with https:// before "
           "it, or where other machines can reach it, with TLS and keys; may be given several "
           "times")),
    ROW(tls_certificate, CONFIG_ALL, CONFIG_PATH, 0, 0, "FILE",
        N_("the server's certificate, and those that lead to one clients know (PEM)")),
    ROW(tls_key, CONFIG_ALL, CONFIG_PATH, 0, 0, "FILE",
        N_("the private key of that certificate (PEM)")),
    ROW(require_key, CONFIG_ALL, CONFIG_FLAG, 0, 0, "BOOL",
        N_("also ask for a key at loopback addresses without TLS (default false)")),
    ROW(airgap, CONFIG_ALL, CONFIG_FLAG, 0, 0, "BOOL",
        N_("the air-gap profile: nothing is fetched, and it does not start where the system "
           "refuses a part of the sandbox (default false)")),
    ROW(attest_seconds, CONFIG_ALL, CONFIG_U32, 1, 86400, "N",
        N_("in the air-gap profile, how often every way out of the sandbox is tried anew (default "
           "3600); any that leads out ends the service")),
    ROW(tls_client_ca, CONFIG_ALL, CONFIG_PATH, 0, 0, "FILE",
        N_("the authority that signs clients' certificates (PEM): clients may show one, whose "
           "subject is a key (moat key add --subject)")),
    ROW(require_client_certificate, CONFIG_ALL, CONFIG_FLAG, 0, 0, "BOOL",
        N_("with TLS, turn away whoever shows no certificate of that authority (default false)")),
    ROW(allow_host, CONFIG_ALL, CONFIG_HOSTS, 0, 0, "HOST",
        N_("a name that clients may call this server by, beside localhost, its addresses and the "
           "names of its certificate; may be given several times")),
    ROW(allow_origin, CONFIG_ALL, CONFIG_ORIGINS, 0, 0, "ORIGIN",
        N_("web pages that may use this server, for example https://chat.example.org; may be given "
           "several times")),
    ROW(strict, CONFIG_SERVE, CONFIG_FLAG, 0, 0, "BOOL",
        N_("refuse requests with fields that are not known, by name, rather than pass them over "
           "(default false)")),
    ROW(require_audit, CONFIG_ALL, CONFIG_FLAG, 0, 0, "BOOL",
        N_("do not start without an audit log (moat audit init; default false: where one was "
           "begun, "
           "all is on record, and what cannot be recorded is refused)")),
    ROW(require_policy, CONFIG_SERVE, CONFIG_FLAG, 0, 0, "BOOL",
        N_("run no model without a policy (moat policy install; default false: where one is "
           "installed, only what is on it runs); in config.json it counts for all commands that "
           "run models")),
    ROW(memory, CONFIG_SERVE, CONFIG_SIZE, 0, 1e15, "SIZE",
        N_("most memory for the models and their contexts, all together (default: what is free, "
           "less a reserve)")),
    ROW(keep_alive, CONFIG_SERVE, CONFIG_DURATION, 0, 0, "TIME",
        N_("how long a model without work stays loaded: 300, 10m, 1h30m, 0 or -1 for ever "
           "(default: 5m; for ever where it is loaded at the start)")),
    ROW(load_seconds, CONFIG_SERVE, CONFIG_U32, 1, 86400, "N",
        N_("longest time for which a request waits for its model to be loaded (default 300)")),
    ROW(preload, CONFIG_SERVE, CONFIG_FLAG, 0, 0, "BOOL",
        N_("load the models that are named at the start, not at the first request for each "
           "(default: only where there is one)")),
    ROW(background, CONFIG_SERVE, CONFIG_FLAG, 0, 0, "BOOL",
        N_("compute only while nothing else wants the processors, with half of the threads "
           "(default false)")),
    ROW(threads, CONFIG_SERVE, CONFIG_U32, 0, 4096, "N",
        N_("threads that compute (default 0: the CPUs this process may use)")),
    ROW(parallel, CONFIG_SERVE, CONFIG_U32, 1, 256, "N",
        N_("answers in the making at once (default 8)")),
    ROW(queue, CONFIG_SERVE, CONFIG_U32, 0, 65536, "N",
        N_("requests that may wait for their turn; more are refused with 429 (default 64)")),
    ROW(max_connections, CONFIG_ALL, CONFIG_U32, 1, 65536, "N",
        N_("connections at once; another takes the place of one that waits, or is closed (default "
           "1024)")),
    ROW(max_per_address, CONFIG_ALL, CONFIG_U32, 0, 65536, "N",
        N_("of them from one address (of IPv6: one network of 64 bits); more are closed (default "
           "256; 0: no bound)")),
    ROW(max_body, CONFIG_SERVE, CONFIG_SIZE, 1024, LIMIT_HTTP_BODY, "SIZE",
        N_("largest body of a request (default 32M)")),
    ROW(max_bodies, CONFIG_SERVE, CONFIG_SIZE, 1024, 1e12, "SIZE",
        N_("all bodies together that are being received or wait for their answers (default 256M); "
           "more are refused with 503")),
    ROW(max_unread, CONFIG_SERVE, CONFIG_SIZE, 1024, 1e12, "SIZE",
        N_("all of answers together that clients have not read yet (default 16M); the slowest that "
           "hold most are given up")),
    ROW(keep_responses, CONFIG_SERVE, CONFIG_SIZE, 0, 1e12, "SIZE",
        N_("memory for answers of /v1/responses that a later request may go on from; a quarter of "
           "it for one key, unused ones for an hour (default 64M; 0: none are kept)")),
    ROW(spill, CONFIG_SERVE, CONFIG_SIZE, 0, 1e15, "SIZE",
        N_("disk for what was computed of conversations that the memory has no more room for, "
           "encrypted, gone with the server; for each model (default 0: none)")),
    ROW(request_seconds, CONFIG_SERVE, CONFIG_U32, 1, 86400, "N",
        N_("longest time for one answer, waiting included (default 3600)")),
    ROW(stall_seconds, CONFIG_ALL, CONFIG_U32, 1, 3600, "N",
        N_("longest time in which a client may read less than 1 KiB a second of what waits for it "
           "(default 30)")),
    ROW(head_seconds, CONFIG_ALL, CONFIG_U32, 1, 3600, "N",
        N_("longest time for the head of a request, and for a new connection until it has sent one "
           "byte of it, TLS included (default 10)")),
    ROW(body_seconds, CONFIG_SERVE, CONFIG_U32, 1, 86400, "N",
        N_("longest time for the body of a request (default 60)")),
    ROW(write_seconds, CONFIG_SERVE, CONFIG_U32, 1, 86400, "N",
        N_("longest time in which a client must read what is left of a whole answer (default "
           "300)")),
    ROW(idle_seconds, CONFIG_ALL, CONFIG_U32, 1, 3600, "N",
        N_("how long a connection is kept without a request (default 60)")),
    ROW(limit_rate, CONFIG_MIRROR, CONFIG_SIZE, 0, 1e15, "SIZE",
        N_("most bytes a second for all clients together, for example 100M (default 0: no bound)")),
    ROW(upstream_hf, CONFIG_MIRROR, CONFIG_URL, 0, 0, "URL",
        N_("fetch what is asked for and not there from this hub, for example "
           "https://huggingface.co")),
    ROW(upstream_registry, CONFIG_MIRROR, CONFIG_URL, 0, 0, "URL",
        N_("and from this registry, for example https://registry.ollama.ai")),
    ROW(quota, CONFIG_MIRROR, CONFIG_SIZE, 0, 1e15, "SIZE",
        N_("most bytes of models that were pulled through; the longest unused ones go first "
           "(default 0: no bound)")),
    ROW(models, CONFIG_SERVE, CONFIG_MODELS, 0, 0, NULL, N_("settings of models, by name")),
};

static void *field(const struct config *c, const struct config_key *key)
{
    return (char *)(uintptr_t)c + key->offset;
}

static void list_clear(struct config_list *l)
{
    for (uint32_t i = 0; i < l->n; i++)
        mem_free(l->v[i]);
    l->n = 0;
}

void config_clear(struct config *c)
{
    list_clear(&c->listen);
    list_clear(&c->allow_host);
    list_clear(&c->allow_origin);
    json_decref(c->models);
    c->models = NULL;
}

void config_init(struct config *c)
{
    *c = (struct config){.parallel = 8,
                         .queue = 64,
                         .max_connections = 1024,
                         .airgap = !fetch_is_built_in(),
                         .attest_seconds = 3600,
                         .max_body = LIMIT_HTTP_BODY,
                         .max_bodies = 256u << 20,
                         .keep_responses = 64u << 20,
                         .request_seconds = 3600,
                         .max_per_address = 256,
                         .max_unread = 16u << 20,
                         .head_seconds = 10,
                         .body_seconds = 60,
                         .write_seconds = 300,
                         .idle_seconds = 60,
                         .load_seconds = 300,
                         .keep_alive = DURATION_UNSET,
                         .stall_seconds = 30};
}

static bool list_add(struct config_list *l, const char *key, struct str text, struct err *e)
{
    if (l->n == LISTEN_MAX)
        return fail(e, ERR_LIMIT, "%s: %d are the most", key, LISTEN_MAX);
    char *copy = mem_new(text.n + 1, 1, e);
    if (!copy)
        return false;
    memcpy(copy, text.p, text.n);
    l->v[l->n++] = copy;
    return true;
}

static bool list_copy(struct config_list *to, const struct config_list *from, struct err *e)
{
    for (uint32_t i = 0; i < from->n; i++)
        if (!list_add(to, "", str_of(from->v[i]), e))
            return false;
    return true;
}

bool config_copy(struct config *to, const struct config *from, struct err *e)
{
    *to = *from;
    to->listen.n = to->allow_host.n = to->allow_origin.n = 0;
    json_incref(to->models);
    if (list_copy(&to->listen, &from->listen, e) &&
        list_copy(&to->allow_host, &from->allow_host, e) &&
        list_copy(&to->allow_origin, &from->allow_origin, e))
        return true;
    config_clear(to);
    return false;
}

const char *config_source_name(enum config_source s)
{
    static const char *const names[] = {N_("default"), N_("file"), N_("environment"), N_("option")};
    return names[s];
}

/* --- one value ----------------------------------------------------------------------------------
 */

static bool is_list(const struct config_key *key)
{
    return key->kind == CONFIG_LISTEN || key->kind == CONFIG_HOSTS || key->kind == CONFIG_ORIGINS;
}

static bool add_to_list(struct config *c, const struct config_key *key, struct str text,
                        struct err *e)
{
    struct listen_address a;
    bool ok = key->kind == CONFIG_LISTEN  ? listen_parse(text, &a, e)
              : key->kind == CONFIG_HOSTS ? origin_check_host(text, e)
                                          : origin_check_origin(text, e);
    return ok && list_add(field(c, key), key->key, text, e);
}

static bool parse_size(struct str text, double *out)
{
    static const char units[] = "KMGT";
    const char *unit = text.n ? strchr(units, text.p[text.n - 1] & ~0x20) : NULL;
    bool has_unit = unit && *unit;
    double v = 0;
    if (has_unit)
        text.n--;
    if (!str_to_f64(text, &v) || v < 0)
        return false;
    for (long i = has_unit ? unit - units + 1 : 0; i > 0; i--)
        v *= 1024;
    *out = v;
    return true;
}

static bool set_number(struct config *c, const struct config_key *key, double v, struct err *e)
{
    if (!(v >= key->min && v <= key->max) || v != (double)(uint64_t)v)
        return fail(e, ERR_USAGE, "%s: expected a whole number from %.0f to %.0f, not %.10g",
                    key->key, key->min, key->max, v);
    if (key->kind == CONFIG_SIZE)
        *(uint64_t *)field(c, key) = (uint64_t)v;
    else
        *(uint32_t *)field(c, key) = (uint32_t)v;
    return true;
}

static bool set_path(struct config *c, const struct config_key *key, struct str value,
                     struct err *e)
{
    char *out = field(c, key);
    if (value.n >= CONFIG_PATH_BYTES || memchr(value.p, '\0', value.n))
        return fail(e, ERR_USAGE, "%s: the path is too long", key->key);
    memcpy(out, value.p, value.n);
    out[value.n] = '\0';
    return true;
}

static bool set_url(struct config *c, const struct config_key *key, struct str value, struct err *e)
{
    struct url u;
    if (!set_path(c, key, value, e))
        return false;
    char *text = field(c, key);
    if (!*text)
        return true;
    if (!url_parse(&u, text, e))
        return err_at(e, "%s", key->key);
    if (u.has_user)
        return fail(e, ERR_USAGE, "%s: no user or password may stand in this address", key->key);
    for (size_t n = strlen(text); n && text[n - 1] == '/'; n--)
        text[n - 1] = '\0';
    return true;
}

static bool set_duration(struct config *c, const struct config_key *key, struct str value,
                         struct err *e)
{
    return duration_parse(value, field(c, key)) ||
           fail(e, ERR_USAGE, "%s: expected seconds, a time like 10m or 1h30m, or -1 for ever",
                key->key);
}

static bool set_flag(struct config *c, const struct config_key *key, struct str value,
                     struct err *e)
{
    bool on = str_is(value, "true");
    if (!on && !str_is(value, "false"))
        return fail(e, ERR_USAGE, "%s: expected true or false", key->key);
    *(bool *)field(c, key) = on;
    return true;
}

bool config_set(struct config *c, const struct config_key *key, struct str value,
                enum config_source source, struct err *e)
{
    enum config_source *from = &c->source[key - config_keys];
    double v = 0;
    bool ok = false;
    if (is_list(key)) {
        if (*from != source)
            list_clear(field(c, key));
        ok = add_to_list(c, key, value, e);
    } else if (key->kind == CONFIG_PATH) {
        ok = set_path(c, key, value, e);
    } else if (key->kind == CONFIG_URL) {
        ok = set_url(c, key, value, e);
    } else if (key->kind == CONFIG_FLAG) {
        ok = set_flag(c, key, value, e);
    } else if (key->kind == CONFIG_DURATION) {
        ok = set_duration(c, key, value, e);
    } else if (key->kind == CONFIG_SIZE ? parse_size(value, &v) : str_to_f64(value, &v)) {
        ok = set_number(c, key, v, e);
    } else {
        fail(e, ERR_USAGE, "%s: \"%.*s\" is no number", key->key, STR_ARG(value));
    }
    if (ok)
        *from = source;
    return ok;
}

static bool check_lora(const json_t *lora, const char *name, struct err *e)
{
    for (size_t i = 0; i < json_array_size(lora); i++) {
        const json_t *one = json_array_get(lora, i), *scale = json_object_get(one, "scale");
        const json_t *file = json_is_object(one) ? json_object_get(one, "file") : one;
        double value = scale ? json_number_value(scale) : 1;
        if (!json_is_string(file) || (scale && !json_is_number(scale)) || value < -1000 ||
            value > 1000 || (json_is_object(one) && json_object_size(one) > (scale ? 2u : 1u)))
            return fail(e, ERR_USAGE,
                        "%s: lora: element %zu must be the name or file of an adapter, or "
                        "{\"file\": that, \"scale\": a number}",
                        name, i);
    }
    if (lora && !json_is_array(lora))
        return fail(e, ERR_USAGE, "%s: lora: expected a list of adapters", name);
    return json_array_size(lora) <= LIMIT_ADAPTERS ||
           fail(e, ERR_USAGE, "%s: lora: %u adapters are the most", name, LIMIT_ADAPTERS);
}

bool config_model(const json_t *of, const char *name, struct settings *s, struct config_own *own,
                  struct err *e)
{
    const json_t *draft = json_object_get(of, "draft"), *keep = json_object_get(of, "keep_alive");
    *own =
        (struct config_own){json_string_value(draft), json_object_get(of, "lora"), DURATION_UNSET};
    if (!json_is_object(of))
        return fail(e, ERR_USAGE, "%s: expected an object of settings", name);
    if (draft && !own->draft)
        return fail(e, ERR_USAGE, "%s: draft: expected the name of a model", name);
    if (keep && !duration_from_json(keep, &own->keep_alive))
        return fail(e, ERR_USAGE,
                    "%s: keep_alive: expected seconds, a time like 10m or 1h30m, or -1 for ever",
                    name);
    if (!check_lora(own->lora, name, e))
        return false;
    json_t *settings = json_copy((json_t *)(uintptr_t)of);
    if (!settings)
        return fail(e, ERR_LIMIT, "%s: memory is short", name);
    json_object_del(settings, "draft");
    json_object_del(settings, "lora");
    json_object_del(settings, "keep_alive");
    bool ok = settings_from_json(s, settings, name, e);
    json_decref(settings);
    return ok;
}

static bool check_models(const json_t *models, struct err *e)
{
    const char *name;
    json_t *of;
    if (!json_is_object(models))
        return fail(e, ERR_USAGE, "models: expected an object of names and settings");
    json_object_foreach((json_t *)(uintptr_t)models, name, of)
    {
        struct settings s;
        struct config_own own;
        settings_init(&s);
        bool ok = config_model(of, name, &s, &own, e);
        settings_clear(&s);
        if (!ok)
            return err_at(e, "models");
    }
    return true;
}

static bool set_list_json(struct config *c, const struct config_key *key, const json_t *value,
                          struct err *e)
{
    size_t n = json_is_array(value) ? json_array_size(value) : 1;
    list_clear(field(c, key));
    for (size_t i = 0; i < n; i++) {
        const json_t *one = json_is_array(value) ? json_array_get(value, i) : value;
        if (!json_is_string(one))
            return fail(e, ERR_USAGE, "%s: expected a text, or a list of texts", key->key);
        if (!add_to_list(c, key, str_of(json_string_value(one)), e))
            return false;
    }
    return true;
}

static bool set_json(struct config *c, const struct config_key *key, const json_t *value,
                     struct err *e)
{
    struct str text = {json_string_value(value), json_string_length(value)};
    c->source[key - config_keys] = CONFIG_FILE;
    if (is_list(key))
        return set_list_json(c, key, value, e);
    if (key->kind == CONFIG_DURATION && !json_is_string(value))
        return json_is_null(value) || duration_from_json(value, field(c, key)) ||
               set_duration(c, key, STR(""), e);
    if (key->kind == CONFIG_FLAG && json_is_boolean(value))
        text = json_is_true(value) ? STR("true") : STR("false");
    else if (key->kind == CONFIG_PATH && !json_is_string(value))
        return fail(e, ERR_USAGE, "%s: expected the path of a file", key->key);
    else if (key->kind == CONFIG_URL && !json_is_string(value))
        return fail(e, ERR_USAGE, "%s: expected an address", key->key);
    if (key->kind == CONFIG_FLAG || key->kind == CONFIG_PATH || key->kind == CONFIG_URL ||
        key->kind == CONFIG_DURATION || (key->kind == CONFIG_SIZE && json_is_string(value)))
        return config_set(c, key, text, CONFIG_FILE, e);
    if (key->kind != CONFIG_MODELS)
        return json_is_number(value)
                   ? set_number(c, key, json_number_value(value), e)
                   : fail(e, ERR_USAGE, "%s: expected a whole number from %.0f to %.0f", key->key,
                          key->min, key->max);
    if (!check_models(value, e))
        return false;
    json_decref(c->models);
    c->models = json_deep_copy(value);
    return c->models != NULL || fail(e, ERR_LIMIT, "models: memory is short");
}

json_t *config_value(const struct config *c, const struct config_key *key)
{
    json_t *list = NULL;
    switch (key->kind) {
    case CONFIG_U32:
        return json_integer(*(uint32_t *)field(c, key));
    case CONFIG_SIZE:
        return json_integer((json_int_t) * (uint64_t *)field(c, key));
    case CONFIG_FLAG:
        return json_boolean(*(bool *)field(c, key));
    case CONFIG_DURATION:
        return duration_to_json(*(int64_t *)field(c, key));
    case CONFIG_PATH:
    case CONFIG_URL:
        return json_string(field(c, key));
    case CONFIG_LISTEN:
    case CONFIG_HOSTS:
    case CONFIG_ORIGINS:
        list = json_array();
        for (uint32_t i = 0; i < ((const struct config_list *)field(c, key))->n; i++)
            json_array_append_new(list,
                                  json_string(((const struct config_list *)field(c, key))->v[i]));
        return list;
    case CONFIG_MODELS:
        return c->models ? json_incref(c->models) : json_object();
    }
    return NULL;
}

/* --- file and environment ------------------------------------------------------------------------
 */

const struct config_key *config_find(const char *name)
{
    for (int i = 0; i < CONFIG_KEYS; i++)
        if (strcmp(config_keys[i].key, name) == 0)
            return &config_keys[i];
    return NULL;
}

static bool unknown(const char *name, struct err *e)
{
    struct near near;
    near_init(&near, str_of(name));
    for (int i = 0; i < CONFIG_KEYS; i++)
        near_offer(&near, config_keys[i].key);
    const char *best = near_best(&near);
    if (best)
        return fail(e, ERR_USAGE, "unknown key \"%s\"; did you mean \"%s\"?", name, best);
    return fail(e, ERR_USAGE, "unknown key \"%s\"; moat config show lists the keys", name);
}

bool config_from_json(struct config *c, const json_t *object, const char *where, struct err *e)
{
    const char *name;
    json_t *value;
    if (!json_is_object(object)) {
        fail(e, ERR_USAGE, "expected an object of keys and values");
        return err_at(e, "%s", where);
    }
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        const struct config_key *key = config_find(name);
        if (key ? !set_json(c, key, value, e) : !unknown(name, e))
            return err_at(e, "%s", where);
    }
    return true;
}

static bool read_file(struct config *c, const char *path, struct err *e)
{
    json_t *j = json_read_file(path, LIMIT_CONFIG_BYTES, e);
    snprintf(c->path, sizeof c->path, "%s", path);
    bool ok = j && config_from_json(c, j, path, e);
    json_decref(j);
    return ok;
}

/* The first of the usual places where a file is, or "". */
static void usual_path(char *out, size_t n)
{
    const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (xdg && xdg[0])
        snprintf(out, n, "%s/moat/config.json", xdg);
    else
        snprintf(out, n, "%s/.config/moat/config.json", home ? home : "");
    if (access(out, F_OK) != 0)
        snprintf(out, n, "/etc/moat/config.json");
    if (access(out, F_OK) != 0)
        out[0] = '\0';
}

static bool read_environment(struct config *c, struct err *e)
{
    for (int i = 0; i < CONFIG_KEYS; i++) {
        char name[64] = "MOAT_";
        for (size_t j = 0; config_keys[i].key[j] && j < sizeof name - 6; j++) {
            char letter = config_keys[i].key[j];
            name[5 + j] = (char)(letter >= 'a' && letter <= 'z' ? letter & ~0x20 : letter);
        }
        const char *value = config_keys[i].kind == CONFIG_MODELS ? NULL : getenv(name);
        if (value && value[0] &&
            !config_set(c, &config_keys[i], str_of(value), CONFIG_ENVIRONMENT, e))
            return err_at(e, "%s", name);
    }
    return true;
}

bool config_load(struct config *c, const char *path, struct err *e)
{
    char usual[4096];
    const char *given = path ? path : getenv("MOAT_CONFIG");
    if (!given || !given[0]) {
        usual_path(usual, sizeof usual);
        given = usual;
    }
    return (!given[0] || read_file(c, given, e)) && read_environment(c, e);
}

json_t *config_to_json(const struct config *c)
{
    json_t *j = json_object();
    for (int i = 0; i < CONFIG_KEYS; i++)
        json_object_set_new(j, config_keys[i].key, config_value(c, &config_keys[i]));
    return j;
}
