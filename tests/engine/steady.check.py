#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Decoding in its steady state makes no system call: more tokens, the same calls, but for threads that sleep and are woken."""
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403

FEW, MANY = 40, 240


def calls(model, threads, n):
    """How often which call is made, of a run that decodes n tokens at positions of the same cache."""
    with tempfile.TemporaryDirectory() as d:
        out = os.path.join(d, "calls")
        p = subprocess.run(["strace", "-f", "-o", out, MOAT, "bench", model, "-p", str(MANY + 1), "-n", str(n), "-r", "1", "-t", str(threads)],
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        count = {}
        for line in open(out) if p.returncode == 0 else ():
            name = line.split(None, 1)[1].split("(")[0]
            if name[0].isalpha():
                count[name] = count.get(name, 0) + 1
        return count


if not shutil.which("strace"):
    skip("steady state", "strace is absent: scripts/setup all")
    done()
if not calls(os.path.join(DATA, "arch", "llama.gguf"), 1, 1):
    skip("steady state", "strace may not trace here")
    done()
for name in ("llama", "gemma3", "qwen3moe", "lfm2", "deepseek2"):
    model = os.path.join(DATA, "arch", name + ".gguf")
    calls(model, 1, 1)  # packs the weights
    for threads in (1, 2):
        few, many = (calls(model, threads, n) for n in (FEW, MANY))
        for count in (few, many) if threads > 1 else ():
            count.pop("futex", None)
        ok(few and few == many, f"{name}, {threads} thread{'s' * (threads > 1)}: {MANY} tokens take the calls of {FEW}", f"{few}\n{many}")
done()
