/* SPDX-License-Identifier: Apache-2.0 */
/* cli/talk: see talk.h. */
#include "cli/talk.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/os.h"

enum { TALK_VERSION = 1 };

static bool no_memory(struct err *e)
{
    return fail(e, ERR_LIMIT, "out of memory");
}

bool talk_init(struct talk *t, const struct chat *chat_or_raw, struct err *e)
{
    *t = (struct talk){.chat = chat_or_raw, .messages = json_array()};
    buf_init(&t->text, LIMIT_TEXT_BYTES);
    return t->messages || no_memory(e);
}

void talk_clear(struct talk *t)
{
    json_decref(t->messages);
    free(t->system);
    buf_clear(&t->text);
    *t = (struct talk){0};
}

void talk_forget(struct talk *t)
{
    json_array_clear(t->messages);
    buf_reset(&t->text);
    t->n_renewed++;
}

bool talk_set_system(struct talk *t, const char *system, struct err *e)
{
    if (!system || !*system) {
        free(t->system);
        t->system = NULL;
        return true;
    }
    if (!t->chat)
        return fail(e, ERR_USAGE,
                    "a system message needs the model's chat template, and here the "
                    "text is continued as it stands");
    char *copy = strdup(system);
    if (!copy)
        return no_memory(e);
    free(t->system);
    t->system = copy;
    return true;
}

/* JSON wants valid UTF-8, and its reader no NUL: what is none or one becomes U+FFFD. */
static json_t *json_text(struct str s)
{
    if (str_utf8_valid(s) && !(s.n && memchr(s.p, '\0', s.n)))
        return json_stringn(s.p ? s.p : "", s.n);
    struct buf b;
    buf_init(&b, LIMIT_TEXT_BYTES);
    for (size_t at = 0; at < s.n;) {
        uint32_t c = str_utf8_next(s, &at);
        buf_utf8(&b, c ? c : 0xfffd);
    }
    json_t *j = json_stringn(buf_c(&b), b.n);
    buf_clear(&b);
    return j;
}

static json_t *message(const char *role, struct str content)
{
    json_t *m = json_object();
    if (m && json_object_set_new(m, "role", json_string(role)) == 0 &&
        json_object_set_new(m, "content", json_text(content)) == 0)
        return m;
    json_decref(m);
    return NULL;
}

static bool add(json_t *list, const char *role, struct str content, struct err *e)
{
    return json_array_append_new(list, message(role, content)) == 0 || no_memory(e);
}

static bool render(const struct talk *t, struct buf *prompt, struct err *e)
{
    json_t *all = json_array();
    bool ok = all && (!t->system || add(all, "system", str_of(t->system), e));
    ok = ok && (json_array_extend(all, t->messages) == 0 || no_memory(e));
    ok = ok && chat_render(t->chat, all, t->tools, NULL, true, prompt, e);
    json_decref(all);
    return ok;
}

bool talk_ask(struct talk *t, struct str words, struct buf *prompt, struct err *e)
{
    if (!t->chat) {
        t->before = t->text.n;
        buf_str(&t->text, words);
        buf_str(prompt, buf_view(&t->text));
        return buf_ok(&t->text, "prompt", e) && buf_ok(prompt, "prompt", e);
    }
    t->before = json_array_size(t->messages);
    if (!add(t->messages, "user", words, e))
        return false;
    if (render(t, prompt, e))
        return true;
    talk_take_back(t);
    return false;
}

void talk_take_back(struct talk *t)
{
    for (size_t n = json_array_size(t->messages); n > t->before; n--)
        json_array_remove(t->messages, n - 1);
    if (!t->chat && t->text.p)
        t->text.p[t->text.n = t->before] = '\0';
}

/* Templates want arguments as an object, where they are one that JSON's readers take. */
static json_t *call_message(const json_t *call)
{
    const json_t *f = json_object_get(call, "function"), *text = json_object_get(f, "arguments");
    struct err ignored;
    json_t *args = json_parse((struct str){json_string_value(text), json_string_length(text)},
                              "arguments", &ignored);
    if (!args)
        args = json_incref((json_t *)(uintptr_t)text);
    return json_pack("{sO ss s{sO so}}", "id", json_object_get(call, "id"), "type", "function",
                     "function", "name", json_object_get(f, "name"), "arguments", args);
}

static bool add_calls(json_t *m, const json_t *calls)
{
    size_t i;
    const json_t *call;
    json_t *list = json_array();
    bool ok = json_object_set_new(m, "tool_calls", list) == 0;
    json_array_foreach((json_t *)(uintptr_t)calls, i, call)
    {
        ok = ok && json_array_append_new(list, call_message(call)) == 0;
    }
    return ok;
}

bool talk_answered(struct talk *t, const struct answer *a, struct err *e)
{
    if (!t->chat) {
        buf_str(&t->text, buf_view(&a->raw));
        return buf_ok(&t->text, "text", e);
    }
    bool calls = json_array_size(a->calls) > 0;
    if (!calls && toolcall_reads_think(chat_format(t->chat)))
        return add(t->messages, "assistant", buf_view(&a->raw), e);
    json_t *m = message("assistant", buf_view(&a->content));
    bool ok = m && (!calls || add_calls(m, a->calls)) &&
              (!a->reasoning.n || json_object_set_new(m, "reasoning_content",
                                                      json_text(buf_view(&a->reasoning))) == 0) &&
              json_array_append(t->messages, m) == 0;
    json_decref(m);
    return ok || no_memory(e);
}

bool talk_result(struct talk *t, const json_t *call, struct str text, struct err *e)
{
    json_t *m = message("tool", text);
    bool ok = m && json_object_set(m, "tool_call_id", json_object_get(call, "id")) == 0 &&
              json_object_set(m, "name",
                              json_object_get(json_object_get(call, "function"), "name")) == 0 &&
              json_array_append(t->messages, m) == 0;
    json_decref(m);
    return ok || no_memory(e);
}

bool talk_go_on(struct talk *t, struct buf *prompt, struct err *e)
{
    return render(t, prompt, e);
}

size_t talk_count(const struct talk *t)
{
    return t->chat ? json_array_size(t->messages) : t->text.n;
}

/* --- files -------------------------------------------------------------------------------------
 */

static bool is_saved_talk(const json_t *j)
{
    const char *format = json_string_value(json_object_get(j, "format"));
    return format && strcmp(format, "moat-chat") == 0;
}

/* A slip of the hand must not replace somebody's notes. */
static bool may_replace(const char *path, struct err *e)
{
    struct err ignored;
    if (access(path, F_OK) != 0)
        return true;
    json_t *old = json_read_file(path, LIMIT_JSON_BYTES, &ignored);
    bool ours = is_saved_talk(old);
    json_decref(old);
    return ours ||
           fail(e, ERR_USAGE, "%s is there and is no saved chat; choose another name", path);
}

static bool write_file(const char *path, struct str text, struct err *e)
{
    struct os_atomic_file f;
    if (!os_atomic_open(&f, path, e))
        return false;
    f.mode = 0600;
    bool ok = os_atomic_write(&f, text.p, text.n, e) && os_atomic_commit(&f, e);
    os_atomic_close(&f);
    return ok;
}

bool talk_write(const struct talk *t, const char *model, struct buf *out, struct err *e)
{
    json_t *j = json_pack("{ss si ss* ss*}", "format", "moat-chat", "version", TALK_VERSION,
                          "model", model, "system", t->system);
    bool ok = j && (t->chat ? json_object_set(j, "messages", t->messages)
                            : json_object_set_new(j, "text", json_text(buf_view(&t->text)))) == 0;
    if (!ok)
        no_memory(e);
    ok = ok && json_write(j, JSON_INDENT(1), out, e);
    buf_byte(out, '\n');
    json_decref(j);
    return ok && buf_ok(out, "chat", e);
}

bool talk_save(const struct talk *t, const char *model, const char *path, struct err *e)
{
    if (!may_replace(path, e))
        return false;
    struct buf out;
    buf_init(&out, LIMIT_JSON_BYTES);
    bool ok = talk_write(t, model, &out, e) && write_file(path, buf_view(&out), e);
    buf_clear(&out);
    return ok;
}

static bool is_known_role(const char *role, size_t i)
{
    return strcmp(role, "user") == 0 || strcmp(role, "assistant") == 0 ||
           strcmp(role, "tool") == 0 || (strcmp(role, "system") == 0 && i == 0);
}

static bool are_calls(const json_t *calls)
{
    size_t i;
    const json_t *call;
    if (calls && !json_is_array(calls))
        return false;
    json_array_foreach((json_t *)(uintptr_t)calls, i, call)
    {
        if (!json_is_string(json_object_get(json_object_get(call, "function"), "name")))
            return false;
    }
    return true;
}

static bool check_messages(const json_t *list, const char *path, struct err *e)
{
    size_t i;
    const json_t *m;
    if (!json_is_array(list))
        return fail(e, ERR_USAGE, "%s: no list of messages in it", path);
    json_array_foreach((json_t *)(uintptr_t)list, i, m)
    {
        const char *role = json_string_value(json_object_get(m, "role"));
        if (!role || !json_is_string(json_object_get(m, "content")))
            return fail(e, ERR_USAGE, "%s: message %zu needs \"role\" and \"content\" texts", path,
                        i + 1);
        if (!is_known_role(role, i))
            return fail(e, ERR_USAGE,
                        "%s: message %zu: the role \"%s\" is not user, assistant or tool", path,
                        i + 1, role);
        if (!are_calls(json_object_get(m, "tool_calls")))
            return fail(e, ERR_USAGE,
                        "%s: message %zu: \"tool_calls\" must be an array of calls of functions "
                        "with a name",
                        path, i + 1);
    }
    return true;
}

static bool take_messages(struct talk *t, const json_t *j, const json_t *list, const char *path,
                          struct err *e)
{
    if (!check_messages(list, path, e))
        return false;
    const char *system = json_string_value(json_object_get(j, "system"));
    json_t *copy = json_deep_copy(list);
    const json_t *first = json_array_get(copy, 0);
    if (first && strcmp(json_string_value(json_object_get(first, "role")), "system") == 0) {
        system = json_string_value(json_object_get(json_array_get(list, 0), "content"));
        json_array_remove(copy, 0);
    }
    if (!copy || !talk_set_system(t, system, e)) {
        json_decref(copy);
        return copy ? false : no_memory(e);
    }
    json_decref(t->messages);
    t->messages = copy;
    t->n_renewed++;
    return true;
}

static bool take(struct talk *t, const json_t *j, const char *path, struct err *e)
{
    const json_t *text = json_object_get(j, "text");
    if (json_is_object(j) && !is_saved_talk(j))
        return fail(e, ERR_USAGE, "%s is no saved chat", path);
    if (json_integer_value(json_object_get(j, "version")) > TALK_VERSION)
        return fail(e, ERR_UNSUPPORTED, "%s was saved by a newer moat; update this one", path);
    if (t->chat && text)
        return fail(e, ERR_USAGE, "%s was saved without a chat template; load it with --raw", path);
    if (!t->chat && !json_is_string(text))
        return fail(e, ERR_USAGE, "%s holds messages, which need a model with a chat template",
                    path);
    if (t->chat)
        return take_messages(t, j, json_is_array(j) ? j : json_object_get(j, "messages"), path, e);
    buf_reset(&t->text);
    buf_add(&t->text, json_string_value(text), json_string_length(text));
    return buf_ok(&t->text, "chat", e);
}

bool talk_read(struct talk *t, struct str json, const char *where, struct err *e)
{
    json_t *j = json_parse(json, where, e);
    bool ok = j && take(t, j, where, e);
    json_decref(j);
    return ok;
}

bool talk_load(struct talk *t, const char *path, struct err *e)
{
    json_t *j = json_read_file(path, LIMIT_JSON_BYTES, e);
    bool ok = j && take(t, j, path, e);
    json_decref(j);
    return ok;
}
