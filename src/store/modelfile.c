/* SPDX-License-Identifier: Apache-2.0 */
/* store/modelfile: see modelfile.h. Source: the Modelfile reference of Ollama (docs/modelfile). */
#include "store/modelfile.h"

#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"

void modelfile_clear(struct modelfile *m)
{
    mem_free(m->from);
    json_decref(m->parameters);
    json_decref(m->settings);
    json_decref(m->opening);
    json_decref(m->licence);
    json_decref(m->ignored);
    *m = (struct modelfile){0};
}

static bool set_from(struct modelfile *m, struct str s, struct err *e)
{
    if (m->from)
        return fail(e, ERR_USAGE, "FROM may stand there once");
    if (s.n == 0 || memchr(s.p, '\0', s.n))
        return fail(e, ERR_USAGE, "FROM needs a model");
    m->from = mem_new(s.n + 1, 1, e);
    if (m->from)
        memcpy(m->from, s.p, s.n);
    return m->from != NULL;
}

static bool no_memory(struct err *e)
{
    return fail(e, ERR_LIMIT, "not enough memory");
}

static bool no_adapters(struct err *e)
{
    return fail(e, ERR_UNSUPPORTED,
                "ADAPTER: a model of the store has no adapters; moat run takes them by --lora, a "
                "server by its configuration");
}

/* A text for JSON: valid UTF-8 without NUL. */
static json_t *text_of(struct str s, struct err *e)
{
    json_t *j = s.n && memchr(s.p, '\0', s.n) ? NULL : json_stringn(s.n ? s.p : "", s.n);
    if (!j)
        fail(e, ERR_USAGE, "the text is not valid UTF-8");
    return j;
}

/* The system message goes first, a second one replaces it. */
static bool set_system(struct modelfile *m, json_t *content, struct err *e)
{
    const char *role = json_string_value(json_object_get(json_array_get(m->opening, 0), "role"));
    if (!content)
        return false;
    if (role && strcmp(role, "system") == 0)
        json_array_remove(m->opening, 0);
    json_t *message = json_pack("{s:s, s:o}", "role", "system", "content", content);
    return json_array_insert_new(m->opening, 0, message) == 0 || no_memory(e);
}

static bool add_message(struct modelfile *m, struct str role, json_t *content, struct err *e)
{
    if (!content)
        return false;
    if (str_is(role, "system"))
        return set_system(m, content, e);
    if (!str_is(role, "user") && !str_is(role, "assistant")) {
        json_decref(content);
        return fail(e, ERR_USAGE, "a message is from system, user or assistant");
    }
    json_t *message = json_pack("{s:s, s:o}", "role", str_is(role, "user") ? "user" : "assistant",
                                "content", content);
    return json_array_append_new(m->opening, message) == 0 || no_memory(e);
}

/* --- lines ------------------------------------------------------------------------------------ */

struct reader {
    struct modelfile *m;
    struct str rest;
    uint32_t line;
    struct buf text; /* the text of the instruction that is read */
};

/* Behind the opening """, over as many lines as it takes. */
static bool read_block(struct reader *r, struct str first, struct err *e)
{
    const struct str mark = STR("\"\"\"");
    size_t end = str_find(first, mark);
    while (end == SIZE_MAX) {
        buf_str(&r->text, first);
        buf_byte(&r->text, '\n');
        if (!str_cut(&r->rest, '\n', &first))
            return fail(e, ERR_USAGE, "the text has no \"\"\" at its end");
        r->line++;
        end = str_find(first, mark);
    }
    buf_add(&r->text, first.p, end);
    return str_trim(str_from(first, end + mark.n)).n == 0 ||
           fail(e, ERR_USAGE, "there is more behind the \"\"\" at its end");
}

static bool read_text(struct reader *r, struct str s, struct err *e)
{
    s = str_trim(s);
    buf_reset(&r->text);
    if (str_starts(s, STR("\"\"\"")))
        return read_block(r, str_from(s, 3), e) && buf_ok(&r->text, "Modelfile", e);
    if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
        s = str_sub(s, 1, s.n - 2);
    buf_str(&r->text, s);
    return buf_ok(&r->text, "Modelfile", e);
}

/* The first word of s, and what is behind it. */
static struct str word_of(struct str *s)
{
    struct str t = str_trim(*s);
    size_t n = 0;
    while (n < t.n && t.p[n] != ' ' && t.p[n] != '\t')
        n++;
    *s = str_trim(str_from(t, n));
    return str_sub(t, 0, n);
}

static bool add_parameter(struct reader *r, struct str s, struct err *e)
{
    char key[64];
    struct str name = word_of(&s);
    if (!name.n || name.n >= sizeof key || !s.n)
        return fail(e, ERR_USAGE, "PARAMETER needs a name and a value");
    for (size_t i = 0; i < name.n; i++)
        key[i] = (char)(name.p[i] >= 'A' && name.p[i] <= 'Z' ? name.p[i] + 32 : name.p[i]);
    key[name.n] = '\0';
    if (!str_utf8_valid(name) || !read_text(r, s, e))
        return e->code ? false : fail(e, ERR_USAGE, "the text is not valid UTF-8");
    json_t *value = text_of(buf_view(&r->text), e);
    if (!value)
        return false;
    json_t *old = json_object_get(r->m->parameters, key);
    bool ok;
    if (strcmp(key, "stop") != 0)
        ok = json_object_set_new(r->m->parameters, key, value) == 0;
    else if (old)
        ok = json_array_append_new(old, value) == 0;
    else
        ok = json_object_set_new(r->m->parameters, key, json_pack("[o]", value)) == 0;
    return ok || no_memory(e);
}

static bool is(struct str word, const char *name)
{
    return word.n == strlen(name) && strncasecmp(word.p, name, word.n) == 0;
}

static bool add_licence(struct reader *r, struct err *e)
{
    json_t *more = text_of(buf_view(&r->text), e);
    if (!more)
        return false;
    if (!r->m->licence) {
        r->m->licence = more;
        return true;
    }
    json_t *both =
        json_sprintf("%s\n%s", json_string_value(r->m->licence), json_string_value(more));
    json_decref(more);
    json_decref(r->m->licence);
    r->m->licence = both;
    return both || no_memory(e);
}

static bool instruction(struct reader *r, struct str word, struct str s, struct err *e)
{
    if (is(word, "PARAMETER"))
        return add_parameter(r, s, e);
    if (is(word, "MESSAGE")) {
        struct str role = word_of(&s);
        return read_text(r, s, e) && add_message(r->m, role, text_of(buf_view(&r->text), e), e);
    }
    if (is(word, "ADAPTER"))
        return no_adapters(e);
    if (!is(word, "FROM") && !is(word, "SYSTEM") && !is(word, "LICENSE") && !is(word, "TEMPLATE"))
        return fail(e, ERR_USAGE,
                    "\"%.*s\" is no instruction; there are FROM, PARAMETER, SYSTEM, MESSAGE, "
                    "LICENSE and TEMPLATE",
                    STR_ARG(word));
    if (!read_text(r, s, e))
        return false;
    if (is(word, "FROM"))
        return set_from(r->m, buf_view(&r->text), e);
    if (is(word, "SYSTEM"))
        return set_system(r->m, text_of(buf_view(&r->text), e), e);
    if (is(word, "LICENSE"))
        return add_licence(r, e);
    return json_array_append_new(r->m->ignored, json_string("TEMPLATE")) == 0 || no_memory(e);
}

static bool parse_lines(struct reader *r, const char *where, struct err *e)
{
    struct str line;
    while (str_cut(&r->rest, '\n', &line)) {
        uint32_t at = ++r->line;
        struct str s = str_trim(line);
        if (s.n == 0 || s.p[0] == '#')
            continue;
        struct str word = word_of(&s);
        if (!instruction(r, word, s, e))
            return err_at(e, "%s, line %u", where, at);
    }
    return true;
}

/* --- JSON ------------------------------------------------------------------------------------- */

static bool take_messages(struct modelfile *m, const json_t *list, struct err *e)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *message = json_array_get(list, i);
        const json_t *content = json_object_get(message, "content");
        const char *role = json_string_value(json_object_get(message, "role"));
        if (!role || !json_is_string(content))
            return fail(e, ERR_USAGE, "messages[%zu] needs \"role\" and \"content\"", i);
        if (!add_message(m, str_of(role), json_incref((json_t *)(uintptr_t)content), e))
            return false;
    }
    return !list || json_is_array(list) || fail(e, ERR_USAGE, "messages must be a list");
}

static bool take_licence(struct modelfile *m, const json_t *j, struct err *e)
{
    struct buf text;
    if (json_is_string(j))
        m->licence = json_incref((json_t *)(uintptr_t)j);
    if (!j || json_is_string(j))
        return true;
    buf_init(&text, LIMIT_CONFIG_BYTES);
    bool ok = json_is_array(j);
    for (size_t i = 0; ok && i < json_array_size(j); i++) {
        const char *part = json_string_value(json_array_get(j, i));
        ok = part != NULL;
        buf_fmt(&text, "%s%s", i ? "\n" : "", part ? part : "");
    }
    m->licence = ok ? json_stringn(buf_c(&text), text.n) : NULL;
    buf_clear(&text);
    return m->licence || fail(e, ERR_USAGE, "license must be a text, or a list of texts");
}

static bool known_keys(struct modelfile *m, const json_t *j, struct err *e)
{
    static const char *const known[] = {"from",    "parameters", "settings", "system",
                                        "license", "messages",   "model",    "name"};
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)j, key, value)
    {
        size_t i = 0;
        while (i < sizeof known / sizeof *known && strcmp(known[i], key) != 0)
            i++;
        if (strcmp(key, "adapters") == 0)
            return no_adapters(e);
        if (i < sizeof known / sizeof *known)
            continue;
        if (strcmp(key, "template") != 0)
            return fail(e, ERR_USAGE, "there is no key \"%s\"", key);
        json_array_append_new(m->ignored, json_string("TEMPLATE"));
    }
    return true;
}

static bool parse_json(struct modelfile *m, const json_t *j, struct err *e)
{
    const json_t *from = json_object_get(j, "from"), *system = json_object_get(j, "system");
    const json_t *parameters = json_object_get(j, "parameters");
    const json_t *settings = json_object_get(j, "settings");
    if (!known_keys(m, j, e))
        return false;
    if ((parameters && !json_is_object(parameters)) || (settings && !json_is_object(settings)) ||
        (system && !json_is_string(system)) || (from && !json_is_string(from)))
        return fail(e, ERR_USAGE, "from and system must be texts, parameters and settings objects");
    if (parameters)
        json_object_update(m->parameters, (json_t *)(uintptr_t)parameters);
    m->settings = settings ? json_incref((json_t *)(uintptr_t)settings) : NULL;
    return set_from(m, (struct str){json_string_value(from), json_string_length(from)}, e) &&
           take_messages(m, json_object_get(j, "messages"), e) &&
           (!system || set_system(m, json_incref((json_t *)(uintptr_t)system), e)) &&
           take_licence(m, json_object_get(j, "license"), e);
}

static bool read_json(struct modelfile *m, struct str text, const char *where, struct err *e)
{
    json_t *j = json_parse(text, where, e);
    bool ok = j && (parse_json(m, j, e) || err_at(e, "%s", where));
    json_decref(j);
    return ok;
}

bool modelfile_parse(struct modelfile *m, struct str text, const char *where, struct err *e)
{
    struct reader r = {.m = m, .rest = text};
    struct str start = str_trim(text);
    *m = (struct modelfile){
        .parameters = json_object(), .opening = json_array(), .ignored = json_array()};
    *e = (struct err){0};
    buf_init(&r.text, LIMIT_CONFIG_BYTES);
    bool ok =
        start.n && start.p[0] == '{' ? read_json(m, text, where, e) : parse_lines(&r, where, e);
    buf_clear(&r.text);
    if (ok && !m->from)
        ok = fail(e, ERR_USAGE, "%s: FROM is missing: what the model is made from", where);
    if (!ok)
        modelfile_clear(m);
    return ok;
}
