/* SPDX-License-Identifier: Apache-2.0 */
/* The chat template of a model: its variables, its failures, models without one. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "gguf/gguf_write.h"
#include "text/chat.h"

struct model {
    struct gguf *g;
    struct vocab *v;
    struct chat *c;
    struct err e;
};

/* A model with a small byte-level vocabulary; NULL: no template. */
static struct model model(const char *plain, const char *tool_use)
{
    static const struct str tokens[] = {STR("<s>"), STR("</s>"), STR("a"), STR("b"), STR("ab")};
    static const int32_t types[] = {3, 3, 1, 1, 1};
    static const struct str merges[] = {STR("a b")};
    struct gguf_writer w;
    struct model m = {0};
    char path[] = "/tmp/test_chat_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    gguf_write_init(&w, 32);
    gguf_write_str(&w, "general.architecture", STR("llama"));
    gguf_write_str(&w, "tokenizer.ggml.model", STR("gpt2"));
    gguf_write_str(&w, "tokenizer.ggml.pre", STR("default"));
    gguf_write_strs(&w, "tokenizer.ggml.tokens", tokens, 5);
    gguf_write_array(&w, "tokenizer.ggml.token_type", GGUF_I32, types, 5);
    gguf_write_strs(&w, "tokenizer.ggml.merges", merges, 1);
    gguf_write_u32(&w, "tokenizer.ggml.bos_token_id", 0);
    gguf_write_u32(&w, "tokenizer.ggml.eos_token_id", 1);
    if (plain)
        gguf_write_str(&w, "tokenizer.chat_template", str_of(plain));
    if (tool_use)
        gguf_write_str(&w, "tokenizer.chat_template.tool_use", str_of(tool_use));
    assert_true(gguf_write_file(&w, path, &m.e));
    gguf_write_clear(&w);
    m.g = gguf_open(path, &m.e);
    m.v = m.g ? vocab_new(m.g, &m.e) : NULL;
    unlink(path);
    if (!m.v)
        fail_msg("%s", m.e.msg);
    m.e.code = ERR_INTERNAL; /* chat_new must say that there was no error */
    m.c = chat_new(m.g, m.v, &m.e);
    return m;
}

static void model_clear(struct model *m)
{
    chat_free(m->c);
    vocab_free(m->v);
    gguf_close(m->g);
}

static json_t *json(const char *text)
{
    struct err e;
    json_t *j = text ? json_parse(str_of(text), "test", &e) : NULL;
    assert_true(!text || j);
    return j;
}

static void expect(struct model *m, const char *tools, const char *extra, const char *wanted)
{
    struct buf out;
    buf_init(&out, 1u << 20);
    json_t *messages = json("[{\"role\": \"user\", \"content\": \"a\"}]"), *t = json(tools),
           *x = json(extra);
    bool ok = chat_render(m->c, messages, t, x, true, &out, &m->e);
    assert_string_equal(ok ? buf_c(&out) : m->e.msg, wanted);
    json_decref(messages);
    json_decref(t);
    json_decref(x);
    buf_clear(&out);
}

static void test_variables(void **state)
{
    (void)state;
    struct model m = model("{{ bos_token }}|{{ eos_token }}|{{ unk_token is defined }}|{{ tools }}|"
                           "{{ documents }}|{{ add_generation_prompt }}|{{ messages }}|{{ x }}",
                           NULL);
    assert_non_null(m.c);
    expect(&m, NULL, NULL, "<s>|</s>|False|None|None|True|[{'role': 'user', 'content': 'a'}]|");
    expect(&m, "[1]", "{\"x\": 5, \"bos_token\": \"B\"}",
           "B|</s>|False|[1]|None|True|[{'role': 'user', 'content': 'a'}]|5");
    model_clear(&m);
}

static void test_tool_template(void **state)
{
    (void)state;
    struct model m = model("plain", "with tools");
    expect(&m, NULL, NULL, "plain");
    expect(&m, "[]", NULL, "with tools");
    model_clear(&m);
}

static void test_failures(void **state)
{
    (void)state;
    struct model m = model("\n{{ raise_exception('no ' ~ messages[0].role) }}", NULL);
    expect(&m, NULL, NULL, "chat template: line 2: no user");
    model_clear(&m);
    m = model("{% if %}", NULL);
    assert_null(m.c);
    assert_int_equal(m.e.code, ERR_CORRUPT);
    assert_string_equal(m.e.msg, "the model's chat template (tokenizer.chat_template): line 1: "
                                 "\"%}\" where an expression is expected");
    model_clear(&m);
    m = model("good", "{{ ");
    assert_null(m.c);
    assert_int_equal(m.e.code, ERR_CORRUPT);
    model_clear(&m);
}

static void test_no_template(void **state)
{
    (void)state;
    struct model m = model(NULL, NULL);
    assert_null(m.c);
    assert_int_equal(m.e.code, ERR_NONE);
    model_clear(&m);
    m = model("", NULL);
    assert_null(m.c);
    assert_int_equal(m.e.code, ERR_NONE);
    model_clear(&m);
}

/* A model's own words come first; a system message of the conversation takes the place of theirs.
 */
static void test_opening(void **state)
{
    (void)state;
    static const struct {
        const char *opening, *messages, *wanted;
    } cases[] = {
        {"[{\"role\": \"system\", \"content\": \"S\"}, {\"role\": \"user\", \"content\": \"1\"}]",
         "[{\"role\": \"user\", \"content\": \"a\"}]", "system=S user=1 user=a "},
        {"[{\"role\": \"system\", \"content\": \"S\"}, {\"role\": \"user\", \"content\": \"1\"}]",
         "[{\"role\": \"system\", \"content\": \"T\"}, {\"role\": \"user\", \"content\": \"a\"}]",
         "system=T user=1 user=a "},
        {"[{\"role\": \"user\", \"content\": \"1\"}]", "[]", "user=1 "},
        {"[]", "[{\"role\": \"user\", \"content\": \"a\"}]", "user=a "},
        {NULL, "[{\"role\": \"user\", \"content\": \"a\"}]", "user=a "},
    };
    struct model m =
        model("{% for m in messages %}{{ m.role }}={{ m.content }} {% endfor %}", NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf out;
        json_t *opening = json(cases[i].opening), *messages = json(cases[i].messages);
        size_t n = json_array_size(messages);
        buf_init(&out, 1u << 16);
        chat_set_opening(m.c, opening);
        json_decref(opening);
        assert_true(chat_render(m.c, messages, NULL, NULL, false, &out, &m.e));
        assert_string_equal(buf_c(&out), cases[i].wanted);
        assert_int_equal(json_array_size(messages), n); /* the caller's are left as they were */
        json_decref(messages);
        buf_clear(&out);
    }
    model_clear(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_variables), cmocka_unit_test(test_tool_template),
        cmocka_unit_test(test_failures),  cmocka_unit_test(test_no_template),
        cmocka_unit_test(test_opening),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
