#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The 100 sentences of all-MiniLM-L6-v2 against its reference vectors. The model, minilm.gguf in $MOAT_TEST_MODELS, is
its published weights as a GGUF in F32, made by tests/lib/minilm.py."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from embedding import ISAS, cosine, vectors  # noqa: E402
from tap import *  # noqa: E402,F403


def check_minilm(model, reference):
    wanted = json.load(open(reference))
    for isa in [None, *ISAS]:
        got, r = vectors(model, [w["text"] for w in wanted], *([] if isa else ["--exact"]), isa=isa)
        if got is None:
            continue
        ok([g["tokens"] for g in got] == [len(w["ids"]) for w in wanted], f"all-MiniLM-L6-v2 {isa or 'exact'}: numbers of tokens", r)
        worst = min((cosine(g["embedding"], w["vector"]) for g, w in zip(got, wanted)), default=0)
        ok(len(got) == len(wanted) and worst >= 0.9999, f"all-MiniLM-L6-v2 {isa or 'exact'}: smallest cosine {worst:.7f} >= 0.9999", r)


model, reference = os.path.join(MODELS, "minilm.gguf"), os.path.join(SHARED, "data", "minilm", "reference.json")
if os.path.exists(model) and os.path.exists(reference):
    check_minilm(model, reference)
else:
    skip("all-MiniLM-L6-v2", "no minilm.gguf in MOAT_TEST_MODELS, or no evaluation data (MOAT_SHARED)")
done()
