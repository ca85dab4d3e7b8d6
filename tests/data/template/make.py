#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the *.json beside it: our own templates with what Jinja2 3.1.6 makes of them.

usage: tests/data/template/make.py        (needs Jinja2 3.1.6; the tests do not)
Each case is {"name", "template", "vars"} and "expected", or "error": true where rendering fails. The settings are
those of Hugging Face's apply_chat_template; strftime_now is fixed at 2026-01-15 09:30:00.
"""
import datetime, json, os
import jinja2, jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment

HERE = os.path.dirname(os.path.abspath(__file__))
assert jinja2.__version__ == "3.1.6", jinja2.__version__


class Generation(jinja2.ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_text"), [], [], body).set_lineno(line)

    def _text(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def environment():
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True,
                                        extensions=[Generation, jinja2.ext.loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda format: datetime.datetime(2026, 1, 15, 9, 30).strftime(format)
    return env


ENV = environment()


def render(template, variables):
    """The text, or None where it fails."""
    try:
        text = ENV.from_string(template).render(**variables)
        text.encode()
        return text
    except Exception:
        return None


def write(name, cases):
    out = []
    for case in cases:
        template, variables = case if isinstance(case, tuple) else (case, {})
        one = {"name": template[:60], "template": template, "vars": variables}
        text = render(template, variables)
        one.update({"error": True} if text is None else {"expected": text})
        assert " at 0x" not in (text or ""), f"{template}: prints an address"
        out.append(one)
    failed = sum("error" in c for c in out)
    with open(os.path.join(HERE, name + ".json"), "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(c, ensure_ascii=True) for c in out) + "\n]\n")
    print(f"{name}: {len(out)} cases, {failed} of them fail")


def expressions(*texts, **variables):
    """One case per expression."""
    return [("{{ " + t + " }}", variables) for t in texts]


MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi 你好"},
            {"role": "assistant", "content": "  Hello!\n"}, {"role": "user", "content": "<b>&'\"\\ \u00e9"}]
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "Weather \u2014 now", "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer", "default": 1}}, "required": ["city"]}}}]

write("syntax", [
    "", "plain", "a\nb\n", "a\n\n", "a\r\nb\rc\r\n", "{{ 1 }}\n", "{{ 1 }}\n\n", "{% if 1 %}\nx\n{% endif %}\ny",
    "  {% if 1 %}  \n  x\n  {% endif %}  \n y", "a {%- if 1 -%} \n b \n {%- endif -%} c", "a\n  {%+ if 1 %}b{% endif %}",
    "a {{- 1 -}} b", "a {{ 1 }} b", "  {{ 1 }}", "\n\n  {%- set x = 1 %}\n\n{{ x }}", "{%- set x = 1 -%}\n\n{{ x }}",
    "{% if 1 +%}\nx{% endif %}", "{% if 1 -%}\n\n x{% endif %}", "a{# c #}b", "a {#- c -#} b", "a\n  {# c #}\nb", "a\n  {#+ c +#}\nb",
    "{# {{ x }} {% if %} #}z", "{#-#}z", "{#+#}z", "{#{#}#}", "{% raw %}{{ x }}{% endraw %}", "{% raw %}\n {{ x }}\n{% endraw %}\n z",
    "a {%- raw -%}  {% if %}  {%- endraw -%} b", "{%raw%}{%endraw%}", "  {% raw %} x {% endraw %}", "{% raw %}{% endraw", "{% rawx %}",
    "{{ 'a' 'b' \"c\" }}", "{{ 'a\\n\\t\\'\\\"\\\\\\x41\\u00e9\\U0001F600\\101\\q' }}", "{{ 'line\\\nnext' }}", "{{ '\\é' }}", "{{ '\\x4' }}",
    "{{ \"it's\" }}", "{{ 'two\nlines' }}", "{{ '{{ }}' }}", "{{ '%}' }}", "{{ {'a': {'b': 1}}['a']['b'] }}", "{{{'a':1}}}",
    "{{ 1_000 + 0x_ff + 0b101 + 0o17 + 1e3 + 1_0.5_0 }}", "{{ 00 }}", "{{ 012 }}", "{{ 1.e3 }}", "{{ .5 }}", "{{ 1.5.real }}", "{{ 1 .real }}",
    "{{ x.0.1 }}", ("{{ x.0.1 }}", {"x": [[1, 2]]}), "{{ (1) }}{{ (1,) }}{{ () }}{{ 1, 2 }}", "{{ [1, 2,] }}{{ {'a': 1,} }}", "{{ [,] }}",
    "{{ 1 if 1 }}{{ 1 if 0 }}|{{ 1 if 0 else 2 if 0 else 3 }}", "{{ 1 if 1 if 0 else 2 }}", "{{ not 1 == 2 }}{{ not not 0 }}", "{{ 1 < 2 < 3 }}{{ 1 < 3 < 2 }}",
    "{{ 2 ** 3 ** 2 }}", "{{ -2 ** 2 }}", "{{ 2 ** -1 }}", "{{ - -1 }}", "{{ 7 // 2 * 2 + 7 % 4 - 1 / 2 }}", "{{ 1 + 2 ~ 3 + 4 }}", "{{ 1 ~ 2 == '12' }}",
    "{{ 1 in [1] and 2 not in [1] }}", "{{ 1 not in [1] }}", "{{ not 1 in [1] }}", "{{ 3 is odd and 4 is even }}", "{{ 3 is not even }}",
    "{{ 1 is divisibleby 1 is odd }}", "{{ 'a' is in 'abc' }}", "{{ 'a' is in('abc') }}", "{{ 4 is divisibleby 2 and 1 }}", "{{ x is defined or 1 }}",
    "{{ 'a'|upper ~ 'b'|upper }}", "{{ -1|abs }}", "{{ 'x'.upper()|lower }}", "{{ 'x'|upper|lower|upper }}", "{{ 'a,b'.split(',')|join('-')|upper }}",
    "{{ [1,2,3][1:] }}{{ [1,2,3][:-1] }}{{ [1,2,3][::-1] }}{{ 'hello'[1:3] }}{{ 'héllo'[1] }}{{ (1,2,3)[0:2] }}", "{{ [1,2][::0] }}", "{{ 'abc'[5:] }}|{{ 'abc'[-9:2] }}",
    "{{ range(9)[2:7:2]|list }}{{ range(9)[-1] }}{{ range(5, 0, -2)|list }}", ("{{ x[1:] }}", {"x": {"a": 1}}), ("{{ x[1:] }}", {"x": None}), ("{{ 'abc'[x:] }}", {"x": "1"}),
    "{% print 1, 'a', [2] %}", "{% set a = 1, 2 %}{{ a }}", "{% set (a, b) = [1, 2] %}{{ a }}{{ b }}", "{% set a, (b, c) = 1, (2, 3) %}{{ a }}{{ b }}{{ c }}",
    "{% set a, b = [1] %}", "{% set a, b = [1, 2, 3] %}", "{% set 1 = 2 %}", "{% set none = 2 %}", "{% set a.b = 2 %}", "{% set f() = 1 %}", "{% set a %}x{% endset %}{{ a }}",
    "{% set a | upper | replace('X', 'y') %}x{{ 1 }}{% endset %}{{ a }}", "{% filter upper %}a{{ 'b' }}{% endfilter %}", "{% filter replace('a', 'b') | upper %}a{% endfilter %}",
    "{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a }}", "{% with %}{% set q = 1 %}{{ q }}{% endwith %}{{ q }}", "{% if: 1 %}", "{% if 1: %}x{% endif: %}", "{% if 1: %}x{% endif %}",
    "{% if 1 %}a{% elif 2 %}b{% else %}c{% endif %}{% if 0 %}a{% elif 2 %}b{% else %}c{% endif %}{% if 0 %}a{% elif 0 %}b{% else %}c{% endif %}", "{% if 1, %}x{% endif %}",
    "{% generation %}a{% endgeneration %}", "{% set x = 1 %}{% generation %}{% set x = 2 %}{{ x }}{% endgeneration %}{{ x }}", "{% generation %}{% for i in [1,2] %}{% break %}{% endfor %}{% endgeneration %}",
    "{% for i in [1,2] %}{% generation %}{% break %}{% endgeneration %}{% endfor %}", "{% break %}", "{% continue %}", "{% if 1 %}", "{% endif %}", "{% for %}", "{% nosuch %}", "{{ }}", "{{ 1 ", "{% if 1 %", "{# x",
    "{{ 1 } }", "{{ (1 }}", "{{ 1) }}", "{{ [1) }}", "{{ 'a }}", "{{ a b }}", "{{ a. }}", "{{ a| }}", "{{ a is }}", "{{ 1 +  }}", "{{ ! }}", "{{ $ }}", "{{ a ? b }}", "{{ a && b }}", "{{ ünï }}", ("{{ ünï }}", {"ünï": 3}),
    "{{ f(1, a=2, 3) }}", "{{ f(a=1, a=2) }}", "{{ f(*[1], *[2]) }}", "{{ dict(**{'a': 1}, **{'b': 2}) }}", "{{ dict(a=1, **{'b': 2}) }}", "{{ dict(**{'a': 1}) }}", "{{ range(*[1, 4])|list }}", "{{ '{}{}'.format(*['a', 'b']) }}", "{{ range(1,) }}", "{{ range(,) }}",
    "{{ x|nosuch }}", "{% if 0 %}{{ x|nosuch }}{% endif %}ok", "{% if 1 %}{{ x|nosuch }}{% endif %}", "{{ 1 if 1 else x|nosuch }}", "{{ x|nosuch if 0 else 1 }}", "{% if 0 %}{% for i in [1] %}{{ i|nosuch }}{% endfor %}{% endif %}", "{{ x is nosuch }}", "{% if 0 %}{{ x is nosuch }}{% endif %}ok",
    "{% macro m(a, a) %}{% endmacro %}", "{% macro m(a=1, b) %}{% endmacro %}", "{% call 1 %}{% endcall %}", "{% macro %}{% endmacro %}",
])

write("scope", [
    "{% set x = 1 %}{% if 1 %}{% set x = 2 %}{% endif %}{{ x }}", "{% if 0 %}{% set x = 2 %}{% endif %}[{{ x }}]", ("{% if 0 %}{% set x = 2 %}{% endif %}[{{ x }}]", {"x": 9}), ("{{ x }}{% set x = 1 %}{{ x }}", {"x": 9}),
    ("{% for i in [1] %}{{ x }}{% endfor %}{% set x = 1 %}", {"x": 9}), "{% set x = 1 %}{% for i in [1,2] %}{{ x }}{% set x = x + 1 %}{{ x }}{% endfor %}{{ x }}", "{% for i in [1,2] %}{{ x }}{% set x = i %}{{ x }}{% endfor %}[{{ x }}]",
    ("{% for i in [1,2] %}{{ x }}{% set x = i %}{{ x }}{% endfor %}[{{ x }}]", {"x": 7}), "{% for i in [1,2] %}{% if i == 1 %}{% set x = i %}{% endif %}[{{ x }}]{% endfor %}", ("{% for i in [1,2] %}{% if i == 1 %}{% set x = i %}{% endif %}[{{ x }}]{% endfor %}", {"x": 7}),
    "{% set i = 5 %}{% for i in [1,2] %}{{ i }}{% endfor %}{{ i }}", "{% for i in [1] %}{% endfor %}[{{ i }}]", "{% set ns = namespace(x=1) %}{% for i in [1,2,3] %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}",
    "{% set ns = namespace({'a': 1}, b=2) %}{{ ns.a }}{{ ns.b }}[{{ ns.c }}]{{ ns['a'] }}", "{% set ns = namespace([('a', 1)]) %}{{ ns.a }}{{ ns }}", "{% set ns = namespace() %}{% set ns.a, ns.b = 1, 2 %}{{ ns.a + ns.b }}", "{% set ns = {'a': 1} %}{% set ns.a = 2 %}", "{% set ns.a = 2 %}",
    "{% set ns = namespace(_x=1) %}[{{ ns._x }}]", "{{ namespace is callable }}{{ namespace() is mapping }}{{ namespace() is iterable }}", "{% for x in namespace() %}{% endfor %}", "{{ namespace()|length }}", "{% set ns = namespace(a=1) %}{{ ns.a.b }}", "{% set ns = namespace(a=1) %}{{ ns.b.c }}",
    "{% macro m(a, b=2) %}{{ a }}-{{ b }}{% endmacro %}{{ m(1) }} {{ m(1, 3) }} {{ m(b=4, a=5) }} {{ m() }}", "{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}", "{% macro m(a=b, b=1) %}{{ a }}{{ b }}{% endmacro %}{{ m() }}", "{% macro m() %}{{ x }}{% endmacro %}{% set x = 1 %}{{ m() }}",
    ("{% macro m() %}{{ x }}{% endmacro %}{{ m() }}{% set x = 1 %}{{ m() }}", {"x": 9}), ("{% macro m() %}{{ x }}{% set x = 2 %}{{ x }}{% endmacro %}{{ m() }}{{ x }}", {"x": 9}), "{% macro m(x) %}{% if x %}{{ x }}{{ m(x - 1) }}{% endif %}{% endmacro %}{{ m(3) }}", "{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, a=3) }}",
    "{% macro m(a) %}{{ a }}{{ varargs }}{% endmacro %}{{ m(1, 2) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(b=2) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, a=2) }}", "{% macro m() %}{% endmacro %}{{ m }}{{ m.name }}{{ m is callable }}", "{% macro m(kwargs) %}{{ kwargs }}{% endmacro %}{{ m(1) }}",
    "{% macro m() %}[{{ caller() }}]{% endmacro %}{% call m() %}x{% endcall %}", "{% macro m() %}[{{ caller(1, b=2) }}]{% endmacro %}{% call(a, b=3) m() %}{{ a }}{{ b }}{% endcall %}", "{% macro m() %}[{{ caller }}]{% endmacro %}{{ m() }}", "{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}", "{% macro m() %}x{% endmacro %}{% call m() %}y{% endcall %}",
    "{% macro m() %}{% if caller is defined %}{{ caller() }}{% else %}none{% endif %}{% endmacro %}{{ m() }}{% call m() %}y{% endcall %}", "{% macro m(caller=none) %}{{ caller }}{% endmacro %}{{ m() }}", "{% macro m() %}{% for i in [1,2] %}{{ caller(i) }}{% endfor %}{% endmacro %}{% call(x) m() %}<{{ x }}>{% endcall %}",
    "{% set x = 1 %}{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}{% set x = 2 %}{{ x }}{% endcall %}{{ x }}", "{% for i in [1,2] %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}", "{% macro a() %}{% macro b() %}in{% endmacro %}{{ b() }}{% endmacro %}{{ a() }}[{{ b }}]", "{% if 1 %}{% macro m() %}y{% endmacro %}{% endif %}{{ m() }}",
    "{% for i in [1,2,3] %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.depth }}{{ loop.depth0 }};{% endfor %}", "{% for i in 'abc' %}{{ loop.previtem }}{{ i }}{{ loop.nextitem }},{% endfor %}", "{% for i in [1,2,3,4] %}{{ loop.cycle('a', 'b', 'c') }}{% endfor %}",
    "{% for i in [1,1,2,2,1] %}{{ loop.changed(i) }}{% endfor %}", "{% for i in [1,2] %}{{ loop }}{% endfor %}", "{% for i in [3,1,2] if i > 1 %}{{ i }}{{ loop.index }}{{ loop.length }}{{ loop.last }}{% endfor %}", "{% for i in [1,2,3] if i is odd %}{{ i }}{% else %}e{% endfor %}", "{% for i in [2] if i is odd %}{{ i }}{% else %}e{% endfor %}",
    ("{% for m in ms if m.role == x %}{{ m.c }}{{ loop.revindex }}{% endfor %}", {"ms": [{"role": "a", "c": 1}, {"role": "b", "c": 2}, {"role": "a", "c": 3}], "x": "a"}), "{% for i in [1,2] %}{% for j in [1,2] %}{{ loop.index }}{% endfor %}{{ loop.index }}{% endfor %}", "{% for i in [1,2] %}{% for j in [1,2] %}{% if loop.first %}f{% endif %}{% endfor %}{% if loop.last %}l{% endif %}{% endfor %}",
    "{% for i in [1,2,3,4] %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 4 %}{% break %}{% endif %}{{ i }}{% endfor %}", "{% for i in [1,2] %}{% break %}{% else %}e{% endfor %}", "{% for i in [1,2] %}{% if i == 2 %}{% break %}{% endif %}{% else %}e{% endfor %}", "{% for i in [1] %}{% continue %}{% else %}e{% endfor %}", "{% for i in [] %}{% else %}{{ i }}e{% endfor %}", "{% for i in x %}{% else %}e{% endfor %}",
    "{% for i in [1,2] %}{% for j in [] %}{% else %}{% break %}{% endfor %}{{ i }}{% endfor %}", "{% for i in [1,2] %}{% set x %}a{% break %}{% endset %}{% endfor %}z{{ x }}", "{% for i in [1,2] %}q{% filter upper %}a{% continue %}{% endfilter %}{% endfor %}z", "{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}{{ v }}{% endfor %}", "{% for k in {'a': 1} %}{{ k }}{% endfor %}", "{% for a, b in [[1, 2], (3, 4), 'xy'] %}{{ a }}{{ b }}{% endfor %}",
    "{% for a, b in [[1]] %}{% endfor %}", "{% for a in 5 %}{% endfor %}", "{% for a in none %}{% endfor %}", "{% for loop in [1] %}{% endfor %}", "{% for i in [1] %}{% set loop = 1 %}{% endfor %}", "{% set loop = 1 %}{{ loop }}", "{% for i in [1,2] %}{% if not loop.last %}, {% endif %}{% endfor %}",
    ("{% for n in t recursive %}{{ n.v }}{% if n.k %}({{ loop(n.k) }}){% endif %}{{ loop.depth }}{% endfor %}", {"t": [{"v": 1, "k": [{"v": 2, "k": [{"v": 3}]}]}, {"v": 4}]}), "{% for i in [1] %}{{ loop([2]) }}{% endfor %}", "{% for i in [1, [2, [3]]] recursive %}{% if i is number %}{{ i }}{% else %}{{ loop(i) }}{% endif %}{% else %}none{% endfor %}",
    "{% for i in range(3) %}{{ i }}{% endfor %}", "{% for i in [1,2]|map('string') %}{{ loop.length }}{{ i }}{% endfor %}", "{% for i in [1,2,3]|select('odd') %}{{ loop.last }}{{ i }}{{ loop.length }}{% endfor %}", "{% set g = [1,2]|map('string') %}{{ g|list }}{{ g|list }}", "{% set g = [1,2,3]|map('string') %}{{ g|first }}{{ g|list }}", "{% set x = 1 %}{% with x = x + 1, y = x %}{{ x }}{{ y }}{% endwith %}{{ x }}",
    "{% with a, b = (1, 2) %}{{ a }}{{ b }}{% endwith %}", "{% set x = 'o' %}{% set y %}{{ x }}{% set x = 'i' %}{{ x }}{% endset %}{{ y }}{{ x }}", "{% set x = 1 %}{% filter upper %}{% set x = 'b' %}{{ x }}{% endfilter %}{{ x }}", "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.next() }}{{ c.reset() }}{{ c.next() }}", "{% set j = joiner('|') %}{{ j() }}1{{ j() }}2{{ j() }}", "{{ cycler() }}",
    ("{% for m in messages %}{% set role = m.role %}{% if role == 'user' %}{% set n = (n or 0) + 1 %}{% endif %}{{ n }}{% endfor %}", {"messages": MESSAGES}), "{% macro m(x) %}{% set x = x ~ '!' %}{{ x }}{% endmacro %}{{ m('a') }}{{ m('b') }}", "{% set a = 1 %}{% set a = a + 1 %}{{ a }}", "{% macro _m() %}p{% endmacro %}{{ _m() }}",
    ("{% macro m() %}{{ messages|length }}{% endmacro %}{% for x in [1] %}{{ m() }}{% endfor %}", {"messages": [1, 2]}), "{% macro outer() %}{% set v = 1 %}{% macro inner() %}{{ v }}{% endmacro %}{% set v = 2 %}{{ inner() }}{% endmacro %}{{ outer() }}", ("{% if x %}{% set y = 1 %}{% else %}{% set y = 2 %}{% endif %}{{ y }}", {"x": 0}), ("{% if x %}{% if x %}{% set y = 1 %}{% endif %}{% endif %}[{{ y }}]", {"x": 0, "y": 5}),
    ("{% for i in [1] %}{% for j in [1] %}{{ y }}{% set y = 2 %}{{ y }}{% endfor %}{{ y }}{% set y = 3 %}{{ y }}{% endfor %}{{ y }}", {"y": 5}), "{% set y = 0 %}{% for i in [1] %}{% for j in [1] %}{{ y }}{% set y = 2 %}{{ y }}{% endfor %}{{ y }}{% set y = 3 %}{{ y }}{% endfor %}{{ y }}", "{% for i in [1,2] %}{{ i }}{% set i = 9 %}{{ i }}{% endfor %}",
])

write("values", expressions(
    "none", "true", "false", "1", "-0", "1.0", "1e16", "1e15", "123456789012345678", "1e-4", "1e-5", "0.1 + 0.2", "1/3", "1e100", "-1.5e-7", "5e-324", "1.7976931348623157e308", "100.0", "12345678.9", "2**53 + 0.0", "1e22", "1e23", "4.35", "0.1", "1e300*1e300", "-1e300*1e300", "[1, 1.0, 'a', none, true, [], {}, ()]",
    "{'a': [1, {'b': (1, 2)}], 1: 2.5, none: false}", "'it\\'s'", "['it\\'s', 'q\"', 'both\\'\"', 'n\\nl\\t\\\\', 'é你😀', '\\x00\\x7f\\xa0\\u200b']", "['a'|safe]", "['a', x]", "[x]|string", "x", "x|string", "x is none", "(1,)", "()", "((1, 2), [3])", "range(3)", "range(1, 9, 2)", "range(0)|list", "{'a': 1}.keys()", "{'a': 1}.values()", "{'a': 1}.items()", "{}.items()",
    "1 == 1.0", "1 == true", "'1' == 1", "[1, 2] == [1, 2.0]", "(1,) == [1]", "{'a': 1} == {'a': 1.0}", "none == false", "x == y", "x == none", "range(3) == range(3)", "1 != 2", "'a' < 'b'", "'a' < 'B'", "'é' > 'z'", "[1, 2] < [1, 3]", "(1, 2) < (1,)", "1 < 1.5", "true < 2", "2 > 1 > 0", "'a' < 1", "none < 1", "[1] < (1,)", "{} < {}", "x < 1", "1 < x", "[1, 'a'] < [1, 2]", "[1, 'a'] < [2, 2]",
    "1 + 1.5", "'a' + 'b'", "[1] + [2]", "(1,) + (2,)", "'a' + 1", "1 + 'a'", "[1] + (2,)", "{} + {}", "none + 1", "x + 1", "1 + x", "'a' + x", "true + true", "'ab' * 2", "2 * 'ab'", "[1] * 3", "'a' * -1", "'a' * 1.5", "3 - 'a'", "7 / 2", "6 / 2", "7 // 2", "-7 // 2", "7 // -2", "7.5 // 2", "-7.5 // 2", "7 % 3", "-7 % 3", "7 % -3", "7.5 % 2", "-7.5 % 2", "1 / 0", "1 // 0", "1 % 0", "1.0 / 0", "0 ** 0", "2 ** 10", "2 ** 0.5", "2.0 ** 3", "(-8) ** 2", "0 ** -1",
    "9223372036854775807", "-5", "+5", "-'a'", "-none", "-x", "-true", "not x", "not []", "not ''", "not 0.0", "not 'a'", "1 and 2", "0 and 2", "0 or 'x'", "'' or [] or 3", "none or x", "1 ~ none ~ true ~ 2.0 ~ x ~ [1]", "'a' ~ 'b'|upper", "1 in [1, 2]", "'a' in 'abc'", "1 in 'abc'", "'' in ''", "'a' in {'a': 1}", "1 in {1.0: 2}", "[1] in [[1]]", "[1] in {'a': 1}", "1 in range(5)", "1 in x", "1 in 5", "1 in none", "1 not in (1, 2)", "'a' in {'a': 1}.values()", "1 in {'a': 1}.values()", "'b' in ['abc']",
    "[1, 2, 3][0]", "[1, 2, 3][-1]", "[1, 2][5]", "[1, 2]['a']", "[1, 2][1.0]", "[1, 2][true]", "'abc'[0]", "'abc'[-4]", "'abc'['upper']()", "{'a': 1}['a']", "{'a': 1}.a", "{'a': 1}['b']", "{'a': 1}.b", "{'a': 1}.b.c", "{'items': 1}.items()", "{'items': 1}['items']", "{'items': 1}['keys']()", "{1: 2}[1]", "{1: 2}['1']", "{1: 2}.1", "{(1, 2): 3}[(1, 2)]", "{(1, 2): 3}[1, 2]", "{[1]: 2}", "{'a': 1}[[1]]", "none.a", "none['a']", "x.a", "x['a']", "x[0]", "5.a", "5['a']", "true.real", "(3.5).imag", "(3).numerator", "'a'.b", "'a'._b", "'a'.__class__", "'a'.__class__.__mro__", "[].append", "[].append(1)", "{}.pop", "{}.update({'a': 1})", "{'a': 1}.get('a')", "{'a': 1}.get('b')", "{'a': 1}.get('b', 2)", "{'a': 1}.get()", "{'a': 1}.get(key='a')", "{'a': 1}.get([1])",
    "[1, 2, 1].count(1)", "[1, 2].index(2)", "[1].index(5)", "(1, 2).count(3)", "(1, 2).index(2)", "[1].copy()", "{'a': 1}.copy()", "[3, 1].sort()", "[3, 1].reverse()", "{}.setdefault('a', 1)", "(5).bit_length()", "(2.0).is_integer()", "(2.5).is_integer()", "{}.fromkeys(['a', 'b'], 1)", "x()", "5()", "'a'()", "none()", "{'a': 1}()", "range(3).start", "range(1, 9, 3).step", "range(100001)", "range(100000)|length", "range(1, 2, 0)", "range('a')", "range()", "range(1.5)", "range(3, x)", "dict()", "dict(a=1)", "dict({'a': 1}, b=2)", "dict([('a', 1), ['b', 2]])", "dict([1])", "dict(1)", "dict([(1, 2, 3)])", "lipsum is defined",
    "1 is number", "true is number", "1.5 is number", "'1' is number", "1 is integer", "true is integer", "1.0 is integer", "1.0 is float", "1 is float", "true is boolean", "0 is boolean", "none is none", "x is none", "x is defined", "x is undefined", "'a' is string", "('a'|safe) is string", "[] is string", "{} is mapping", "[] is mapping", "[] is sequence", "{} is sequence", "'' is sequence", "1 is sequence", "x is sequence", "range(1) is sequence", "{}.keys() is sequence", "{}.keys() is iterable", "([]|map('int')) is sequence", "([]|map('int')) is iterable", "1 is iterable", "none is iterable", "'a' is iterable", "x is iterable", "range is callable", "'a'.upper is callable", "x is callable", "1 is callable",
    "'a' is lower", "'A' is lower", "'1' is lower", "'aB' is upper", "'AB1' is upper", "1 is upper", "true is true", "1 is true", "false is false", "0 is false", "none is false", "1 is eq 1", "1 is ==(1)", "1 is sameas 1", "1 is sameas 1.0", "1 is sameas true", "none is sameas none", "'a' is escaped", "('a'|safe) is escaped", "'upper' is filter", "'nosuch' is filter", "'odd' is test", "'nosuch' is test", "1 is in [1]", "3 is lt 4", "3 is ge 4", "3 is ne 4", "'a' is odd", "1.0 is odd", "x is odd", "4 is divisibleby 0", "10 is divisibleby(5)", "4 is divisibleby", "1 is in", "'a' is eq", "1 is lt 'a'",
) + [
    ("{{ v }}", {"v": v}) for v in (None, True, 0, -1, 1.5, 1e20, "a", "", [], {}, [1, [2, {"a": None}]], {"k": "v", "n": {"x": 1.0}}, "\u4f60\u597d \U0001f600 \u00e9", "a\nb\\'\"", 12345678901234567, 0.1, 1e-10)
] + [("{{ [v] }}", {"v": v}) for v in ("a'b", 'a"b', "\u4f60\u2028\u00ad\u0000"[:3], "tab\t", 1e16, -0.0)])

write("filters", expressions(
    "'aBc'|upper", "'aBc'|lower", "'hELLO wORLD'|capitalize", "'hello-world (foo) [bar] {baz} <q>x\\'s'|title", "1|upper", "none|lower", "x|upper", "'ß ŉ ǆ ﬁ'|upper", "'İΑΣ ΣΑ'|lower", "'ǆabc éa'|title", "'ßa'|capitalize", "'  a b  '|trim", "'xxaxx'|trim('x')", "'abcba'|trim('ab')", "1|trim", "'\\u3000a\\xa0'|trim", "'a'|trim(none)", "'a'|trim(1)",
    "'aaa'|replace('a', 'b')", "'aaa'|replace('a', 'b', 2)", "'aaa'|replace('', '-')", "'a1'|replace(1, 2)", "1|replace(1, 'x')", "'aaa'|replace('a')", "'<a>'|escape", "'<a>'|e|e", "'<a>\"\\'&'|e", "('<'|e) + '<'", "('<'|safe) + '<'", "'<' + ('>'|safe)", "('<'|safe) ~ '<'", "('%s'|safe) % '<'", "('%s<' % ('<'|safe))", "('<'|safe)|replace('<', '&')", "('<'|safe).replace('<', '&')", "('a<'|safe)|upper", "('a'|safe).join(['<', 'b'|safe])", "'<a>'|forceescape", "('<a>'|safe)|forceescape", "x|e", "1|e", "none|safe", "('<{}>'|safe).format('<')", "['<'|safe]|join('<')", "('a b'|safe).split()", "('x'|safe)[0] + '<'", "('x'|safe) * 2",
    "[1, 2, 3]|join", "[1, none, 'a', x]|join(', ')", "[1, 2]|join(3)", "[{'a': 1}, {'a': 2}]|join('-', attribute='a')", "[{'a': {'b': 1}}]|join(attribute='a.b')", "'abc'|join('-')", "5|join", "x|join", "{'a': 1, 'b': 2}|join(',')", "[1, 2]|first", "[]|first", "[]|first is undefined", "'abc'|first", "x|first", "5|first", "[1, 2]|last", "'abc'|last", "[]|last", "{'a': 1}|last", "([1]|map('int'))|last", "5|last", "[1, 2]|length", "'héé'|length", "{'a': 1}|length", "x|length", "5|length", "none|length", "([1]|map('int'))|length", "range(5)|count", "[1, 2]|list", "'ab'|list", "{'a': 1}|list", "5|list", "{'a': 1}|items|list", "x|items|list", "[1]|items|list", "'a'|items|list",
    "[3, 1, 2]|sort", "['b', 'A', 'c']|sort", "['b', 'A', 'c']|sort(case_sensitive=true)", "[3, 1, 2]|sort(reverse=true)", "[{'a': 2}, {'a': 1}]|sort(attribute='a')", "[{'a': 1, 'b': 2}, {'a': 1, 'b': 1}]|sort(attribute='a,b')", "[1, 'a']|sort", "[{'a': 1}, {'b': 1}]|sort(attribute='a')", "'bca'|sort", "{'b': 1, 'a': 2}|sort", "[[2, 1], [1, 2]]|sort", "[{'a': 1}, {'a': 1}]|sort", "x|sort", "5|sort", "[1, 1.0, true]|sort", "['a', 'A', 'b', 'B']|sort(reverse=true)",
    "[1, 2, 1, 'a', 'A']|unique|list", "['a', 'A']|unique(true)|list", "[{'a': 1}, {'a': 1}, {'a': 2}]|unique(attribute='a')|list", "[[1]]|unique|list", "[1, 2, 3]|reverse|list", "'abc'|reverse", "(1, 2)|reverse|list", "{'a': 1, 'b': 2}|reverse|list", "range(3)|reverse|list", "([1, 2]|map('int'))|reverse", "5|reverse", "x|reverse|list", "[3, 1, 2]|min", "[3, 1, 2]|max", "['b', 'A']|min", "[]|min", "[{'a': 2}, {'a': 1}]|max(attribute='a')", "['a', 'B']|max(case_sensitive=true)", "[1, 'a']|min", "5|min", "[1, 2.5]|sum", "[]|sum", "[{'a': 1}, {'a': 2}]|sum(attribute='a')", "[1, 2]|sum(start=10)", "['a', 'b']|sum", "['a', 'b']|sum(start='')", "[[1], [2]]|sum(start=[])", "x|sum", "[1, none]|sum",
    "[1, 2, 3, 4]|select('odd')|list", "[0, 1, '', 'a']|select|list", "[0, 1, '', 'a']|reject|list", "[1, 2, 3]|reject('odd')|list", "[1, 2, 3]|select('gt', 1)|list", "[1, 2, 3]|select('in', [1, 3])|list", "['a', none]|select('none')|list", "['a', 'b']|select('equalto', 'a')|list", "['a', 'b']|select('==', 'a')|list", "[1]|select('nosuch')|list", "[]|select('nosuch')|list", "x|select('odd')|list", "5|select('odd')|list", "[1, 2]|select('divisibleby', num=2)|list",
    "[{'a': 1}, {'a': 0}, {}]|selectattr('a')|list", "[{'a': 1}, {'a': 0}, {}]|rejectattr('a')|list", "[{'a': 1}, {'a': 2}]|selectattr('a', 'equalto', 2)|list", "[{'a': 1}, {}]|selectattr('a', 'defined')|list", "[{'a': 1}, {}]|selectattr('a', 'undefined')|list", "[{'a': {'b': 1}}, {'a': {}}]|selectattr('a.b')|list", "[{'a': {'b': 1}}, {}]|selectattr('a.b')|list", "[{'a': {'b': 1}}, {}]|selectattr('a.b')|first", "[[1, 0], [0, 1]]|selectattr(0)|list", "[[1, 0], [0, 1]]|selectattr('1')|list", "[{'a': 1}]|selectattr()|list", "[{'role': 'user'}, {'role': 'tool'}]|selectattr('role', 'in', ['tool'])|list|length", "([{'a': 1}]|selectattr('a')|list)[0].a",
    "['1', '2']|map('int')|list", "['a']|map('upper')|join", "[{'a': 1}, {'a': 2}]|map(attribute='a')|list", "[{'a': 1}, {}]|map(attribute='a', default='-')|list", "[{'a': 1}, {}]|map(attribute='a')|list", "[{'a': {'b': 1}}, {}]|map(attribute='a.b', default=0)|list", "['ab', 'cd']|map('replace', 'a', 'x')|list", "[[1, 2], [3]]|map('length')|sum", "[[1, 2], [3]]|map('first')|list", "['a']|map('nosuch')|list", "['a']|map|list", "['a']|map(attribute='x', foo=1)|list", "[' a ']|map('trim')|list", "[1.5, 2.5]|map('round')|list", "[[3, 1], [2]]|map('sort')|map('join', '-')|list", "5|map('int')|list", "x|map('int')|list", "[[1, 2]]|map('join', ',')|list", "['a', 'b']|map('tojson')|join", "[1]|map(5)|list",
    "{'b': 2, 'a': 1}|dictsort", "{'b': 1, 'A': 2}|dictsort", "{'b': 1, 'A': 2}|dictsort(true)", "{'b': 1, 'a': 2}|dictsort(by='value')", "{'b': 1, 'a': 2}|dictsort(reverse=true)", "{'b': 1}|dictsort(by='x')", "{1: 1, 'a': 2}|dictsort", "[1]|dictsort", "x|dictsort", "[{'a': 1, 'b': 1}, {'a': 2, 'b': 2}, {'a': 1, 'b': 3}]|groupby('a')", "[{'a': 'x'}, {'a': 'X'}]|groupby('a')", "([{'a': 1}]|groupby('a')|first).grouper", "([{'a': 1}]|groupby('a'))[0].list", "[{'a': 1}, {}]|groupby('a', default=0)", "[{'a': 1}, {}]|groupby('a')", "([{'a': 1}]|groupby('a'))[0].nosuch",
    "[1, 2, 3, 4, 5]|batch(2)|list", "[1, 2, 3]|batch(2, 'x')|list", "[]|batch(2)|list", "[1, 2, 3, 4, 5]|slice(2)|list", "[1, 2, 3, 4, 5]|slice(3, 'x')|list", "[1]|slice(0)|list", "[]|slice(2)|list", "'x'|default('y')", "x|default('y')", "x|default", "''|default('y')", "''|default('y', true)", "none|default('y')", "none|d('y', true)", "x.y|default('z')", "{'a': 1}.b|default('z')", "x|default(default_value='q')", "0|default(5, boolean=true)",
    "'a\\nb\\n\\nc'|indent", "'a\\nb'|indent(2)", "'a\\nb'|indent(2, true)", "'a\\n\\nb'|indent(2, blank=true)", "'a\\nb'|indent('> ')", "'a\\nb'|indent(first=true)", "'a\\n'|indent", "''|indent(2, true)", "'a\\r\\nb\\x0bc'|indent(1)", "1|indent", "x|indent", "none|indent", "'a'|indent(-1, true)", "'foo bar baz qux'|truncate(9)", "'foo bar baz qux'|truncate(9, true)", "'foo bar baz qux'|truncate(11)", "'foo bar baz qux'|truncate(11, false, '...', 0)", "'foobarbaz'|truncate(5, leeway=0)", "'éééééééééééé'|truncate(5, true, '…', 0)", "'a'|truncate(1)", "x|truncate(9)", "'a b c'|wordcount", "'héé, wörld_1 你好'|wordcount", "x|wordcount", "'a'|center(5)", "'ab'|center(5)", "'abc'|center(2)", "1|center(4)",
    "'42'|int", "'42.9'|int", "'abc'|int", "'abc'|int(7)", "' 42 '|int", "'-0x1f'|int(base=16)", "'0x1f'|int(0, 0)", "'1f'|int(0, 16)", "'0b11'|int(base=2)", "'1_000'|int", "'１２'|int", "4.9|int", "-4.9|int", "true|int", "none|int", "none|int(3)", "[]|int", "x|int", "'1e3'|int", "'inf'|int", "'nan'|int", "(1e300*1e300)|int", "''|int", "'12'|int('x')", "'z'|int(base=36)", "'9'|int(base=8)", "'3.14'|float", "'abc'|float", "'abc'|float(1)", "' 1e3 '|float", "'inf'|float", "'-Infinity'|float", "'nan'|float", "'1_0.5'|float", "'1__0'|float", "5|float", "true|float", "none|float", "x|float", "'.5'|float", "'5.'|float", "'.'|float", "'1e400'|float", "'0.1e-400'|float", "'1e'|float",
    "2.5|round", "3.5|round", "2.675|round(2)", "-2.5|round", "1234.5|round(-2)", "5|round", "15|round(-1)", "25|round(-1)", "2.1|round(0, 'ceil')", "2.9|round(0, 'floor')", "2.123|round(2, 'ceil')", "2.129|round(2, 'floor')", "2|round(1, 'ceil')", "2.5|round(1, 'x')", "'a'|round", "x|round", "true|round", "1e300|round(2)", "0.5|round|int", "-5|abs", "5.5|abs", "-0.0|abs", "true|abs", "'a'|abs", "x|abs", "1|string", "none|string", "x|string", "[1]|string", "'a'|string", "1.0|string",
    "500|filesizeformat", "1|filesizeformat", "1000|filesizeformat", "1234567|filesizeformat", "1234567|filesizeformat(true)", "1024|filesizeformat(binary=true)", "1e30|filesizeformat", "'2000'|filesizeformat", "'a'|filesizeformat", "'a b/c?d=é&'|urlencode", "{'a': 'b c', 'd': 1}|urlencode", "[('a', '/')]|urlencode", "5|urlencode", "{'a': 1, 'b': none, 'c': '<\"'}|xmlattr", "{'a b': 1}|xmlattr", "{}|xmlattr", "{'a': 1}|xmlattr(false)", "'%s-%s'|format(1, 'a')", "'%(a)s'|format(a=1)", "'%s'|format(1, a=2)", "'%d'|format('a')", "{'a': 1}|attr('a')", "{'a': 1}|attr('keys')()|list", "'a'|attr('upper')()", "'a'|attr('__class__')", "x|attr('a')", "'a'|attr(1)",
    "1|tojson", "1.0|tojson", "'a\"\\\\\\n\\t\\x00\\x7fé</script>'|tojson", "none|tojson", "true|tojson", "[1, [2], {}]|tojson", "(1, 2)|tojson", "{'b': 1, 'a': [none, true]}|tojson", "{1: 2, none: 3, true: 4, 1.5: 5}|tojson", "{(1,): 2}|tojson", "x|tojson", "range(3)|tojson", "{'a': 1}.items()|tojson", "([1]|map('int'))|tojson", "namespace()|tojson", "'é😀'|tojson(ensure_ascii=true)", "'é😀'|tojson(true)", "{'b': 1, 'a': {'d': 1, 'c': []}}|tojson(sort_keys=true)", "{'b': 1, 2: 1}|tojson(sort_keys=true)", "{'a': [1, 2], 'b': {}, 'c': []}|tojson(indent=2)", "[1, [2, [3]]]|tojson(indent='\\t')", "[1]|tojson(indent=0)", "[1, 2]|tojson(separators=(',', ':'))", "{'a': 1}|tojson(indent=1, separators=[';', '='])", "[1]|tojson(separators=5)", "1|tojson(indent='x')", "(1e300*1e300)|tojson", "[1e16, 1e-7, 0.1]|tojson", "('<'|safe)|tojson", "1|tojson(nosuch=1)", "'a'|upper(1)", "'a'|replace()", "[1]|first(2)", "1|batch",
))

write("methods", expressions(
    "'aB'.upper()", "'aB'.lower()", "'aB cD'.swapcase()", "'hello wORLD'.capitalize()", "\"they're bill's\".title()", "'éa ǆb'.title()", "'Straße'.casefold()", "'ΑΣ'.lower()", "'ΑΣ.'.lower()", "'Σ'.lower()", "'ﬀ'.upper()", "'ŉ'.title()", "'a'.upper(1)", "'abc'.isalpha()", "'ab1'.isalpha()", "'ab1'.isalnum()", "''.isalnum()", "'12'.isdigit()", "'²'.isdigit()", "'²'.isdecimal()", "'½'.isnumeric()", "'一'.isnumeric()", "' \\t'.isspace()", "'abc'.islower()", "'ABC1'.isupper()", "'Abc Def'.istitle()", "'Abc def'.istitle()", "'abc'.isascii()", "'é'.isascii()", "'a_1'.isidentifier()", "'1a'.isidentifier()", "'a b'.isidentifier()", "''.isprintable()", "'a\\n'.isprintable()",
    "'  a '.strip()", "'  a '.lstrip() ~ '|'", "'  a '.rstrip() ~ '|'", "'xyaxy'.strip('xy')", "'éaé'.strip('é')", "'a'.strip(none)", "'a'.strip(1)", "'a'.strip(chars='a')", "'abcabc'.removeprefix('abc')", "'abcabc'.removesuffix('abc')", "'abc'.removeprefix('x')", "'a,b,c'.split(',')", "'a,b,c'.split(',', 1)", "'a,b,c'.split(sep=',', maxsplit=1)", "' a  b '.split()", "' a  b c '.split(none, 1)", "''.split()", "''.split(',')", "'abc'.split('')", "'a b'.split(1)", "'a,b,c'.rsplit(',', 1)", "' a b  c '.rsplit(none, 1)", "' a b  c '.rsplit()", "'a\\u3000b\\xa0c'.split()", "'aXbXc'.split('X', 0)", "' a b'.split(none, 0)", "' a b '.rsplit(none, 0)", "'</think>a</think>b'.split('</think>')[-1]", "'a\\nb\\r\\nc\\n'.splitlines()", "'a\\nb\\n'.splitlines(true)", "''.splitlines()", "'a\\x0bb\\x0cc\\x1cd\\x85e\\u2028f'.splitlines()", "'a=b=c'.partition('=')", "'abc'.partition('=')", "'a=b=c'.rpartition('=')", "'abc'.rpartition('=')", "'a'.partition('')",
    "'-'.join(['a', 'b'])", "'-'.join('abc')", "'-'.join([1])", "'-'.join([])", "'-'.join({'a': 1, 'b': 2})", "'-'.join(5)", "'-'.join(x)", "'-'.join([x])", "'banana'.replace('a', 'o')", "'banana'.replace('a', 'o', 1)", "'banana'.replace('', '-')", "'ab'.replace('', '-', 2)", "''.replace('', '-')", "'aaaa'.replace('aa', 'b')", "'a'.replace('a')", "'a'.replace('a', 1)", "'é'.replace('é', '你')", "'abc'.startswith('ab')", "'abc'.startswith(('x', 'a'))", "'abc'.startswith('b', 1)", "'abc'.startswith('')", "'abc'.startswith('', 4)", "'abc'.startswith('', 3)", "'abc'.startswith('c', -1)", "'abc'.startswith('ab', 0, 1)", "'abc'.startswith(['a'])", "'abc'.startswith(1)", "'abc'.startswith(())", "'abc'.endswith('bc')", "'abc'.endswith(('x', 'c'))", "'abc'.endswith('b', 0, 2)", "'éé'.endswith('é', 1)",
    "'abcabc'.find('c')", "'abcabc'.find('x')", "'abcabc'.find('c', 3)", "'abcabc'.find('c', 0, 2)", "'ééa'.find('a')", "'ééa'.find('a', 1)", "'abcabc'.rfind('c')", "'ééaé'.rfind('é')", "'abc'.rfind('')", "'abc'.find('')", "'abc'.index('b')", "'abc'.index('x')", "'abc'.rindex('b')", "'abc'.rindex('x')", "'banana'.count('an')", "'aaa'.count('aa')", "'aaa'.count('')", "'éé'.count('')", "'banana'.count('a', 2)", "'banana'.count('a', 2, 4)", "'a'.find(1)", "'a'.center(5)", "'ab'.center(5, '*')", "'ab'.center(6, '*')", "'abc'.center(6)", "'a'.ljust(3) ~ '|'", "'a'.rjust(3, '0')", "'a'.rjust(3, 'é')", "'a'.rjust(3, '')", "'a'.rjust(3, 'ab')", "'42'.zfill(5)", "'-42'.zfill(5)", "'+4'.zfill(1)", "''.zfill(2)", "'a\\tb'.expandtabs(4)", "'ab\\tc\\n\\td'.expandtabs()", "'\\ta'.expandtabs(0)",
    "'a'.nosuch()", "'a'.nosuch", "'x'.upper.name", "('a' 'b').upper()", "'a'.upper().lower().title()", "[1, 2].index(2, 0)", "'{}'.format_map({'a': 1})", "'{a}'.format_map({'a': 1})", "'{a}'.format_map(5)", "(1, 2)|list|string", "[1, 2].count()", "{'a': 1}.items()|list", "{'a': 1}.keys()|first", "{'a': 1, 'b': 2}.values()|sum", "{'a': 1}.items()|length", "{'a': 1}.keys()[0]", "{'a': 1}.items()|first|last", "{}.get(1, 2)",
))

write("format", expressions(
    "'%s %s' % ('a', 1)", "'%s' % 'a'", "'%s' % [1, 2]", "'%s' % (1,)", "'%s' % none", "'%s' % x", "'%r' % 'a'", "'%r' % (x,)", "'%d' % 3.9", "'%d' % true", "'%d' % '3'", "'%i %u' % (1, 2)", "'%5d|%-5d|%05d|%+d|% d' % (1, 2, 3, 4, 5)", "'%x %X %o %#x %#o' % (255, 255, 8, 255, 8)", "'%f %.2f %e %g %G' % (1.5, 2.345, 12345.678, 0.00001, 1e20)", "'%5.1f|%-8.2e|%08.3f' % (3.14159, 1234.5, -3.14159)", "'%c%c' % (65, 'b')", "'%c' % 'ab'", "'%%' % ()", "'%s%%' % 5", "'%(a)s %(b)d' % {'a': 1, 'b': 2}", "'%(a)s' % {'b': 1}", "'%(a)s' % 5", "'%s' % {'a': 1}", "'a' % {'a': 1}", "'a' % 5", "'a' % ()", "'%s %s' % 'a'", "'%s' % ('a', 'b')", "'%*d' % (5, 3)", "'%.*f' % (2, 3.14159)", "'%-*d|' % (5, 3)", "'%.2s' % 'éàü'", "'%5s|%-5s|' % ('é', 'b')", "'%' % 1", "'%q' % 1", "'%ld' % 5", "'%05s' % 'a'", "'%.3d' % 5", "'%+.1e' % -5", "'%s' % ('<'|safe)", "'%x' % 1.5", "'%d' % x", "'%f' % 'a'", "'%5%|' % ()", "'%#.0f' % 3", "'%d' % 1e10", "'%s' % (1, )", "'%s' % range(3)",
    "'{} {}'.format(1, 'a')", "'{0}{1}{0}'.format('a', 'b')", "'{a}{b}'.format(a=1, b=2)", "'{}{0}'.format(1)", "'{0}{}'.format(1)", "'{}'.format()", "'{a}'.format()", "'{{}}'.format()", "'{'.format()", "'}'.format()", "'{0[a]}'.format({'a': 5})", "'{0[1]}'.format([1, 2])", "'{0.real}'.format(5)", "'{0.a}'.format({'a': 5})", "'{0.__class__}'.format(5)", "'{a.b}'.format(a={'b': 1})", "'{!r}'.format('a')", "'{!s:>5}|'.format('a')", "'{!x}'.format(1)", "'{:5}|{:<5}|{:>5}|{:^5}|'.format('a', 'b', 'c', 'd')", "'{:*^7}'.format('ab')", "'{:é>4}'.format('a')", "'{:.2}'.format('abc')", "'{:d}'.format('a')", "'{:s}'.format(1)", "'{:5}|{:<5}|{:^5}|{:05}|{:+}|{: }'.format(1, 2, 3, 4, 5, 6)", "'{:x} {:X} {:o} {:b} {:#x} {:#b} {:c}'.format(255, 255, 8, 5, 255, 5, 65)", "'{:,} {:_}'.format(1234567, 1234567)", "'{:,}'.format(123)", "'{:,.2f}'.format(1234567.891)", "'{:.2f} {:.0f} {:e} {:g} {:%} {:.1%}'.format(3.14159, 2.5, 12345.678, 0.0001, 0.25, 0.256)", "'{}'.format(3.0)", "'{:.3}'.format(3.14159)", "'{:.3}'.format(100.0)", "'{:.3}'.format(1234.5)", "'{:.1}'.format(3.0)", "'{:10.3}|'.format(3.14159)", "'{:=+8.2f}'.format(3.14159)", "'{:=8}'.format(-5)", "'{:=8}'.format('a')", "'{:8.3f}|{:<8.3f}|{:^8.3f}|'.format(1.5, 1.5, 1.5)", "'{:d}'.format(1.5)", "'{:.2}'.format(5)", "'{:.1f}'.format(5)", "'{}{}'.format(true, none)", "'{:d}'.format(true)", "'{:5}'.format(true)", "'{:5}'.format(none)", "'{:5}'.format([1])", "'{}'.format([1, 'a'])", "'{}'.format(x)", "'{:5}'.format(x)", "'{:{}}|'.format('a', 5)", "'{:{w}.{p}f}'.format(3.14159, w=8, p=2)", "'{:>{w}}'.format('a', w=3)", "'{:z}'.format(1)", "'{:5q}'.format(1)", "'{a[b][c]}'.format(a={'b': {'c': 1}})", "'{0[x}'.format(1)", "'{0[]}'.format([1])", "'{:n}'.format(5)", "'{:E} {:G} {:F}'.format(1.5, 1.5e20, 1.5)", "'{:5.1%}|'.format(0.5)", "'{!r:>6}'.format('a')", "'{ }'.format(1)", "'{0:}'.format(5)", "'{:1$}'.format(5)",
    "strftime_now('%Y-%m-%d')", "strftime_now('%d %B %Y')", "strftime_now('%A %a %b %H:%M:%S %p %I %j %U %W %V %G %u %w %y %C %e %k %l %%')", "strftime_now('%-d %-m %_d %^a %#p %f|%z|%Z|%n|%t|%c|%x|%X|%D|%F|%T|%R|%r|%h|%g|%P')", "strftime_now()", "strftime_now(5)", "strftime_now('é %Q %')", "raise_exception('no')", "raise_exception()",
))

write("chat", [
    (t, {"messages": MESSAGES, "bos_token": "<s>", "eos_token": "</s>", "add_generation_prompt": g, **more}) for g in (True, False) for more in ({}, {"tools": TOOLS}) for t in (
        "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
        "{{ bos_token }}{% for m in messages %}\n    {%- if m.role == 'user' %}\n        {{- '[INST] ' ~ m.content|trim ~ ' [/INST]' }}\n    {%- elif m.role == 'assistant' %}\n        {{- ' ' ~ m.content|trim ~ eos_token }}\n    {%- endif %}\n{% endfor %}",
        "{%- if messages[0].role == 'system' %}{% set sys = messages[0].content %}{% set rest = messages[1:] %}{% else %}{% set sys = '' %}{% set rest = messages %}{% endif %}\n{%- for m in rest %}{%- if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}\n{%- if loop.first and sys %}<<SYS>>{{ sys }}<</SYS>>{% endif %}{{ m.role }}: {{ m.content }}{% if not loop.last %}|{% endif %}{% endfor %}",
        "{%- if tools is defined and tools %}\n{%- for tool in tools %}\n{{ tool | tojson }}\n{{ tool.function | tojson(indent=2) }}\n{%- for k, v in tool.function.parameters.properties.items() %}\n- {{ k }}: {{ v.type }}{% if k in tool.function.parameters.required %} (required){% endif %}{% if v.default is defined %} = {{ v.default }}{% endif %}\n{%- endfor %}\n{%- endfor %}\n{%- endif %}\n{{ messages | map(attribute='role') | join(' ') }}",
        "{%- set ns = namespace(last=-1) %}{%- for m in messages %}{%- if m.role == 'user' %}{%- set ns.last = loop.index0 %}{%- endif %}{%- endfor %}{%- for m in messages %}{% if loop.index0 == ns.last %}>{% endif %}{{ m.content.split('\\n')[0].strip() }};{% endfor %}",
        "{% macro turn(role, text) -%}\n<{{ role }}>\n{{- caller() if caller is defined else text -}}\n</{{ role }}>\n{%- endmacro %}\n{% for m in messages %}\n{{ turn(m.role, m.content) }}\n{% call turn('x', '') %}{% generation %}{{ m.content | upper }}{% endgeneration %}{% endcall %}\n{% endfor %}",
        "{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | list }}{{ (messages | last).content | length }}{{ messages | tojson }}{{ strftime_now('%d %b %Y') }}{{ messages[-1]['content'] | e }}",
    )
])

write("limits", [
    "{% for i in range(10**9) %}{% endfor %}", "{{ range(100001) }}", "{{ [1]|nosuch }}", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "{% include 'x' %}", "{% import 'x' as y %}", "{% extends 'x' %}", "{{ x.y.z }}", "{{ messages[0].content }}", "{{ ''.__class__.__mro__[1].__subclasses__() }}", "{{ cycler.__init__.__globals__.os.popen('id').read() }}", "{{ self.__init__.__globals__ }}", "{{ [].append(1) }}", "{{ {}.update(a=1) }}",
])
