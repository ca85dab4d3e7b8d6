/* SPDX-License-Identifier: Apache-2.0 */
/* What the comparison with Jinja2 cannot show: messages with line and reason, limits, and that a
 * template is not changed by rendering it. */
#include "test.h"

#include <stdlib.h>
#include <time.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/os.h"
#include "text/template.h"

static struct tm now = {.tm_year = 126, .tm_mday = 15, .tm_wday = 4, .tm_yday = 14};

/* The text, or "!" and the message. The caller frees it. */
static char *render_str(struct str source, const char *context)
{
    struct err e = {0};
    struct buf out;
    buf_init(&out, 64u << 20);
    json_t *j = json_parse(str_of(context), "context", &e);
    assert_non_null(j);
    struct template *t = template_parse(source, &e);
    if (!t || !template_render(t, j, &now, &out, &e)) {
        assert_true(e.code != ERR_NONE);
        buf_reset(&out);
        buf_fmt(&out, "!%s", e.msg);
    }
    template_free(t);
    json_decref(j);
    return out.p ? out.p : strdup("");
}

static char *render(const char *source)
{
    return render_str(str_of(source), "{}");
}

static void expect(const char *source, const char *wanted)
{
    char *got = render(source);
    assert_string_equal(got, wanted);
    free(got);
}

/* The start of the message is enough. */
static void expect_error(struct str source, const char *start)
{
    char *got = render_str(source, "{}");
    if (got[0] != '!' || strncmp(got + 1, start, strlen(start)) != 0)
        fail_msg("\"%.60s\": \"%.200s\" instead of \"%s\"\n", source.p, got, start);
    free(got);
}

/* head, n times middle, tail */
static struct buf repeated(const char *head, const char *middle, size_t n, const char *tail)
{
    struct buf b;
    buf_init(&b, 64u << 20);
    buf_cstr(&b, head);
    for (size_t i = 0; i < n; i++)
        buf_cstr(&b, middle);
    buf_cstr(&b, tail);
    return b;
}

static void test_messages(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"a\nb\n{{ x.y }}", "line 3: \"x\" is undefined"},
        {"{{ {'a': 1}.b.c }}", "line 1: dict object has no attribute \"b\""},
        {"{{ [1][5].a }}", "line 1: list object has no element 5"},
        {"\n{{ raise_exception('no tools here') }}", "line 2: no tools here"},
        {"{% if %}", "line 1: \"%}\" where an expression is expected"},
        {"{% for a in b %}\n\n{{ 1 }}", "line 3: the end of the template where endfor is expected"},
        {"\n{% nosuch %}", "line 2: unknown tag \"nosuch\""},
        {"{% include 'x' %}", "line 1: {% include %} is not supported"},
        {"{{ 1|nosuch }}", "line 1: no filter named \"nosuch\""},
        {"{{ 1 is nosuch }}", "line 1: no test named \"nosuch\""},
        {"{{ 'a' + 1 }}", "line 1: can only concatenate str (not int) to str"},
        {"{{ 1 + none }}", "line 1: unsupported operands for +: int and NoneType"},
        {"{{ [1, 'a']|sort }}", "line 1: \"<\" is not supported between str and int"},
        {"{{ 5() }}", "line 1: int is not callable"},
        {"{{ 'a'|replace('b') }}", "line 1: replace: argument \"new\" is missing"},
        {"{{ 'a'|upper(1) }}", "line 1: upper takes at most 0 arguments, not 1"},
        {"{{ 1|tojson(colour=1) }}", "line 1: tojson takes no keyword argument \"colour\""},
        {"{% macro m(a) %}{% endmacro %}\n{{ m(b=1) }}",
         "line 2: macro \"m\" takes no keyword argument \"b\""},
        {"{{ 'a\\x4' }}", "line 1: bad escape"},
        {"{{ 99999999999999999999 }}", "line 1: the number 99999999999999999999 is too large"},
        {"{{ 9223372036854775807 + 1 }}", "line 1: the integer is too large"},
        {"{% break %}", "line 1: break outside of a loop"},
        {"{# a", "line 1: a comment {# has no end #}"},
        {"{% raw %}\n", "line 1: {% raw %} has no {% endraw %}"},
        {"{{ 'a }}", "line 1: unexpected character \"'\""},
        {"{{ (1] }}", "line 1: unexpected \"]\""},
        {"{% set x.y = 1 %}", "line 1: cannot assign an attribute of \"x\": it is no namespace"},
        {"{{ 'a'.encode() }}", "line 1: this method of str is not supported"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_error(str_of(cases[i][0]), cases[i][1]);
}

static void expect_built(struct buf b, const char *error)
{
    if (error) {
        expect_error(buf_view(&b), error);
    } else {
        char *got = render_str(buf_view(&b), "{}");
        assert_int_not_equal(got[0], '!');
        free(got);
    }
    buf_clear(&b);
}

static void test_depth(void **state)
{
    (void)state;
    const char *deep = "line 1: the template is nested deeper than 64";
    struct buf b = repeated("{{ ", "(", 60, "1");
    for (int i = 0; i < 60; i++)
        buf_byte(&b, ')');
    buf_cstr(&b, " }}");
    expect_built(b, NULL);
    expect_built(repeated("{{ ", "(", 6000, "1 }}"), deep);
    expect_built(repeated("{{ ", "[", 6000, ""), deep);
    expect_built(repeated("{{ ", "{1:", 6000, ""), deep);
    expect_built(repeated("{{ ", "-", 6000, "1 }}"), deep);
    expect_built(repeated("{{ ", "not ", 6000, "1 }}"), deep);
    expect_built(repeated("{{ 1", " if 0 else 1", 6000, " }}"), deep);
    expect_built(repeated("{{ x", "[x", 6000, " }}"), deep);
    expect_built(repeated("{{ x", "(x", 6000, " }}"), deep);
    expect_built(repeated("", "{% if 1 %}", 6000, ""), deep);
    expect_built(repeated("", "{% for i in [1] %}", 6000, ""), deep);
    expect_built(repeated("", "{% macro m() %}", 6000, ""), deep);
    const char *tall = "line 1: an expression is longer or nested deeper than 400";
    expect_built(repeated("{{ 1", " + 1", 300, " }}"), NULL);
    expect_built(repeated("{{ 1", " + 1", 6000, " }}"), tall);
    expect_built(repeated("{{ x", ".a", 6000, " }}"), tall);
    expect_built(repeated("{{ x", "|upper", 6000, " }}"), tall);
    expect_built(repeated("{{ x", "()", 6000, " }}"), tall);
    expect_built(repeated("{{ 1", " and 1", 6000, " }}"), tall);
    expect_built(repeated("{{ 1", " if 1", 6000, " }}"), tall);
    expect_built(repeated("{% filter upper", "|upper", 6000, " %}"), tall);
    expect_built(repeated("{{ 1", " ~ 1", 6000, " }}"), NULL); /* one node */
    expect_built(repeated("{{ [1", ", 1", 6000, "]|length }}"), NULL);
    expect_built(repeated("{% if 0 %}", "{% elif 0 %}", 6000, "{% endif %}"), NULL);
}

static void test_recursion(void **state)
{
    (void)state;
    const char *calls = "line 1: calls are nested deeper than 64";
    expect_error(STR("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"), calls);
    expect_error(STR("{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}"), calls);
    expect_error(STR("{% macro a() %}{% call b() %}{{ a() }}{% endcall %}{% endmacro %}"
                     "{% macro b() %}{{ caller() }}{% endmacro %}{{ a() }}"),
                 calls);
    const char *values = "line 1: values or calls are nested too deeply";
    expect_error(STR("{% set n = namespace(x=1) %}{% for i in range(9999) %}{% set n.x = [n.x] %}"
                     "{% endfor %}{{ n.x }}"),
                 values);
    expect_error(STR("{% set n = namespace(x=1) %}{% for i in range(9999) %}{% set n.x = [n.x] %}"
                     "{% endfor %}{{ n.x == [n.x] }}{{ n.x|tojson }}"),
                 values);
    expect_error(STR("{% set n = namespace(x=1) %}{% for i in range(9999) %}{% set n.x = (n.x,) %}"
                     "{% endfor %}{{ {n.x: 1} }}"),
                 values);
    expect_error(STR("{% set n = namespace() %}{% set n.x = n %}{{ n }}"), values);
    expect_error(STR("{% set n = namespace(x=[1]) %}{% for i in range(9999) %}"
                     "{% set n.x = n.x|map('string') %}{% endfor %}{{ n.x|list }}"),
                 values);
}

static void test_budget(void **state)
{
    (void)state;
    static const char *const greedy[] = {
        "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
        "{% for a in range(9999) %}{{ 'x' * 9999999 }}{% endfor %}",
        "{% set n = namespace(s='x') %}{% for a in range(99) %}{% set n.s = n.s + n.s %}{% endfor "
        "%}",
        "{% set n = namespace(s=[1]) %}{% for a in range(99) %}{% set n.s = n.s + n.s %}{% endfor "
        "%}",
        "{% set n = namespace(s=[1]) %}{% for a in range(99) %}{% set n.s = [n.s, n.s] %}{% endfor "
        "%}"
        "{{ n.s }}",
        "{% set n = namespace(s=[1]) %}{% for a in range(99) %}{% set n.s = [n.s, n.s] %}{% endfor "
        "%}"
        "{{ n.s == [n.s[0], n.s[0]] }}{{ n.s|tojson }}",
        "{{ 'x' * 99999999999 }}",
        "{{ [1] * 99999999999 }}",
        "{{ 'x'.center(99999999999) }}",
        "{{ '%99999999d' % 1 }}",
        "{{ '{:99999999}'.format(1) }}",
        "{{ 'x'|indent(99999999999, true) }}",
        "{{ ('x' * 999999).replace('', 'y' * 999) }}",
        "{{ ('x' * 999999)|list|join('y' * 999) }}",
        "{% set s = 'a' * 100000 %}{% for i in range(9999) %}{{ s.rfind('b' + s[1:50000]) }}"
        "{{ s|upper|length }}{% endfor %}",
        "{% set n = namespace(s='') %}{% for a in range(99999) %}{% set n.s = n.s ~ 'xyz' * 99 %}"
        "{% endfor %}{{ n.s|length }}",
        "{{ [1, 2]|slice(99999999999)|list }}",
        "{{ [1, 2]|batch(99999999999, 0)|list }}",
        "{% set r = range(99999)|list %}{% for a in r %}{{ r|sort|first }}{% endfor %}",
        "{% set d = dict(range(98)|list|batch(2)) %}{% for a in range(99999) %}{{ d }}{% endfor %}",
    };
    for (size_t i = 0; i < sizeof greedy / sizeof *greedy; i++) {
        uint64_t start = os_now_ns();
        char *got = render(greedy[i]);
        double ms = (double)(os_now_ns() - start) / 1e6;
        if (got[0] != '!')
            fail_msg("rendered: %s\n", greedy[i]);
        free(got);
        print_message("# %5.1f ms: %.60s\n", ms, greedy[i]);
        assert_true(ms < (getenv("MOAT_SANITIZED") ? 5000 : 500));
    }
}

static void test_building_is_linear(void **state)
{
    (void)state;
    expect("{% set n = namespace(s='') %}{% for a in range(60000) %}{% set n.s = n.s + 'ab' %}"
           "{% endfor %}{{ n.s|length }}",
           "120000");
    expect("{% set n = namespace(s='') %}{% for a in range(60000) %}{% set n.s = n.s ~ a % 10 %}"
           "{% endfor %}{{ n.s|length }}{{ n.s[:12] }}",
           "60000012345678901");
    /* what was a prefix of the grown text keeps its own value */
    expect("{% set a = 'x' + 'y' %}{% set b = a + '1' %}{% set c = a + '2' %}{{ a }}{{ b }}{{ c }}",
           "xyxy1xy2");
}

static void test_source_limits(void **state)
{
    (void)state;
    struct buf b = repeated("", "x", LIMIT_TEMPLATE_BYTES + 1, "");
    expect_built(b, "the template is larger than 1048576 bytes");
    expect_error(STR("a\xff"), "the template is not valid UTF-8");
    b = repeated("", "{{x}}", LIMIT_TEMPLATE_BYTES / 5, "");
    char *got = render_str(buf_view(&b), "{}");
    assert_true(got[0] == '!' || !got[0]);
    free(got);
    buf_clear(&b);
    expect_error((struct str){"a{{ x\0 }}", 9}, "line 1: unexpected character");
}

static void test_immutable(void **state)
{
    (void)state;
    struct err e;
    const char *source = "{% set ns = namespace(n=0) %}{% for m in ms %}{% set ns.n = ns.n + m %}"
                         "{% endfor %}{{ ns.n }}{{ c.next() if c else '' }}";
    struct template *t = template_parse(str_of(source), &e);
    json_t *j = json_parse(STR("{\"ms\": [1, 2, 3]}"), "context", &e), *copy = json_deep_copy(j);
    assert_non_null(t);
    for (int i = 0; i < 3; i++) {
        struct buf out;
        buf_init(&out, 100);
        buf_cstr(&out, "got ");
        assert_true(template_render(t, j, &now, &out, &e));
        assert_string_equal(buf_c(&out), "got 6"); /* appended */
        assert_true(json_equal(j, copy));
        buf_clear(&out);
    }
    json_decref(j);
    json_decref(copy);
    template_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages),           cmocka_unit_test(test_depth),
        cmocka_unit_test(test_recursion),          cmocka_unit_test(test_budget),
        cmocka_unit_test(test_building_is_linear), cmocka_unit_test(test_source_limits),
        cmocka_unit_test(test_immutable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
