#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Guessed tokens never change an answer: greedy and drawn, bound and free, with stops and limits, in every kind of cache."""
import glob
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403

CODE = "def add(a, b):\n    return a + b\n\n\ndef sub(a, b):\n    return a - b\n\n\n" * 6


def answer(model, prompt, *options):
    r = moat("run", model, prompt, "--raw", "--json", "--seed", 5, *options)
    return json.loads(r.out) if r.status == 0 else {"failed": str(r)}


def alike(model, prompt, *options):
    """The answers without and with guesses; how many guesses held."""
    off = answer(model, prompt, "--speculation", "off", *options)
    on = answer(model, prompt, "--speculation", "lookup", *options)
    keys = ("content", "completion_tokens", "finish_reason", "seed", "failed")
    return [off.get(k) for k in keys] == [on.get(k) for k in keys] and "failed" not in off, on, off


def real(name):
    path = os.path.join(MODELS, name + ".gguf")
    if not os.path.exists(path):
        skip(name, f"no {path}: scripts/fetch-model --tests brings it")
        return
    for what, options in (("greedy", ["--temperature", 0]), ("drawn", ["--temperature", 1]),
                          ("with penalties", ["--temperature", 0, "--repeat-penalty", 1.1]),
                          ("cut by max_tokens", ["--temperature", 0, "--max-tokens", 37]), ("ended by a stop", ["--temperature", 0, "--stop-sequences", "sub"]),
                          ("at the end of the context", ["--temperature", 0, "--context", 230, "--max-tokens", 0]),
                          ("over the end of the context", ["--temperature", 0, "--context", 200, "--context-shift", "--max-tokens", 100]),
                          ("in F32", ["--temperature", 0, "--exact", "--kv-type", "f32"]), ("on one thread", ["--temperature", 0, "--threads", 1])):
        same, on, off = alike(name_path(name), CODE, "--max-tokens", 80, *options)
        ok(same, f"{name}, {what}: the same answer", f"{on}\n{off}")
    same, on, off = alike(name_path(name), CODE, "--temperature", 0, "--max-tokens", 80)
    t = on["timings"]
    ok(t["guessed"] > 20 and t["guessed_right"] > 10 and off["timings"]["guessed"] == 0, f"{name}: guesses are made, and hold", t)
    draft = answer(name_path(name), CODE + "# Now something else:\n", "--max-tokens", 120, "--temperature", 1, "--draft", name_path(name))
    off = answer(name_path(name), CODE + "# Now something else:\n", "--max-tokens", 120, "--temperature", 1, "--speculation", "off")
    ok("failed" not in draft and draft["content"] == off["content"], f"{name} with itself as draft model: the same answer", f"{draft}\n{off}")
    grammar = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"moat-speculation-{os.getpid()}.gbnf")
    with open(grammar, "w") as f:
        f.write('root ::= ("def add(a, b):\\n    return a " [+*] " b\\n\\n\\n")+')
    same, on, off = alike(name_path(name), CODE, "--temperature", 0, "--max-tokens", 80, "--grammar", grammar)
    os.remove(grammar)
    ok(same and on["timings"]["guessed_right"] > 20, f"{name}, bound by a grammar: the same answer", f"{on}\n{off}")


def name_path(name):
    return os.path.join(MODELS, name + ".gguf")


for name in ("smollm2", "gemma3"):
    real(name)
if all(os.path.exists(name_path(n)) for n in ("smollm2", "gemma3")):
    r = moat("run", name_path("smollm2"), "Hello", "--draft", name_path("gemma3"))
    ok(r.status == 5 and "same family" in r.err, "a draft model with other tokens is refused", r)
    r = moat("run", name_path("smollm2"), "Hello", "--draft", "/nowhere.gguf")
    ok(r.status != 0 and "/nowhere.gguf" in r.err, "one that is not there is named", r)
    r = moat("run", name_path("smollm2"), "Hello", "--draft", name_path("smollm2"), "--memory", "400M")
    ok(r.status != 0 and "draft" in r.err, "memory that is short for both says so", r)
wrong, n = [], 0
for path in sorted(glob.glob(os.path.join(DATA, "arch", "*.gguf"))):
    r = moat("tokenize", path, "a")
    if r.status:  # without texts there is nothing to run
        continue
    same, on, off = alike(path, "abc abc abc abc abc ab", "--temperature", 0, "--max-tokens", 60)
    n += 1
    if not same:
        wrong.append(f"{path}: {on} {off}")
if n:
    ok(not wrong, f"{n} architectures answer the same", "\n".join(wrong))
done()
