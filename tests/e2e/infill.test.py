#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""POST /infill: the prompt is the one that models with tokens for it were trained on; what a model cannot do is said."""
import os
import sys
import tempfile

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(here, "..", "lib"), os.path.join(here, "..", "run")]
from tap import *  # noqa: E402,F403
from serving import *  # noqa: E402,F403
from constrained import with_vocabulary  # noqa: E402

QWEN = ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>"]
PLAIN = ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"]
BEFORE, AFTER = "def add(a, b):\n    return ", "\n\nprint(add(1, 2))\n"
FILES = [{"filename": "lib/a.py", "text": "A = 1\n"}, {"filename": "b.py", "text": "B = 2\n"}]


def same_prompt(s, model, what, body, expected):
    """The prompt of the request is `expected`: sent as text first, all of it but the last token is there already."""
    few = {"model": model, "n_predict": 1, "temperature": 0}
    first = s.post("/completion", dict(few, prompt=expected)).json()
    r = s.post("/infill", dict(few, **body))
    t = r.json().get("timings", {})
    n = first["tokens_evaluated"]
    ok(r.status == 200 and r.json()["tokens_evaluated"] == n and t["cache_n"] == n - 1, what, f"{n} {r}")


with tempfile.TemporaryDirectory() as tmp:
    paths = [with_vocabulary(os.path.join(DATA, "arch", "llama.gguf"), special).write(os.path.join(tmp, name + ".gguf"))
             for name, special in (("qwen", QWEN), ("plain", PLAIN), ("none", []))]
    with Server(paths) as s:
        body = {"input_prefix": BEFORE, "input_suffix": AFTER, "prompt": "a"}
        holes = "<|fim_prefix|>" + BEFORE + "a<|fim_suffix|>" + AFTER + "<|fim_middle|>"
        same_prompt(s, "qwen", "prefix, suffix, middle", body, holes)
        same_prompt(s, "plain", "also without tokens for files", body, holes)
        files = "<|repo_name|><|file_sep|>lib/a.py\nA = 1\n<|file_sep|>b.py\nB = 2\n<|file_sep|>"
        same_prompt(s, "qwen", "other files stand before it, between their tokens", dict(body, input_extra=FILES), files + holes)
        same_prompt(s, "plain", "and as text where the model has none", dict(body, input_extra=FILES), "lib/a.py\nA = 1\n\n\nb.py\nB = 2\n\n\n" + holes)
        r = s.post("/infill", dict(body, model="none"))
        ok(r.status == 400 and "cannot fill in" in r.json()["error"]["message"], "a model without such tokens says so", r)
        r = s.post("/infill", dict(body, model="qwen", input_extra=[{"filename": "x"}]))
        ok(r.status == 400 and "input_extra[0]" in r.json()["error"]["message"], "a file without a text is refused", r)
        r = s.post("/infill", dict(body, model="qwen", input_prefix="<|fim_middle|>" * 20))
        ok(r.status == 200 and r.json()["tokens_evaluated"] > 200, "markers in a file are text", r)
        r = s.post("/v1/completions", {"model": "qwen", "prompt": BEFORE, "suffix": AFTER, "max_tokens": 1})
        ok(r.status == 200, "/v1/completions with a suffix fills in too", r)
        shown = s.post("/api/show", {"model": "qwen"}).json()
        ok("insert" in shown["capabilities"] and "tools" not in shown["capabilities"] and shown["details"]["quantization_level"] == "Q4_0",
           "Ollama's clients are told what the model can do", shown)
done()
