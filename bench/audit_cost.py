#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the audit log costs a server (T22): three of them on this machine, two without a log and one with, asked by turns.

usage: bench/audit_cost.py [--model FILE] [--rounds 4] [--blocks 12] [--tokens 64] [--parallel 1] [--home DIR]
Each round starts three servers over one store, so that all map the same packed weights; a block asks each of them once, in an order that is
drawn. The two without a log give the noise: what their ratio shows is nobody's cost. Times are of the client; ratios and differences are taken
within a block, medians over all blocks, and the 95 % interval comes from drawing rounds, and blocks in them, with replacement.
--parallel: answers at once in each turn. --home: where the log is kept (the disk counts)."""
import argparse, http.client, json, math, os, random, statistics, sys, tempfile, threading, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "lib"))
from serving import Server, SMOLLM2
from tap import moat

DRAWS = 2000


def ask(port, n, tokens, got):
    """Seconds to the first token and to the end."""
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    c.connect()
    body = json.dumps({"prompt": f"Request {n}: tell me about the harbours of the north.", "max_tokens": tokens, "temperature": 0, "stream": True,
                       "ignore_eos": True})
    t = time.perf_counter()
    c.request("POST", "/v1/completions", body, {"Content-Type": "application/json"})
    r = c.getresponse()
    r.read(1)
    first = time.perf_counter() - t
    r.read()
    got.append((first, time.perf_counter() - t))
    c.close()


def turn(port, n, tokens, parallel):
    """(the times to the first token, tokens a second of all together)"""
    got = []
    threads = [threading.Thread(target=ask, args=(port, n * parallel + k, tokens, got)) for k in range(parallel)]
    t = time.perf_counter()
    [x.start() for x in threads]
    [x.join() for x in threads]
    took = time.perf_counter() - t
    if len(got) != parallel:
        raise SystemExit("an answer did not come")
    return [first for first, _ in got], parallel * tokens / took


def one_round(o, rng, seen):
    """Blocks: {"off", "again", "on": (first, rate)}."""
    with tempfile.TemporaryDirectory(dir=o.home) as top:
        env = {"MOAT_HOME": os.path.join(top, "home")}
        options = ("--parallel", str(o.parallel))
        with Server(o.model, *options, env=env) as off, Server(o.model, *options, env=env) as again:
            key = moat("audit", "keygen", os.path.join(top, "key")).out.strip()
            r = moat("audit", "init", "--auditor", key, "--reserve", "1M", env=env)
            if r.status:
                raise SystemExit(str(r))
            with Server(o.model, *options, env=env) as on:
                ports = {"off": off.port, "again": again.port, "on": on.port}
                blocks = []
                for i in range(-2, o.blocks):
                    order = rng.sample(sorted(ports), 3)
                    block = {w: turn(ports[w], seen + i, o.tokens, o.parallel) for w in order}
                    if i >= 0:
                        blocks.append(block)
    return blocks


def disk(folder):
    """What the disk takes to make 600 bytes at the end of a file durable, in ms: median and 99 of 100."""
    took = []
    with tempfile.NamedTemporaryFile(dir=folder) as f:
        for _ in range(200):
            t = time.perf_counter()
            os.write(f.fileno(), b"x" * 600)
            os.fdatasync(f.fileno())
            took.append(1e3 * (time.perf_counter() - t))
            time.sleep(.002)
    return [round(quantile(took, .5), 3), round(quantile(took, .99), 3)]


def quantile(values, q):
    return sorted(values)[min(len(values) - 1, int(len(values) * q))]


def firsts(blocks, who):
    return [1e3 * f for b in blocks for w in who for f in b[w][0]]


FIGURES = {
    "throughput_on_over_off": lambda bs: math.exp(statistics.median(
        math.log(b["on"][1]) - (math.log(b["off"][1]) + math.log(b["again"][1])) / 2 for b in bs)),
    "throughput_off_over_off": lambda bs: math.exp(statistics.median(math.log(b["again"][1] / b["off"][1]) for b in bs)),
    "first_token_added_ms": lambda bs: statistics.median(
        1e3 * (statistics.mean(b["on"][0]) - (statistics.mean(b["off"][0]) + statistics.mean(b["again"][0])) / 2) for b in bs),
    "first_token_off_off_ms": lambda bs: statistics.median(1e3 * (statistics.mean(b["again"][0]) - statistics.mean(b["off"][0])) for b in bs),
    "first_token_added_p99_ms": lambda bs: quantile(firsts(bs, ["on"]), .99) - quantile(firsts(bs, ["off", "again"]), .99),
    "first_token_off_off_p99_ms": lambda bs: quantile(firsts(bs, ["again"]), .99) - quantile(firsts(bs, ["off"]), .99),
}


def interval(rounds, figure, rng):
    drawn = sorted(figure([rng.choice(r) for r in rng.choices(rounds, k=len(rounds)) for _ in r]) for _ in range(DRAWS))
    return [round(drawn[int(DRAWS * .025)], 4), round(drawn[int(DRAWS * .975)], 4)]


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--model", default=SMOLLM2); ap.add_argument("--rounds", type=int, default=4); ap.add_argument("--blocks", type=int, default=12)
    ap.add_argument("--tokens", type=int, default=64); ap.add_argument("--parallel", type=int, default=1); ap.add_argument("--home")
    o = ap.parse_args()
    rng = random.Random(22)
    rounds = []
    for i in range(o.rounds):
        rounds.append(one_round(o, rng, i * (o.blocks + 2) + 2))
    blocks = [b for r in rounds for b in r]
    out = {"rounds": o.rounds, "blocks": len(blocks), "parallel": o.parallel, "tokens": o.tokens,
           "tokens_per_s_off": round(statistics.median([b[w][1] for b in blocks for w in ("off", "again")]), 1),
           "tokens_per_s_on": round(statistics.median([b["on"][1] for b in blocks]), 1),
           "first_token_ms_off": round(statistics.median(firsts(blocks, ["off", "again"])), 3),
           "first_token_ms_on": round(statistics.median(firsts(blocks, ["on"])), 3), "disk_sync_ms": disk(o.home)}
    for name, figure in FIGURES.items():
        out[name] = {"value": round(figure(blocks), 4), "ci95": interval(rounds, figure, rng)}
    print(json.dumps(out, indent=1))


main()
