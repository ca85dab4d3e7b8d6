/* SPDX-License-Identifier: Apache-2.0 */
/* cli/template_test: see template_test.h. */
#include "cli/template_test.h"

#include <stdio.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "cli/open_model.h"
#include "cli/opts.h"
#include "cli/term.h"
#include "text/chat.h"

#define TOOLS                                                                                      \
    "[{\"type\":\"function\",\"function\":{\"name\":\"weather\",\"description\":\"Weather of a "   \
    "city\",\"parameters\":{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}},"  \
    "\"required\":[\"city\"]}}}]"
#define USER(text)      "{\"role\":\"user\",\"content\":\"" text "\"}"
#define ASSISTANT(text) "{\"role\":\"assistant\",\"content\":\"" text "\"}"
#define SYSTEM          "{\"role\":\"system\",\"content\":\"You are terse.\"}"

static const struct probe {
    const char *name, *messages, *tools;
    bool prompt; /* ends where the assistant is to speak */
} probes[] = {
    {"user", "[" USER("Hello") "]", NULL, true},
    {"system", "[" SYSTEM "," USER("Hello") "]", NULL, true},
    {"turns", "[" USER("Hi") "," ASSISTANT("Hello.") "," USER("And you?") "]", NULL, true},
    {"answered", "[" USER("Hi") "," ASSISTANT("Hello.") "]", NULL, false},
    {"unicode", "[" USER("  数据不出域 \\\"q\\\" <b> & 🙂\\n\\tx ") "]", NULL, true},
    {"tools", "[" USER("Weather in Paris?") "]", TOOLS, true},
    {"tool-call",
     "[" USER("Weather in Paris?") ",{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":"
                                   "[{\"id\":\"call00001\",\"type\":\"function\",\"function\":{"
                                   "\"name\":\"weather\","
                                   "\"arguments\":{\"city\":\"Paris\"}}}]},{\"role\":\"tool\","
                                   "\"tool_call_id\":\"call00001\","
                                   "\"name\":\"weather\",\"content\":\"18 degrees\"}]",
     TOOLS, true},
    {"reasoning",
     "[" USER("2+2?") ",{\"role\":\"assistant\",\"content\":\"4\",\"reasoning_content\":\"A "
                      "sum.\"}," USER("And 3+3?") "]",
     NULL, true},
};

enum { N_PROBES = sizeof probes / sizeof *probes };

static bool render(const struct chat *c, const struct probe *p, struct buf *out, struct err *e)
{
    json_t *messages = json_parse(str_of(p->messages), p->name, e);
    json_t *tools = p->tools ? json_parse(str_of(p->tools), p->name, e) : NULL;
    must(messages && !p->tools == !tools);
    bool ok = chat_render(c, messages, tools, NULL, p->prompt, out, e);
    json_decref(messages);
    json_decref(tools);
    return ok;
}

static bool add_json(json_t *all, const char *name, const struct buf *text, const char *error)
{
    struct str s = buf_view(text);
    json_t *one = json_object();
    if (error)
        json_object_set_new(one, "error", json_string(error));
    else
        json_object_set_new(one, "text", json_stringn(s.p, s.n));
    return json_object_set_new(all, name, one) == 0;
}

static void print_text(const char *name, const struct buf *text, const char *error)
{
    struct buf out;
    buf_init(&out, 2 * LIMIT_TEMPLATE_OUTPUT);
    buf_fmt(&out, "%s--- %s%s\n", term_style(STDOUT_FILENO, TERM_BOLD), name,
            term_style(STDOUT_FILENO, TERM_PLAIN));
    if (error)
        buf_fmt(&out, "%s\n", error);
    else if (term_is(STDOUT_FILENO))
        term_clean(&out, buf_view(text));
    else
        buf_str(&out, buf_view(text));
    if (!error && out.n && out.p[out.n - 1] != '\n')
        buf_byte(&out, '\n');
    fwrite(buf_c(&out), 1, out.n, stdout);
    buf_clear(&out);
}

static bool print_json(const json_t *all, struct err *e)
{
    struct buf out;
    buf_init(&out, (size_t)N_PROBES * 6 * LIMIT_TEMPLATE_OUTPUT);
    bool ok = json_write(all, JSON_INDENT(1), &out, e);
    if (ok)
        printf("%s\n", buf_c(&out));
    buf_clear(&out);
    return ok;
}

static bool run_probes(const struct chat *c, bool json, bool *failed, struct err *e)
{
    json_t *all = json_object();
    bool ok = all || fail(e, ERR_LIMIT, "not enough memory for the chat template");
    for (size_t i = 0; ok && i < N_PROBES; i++) {
        struct err why = {0};
        struct buf text;
        buf_init(&text, LIMIT_TEMPLATE_OUTPUT);
        bool good = render(c, &probes[i], &text, &why);
        *failed |= i == 0 && !good;
        if (json)
            ok = add_json(all, probes[i].name, &text, good ? NULL : why.msg);
        else
            print_text(probes[i].name, &text, good ? NULL : why.msg);
        buf_clear(&text);
    }
    ok = ok && (!json || print_json(all, e));
    json_decref(all);
    return ok;
}

bool template_test(const char *model, bool json, bool *failed, struct err *e)
{
    *failed = false;
    struct gguf *g = open_to_look(model, e);
    struct vocab *v = g ? vocab_new(g, e) : NULL;
    struct chat *c = v ? chat_new(g, v, e) : NULL;
    if (v && !c && e->code == ERR_NONE)
        fail(e, ERR_NOT_FOUND, "%s has no chat template", model);
    bool ok = c && run_probes(c, json, failed, e);
    chat_free(c);
    vocab_free(v);
    gguf_close(g);
    return ok;
}
