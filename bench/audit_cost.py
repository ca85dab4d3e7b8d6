#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the audit log costs a server (T22): two of them on this machine, one with a log, asked by turns.

usage: bench/audit_cost.py [--model FILE] [--pairs 40] [--tokens 64] [--parallel 1] [--home DIR]
Prints the medians of the time to the first token and of the tokens a second of both, what the log adds to the former (its median and
p99), and the ratio of the latter. --parallel: answers at once in each turn. --home: where the log is kept (the disk counts)."""
import argparse, http.client, json, os, statistics, sys, tempfile, threading, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "lib"))
from serving import Server, SMOLLM2
from tap import moat


def ask(port, n, tokens, got):
    """Seconds to the first token and to the end."""
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    body = {"prompt": f"Request {n}: tell me about the harbours of the north.", "max_tokens": tokens, "temperature": 0, "stream": True, "ignore_eos": True}
    t = time.perf_counter()
    c.request("POST", "/v1/completions", json.dumps(body), {"Content-Type": "application/json"})
    r = c.getresponse()
    r.read(1)
    first = time.perf_counter() - t
    r.read()
    got.append((first, time.perf_counter() - t))


def turn(port, n, tokens, parallel):
    """(times to the first token, tokens a second of all together)"""
    got = []
    threads = [threading.Thread(target=ask, args=(port, n * parallel + k, tokens, got)) for k in range(parallel)]
    t = time.perf_counter()
    [x.start() for x in threads]
    [x.join() for x in threads]
    return [first for first, _ in got], parallel * tokens / (time.perf_counter() - t)


def p99(values):
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.99))]


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--model", default=SMOLLM2); ap.add_argument("--pairs", type=int, default=40); ap.add_argument("--tokens", type=int, default=64)
    ap.add_argument("--parallel", type=int, default=1); ap.add_argument("--home")
    o = ap.parse_args()
    with tempfile.TemporaryDirectory(dir=o.home) as top:
        key = os.path.join(top, "key")
        env = {"MOAT_HOME": os.path.join(top, "home")}
        moat("audit", "init", "--auditor", moat("audit", "keygen", key).out.strip(), "--reserve", "1M", env=env)
        first, rate = {False: [], True: []}, {False: [], True: []}
        with Server(o.model, "--parallel", str(o.parallel), env={"MOAT_HOME": os.path.join(top, "none")}) as off, Server(o.model, "--parallel", str(o.parallel), env=env) as on:
            for i in range(-3, o.pairs):
                for audited in (False, True) if i % 2 else (True, False):
                    f, r = turn((on if audited else off).port, i, o.tokens, o.parallel)
                    if i >= 0:
                        first[audited] += f
                        rate[audited].append(r)
        print(json.dumps({"pairs": o.pairs, "parallel": o.parallel, "ttft_ms_off": round(1e3 * statistics.median(first[False]), 3),
                          "ttft_ms_on": round(1e3 * statistics.median(first[True]), 3),
                          "added_ms_median": round(1e3 * (statistics.median(first[True]) - statistics.median(first[False])), 3),
                          "added_ms_p99": round(1e3 * (p99(first[True]) - p99(first[False])), 3),
                          "tps_off": round(statistics.median(rate[False]), 1), "tps_on": round(statistics.median(rate[True]), 1),
                          "throughput_ratio": round(statistics.median(a / b for a, b in zip(rate[True], rate[False])), 4)}))


main()
