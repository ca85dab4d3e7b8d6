#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat template: rendering on stdout, the clock, exit statuses, one clear line for each failure."""
import json, os, struct, sys, tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap

tmp = tempfile.TemporaryDirectory()


def write(name, text):
    return tap.file(tmp.name, name, text)


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

fails("two templates", 2, "give one template", good, good)
fails("--json without test", 2, "goes only with test", good, "--json")
fails("--context with test", 2, "does not go with test", "test", good, "--context", good)
fails("test of what is no model", 5, "good.json", "test", good)


def gguf_string(s):
    return struct.pack("<Q", len(s.encode())) + s.encode()


def model(name, template):
    """A vocabulary of five tokens; the first two are BOS and EOS."""
    def entry(key, kind, value):
        return gguf_string(key) + struct.pack("<I", kind) + value

    def strings(*s):
        return struct.pack("<IQ", 8, len(s)) + b"".join(map(gguf_string, s))

    kv = [entry("general.architecture", 8, gguf_string("llama")), entry("tokenizer.ggml.model", 8, gguf_string("gpt2")),
          entry("tokenizer.ggml.pre", 8, gguf_string("default")), entry("tokenizer.ggml.tokens", 9, strings("<s>", "</s>", "a", "b", "ab")),
          entry("tokenizer.ggml.token_type", 9, struct.pack("<IQ5i", 5, 5, 3, 3, 1, 1, 1)), entry("tokenizer.ggml.merges", 9, strings("a b")),
          entry("tokenizer.ggml.bos_token_id", 4, struct.pack("<I", 0)), entry("tokenizer.ggml.eos_token_id", 4, struct.pack("<I", 1))]
    if template:
        kv.append(entry("tokenizer.chat_template", 8, gguf_string(template)))
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, len(kv)) + b"".join(kv)
    return write(name, head + bytes(-len(head) % 32))


TEMPLATE = "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}{{ bos_token }}{% for m in messages %}{{ m.role }}:{{ m.content }};{% endfor %}{% if tools %}{{ tools|length }}{% endif %}{% if add_generation_prompt %}>{% endif %}"
r = tap.moat("template", "test", model("good.gguf", TEMPLATE), "--json")
seen = json.loads(r.out) if r.status == 0 else {}
tap.ok(seen.get("user") == {"text": "<s>user:Hello;>"} and seen["system"] == {"error": "chat template: line 1: no system role"} and seen["answered"]["text"].endswith("Hello.;")
       and seen["tools"]["text"].endswith(";1>") and len(seen) == 8, "test: a rendering or a reason for each conversation", r)
r = tap.moat("template", "test", model("good.gguf", TEMPLATE))
tap.ok(r.status == 0 and "--- user\n<s>user:Hello;>\n--- system\nchat template: line 1: no system role\n" in r.out, "test: as text", r)
r = tap.moat("template", "test", model("bad.gguf", "{{ messages[0].nosuch.x }}"))
tap.ok(r.status == 1 and "has no attribute" in r.out, "test: a template that fails on a plain question", r)
fails("test: no template", 3, "has no chat template", "test", model("none.gguf", None))
fails("test: a broken template", 4, "line 1: unknown tag", "test", model("broken.gguf", "{% nosuch %}"))
tap.done()
