#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat template: rendering on stdout, the clock, exit statuses, one clear line for each failure."""
import os, sys, tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap

tmp = tempfile.TemporaryDirectory()


def write(name, text):
    path = os.path.join(tmp.name, name)
    with open(path, "wb") as f:
        f.write(text if isinstance(text, bytes) else text.encode())
    return path


def renders(name, template, context, wanted, **more):
    r = tap.moat("template", write("t.jinja", template), *(["--context", write("c.json", context)] if context else []), **more)
    tap.ok(r.status == 0 and r.out == wanted and not r.err, name, r)


def fails(name, status, wanted, *args):
    r = tap.moat("template", *args)
    tap.ok(r.status == status and wanted in r.err and r.err.count("\n") == 1 and not r.out, name, r)


renders("variables", "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}", '{"messages": [{"role": "user", "content": "你好"}]}', "user: 你好\n")
renders("the text as it is, no line end of ours", "a{{ x }}", '{"x": 1}', "a1")
renders("no variables", "{{ x is defined }}", None, "False")
renders("the clock", "{{ strftime_now('%A %d %B %Y %H:%M:%S') }}", '{"strftime_now": "2026-01-15T09:30:00"}', "Thursday 15 January 2026 09:30:00")
renders("a clock without a time of day", "{{ strftime_now('%Y-%m-%d %H:%M %j') }}", '{"strftime_now": "2024-12-31"}', "2024-12-31 00:00 366")
renders("strftime_now stays a function", "{{ strftime_now is callable }}", '{"strftime_now": "2026-01-15T09:30:00"}', "True")
renders("days are English in any language", "{{ strftime_now('%a %b') }}", '{"strftime_now": "2026-01-15"}', "Thu Jan", env={"LANG": "zh_CN.UTF-8"})

r = tap.moat("template", write("t.jinja", "{{ x }}"), "--context", "-", stdin=b'{"x": "in"}')
tap.ok(r.status == 0 and r.out == "in", "variables from standard input", r)

good = write("good.json", "{}")
fails("a template that raises", 1, "line 2: no system role", write("t", "\n{{ raise_exception('no system role') }}"), "--context", good)
fails("a template that cannot be parsed", 1, "line 1: unknown tag \"nosuch\"", write("t", "{% nosuch %}"), "--context", good)
fails("nothing is written before the failure", 1, "division by zero", write("t", "text {{ 1 / 0 }}"), "--context", good)
fails("a template without end", 1, "more than 1000000 steps", write("t", "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}"), "--context", good)
fails("a template that is no text", 1, "not valid UTF-8", write("t", b"\xff\xfe"), "--context", good)
fails("no such template", 3, "nosuch.jinja", os.path.join(tmp.name, "nosuch.jinja"), "--context", good)
fails("no such context", 3, "nosuch.json", write("t", "a"), "--context", os.path.join(tmp.name, "nosuch.json"))
fails("a context that is no JSON", 2, "not valid JSON", write("t", "a"), "--context", write("c.json", "{"))
fails("a context that is no object", 2, "must be a JSON object", write("t", "a"), "--context", write("c.json", "[1]"))
fails("a clock that is none", 2, "strftime_now must be a time", write("t", "a"), "--context", write("c.json", '{"strftime_now": "soon"}'))
fails("a clock that is no text", 2, "strftime_now must be a text", write("t", "a"), "--context", write("c.json", '{"strftime_now": 5}'))
tap.done()
