#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Vectors of texts: our own models of random weights (tests/data/embed) against NumPy, and the 100 sentences of all-MiniLM-L6-v2 against NumPy in float64, where the model is there as
minilm.gguf (F32, made with llama.cpp's converter) in $MOAT_TEST_MODELS."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403

ISAS = ["ref", "avx2", "avxvnni", "avx512", "amx", "neon", "dotprod", "i8mm"]
EXACT, DEFAULT = 2e-5, 5e-3  # the second of vectors of length 1
NO_ISA = ("this CPU has no", "not an instruction set of this build")


def vectors(model, texts, *options, isa=None):
    """(list of {"embedding", "tokens"}, or None where this CPU cannot; Result)"""
    r = moat("embed", model, "--json", *options, "--", *texts, env={"MOAT_ISA": isa} if isa else None)
    if isa and any(text in r.err for text in NO_ISA):
        return None, r
    return [json.loads(line) for line in r.out.splitlines()], r


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b)) / (sum(x * x for x in a) * sum(y * y for y in b))**0.5


def unit(v):
    return [x / sum(y * y for y in v)**0.5 for x in v]


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


def check_fixture(name):
    base = os.path.join(DATA, "embed", name)
    cases = json.load(open(base + ".json"))
    texts = [c for c in cases if "mean" in c]
    for isa in [None, *ISAS]:
        bar = EXACT if isa is None else DEFAULT
        options = [] if isa else ["--raw", "--exact", "--kv", "f32"]
        for pooling in ("mean", "cls", "last"):
            got, r = vectors(base + ".gguf", [c["text"] for c in texts], "--pooling", pooling, *options, isa=isa)
            if got is None:
                break
            wanted = [unit(c[pooling]) if isa else c[pooling] for c in texts]
            worst = max((abs(x - y) for g, w in zip(got, wanted) for x, y in zip(g["embedding"], w)), default=9)
            same = [g["tokens"] for g in got] == [len(c["ids"]) for c in texts]
            ok(same and worst <= bar, f"{name} {isa or 'exact'} {pooling}: largest difference {worst:.1e} <= {bar:g}", r)
    pairs = [c for c in cases if "rank" in c]
    if pairs:
        got, r = vectors(base + ".gguf", [c["text"] for c in pairs], "--pooling", "rank", "--exact", "--kv", "f32")
        worst = max((abs(g["embedding"][0] - c["rank"]) for g, c in zip(got, pairs)), default=9)
        ok(len(got) == len(pairs) and worst <= EXACT, f"{name} rank: largest difference {worst:.1e}", r)


def check_alone():
    """A text has the same bits alone and among others, one thread or three."""
    for name in ("bert", "nomic-bert"):
        model = os.path.join(DATA, "embed", name + ".gguf")
        texts = [c["text"] for c in json.load(open(model[:-4] + "json")) if "mean" in c]
        together, r = vectors(model, texts)
        alone = [vectors(model, [text], "--threads", n % 3 + 1)[0] for n, text in enumerate(texts)]
        ok([[g] for g in together] == alone, f"{name}: a text has the same bits alone", r)


for name in ("bert", "nomic-bert"):
    check_fixture(name)
check_alone()
check_minilm()
done()
