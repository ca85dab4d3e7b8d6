#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The program's logits on our own models of random weights (tests/data/arch) against those of the NumPy reference."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403

NAMES = sorted(f[:-5] for f in os.listdir(os.path.join(DATA, "arch")) if f.endswith(".gguf"))
# what a type of cache may cost; the routers of some choose another expert once for rounded keys or inputs
BARS = [(("--kv", "f16"), 1e-3), ((), 1e-4), (("--kv", "bf16"), 8e-3), (("--kv", "q8"), 3e-2)]
# the architectures of which no others have made models (engine/arch.test.py): also what that test does
ALONE = ("stablelm stablelm-12b olmoe granitemoe glm4moe seed_oss command-r command-r-plus baichuan baichuan-13b minicpm nemotron ernie4_5 "
         "ernie4_5-moe starcoder hunyuan-dense dots1 deepseek mamba2 falcon-h1").split()
ISAS = ["ref", "avx2", "avxvnni", "avx512", "avx512bf16", "amx", "neon", "dotprod", "i8mm"]
OTHER_EXPERTS = {("deepseek2", ("--kv", "q8")): 0.2, ("ernie4_5-moe", "default"): 0.1}

for name in NAMES:
    base = os.path.join(DATA, "arch", name)
    wanted = floats(base + ".logits")
    for options, bar in BARS:
        got, r = logits(base + ".gguf", read_ids(base + ".tokens"), "--exact", *options)
        worst, bar = difference(got, wanted), OTHER_EXPERTS.get((name, options), bar)
        ok(worst <= bar, f"{name} {' '.join(options) or 'F32 KV, the default'}: largest difference {worst:.2e} <= {bar:g}", r)
    if name not in ALONE:
        continue
    got, r = logits(base + ".gguf", read_ids(base + ".tokens"), "--exact", "--batch", "1")
    ok(difference(got, wanted) <= 1e-3, f"{name} token by token: largest difference {difference(got, wanted):.2e} <= 1e-3", r)
    for isa in ISAS:
        got, r = logits(base + ".gguf", read_ids(base + ".tokens"), env={"MOAT_ISA": isa})
        if not ("this CPU has no" in r.err or "not an instruction set of this build" in r.err):
            bar = OTHER_EXPERTS.get((name, "default"), 5e-2)
            ok(difference(got, wanted) <= bar, f"{name} default mode, {isa}: largest difference {difference(got, wanted):.2e} <= {bar:g}", r)
done()
