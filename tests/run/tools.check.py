#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""1,000 answers bound to calls, in fourteen syntaxes: all are read back, and their arguments validate."""
import os, sys, tempfile
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tools import SYNTAXES, answer, judge, model, tap, tools_file

N = int(os.environ.get("MOAT_ANSWERS", 1000))
with tempfile.TemporaryDirectory() as tmp:
    tools, names = tools_file(tmp), list(SYNTAXES)
    paths = {s: model(s, tmp) for s in names}
    wrong, n = [], 0
    for i in range(N):
        syntax, choice = names[i % len(names)], ("required", "add", "get_weather")[i % 3]
        room = 120 if syntax == "atem" else 0  # its shortest call takes nearly 200 tokens of a character each
        why, calls = judge(answer(paths[syntax], tools, i, choice, 140 + i % 100 + room), choice)
        wrong += [f"{syntax} seed {i}: {why}"] if why else []
        n += calls
    tap.ok(not wrong, f"{N} answers with {n} calls parse and validate", "\n".join(wrong))
tap.done()
