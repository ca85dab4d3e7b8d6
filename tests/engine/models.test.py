#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two real models against an F32 reference: prompt ids, greedy answers, divergence, perplexity.

`--fast` is held to the divergence alone.

Greedy answers are checked with the reference's own text before each position ("teacher forcing"): wherever the
reference's best token leads by more than 0.05, ours must be the same. Divergence is kl_measure of the reference file:
mean over all prompt positions of sum over the reference's 40 best tokens of p*(log p - log q); it may not exceed what
llama.cpp reaches on the same file. Perplexity: windows of 1024, the second half of each scored.
"""
import json
import math
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403

MODES = [("default", ()), ("--exact", ("--exact",)), ("--fast", ("--fast",))]
CASES = [("smollm2", "smollm2-135m-q4_1.json", 0.3), ("gemma3", "gemma3-270m-q4_k_m.json", 0.5)]
MARGIN = 0.05
SANITIZED = os.environ.get("MOAT_SANITIZED") == "1"  # ten times slower: one prompt, no perplexity
WIKI = os.path.join(SHARED, "data", "wikitext2", "wiki.test.raw")


def check_ids(name, model, prompts):
    wrong = []
    for p in prompts:
        with tempfile.NamedTemporaryFile() as f:
            f.write(p["text"].encode()); f.flush()
            r = moat("tokenize", model, "--file", f.name, "--json")
        try:
            same = json.loads(r.out)["tokens"] == p["tokens"]
        except (ValueError, KeyError, TypeError):
            same = False
        if not same:
            wrong.append(f"{p['text'][:40]!r}: {r}")
    ok(not wrong, f"{name} tokenize: {len(prompts) - len(wrong)} of {len(prompts)} prompts have the reference's ids", "\n".join(wrong))


def score_prompt(p, row, tally):
    """Adds one prompt's divergence and greedy agreement; row(i) are the logits after token i of prompt + answer."""
    n = len(p["tokens"])
    for i in range(n):
        r = row(i)
        norm = math.log(sum(map(math.exp, r)))  # logits are far below the 700 at which exp would overflow
        tally["kl"] += sum(math.exp(lp) * (lp - (r[t] - norm)) for t, lp in zip(p["top40_ids"][i], p["top40_logprobs"][i]))
        tally["n"] += 1
        tally["top1"] += r.index(max(r)) == p["argmax"][i]
    for k, (token, margin) in enumerate(zip(p["greedy"], p["greedy_margin"])):
        if margin > MARGIN:
            r = row(n - 1 + k)
            tally["sure"] += 1
            tally["followed"] += r.index(max(r)) == token


def check_answers(name, model, prompts, peer, mode, options):
    tally = dict.fromkeys(("kl", "n", "top1", "sure", "followed"), 0)
    failed = ""
    for p in prompts:
        ids = p["tokens"] + p["greedy"][:-1]
        got, r = logits(model, ids, *options, limit=900)
        if got is None or len(got) % len(ids):
            failed = str(r)
            break
        width = len(got) // len(ids)
        score_prompt(p, lambda i: got[i * width:(i + 1) * width], tally)
    kl = tally["kl"] / max(1, tally["n"])
    if mode == "--fast":  # a scale per 32 int8 values: within llama.cpp's divergence, but not every greedy step
        note(f"{name} --fast: {tally['followed']} of {tally['sure']} greedy steps")
    else:
        ok(not failed and tally["followed"] == tally["sure"], f"{name} {mode}: {tally['followed']} of {tally['sure']} greedy steps with a margin above "
       f"{MARGIN} are the reference's", failed)
    ok(not failed and kl <= peer, f"{name} {mode}: mean KL {kl:.6f} <= {peer:.6f} (llama.cpp); best token the same at {tally['top1']} of "
       f"{tally['n']} positions", failed)


def check_perplexity(name, model, reference, percent):
    r = moat("perplexity", model, "--file", WIKI, "--window", 1024, "--chunks", 8, "--json", limit=1800)
    try:
        d = json.loads(r.out)
        got, count = d["perplexity"], d["count"]
    except (ValueError, KeyError, TypeError):
        got, count = float("nan"), 0
    off = (got / reference["reference"] - 1) * 100
    ok(abs(off) <= percent and count == reference["count"],
       f"{name}: perplexity {got:.4f}, {off:+.3f} % of {reference['reference']:.4f} (bar {percent} %; llama.cpp {reference['peer']:.4f}), "
       f"{count} tokens, {r.seconds:.0f} s", r)


for name, file, percent in CASES:
    model, path = os.path.join(MODELS, name + ".gguf"), os.path.join(SHARED, "conformance", "models", file)
    if not os.path.exists(model):
        skip(name, f"no {model}: scripts/setup test fetches it")
        continue
    if not os.path.exists(path):
        skip(name, "no evaluation data (MOAT_SHARED)")
        continue
    d = json.load(open(path))
    check_ids(name, model, d["prompts"])
    for mode, options in MODES[:1] if SANITIZED else MODES:
        check_answers(name, model, d["prompts"][:1] if SANITIZED else d["prompts"], d["peer_kl_top40"], mode, options)
    if not SANITIZED:
        check_perplexity(name, model, d["perplexity"], percent)
done()
