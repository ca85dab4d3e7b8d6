#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a policy costs at the start: the seconds until the first token of a model of about 1 GB, without a policy, with its leaves checked as they are
used, and with all of it hashed first.

usage: bench/policy_start.py MODEL.gguf [--rounds N] [--moat FILE]

The three are timed turn by turn, so that a change of the machine's speed hits all alike; printed are medians and what the policy adds. Each start reads
one token (moat bench -p 1 -n 0), so it loads all weights. The goals: at most 0.3 s more with leaves checked lazily, at most 1.0 s with the whole hash."""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("model")
    p.add_argument("--rounds", type=int, default=7)
    p.add_argument("--moat", default=os.path.join(ROOT, "build", "moat"))
    p.add_argument("--json", action="store_true")
    o = p.parse_args()
    work = tempfile.mkdtemp(prefix="moat-policy-start-", dir=os.environ.get("MOAT_BENCH_TMP"))
    free, ruled = os.path.join(work, "free"), os.path.join(work, "ruled")

    def moat(home, *args):
        r = subprocess.run([o.moat, *args], env=dict(os.environ, MOAT_HOME=home), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if r.returncode:
            sys.exit(f"moat {args[0]}: {r.stderr.strip()}")
        return r.stdout

    def start(home):
        t0 = time.monotonic()
        out = json.loads(moat(home, "bench", o.model, "-p", "1", "-n", "0", "-r", "1", "--json"))
        return time.monotonic() - t0, out["load_s"]

    at = lambda name: os.path.join(work, name)
    moat(ruled, "sign", "new", at("key"))
    moat(ruled, "policy", "init", at("p.json"), "--key", at("key.pub"))
    moat(ruled, "policy", "add", at("p.json"), o.model, "--name", "m")
    moat(ruled, "policy", "sign", at("p.json"), "--secret", at("key"), "--days", "30")
    moat(ruled, "policy", "install", at("p.json"), "--key", at("key.pub"))
    seconds = {"free": [], "lazy": [], "whole": []}
    start(free), start(ruled)  # packed weights and hashes of leaves are made
    for _ in range(o.rounds):
        seconds["free"].append(start(free))
        seconds["lazy"].append(start(ruled))
        shutil.rmtree(os.path.join(ruled, "policy", "leaves"))
        seconds["whole"].append(start(ruled))
    shutil.rmtree(work)
    median = {k: (statistics.median(x for x, _ in v), statistics.median(y for _, y in v)) for k, v in seconds.items()}
    result = {"model_bytes": os.path.getsize(o.model), "rounds": o.rounds, **{k + "_s": round(v[0], 4) for k, v in median.items()},
              **{k + "_load_s": round(v[1], 4) for k, v in median.items()},
              **{k + "_more_s": round(statistics.median(x[0] - y[0] for x, y in zip(seconds[k], seconds["free"])), 4) for k in ("lazy", "whole")}}
    if o.json:
        print(json.dumps(result))
        return
    print(f"{result['model_bytes'] / 1e9:.2f} GB, {o.rounds} rounds: start without a policy {result['free_s']:.3f} s, leaves as they are used "
          f"+{result['lazy_more_s']:.3f} s (goal 0.3), all hashed first +{result['whole_more_s']:.3f} s (goal 1.0)")


main()
