#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat perplexity against its definition, computed here from moat tokenize and moat logits; and what it refuses."""
import json
import math
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403

TEXT = open(os.path.join(ROOT, "LICENSE")).read()[:6000] + " <|im_start|> \u6570\u636e\u4e0d\u51fa\u57df\n"
work = tempfile.TemporaryDirectory()
text = os.path.join(work.name, "text")
open(text, "w").write(TEXT)


ALL = 99


def run(name, *options):
    return moat("perplexity", os.path.join(DATA, "arch", name + ".gguf"), "--file", text, "--exact", "--kv", "f32", *options)


def by_definition(name, ids, window, chunks):
    nll = count = 0
    for w in range(min(chunks, len(ids) // window)):
        part = ids[w * window:(w + 1) * window]
        got, _ = logits(os.path.join(DATA, "arch", name + ".gguf"), part, "--exact", "--kv", "f32")
        width = len(got) // window
        for j in range(window // 2, window - 1):
            row = got[j * width:(j + 1) * width]
            nll -= row[part[j + 1]] - math.log(sum(map(math.exp, row)))
            count += 1
    return math.exp(nll / count), count


for name, window, chunks in (("llama", 64, 3), ("llama-moe", 31, 2), ("gemma3", 256, ALL), ("llama", 4, 5)):
    r = moat("tokenize", os.path.join(DATA, "arch", name + ".gguf"), "--file", text, "--json")
    ids = json.loads(r.out)["tokens"]
    wanted, count = by_definition(name, ids, window, chunks)
    r = run(name, "--window", window, *(() if chunks == ALL else ("--chunks", chunks)), "--json")
    d = json.loads(r.out or "{}")
    ok(r.status == 0 and d.get("count") == count and abs(d["perplexity"] / wanted - 1) < 1e-5,
       f"{name}, windows of {window}: {wanted:.3f} over {count} tokens", r)

for label, status, options in (("a text shorter than a window", 2, ("--window", 500)), ("a window without a position to score", 2, ("--window", 3)), ("an unknown option", 2, ("--windows", 3))):
    if status == 2 and label.startswith("a text"):
        open(text, "w").write("short")
    r = run("llama", *options)
    ok(r.status == status and len(r.err.splitlines()) == 1 and not r.out, f"refused: {label}", r)
r = moat("perplexity", os.path.join(DATA, "arch", "llama.gguf"), "--file", os.path.join(work.name, "absent"))
ok(r.status == 3, "refused: a file that is not there", r)
r = moat("perplexity", os.path.join(DATA, "arch", "qwen3.gguf"), "--file", text)
ok(r.status == 5 and len(r.err.splitlines()) == 1, "refused: a model without a vocabulary", r)
done()
