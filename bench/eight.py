#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Eight sequences that decode together: moat bench -b 8 against llama.cpp's decode of eight through its API, and against own decoding of one.

usage: bench/eight.py [--model FILE] [--steps 32] [--rounds 3] [--peers DIR]
Turn by turn on the same file with the same threads; prints tokens a second, all sequences together, of every round.
"""
import argparse, json, os, statistics, subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "moat")


def line(command):
    r = subprocess.run(command, capture_output=True, text=True)
    if r.returncode:
        raise SystemExit(r.stderr)
    return json.loads(r.stdout)


def own(o, sequences):
    return max(line([os.path.join(ROOT, "build", "moat"), "bench", o.model, "-p", "0", "-n", str(o.steps), "-b", str(sequences), "-r", "2", "--json"])["decode_tps"])


def peers(o):
    return max(line([os.path.join(o.peers, "bin", "python"), os.path.join(ROOT, "bench", "peer_batch.py"), o.model, "-b", "8", "-n", str(o.steps), "-r", "2"])["decode_tps"])


p = argparse.ArgumentParser()
p.add_argument("--model", default=os.path.join(CACHE, "bench", "models", "qwen2.5-1.5b-q4_k_m.gguf"))
p.add_argument("--peers", default=os.path.join(CACHE, "bench", "peers"))
p.add_argument("--steps", type=int, default=32)
p.add_argument("--rounds", type=int, default=3)
o = p.parse_args()
to_peer, to_one = [], []
for _ in range(o.rounds):
    eight, peer, one = own(o, 8), peers(o), own(o, 1)
    to_peer.append(eight / peer)
    to_one.append(eight / one)
    print(f"eight {eight:.1f} tok/s, llama.cpp's eight {peer:.1f}: {to_peer[-1]:.2f}; own one {one:.1f}: {to_one[-1]:.2f}", flush=True)
print(f"to llama.cpp: median {statistics.median(to_peer):.2f}, worst {min(to_peer):.2f} (bar 2.0); to own decoding of one: "
      f"median {statistics.median(to_one):.2f}, worst {min(to_one):.2f} (bar 4.5)")
