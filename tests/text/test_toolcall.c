/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of tools in the text of models: the cases of tests/data/toolcall, each in one piece and in
 * many random cuts; and what the real templates write for an assistant's turn, read back. */
#include "test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/os.h"
#include "text/template.h"
#include "toolcall_events.h"

static int failures; /* texts that came out differently */

static char *dump(const json_t *j)
{
    return json_dumps(j, JSON_COMPACT | JSON_ENSURE_ASCII);
}

static struct str text_of(const json_t *j)
{
    return (struct str){json_string_value(j), json_string_length(j)};
}

static json_t *data(const char *name)
{
    struct err e;
    char path[256];
    snprintf(path, sizeof path, "tests/data/toolcall/%s", name);
    json_t *j = json_read_file(path, LIMIT_JSON_BYTES, &e);
    if (!j)
        fail_msg("%s\n", e.msg);
    return j;
}

/* In one piece, byte by byte, and in random cuts: all the same. */
static void check_text(const char *name, const struct toolcall_format *f, const json_t *tools,
                       struct str prompt, struct str text, const json_t *want, uint32_t cuts)
{
    static const size_t steps[] = {0, 1, 3, 9, 40};
    uint64_t seed = 1;
    for (uint32_t i = 0; i < cuts; i++) {
        struct events v;
        bool ok = events_of(&v, f, tools, prompt, text, steps[i % 5], &seed);
        if (!ok || !json_equal(v.list, want)) {
            char *got = dump(v.list), *wanted = dump(want);
            print_message("# %s (%s), cut %u:\n#   got  %s\n#   want %s\n", name,
                          toolcall_format_name(f), i, got, wanted);
            free(got);
            free(wanted);
            failures++;
            break;
        }
        events_clear(&v);
    }
}

static void test_cases(void **state)
{
    (void)state;
    json_t *all = data("cases.json"), *tools = json_object_get(all, "tools"), *c;
    size_t i, n = 0;
    json_array_foreach(json_object_get(all, "cases"), i, c)
    {
        const struct toolcall_format *f =
            toolcall_format_by_name(json_string_value(json_object_get(c, "format")));
        if (!f)
            fail_msg("%s", json_string_value(json_object_get(c, "name")));
        json_t *prompt = json_object_get(c, "prompt");
        check_text(json_string_value(json_object_get(c, "name")), f, tools,
                   prompt ? text_of(prompt) : STR(""), text_of(json_object_get(c, "text")),
                   json_object_get(c, "events"), 100);
        n++;
    }
    print_message("# %zu cases in 100 cuts each\n", n);
    assert_true(n > 60);
    assert_int_equal(failures, 0);
    json_decref(all);
}

/* Every case's text for every syntax: whatever comes of it, the cuts do not change it. */
static void test_foreign(void **state)
{
    (void)state;
    json_t *all = data("cases.json"), *tools = json_object_get(all, "tools"), *c;
    const struct toolcall_format *f;
    uint64_t seed = 7;
    size_t i, n = 0;
    for (size_t k = 0; (f = toolcall_format_at(k)); k++)
        json_array_foreach(json_object_get(all, "cases"), i, c)
        {
            struct events v;
            struct str text = text_of(json_object_get(c, "text"));
            assert_true(events_of(&v, f, tools, STR(""), text, 0, &seed));
            check_text(json_string_value(json_object_get(c, "name")), f, tools, STR(""), text,
                       v.list, 5);
            events_clear(&v);
            n++;
        }
    print_message("# %zu pairs of a text and a syntax\n", n);
    assert_int_equal(failures, 0);
    json_decref(all);
}

/* Whether the text may end here: markers are tokens, which are whole. */
static bool is_cut(struct str text, size_t at)
{
    for (size_t i = at; i-- > 0 && text.p[i] != '>';)
        if (text.p[i] == '<')
            return false;
    return at < text.n;
}

/* Of an answer that is cut anywhere, nothing of a header is content. */
static void check_cuts(const json_t *c, const json_t *tools)
{
    struct str text = text_of(json_object_get(c, "text"));
    const struct toolcall_format *f =
        toolcall_format_by_name(json_string_value(json_object_get(c, "format")));
    uint64_t seed = 11;
    for (size_t n = 0; n < text.n; n++) {
        struct events v;
        size_t i;
        json_t *ev;
        if (!is_cut(text, n))
            continue;
        assert_true(events_of(&v, f, tools, STR(""), str_sub(text, 0, n), n % 4, &seed));
        json_array_foreach(v.list, i, ev)
        {
            const char *kind = json_string_value(json_array_get(ev, 0));
            struct str said = text_of(json_array_get(ev, 1));
            bool plain = strcmp(kind, "broken") == 0 || (str_find(said, STR("<|")) == SIZE_MAX &&
                                                         str_find(said, STR("to=")) == SIZE_MAX);
            if (!plain)
                print_message("# %.*s: %s %.*s\n", (int)n, text.p, kind, STR_ARG(said));
            failures += !plain;
        }
        events_clear(&v);
    }
}

static void test_cut_headers(void **state)
{
    (void)state;
    json_t *all = data("cases.json"), *c;
    size_t i, n = 0;
    json_array_foreach(json_object_get(all, "cases"), i, c)
    {
        const char *name = json_string_value(json_object_get(c, "name"));
        const char *format = json_string_value(json_object_get(c, "format"));
        bool headers = strcmp(format, "harmony") == 0 || strcmp(format, "atem") == 0;
        if (!headers || strstr(name, "none"))
            continue;
        check_cuts(c, json_object_get(all, "tools"));
        n++;
    }
    print_message("# %zu answers with headers, cut everywhere\n", n);
    assert_true(n >= 7);
    assert_int_equal(failures, 0);
    json_decref(all);
}

/* A call of more than LIMIT_TOOLCALL_BYTES is content; nothing of it is lost, however it is cut. */
static void test_too_long(void **state)
{
    (void)state;
    static const char *const begin[] = {"<tool_call>{\"name\": \"a\", \"arguments\": {\"s\": \"",
                                        "<tool_call>\n<function=a>\n<parameter=s>\n",
                                        "<|tool_call_start|>a(s='"};
    static const char *const formats[] = {"hermes", "qwen3-coder", "lfm2"};
    for (size_t i = 0; i < 3; i++) {
        struct buf text;
        struct events whole, cut;
        uint64_t seed = 5;
        size_t n = 0, k;
        json_t *ev;
        buf_init(&text, LIMIT_TEXT_BYTES);
        buf_cstr(&text, begin[i]);
        while (text.n < LIMIT_TOOLCALL_BYTES + 100000)
            buf_cstr(&text, "0123456789 <");
        const struct toolcall_format *f = toolcall_format_by_name(formats[i]);
        assert_true(events_of(&whole, f, NULL, STR(""), buf_view(&text), 0, &seed));
        assert_true(events_of(&cut, f, NULL, STR(""), buf_view(&text), 70000, &seed));
        assert_true(json_equal(whole.list, cut.list));
        json_array_foreach(whole.list, k, ev) n += json_string_length(json_array_get(ev, 1));
        assert_int_equal(n, text.n);
        events_clear(&whole);
        events_clear(&cut);
        buf_clear(&text);
    }
}

/* Blanks wait for what follows them, but not without bound, nor are they counted again and again:
 * minutes, where the time is quadratic. */
static void test_blanks(void **state)
{
    (void)state;
    static const char *const begin[] = {"", "x", "<tool_call>", "<tool_call>{", "<function=a>"};
    const struct toolcall_format *f;
    struct buf text;
    buf_init(&text, LIMIT_TEXT_BYTES);
    for (size_t k = 0; (f = toolcall_format_at(k)); k++)
        for (size_t i = 0; i < sizeof begin / sizeof *begin; i++) {
            struct events whole;
            uint64_t seed = 5;
            buf_reset(&text);
            buf_cstr(&text, begin[i]);
            while (text.n < 20000)
                buf_cstr(&text, " \n");
            buf_cstr(&text, "<think>{\"name\": \"a\"}");
            assert_true(events_of(&whole, f, NULL, STR(""), buf_view(&text), 0, &seed));
            check_text("blanks", f, NULL, STR(""), buf_view(&text), whole.list, 3);
            events_clear(&whole);
        }
    buf_clear(&text);
    assert_int_equal(failures, 0);
}

/* --- what templates write ----------------------------------------------------------------------
 */

static const char *shared(const char *below)
{
    static char path[4096];
    const char *root = getenv("MOAT_SHARED");
    snprintf(path, sizeof path, "%s/conformance/templates/%s", root ? root : "../shared", below);
    return path;
}

struct turn {
    struct template *t;
    json_t *context; /* without messages */
    struct buf prompt, base, whole;
};

static bool render(struct turn *r, json_t *messages, bool generate, struct buf *out)
{
    struct err e;
    struct tm now = {.tm_year = 126, .tm_mday = 15, .tm_wday = 4, .tm_yday = 14};
    buf_reset(out);
    json_object_set(r->context, "messages", messages);
    json_object_set_new(r->context, "add_generation_prompt", json_boolean(generate));
    return template_render(r->t, r->context, &now, out, &e);
}

/* The texts that end an answer, which is all that a model's output has not. */
static size_t end_of(const struct toolcall_format *f, struct str s)
{
    static const char *const ends[] = {"<|im_end|>",
                                       "</s>",
                                       "<|eot_id|>",
                                       "<|eom_id|>",
                                       "<seed:eos>",
                                       "[e~[",
                                       "<turn|>",
                                       "<｜end▁of▁sentence｜>",
                                       "<|eot|>",
                                       "<|role_end|>",
                                       "</assistant>",
                                       "<|end_of_text|>",
                                       "<|calls|>",
                                       "<|call|>",
                                       "<|END_OF_TURN_TOKEN|>",
                                       "<end_of_sentence>",
                                       "<end_of_turn>",
                                       "<｜hy_eos:opensource｜>"};
    size_t n = s.n;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t at = str_find(s, str_of(ends[i]));
        n = at < n ? at : n;
    }
    if (strcmp(toolcall_format_name(f), "apriel") == 0 && str_find(s, STR("\n<|end|>")) < n)
        n = str_find(s, STR("\n<|end|>"));
    return n;
}

/* Where the prompt ends that would have asked for this turn. */
static size_t prompt_end(const struct turn *r)
{
    struct str p = buf_view(&r->prompt), w = buf_view(&r->whole);
    size_t n = 0;
    while (n < p.n && n < w.n && p.p[n] == w.p[n])
        n++;
    size_t open = n;
    while (open && n - open < 24 && w.p[open - 1] != '<' && w.p[open - 1] != '>')
        open--;
    return open && w.p[open - 1] == '<' && n - open < 24 ? open - 1 : n;
}

/* The calls of the assistant's message that come back; -1: nothing rendered. */
static int round_trip(struct turn *r, const struct toolcall_format *f, const json_t *tools,
                      json_t *messages, const json_t *wanted, bool reasoning)
{
    if (!render(r, messages, false, &r->whole))
        return -1;
    size_t from = prompt_end(r), i, k = 0;
    struct str text = str_from(buf_view(&r->whole), from);
    struct str prompt = str_sub(buf_view(&r->whole), 0, reasoning ? from : 0);
    text.n = end_of(f, text);
    struct events v;
    uint64_t seed = 3;
    json_t *ev;
    assert_true(events_of(&v, f, tools, prompt, text, 0, &seed));
    check_text("round trip", f, tools, prompt, text, v.list, 25);
    int same = 0;
    json_array_foreach(v.list, i, ev)
    {
        if (strcmp(json_string_value(json_array_get(ev, 0)), "call") != 0)
            continue;
        const json_t *w = json_object_get(json_array_get(wanted, k++), "function");
        json_t *args = json_loads(json_string_value(json_array_get(ev, 3)), 0, NULL);
        same += json_equal(json_array_get(ev, 1), json_object_get(w, "name")) &&
                json_equal(args, json_object_get(w, "arguments"));
        json_decref(args);
    }
    if (getenv("MOAT_TEST_VERBOSE")) {
        char *got = dump(v.list);
        print_message("# %.*s\n#   %s\n", (int)text.n, text.p, got);
        free(got);
    }
    events_clear(&v);
    return (int)k == same ? same : -2;
}

/* Templates want arguments as an object or as its text. */
static json_t *with_texts(const json_t *messages)
{
    json_t *copy = json_deep_copy(messages), *m, *c;
    size_t i, k;
    json_array_foreach(copy, i, m) json_array_foreach(json_object_get(m, "tool_calls"), k, c)
    {
        json_t *f = json_object_get(c, "function");
        char *text = json_dumps(json_object_get(f, "arguments"), 0);
        json_object_set_new(f, "arguments", json_string(text));
        free(text);
    }
    return copy;
}

/* With content and reasoning; without content; then as if the reasoning were off, as some templates
 * keep none in a conversation but write the marker that opens it. */
static int try_turns(struct turn *r, const struct toolcall_format *f, const json_t *all, int n)
{
    json_t *tools = json_object_get(all, "tools");
    json_t *messages = json_deep_copy(json_object_get(all, "messages"));
    json_t *message = json_array_get(messages, 1), *calls = json_object_get(message, "tool_calls");
    while ((int)json_array_size(calls) > n)
        json_array_remove(calls, json_array_size(calls) - 1);
    json_t *wanted = json_deep_copy(calls);
    int got = -1;
    for (int i = 0; i < 6 && got != n; i++) {
        json_object_set_new(message, "content", json_string(i / 2 == 1 ? "" : "Let me see."));
        json_t *texts = i % 2 ? with_texts(messages) : json_incref(messages);
        int again = round_trip(r, f, tools, texts, wanted, i / 2 < 2);
        got = again > got ? again : got;
        json_decref(texts);
    }
    json_decref(wanted);
    json_decref(messages);
    return got;
}

static int check_template(const char *name, const json_t *all, const char **format)
{
    struct turn r = {0};
    struct err e;
    struct buf source;
    char file[512];
    buf_init(&source, LIMIT_TEMPLATE_BYTES);
    snprintf(file, sizeof file, "%s.jinja", name);
    assert_true(buf_read_file(&source, shared(file), &e));
    r.t = template_parse(buf_view(&source), &e);
    assert_non_null(r.t);
    const struct toolcall_format *f = toolcall_detect(buf_view(&source));
    *format = toolcall_format_name(f);
    r.context = json_deep_copy(json_object_get(all, "context"));
    json_object_set(r.context, "tools", json_object_get(all, "tools"));
    buf_init(&r.prompt, LIMIT_TEMPLATE_OUTPUT);
    buf_init(&r.base, LIMIT_TEMPLATE_OUTPUT);
    buf_init(&r.whole, LIMIT_TEMPLATE_OUTPUT);
    json_t *user = json_deep_copy(json_object_get(all, "messages"));
    json_array_remove(user, 1);
    if (!render(&r, user, true, &r.prompt)) { /* its tools cannot be shown: without them */
        json_object_set_new(r.context, "tools", json_null());
        assert_true(render(&r, user, true, &r.prompt));
    }
    int got = try_turns(&r, f, all, 2);
    if (got < 1)
        got = try_turns(&r, f, all, 1);
    json_decref(user);
    json_decref(r.context);
    template_free(r.t);
    buf_clear(&source);
    buf_clear(&r.prompt);
    buf_clear(&r.base);
    buf_clear(&r.whole);
    return got;
}

static void test_round_trip(void **state)
{
    (void)state;
    if (access(shared("conversations.json"), R_OK) != 0) {
        print_message("# no conformance data (MOAT_SHARED)\n");
        skip();
    }
    json_t *all = data("templates.json"), *want;
    const char *name;
    size_t right = 0, back = 0, n = 0;
    json_object_foreach(json_object_get(all, "templates"), name, want)
    {
        const char *format;
        int got = check_template(name, all, &format);
        bool same = got == json_integer_value(json_array_get(want, 1)) &&
                    strcmp(format, json_string_value(json_array_get(want, 0))) == 0;
        if (!same)
            print_message("# %s: %s, %d calls came back\n", name, format, got);
        right += same;
        back += got > 0;
        n++;
    }
    print_message("# %zu of %zu templates: what they write for a call is read back\n", back, n);
    json_decref(all);
    assert_int_equal(right, n);
    assert_int_equal(failures, 0);
    assert_int_equal(n, 47);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),       cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_cut_headers), cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_blanks),      cmocka_unit_test(test_round_trip)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
