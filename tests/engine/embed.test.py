#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Vectors of texts: our own models of random weights (tests/data/embed) against NumPy. all-MiniLM-L6-v2 has a test of
its own, minilm.check.py."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from embedding import DEFAULT, EXACT, ISAS, vectors  # noqa: E402
from tap import *  # noqa: E402,F403

def unit(v):
    return [x / sum(y * y for y in v)**0.5 for x in v]


def check_fixture(name):
    base = os.path.join(DATA, "embed", name)
    cases = json.load(open(base + ".json"))
    texts = [c for c in cases if "mean" in c]
    for isa in [None, *ISAS] if texts else []:
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
        worst = max((abs(x - y) for g, c in zip(got, pairs) for x, y in zip(g["embedding"], c["rank"])), default=9)
        ok([(g["tokens"], len(g["embedding"])) for g in got] == [(c["n"], len(c["rank"])) for c in pairs] and worst <= EXACT,
           f"{name} rank: largest difference {worst:.1e}", r)


def check_alone():
    """A text has the same bits alone and among others, one thread or three."""
    for name in ("bert", "nomic-bert"):
        model = os.path.join(DATA, "embed", name + ".gguf")
        texts = [c["text"] for c in json.load(open(model[:-4] + "json")) if "mean" in c]
        together, r = vectors(model, texts)
        alone = [vectors(model, [text], "--threads", n % 3 + 1)[0] for n, text in enumerate(texts)]
        ok([[g] for g in together] == alone, f"{name}: a text has the same bits alone", r)


for name in ("bert", "nomic-bert", "qwen3-rerank"):
    check_fixture(name)
check_alone()
done()
