#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A second request that shares almost all of its prompt with the first: its first token against the same request cold.

usage: bench/prefix.py [--model gemma3|FILE] [--shared 8000] [--own 20] [--rounds 3]
A server reads a prompt of SHARED + OWN tokens, then another that begins with the same SHARED; a fresh server reads the second
prompt alone. Prints the time to the first token of both, and whether the log-probabilities of the twenty likeliest tokens are
the same numbers. Needs build/moat and the test models.
"""
import argparse, os, statistics, sys, time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
import tap  # noqa: E402
from serving import Server  # noqa: E402


def words(n, seed):
    """Token ids that no text has: so that nothing but what is meant to be shared is."""
    ids = []
    for _ in range(n):
        seed = (seed * 1664525 + 1013904223) % (1 << 32)
        ids.append(1000 + (seed >> 8) % 20000)
    return ids


def first(server, prompt):
    """Seconds to the first token, its log-probabilities, and how many tokens were not computed."""
    start = time.perf_counter()
    a = server.post("/completion", {"prompt": prompt, "n_predict": 1, "temperature": 0, "n_probs": 20}, limit=600)
    took = time.perf_counter() - start
    if a.status != 200:
        raise SystemExit(str(a))
    a = a.json()
    return took, a["completion_probabilities"], a["timings"]["cache_n"]


p = argparse.ArgumentParser()
p.add_argument("--model", default="gemma3")
p.add_argument("--shared", type=int, default=8000)
p.add_argument("--own", type=int, default=20)
p.add_argument("--rounds", type=int, default=3)
a = p.parse_args()
model = a.model if os.path.exists(a.model) else os.path.join(tap.MODELS, a.model + ".gguf")
shares = []
for i in range(a.rounds):
    common = words(a.shared, 7 + i)
    one, two = common + words(a.own, 100 + i), common + words(a.own, 200 + i)
    with Server(model, "--parallel", 2) as s:
        first(s, one)
        warm, probabilities, reused = first(s, two)
    with Server(model, "--parallel", 2) as s:
        first(s, words(64, 300))  # everything is mapped and warm
        cold, expected, _ = first(s, two)
    same = probabilities == expected
    shares.append(warm / cold)
    print(f"{len(two)} tokens, {reused} reused: first token after {warm * 1e3:.0f} ms, cold {cold * 1e3:.0f} ms: {100 * warm / cold:.2f} %; "
          f"{'the same bits' if same else 'THE NUMBERS DIFFER'}", flush=True)
print(f"median {100 * statistics.median(shares):.2f} %, worst {100 * max(shares):.2f} % (bar 5 %)")
