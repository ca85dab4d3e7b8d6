#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From the shell's return key to the first token of the answer to a 20-token prompt on SmolLM2, start included: under 1 s."""
import json
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403

# 20 ids in SmolLM2's vocabulary, checked below; --raw adds no template.
PROMPT = "Once upon a time, in a small village by the sea, there lived a man who wanted to"
BAR_S, TRIES = 30.0 if os.environ.get("MOAT_SANITIZED") == "1" else 1.0, 5

model = os.path.join(MODELS, "smollm2.gguf")
if not os.path.exists(model):
    skip("first token", f"no {model}: scripts/setup test fetches it")
    done()

with tempfile.NamedTemporaryFile() as f:
    f.write(PROMPT.encode()); f.flush()
    r = moat("tokenize", model, "--file", f.name, "--json")
ok(r.status == 0 and len(json.loads(r.out)["tokens"]) == 20, "the prompt has 20 tokens", r)


def first_token(home):
    """Seconds, or infinite where no token came."""
    r = moat("run", model, PROMPT, "--raw", "--max-tokens", 1, "--temperature", 0, env={"MOAT_HOME": home})
    return r.seconds if r.status == 0 and r.out.strip() else float("inf")


def best(label, fresh):
    """The best of a few tries, since other programs may be using the machine."""
    least = float("inf")
    with tempfile.TemporaryDirectory() as kept:
        for i in range(TRIES):
            with tempfile.TemporaryDirectory() as empty:
                least = min(least, first_token(empty if fresh else kept))
            if least < BAR_S and (fresh or i):
                break
    ok(least < BAR_S, f"{label}: first token after {least:.3f} s (bar {BAR_S} s)")


best("first start, weights packed on the way", True)
best("a later start", False)
done()
