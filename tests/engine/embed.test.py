#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Vectors of texts: the 100 sentences of all-MiniLM-L6-v2 against NumPy in float64, where the model is there as
minilm.gguf (F32, made with llama.cpp's converter) in $MOAT_TEST_MODELS."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403

ISAS = ["ref", "avx2", "avxvnni", "avx512", "amx", "neon", "dotprod", "i8mm"]
NO_ISA = ("this CPU has no", "not an instruction set of this build")


def vectors(model, texts, *options, isa=None):
    """(list of {"embedding", "tokens"}, or None where this CPU cannot; Result)"""
    r = moat("embed", model, "--json", *options, "--", *texts, env={"MOAT_ISA": isa} if isa else None)
    if isa and any(text in r.err for text in NO_ISA):
        return None, r
    return [json.loads(line) for line in r.out.splitlines()], r


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b)) / (sum(x * x for x in a) * sum(y * y for y in b))**0.5


def check_minilm():
    model = os.path.join(MODELS, "minilm.gguf")
    reference = os.path.join(SHARED, "data", "minilm", "reference.json")
    if not os.path.exists(model) or not os.path.exists(reference):
        skip("all-MiniLM-L6-v2", "no minilm.gguf in MOAT_TEST_MODELS, or no evaluation data (MOAT_SHARED)")
        return
    wanted = json.load(open(reference))
    for isa in [None, *ISAS]:
        got, r = vectors(model, [w["text"] for w in wanted], *([] if isa else ["--exact"]), isa=isa)
        if got is None:
            continue
        ok([g["tokens"] for g in got] == [len(w["ids"]) for w in wanted], f"all-MiniLM-L6-v2 {isa or 'exact'}: numbers of tokens", r)
        worst = min((cosine(g["embedding"], w["vector"]) for g, w in zip(got, wanted)), default=0)
        ok(len(got) == len(wanted) and worst >= 0.9999, f"all-MiniLM-L6-v2 {isa or 'exact'}: smallest cosine {worst:.7f} >= 0.9999", r)


check_minilm()
done()
