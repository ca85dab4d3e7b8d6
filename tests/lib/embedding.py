# SPDX-License-Identifier: Apache-2.0
"""What tests of embeddings share."""
import json

from tap import moat

ISAS = ["ref", "avx2", "avxvnni", "avx512", "avx512bf16", "amx", "neon", "dotprod", "i8mm"]
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
