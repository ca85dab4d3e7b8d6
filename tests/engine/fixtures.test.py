#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The program's logits on our own models of random weights (tests/data/arch) against those of the NumPy reference."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403

NAMES = sorted(f[:-5] for f in os.listdir(os.path.join(DATA, "arch")) if f.endswith(".gguf"))
# what a type of cache may cost; the router of deepseek2 chooses another expert once for rounded keys
BARS = [(("--kv", "f16"), 1e-3), ((), 1e-4), (("--kv", "bf16"), 8e-3), (("--kv", "q8"), 3e-2)]
OTHER_EXPERTS = {("deepseek2", ("--kv", "q8")): 0.2}

for name in NAMES:
    base = os.path.join(DATA, "arch", name)
    wanted = floats(base + ".logits")
    for options, bar in BARS:
        got, r = logits(base + ".gguf", read_ids(base + ".tokens"), "--exact", *options)
        worst, bar = difference(got, wanted), OTHER_EXPERTS.get((name, options), bar)
        ok(worst <= bar, f"{name} {' '.join(options) or 'F32 KV, the default'}: largest difference {worst:.2e} <= {bar:g}", r)
done()
