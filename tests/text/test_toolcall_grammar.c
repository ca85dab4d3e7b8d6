/* SPDX-License-Identifier: Apache-2.0 */
/* Answers bound to calls: random texts that the grammar of each syntax allows are read back as
 * calls whose arguments their schemas allow; what is no whole call is not allowed. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/os.h"
#include "text/automaton.h"
#include "toolcall_events.h"

#define LONGEST 4000u /* bytes of a text that is still to end */

static uint64_t seed = 1;

static uint32_t below(uint32_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % n;
}

static json_t *data(void)
{
    struct err e;
    json_t *j = json_read_file("tests/data/toolcall/grammar.json", LIMIT_JSON_BYTES, &e);
    if (!j)
        fail_msg("%s\n", e.msg);
    return j;
}

static struct grammar *grammar_of(const struct toolcall_format *f, const json_t *tools,
                                  struct toolcall_choice choice, const char *prompt)
{
    struct err e;
    struct buf notes;
    buf_init(&notes, 1u << 16);
    struct grammar *g = toolcall_grammar(f, tools, &choice, str_of(prompt), NULL, NULL, &notes, &e);
    if (!g && e.code != ERR_NONE)
        fail_msg("%s: %s\n", toolcall_format_name(f), e.msg);
    if (notes.n)
        fail_msg("%s: %s\n", toolcall_format_name(f), buf_c(&notes));
    buf_clear(&notes);
    return g;
}

/* One more byte; long texts take the shortest way to the end. */
static bool grow(struct automaton *a, uint32_t *state, struct buf *out)
{
    struct err e;
    uint32_t to[256], byte[256], n = 0, left = automaton_left(a, *state);
    bool end = out->n > 60 + below(200), ascii = below(8) > 0;
    for (int again = 0; again < 2 && !n; again++)
        for (uint32_t c = 0; c < 256; c++) {
            uint32_t next;
            assert_true(automaton_step(a, *state, (unsigned char)c, &next, &e));
            bool fits = next != AUTOMATON_DEAD && (!end || automaton_left(a, next) < left);
            if (!fits || (!again && !end && ascii && (c < 0x20 || c > 0x7e)))
                continue;
            byte[n] = c;
            to[n++] = next;
        }
    if (!n)
        return false;
    uint32_t i = below(n);
    buf_byte(out, (char)byte[i]);
    *state = to[i];
    assert_true(automaton_full(a) ? automaton_trim(a, state, 1, &e) : true);
    return out->n < LONGEST;
}

static void write_random(struct automaton *a, struct buf *out)
{
    uint32_t state = automaton_start(a);
    buf_reset(out);
    for (;;) {
        bool over = automaton_accepts(a, state);
        if (over && (!automaton_goes_on(a, state) || out->n > 60 || below(4) == 0))
            return;
        if (!grow(a, &state, out))
            fail_msg("no way on after %s\n", buf_c(out));
    }
}

/* The calls in the events are those of tools, with arguments that their schemas allow. */
static size_t check_calls(const json_t *events, const json_t *tools, const char *only)
{
    size_t i, k, n = 0;
    json_t *ev, *tool;
    struct err e;
    json_array_foreach((json_t *)(uintptr_t)events, i, ev)
    {
        const char *kind = json_string_value(json_array_get(ev, 0));
        const char *name = json_string_value(json_array_get(ev, 1)), *known = NULL;
        if (strcmp(kind, "broken") == 0)
            return SIZE_MAX;
        if (strcmp(kind, "call") != 0)
            continue;
        json_array_foreach((json_t *)(uintptr_t)tools, k, tool)
        {
            const json_t *f = json_object_get(tool, "function");
            const char *is = json_string_value(json_object_get(f, "name"));
            if (strcmp(is, name) != 0)
                continue;
            known = is;
            char *text = json_dumps(json_object_get(f, "parameters"), 0);
            struct grammar *g =
                text ? grammar_from_schema(str_of(text), &(struct schema_options){0}, &e) : NULL;
            struct grammar_verdict v = {.accepted = !text};
            assert_true(!text || g);
            const char *args = json_string_value(json_array_get(ev, 3));
            assert_true(!g || grammar_match(g, str_of(args), &v, &e));
            if (!v.accepted)
                print_message("# %s: %s at %zu\n", name, args, v.at);
            free(text);
            grammar_free(g);
            if (!v.accepted)
                return SIZE_MAX;
        }
        if (!known || (only && strcmp(known, only) != 0))
            return SIZE_MAX;
        n++;
    }
    return n;
}

static const struct {
    const char *name, *prompt;
} prompts[] = {{"apriel", "Here are my reasoning steps:\n"},
               {"nemotron", "<think>\n"},
               {"command-r7b", "<|START_THINKING|>"}};

static const char *prompt_of(const struct toolcall_format *f, uint32_t i)
{
    for (size_t k = 0; k < sizeof prompts / sizeof *prompts; k++)
        if (i % 2 && strcmp(prompts[k].name, toolcall_format_name(f)) == 0)
            return prompts[k].prompt;
    return "user: hi\nassistant:";
}

struct tally {
    size_t texts, calls;
};

/* Random texts of one grammar; every one is also allowed where calls are free. */
static void check_format(const struct toolcall_format *f, const json_t *tools, uint32_t rounds,
                         struct tally *sum)
{
    struct err e;
    struct buf text;
    struct grammar_verdict v;
    buf_init(&text, 1u << 16);
    for (uint32_t i = 0; i < 4; i++) {
        const char *prompt = prompt_of(f, i);
        struct toolcall_choice c = {TOOLCALL_REQUIRED, i == 1 ? "add" : NULL, i != 2};
        struct grammar *g = grammar_of(f, tools, c, prompt);
        c = (struct toolcall_choice){TOOLCALL_AUTO, NULL, true};
        struct grammar *any = grammar_of(f, tools, c, prompt);
        struct automaton *a = automaton_new(g, &e);
        assert_true(g && any && a);
        for (uint32_t k = 0; k < rounds; k++) {
            struct events ev;
            write_random(a, &text);
            assert_true(events_of(&ev, f, tools, str_of(prompt), buf_view(&text), 5, &seed));
            size_t n = check_calls(ev.list, tools, c.only);
            assert_true(grammar_match(any, buf_view(&text), &v, &e));
            if (n == SIZE_MAX || n == 0 || (i == 2 && n > 1) || !v.accepted) {
                char *got = json_dumps(ev.list, 0);
                fail_msg("%s %u: %zu calls, free %d at %zu\n%s\n%s\n", toolcall_format_name(f), i,
                         n, v.accepted, v.at, buf_c(&text), got);
            }
            sum->calls += n;
            sum->texts++;
            events_clear(&ev);
        }
        automaton_free(a);
        grammar_free(any);
        grammar_free(g);
    }
    buf_clear(&text);
}

static void test_random(void **state)
{
    (void)state;
    json_t *all = data();
    struct tally sum = {0};
    const struct toolcall_format *f;
    const char *rounds = getenv("MOAT_TEST_ROUNDS");
    uint32_t n = 0;
    for (size_t i = 0; (f = toolcall_format_at(i)); i++) {
        struct toolcall_choice c = {TOOLCALL_AUTO, NULL, true};
        struct grammar *g = grammar_of(f, json_object_get(all, "tools"), c, "");
        if (g)
            check_format(f, json_object_get(all, "tools"), rounds ? (uint32_t)atoi(rounds) : 10,
                         &sum);
        n += g != NULL;
        grammar_free(g);
    }
    print_message("# %u syntaxes: %zu random texts with %zu calls\n", n, sum.texts, sum.calls);
    assert_true(n >= 31);
    json_decref(all);
}

/* [{"format", "must", "only", "prompt", "allowed": [..], "refused": [..]}] */
static void test_cases(void **state)
{
    (void)state;
    json_t *all = data(), *c, *text;
    size_t i, k, n = 0, wrong = 0;
    struct err e;
    json_array_foreach(json_object_get(all, "cases"), i, c)
    {
        const char *must_be = json_string_value(json_object_get(c, "must"));
        const json_t *prompt = json_object_get(c, "prompt");
        struct toolcall_choice choice = {strcmp(must_be, "auto") == 0 ? TOOLCALL_AUTO
                                                                      : TOOLCALL_REQUIRED,
                                         json_string_value(json_object_get(c, "only")),
                                         !json_is_false(json_object_get(c, "parallel"))};
        struct grammar *g = grammar_of(
            toolcall_format_by_name(json_string_value(json_object_get(c, "format"))),
            json_object_get(all, "tools"), choice, prompt ? json_string_value(prompt) : "");
        assert_non_null(g);
        for (int yes = 0; yes < 2; yes++)
            json_array_foreach(json_object_get(c, yes ? "allowed" : "refused"), k, text)
            {
                struct grammar_verdict v;
                assert_true(grammar_match(g, str_of(json_string_value(text)), &v, &e));
                if (v.accepted != yes)
                    print_message("# case %zu: %s: %s at %zu\n", i, json_string_value(text),
                                  v.accepted ? "allowed" : "refused", v.at);
                wrong += v.accepted != yes;
                n++;
            }
        grammar_free(g);
    }
    print_message("# %zu texts\n", n);
    assert_int_equal(wrong, 0);
    assert_true(n > 120);
    json_decref(all);
}

static void refuse(const char *format, const char *tools, struct toolcall_choice c,
                   enum err_code code, const char *said)
{
    struct err e;
    struct buf notes;
    buf_init(&notes, 1u << 16);
    json_t *j = json_loads(tools, JSON_DECODE_ANY, NULL);
    struct grammar *g =
        toolcall_grammar(toolcall_format_by_name(format), j, &c, STR(""), NULL, NULL, &notes, &e);
    if ((code != ERR_NONE) != !g || e.code != code ||
        !strstr(code == ERR_NONE ? buf_c(&notes) : e.msg, said))
        fail_msg("%s: %s %s\n", tools, e.msg, buf_c(&notes));
    grammar_free(g);
    json_decref(j);
    buf_clear(&notes);
}

static void test_refused(void **state)
{
    (void)state;
    struct toolcall_choice c = {TOOLCALL_REQUIRED, NULL, true}, other = c, free_ = c;
    other.only = "other";
    free_.must = TOOLCALL_AUTO;
    refuse("hermes", "{}", c, ERR_USAGE, "JSON array");
    refuse("hermes", "[]", c, ERR_USAGE, "no tool");
    refuse("hermes", "[3]", c, ERR_USAGE, "tool 1 needs");
    refuse("hermes", "[{\"function\": {\"name\": \"a b\"}}]", c, ERR_USAGE, "tool 1 needs");
    refuse("hermes", "[{\"name\": \"a\"}, {\"name\": \"a\"}]", c, ERR_USAGE, "two tools");
    refuse("hermes", "[{\"name\": \"a\"}]", other, ERR_USAGE, "no tool with the name other");
    refuse("hermes", "[{\"name\": \"a\", \"parameters\": []}]", c, ERR_USAGE, "tool a");
    refuse("none", "[{\"name\": \"a\"}]", c, ERR_UNSUPPORTED, "cannot be required");
    static const char odd[] = "[{\"name\": \"a\", %s \"parameters\": {\"type\": \"object\", "
                              "\"properties\": {\"l\": {\"uniqueItems\": true}}}}]";
    char loose[256], strict[256];
    snprintf(loose, sizeof loose, odd, "");
    snprintf(strict, sizeof strict, odd, "\"strict\": true,");
    refuse("hermes", strict, c, ERR_UNSUPPORTED, "uniqueItems");
    refuse("hermes", loose, free_, ERR_NONE, "tool a: #/properties/l: the keyword \"uniqueItems\"");
    refuse("lfm2", loose, free_, ERR_NONE, "only its parameters' names");
    refuse("gemma4", loose, free_, ERR_NONE, "only its parameters' names");
    refuse("lfm2",
           "[{\"name\": \"a\", \"strict\": true, \"parameters\": {\"type\": \"object\", "
           "\"properties\": {\"a b\": {}}}}]",
           c, ERR_UNSUPPORTED, "rename it");
    refuse("glm", loose, free_, ERR_NONE, "only its parameters' names");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases), cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_random)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
