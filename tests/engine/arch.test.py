#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The program's logits on the shared models of random weights against llama.cpp's on F32 copies of the weights."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403

NAMES = "llama-dense llama-moe qwen2-dense qwen3-dense qwen3moe-moe gemma3-dense gpt-oss-moe deepseek2-moe lfm2-dense".split()
BARS = [((), 1e-3), (("--kv", "f32"), 1e-4)]

for name in NAMES:
    base = os.path.join(SHARED, "conformance", "arch", name)
    if not os.path.exists(base + ".gguf"):
        skip(name, "no evaluation data (MOAT_SHARED)")
        continue
    wanted = floats(base + ".logits")
    for options, bar in BARS:
        got, r = logits(base + ".gguf", read_ids(base + ".tokens"), "--exact", *options)
        worst = difference(got, wanted)
        ok(worst <= bar, f"{name} {' '.join(options) or 'default KV'}: largest difference {worst:.2e} <= {bar:g}", r)
done()
