/* SPDX-License-Identifier: Apache-2.0 */
/* Chat templates against Jinja2 3.1.6 with the settings of Hugging Face: byte for byte, and where
 * that fails, failing. Our own cases are in tests/data/template; the others in $MOAT_SHARED. All in
 * one process, since thousands of them take less time than one start each. */
#include "test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/json.h"
#include "base/os.h"
#include "text/template.h"

#define SHOWN 10 /* differences printed */

struct tally {
    const char *what;
    size_t right, all;
};

static struct tm clock_at(int hour, int minute)
{
    struct tm t = {.tm_year = 126, .tm_mday = 15, .tm_hour = hour, .tm_min = minute};
    timegm(&t);
    return t;
}

static const char *shared(const char *below)
{
    static char path[4096];
    const char *root = getenv("MOAT_SHARED");
    snprintf(path, sizeof path, "%s/conformance/%s", root ? root : "../shared", below);
    return path;
}

static json_t *read_json(const char *path)
{
    struct err e;
    json_t *j = json_read_file(path, 64u << 20, &e);
    if (!j)
        print_message("# %s\n", e.msg);
    return j;
}

/* expected NULL: it must fail */
static void check(struct tally *t, const char *name, struct str source, const json_t *context,
                  struct tm now, const char *expected)
{
    struct err e = {0};
    struct buf out;
    buf_init(&out, 16u << 20);
    struct template *tmpl = template_parse(source, &e);
    bool ok = tmpl && template_render(tmpl, context, &now, &out, &e);
    bool right = ok ? expected && str_is(buf_view(&out), expected) : !expected;
    t->all++;
    t->right += right;
    if (!right && t->all - t->right <= SHOWN)
        print_message("# %s\n#   got:  %s\n#   want: %s\n", name, ok ? buf_c(&out) : e.msg,
                      expected ? expected : "an error");
    buf_clear(&out);
    template_free(tmpl);
}

static void finish(const struct tally *t)
{
    print_message("# %s: %zu of %zu\n", t->what, t->right, t->all);
    assert_true(t->all > 0);
    assert_int_equal(t->right, t->all);
}

static struct str text_of(const json_t *j)
{
    return (struct str){json_string_value(j), json_string_length(j)};
}

/* [{"name", "template", "vars", "expected" or "error": true}] */
static bool check_list(const char *path, struct tally *t)
{
    json_t *list = read_json(path), *c;
    size_t i;
    json_array_foreach(list, i, c)
    {
        check(t, json_string_value(json_object_get(c, "name")),
              text_of(json_object_get(c, "template")), json_object_get(c, "vars"), clock_at(9, 30),
              json_string_value(json_object_get(c, "expected")));
    }
    json_decref(list);
    return list != NULL;
}

static void test_own_cases(void **state)
{
    (void)state;
    static const char dir[] = "tests/data/template";
    struct tally t = {.what = dir};
    struct dirent **names;
    int n = scandir(dir, &names, NULL, alphasort);
    assert_true(n > 0);
    for (int i = 0; i < n; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", dir, names[i]->d_name);
        if (str_ends(str_of(path), STR(".json")))
            check_list(path, &t);
        free(names[i]);
    }
    free(names);
    finish(&t);
}

static void test_jinja(void **state)
{
    (void)state;
    struct tally t = {.what = "tests/jinja.json"};
    if (!check_list(shared("tests/jinja.json"), &t))
        skip();
    finish(&t);
}

static void read_template(const char *name, struct buf *source)
{
    char below[512];
    struct err e;
    snprintf(below, sizeof below, "templates/%s", name);
    buf_init(source, 1u << 20);
    if (!buf_read_file(source, shared(below), &e))
        fail_msg("%s", e.msg);
}

/* NAME.json beside each NAME.jinja: the rendering of every conversation. */
static void test_templates(void **state)
{
    (void)state;
    struct tally t = {.what = "templates x conversations"};
    json_t *talks = read_json(shared("templates/conversations.json"));
    struct dirent **names;
    int n = talks ? scandir(shared("templates"), &names, NULL, alphasort) : -1;
    if (n < 0)
        skip();
    for (int i = 0; i < n; free(names[i++])) {
        char name[300], below[320];
        size_t length = strlen(names[i]->d_name);
        if (!str_ends(str_of(names[i]->d_name), STR(".jinja")))
            continue;
        snprintf(name, sizeof name, "%.*s", (int)length - 6, names[i]->d_name);
        snprintf(below, sizeof below, "templates/%s.json", name);
        json_t *wanted = read_json(shared(below)), *w;
        const char *talk;
        struct buf source;
        read_template(names[i]->d_name, &source);
        json_object_foreach(wanted, talk, w)
        {
            char label[400];
            snprintf(label, sizeof label, "%s %s", name, talk);
            check(&t, label, buf_view(&source), json_object_get(talks, talk), clock_at(9, 30),
                  json_string_value(json_object_get(w, "text")));
        }
        buf_clear(&source);
        json_decref(wanted);
    }
    free(names);
    json_decref(talks);
    finish(&t);
}

static json_t *input_named(const json_t *inputs, const char *id)
{
    json_t *input;
    size_t i;
    json_array_foreach(inputs, i, input) if (strcmp(json_string_value(json_object_get(input, "id")),
                                                    id) == 0) return input;
    return NULL;
}

static void test_render_cases(void **state)
{
    (void)state;
    struct tally t = {.what = "tests/template-render.json"};
    json_t *all = read_json(shared("tests/template-render.json")), *c;
    size_t i;
    if (!all)
        skip();
    json_array_foreach(json_object_get(all, "cases"), i, c)
    {
        const char *name = json_string_value(json_object_get(c, "template"));
        const char *id = json_string_value(json_object_get(c, "input"));
        json_t *context = json_deep_copy(json_object_get(all, "vars_common"));
        json_object_update(context, input_named(json_object_get(all, "inputs"), id));
        json_object_del(context, "id");
        char label[400];
        struct buf source;
        snprintf(label, sizeof label, "%s %s", name, id);
        read_template(name, &source);
        check(&t, label, buf_view(&source), context, clock_at(12, 0),
              json_string_value(json_object_get(c, "expected")));
        buf_clear(&source);
        json_decref(context);
    }
    json_decref(all);
    finish(&t);
}

static void test_chat_templates(void **state)
{
    (void)state;
    struct tally t = {.what = "tests/chat-template.json"};
    json_t *all = read_json(shared("tests/chat-template.json")), *c;
    size_t i;
    if (!all)
        skip();
    json_array_foreach(json_object_get(all, "cases"), i, c)
    {
        json_t *wanted = json_object_get(c, "reference_jinja2");
        if (!json_is_string(wanted))
            continue;
        json_t *messages = json_deep_copy(json_object_get(all, "conversation"));
        json_array_extend(messages, json_object_get(c, "extra_conversation"));
        json_t *context = json_pack(
            "{s:o, s:O, s:O, s:O}", "messages", messages, "add_generation_prompt",
            json_object_get(all, "add_generation_prompt"), "bos_token",
            json_object_get(c, "bos_token"), "eos_token", json_object_get(c, "eos_token"));
        const char *expected = json_string_value(wanted);
        check(&t, json_string_value(json_object_get(c, "name")),
              text_of(json_object_get(c, "template")), context, clock_at(9, 30),
              str_starts(str_of(expected), STR("ERR ")) ? NULL : expected);
        json_decref(context);
    }
    json_decref(all);
    finish(&t);
}

static json_t *long_talk(int n)
{
    json_t *messages = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(
            messages,
            json_pack("{s:s, s:s}", "role", i % 2 ? "assistant" : "user", "content",
                      i % 2 ? "It is an answer of about sixty characters, no more of it."
                            : "A question of the user, which is here of the usual length?"));
    return json_pack("{s:o, s:b, s:s, s:s}", "messages", messages, "add_generation_prompt", 1,
                     "bos_token", "<s>", "eos_token", "</s>");
}

/* The best of ten, since the machine may be busy. */
static double render_ms(const struct template *t, const json_t *context)
{
    struct tm now = clock_at(9, 30);
    double best = 1e9;
    for (int round = 0; round < 10; round++) {
        struct err e;
        struct buf out;
        buf_init(&out, 16u << 20);
        uint64_t start = os_now_ns();
        bool ok = template_render(t, context, &now, &out, &e);
        double ms = (double)(os_now_ns() - start) / 1e6;
        best = ok && ms < best ? ms : best;
        buf_clear(&out);
    }
    return best;
}

static void test_speed(void **state)
{
    (void)state;
    static const char *const names[] = {"Qwen-Qwen2.5-7B-Instruct.jinja", "Qwen3.5-4B.jinja",
                                        "meta-llama-Llama-3.3-70B-Instruct.jinja",
                                        "openai-gpt-oss-120b.jinja"};
    struct err e;
    json_t *context = long_talk(100), *there = read_json(shared("templates/conversations.json"));
    bool can = there != NULL;
    json_decref(there);
    for (size_t i = 0; can && i < sizeof names / sizeof *names; i++) {
        struct buf source;
        read_template(names[i], &source);
        struct template *t = template_parse(buf_view(&source), &e);
        assert_non_null(t);
        double ms = render_ms(t, context);
        print_message("# 100 messages, %s: %.3f ms\n", names[i], ms);
        assert_true(ms < (getenv("MOAT_SANITIZED") ? 100 : 2));
        template_free(t);
        buf_clear(&source);
    }
    json_decref(context);
    if (!can)
        skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_cases),      cmocka_unit_test(test_templates),
        cmocka_unit_test(test_render_cases),   cmocka_unit_test(test_jinja),
        cmocka_unit_test(test_chat_templates), cmocka_unit_test(test_speed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
