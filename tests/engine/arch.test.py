#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The program's logits on the shared models of random weights against llama.cpp's on F32 copies of the weights.

Every model of the set is either computed or listed as not supported yet, and then it must be refused by name.
"""
import glob
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403

NOT_YET = []
EXACT, ALMOST = 1e-3, 3e-4  # the second with an F32 KV cache: the reference looks GELU up in a table of half precision
DEFAULT = 5e-3
ISAS = ["ref", "avx2", "avxvnni", "avx512", "avx512bf16", "amx", "neon", "dotprod", "i8mm"]
FOLDER = os.path.join(SHARED, "conformance", "arch")


def compare(base, wanted, label, bar, *options, isa=None):
    got, r = logits(base + ".gguf", read_ids(base + ".tokens"), *options, env={"MOAT_ISA": isa} if isa else None)
    if isa and ("this CPU has no" in r.err or "not an instruction set of this build" in r.err):
        return
    worst = difference(got, wanted)
    ok(worst <= bar, f"{os.path.basename(base)} {label}: largest difference {worst:.2e} <= {bar:g}", r)


def check(name):
    base = os.path.join(FOLDER, name)
    if name in NOT_YET:
        r = moat("logits", base + ".gguf", "--tokens", base + ".tokens", "--out", os.devnull)
        ok(r.status == 5 and "not supported" in r.err, f"{name} is refused by name: a supported one leaves NOT_YET", r)
        return
    wanted = floats(base + ".logits")
    compare(base, wanted, "exact", ALMOST, "--exact")
    compare(base, wanted, "exact, F16 KV", EXACT, "--exact", "--kv", "f16")
    compare(base, wanted, "token by token", EXACT, "--exact", "--batch", "1")
    for isa in ISAS:
        compare(base, wanted, f"default mode, {isa}", DEFAULT, isa=isa)


names = sorted(os.path.basename(p)[:-5] for p in glob.glob(os.path.join(FOLDER, "*.gguf")))
if not names:
    skip("architectures", "no evaluation data (MOAT_SHARED)")
for name in names:
    check(name)
done()
