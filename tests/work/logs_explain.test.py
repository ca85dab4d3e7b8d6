#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat logs find --explain with a small real model: whatever it says cites lines that were shown to it."""
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import logs_incident  # noqa: E402
from tap import *  # noqa: E402,F403

model = os.path.join(MODELS, "smollm2.gguf")


def find(*args):
    return subprocess.run([MOAT, "logs", "find", *args], capture_output=True, timeout=300)


with tempfile.TemporaryDirectory() as folder:
    paths, cause, text = logs_incident.write(folder, 1, 5000)
    p = find(*paths, "--question", "why?")
    ok(p.returncode == 2 and b"--explain" in p.stderr, "--question needs a model", p.stderr)
    p = find(*paths, "--explain", os.path.join(folder, "none.gguf"))
    ok(p.returncode == 3, "a model that is not there", p.stderr)
    p = subprocess.run([MOAT, "logs", "ask", paths[0], "why?"], capture_output=True)
    ok(p.returncode == 2 and b"--model" in p.stderr, "asking needs a model", p.stderr)
    if not os.path.exists(model):
        skip("what a model says cites its lines", "scripts/fetch-model --tests brings the model")
    else:
        p = find(*paths, "--explain", model, "--json")
        found = json.loads(p.stdout) if p.returncode == 0 else {}
        said = found.get("explanation", {"statements": [], "left_out": 0})
        shown = {f"{os.path.basename(s['file'])}:{a['line']}" for s in found.get("suspects", []) for a in s["around"]}
        ok(len(said["statements"]) + said["left_out"] > 0, "the model says something", p.stderr)
        ok(all(s["lines"] and set(s["lines"]) <= shown for s in said["statements"]), "every statement cites lines that were shown", said)
done()
