#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the sandbox costs a server: two of them on this machine, one without filters of system calls and namespaces, asked by turns.

usage: bench/sandbox_cost.py [--model FILE] [--pairs 40] [--tokens 64] [--parallel 1] [--starts 20]
There is no option of moat for the one without: a library of the tests (tests/lib/faults.c), loaded before it, takes the calls away, and the
process that would see it. Prints the medians of the tokens a second of both and their ratio, the time to the first token, the requests a
second that cost no model (/health), and how long each takes until it is ready."""
import argparse, http.client, json, os, statistics, sys, tempfile, threading, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "lib"))
import faults
from serving import Server, SMOLLM2


def ask(port, n, tokens, got):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    body = {"prompt": f"Request {n}: tell me about the harbours of the north.", "max_tokens": tokens, "temperature": 0, "stream": True, "ignore_eos": True}
    t = time.perf_counter()
    c.request("POST", "/v1/completions", json.dumps(body), {"Content-Type": "application/json"})
    r = c.getresponse()
    r.read(1)
    got.append(time.perf_counter() - t)
    r.read()
    c.close()


def answers(port, n, o):
    """(seconds to the first token, tokens a second of all together)"""
    got = []
    threads = [threading.Thread(target=ask, args=(port, n * o.parallel + k, o.tokens, got)) for k in range(o.parallel)]
    t = time.perf_counter()
    [x.start() for x in threads]
    [x.join() for x in threads]
    return statistics.median(got), o.parallel * o.tokens / (time.perf_counter() - t)


def small(port, n=300):
    """Requests a second over one connection."""
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    t = time.perf_counter()
    for _ in range(n):
        c.request("GET", "/health")
        c.getresponse().read()
    rate = n / (time.perf_counter() - t)
    c.close()
    return rate


def start(o, env):
    t = time.perf_counter()
    s = Server(o.model, "--parallel", str(o.parallel), env=env, wait=False)
    while s.process.poll() is None:
        try:
            if s.get("/health").status == 200:
                break
        except OSError:
            pass
        time.sleep(0.001)
    return s, time.perf_counter() - t


def ratio(a, b):
    return round(statistics.median(x / y for x, y in zip(a, b)), 4)


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--model", default=SMOLLM2); ap.add_argument("--pairs", type=int, default=40); ap.add_argument("--tokens", type=int, default=64)
    ap.add_argument("--parallel", type=int, default=1); ap.add_argument("--starts", type=int, default=20)
    o = ap.parse_args()
    if not faults.works():
        sys.exit("sandbox_cost: build the tests first: make tests-build")
    with tempfile.TemporaryDirectory() as top:
        os.chmod(top, 0o755)
        os.mkdir(os.path.join(top, "on"))
        os.chmod(os.path.join(top, "on"), 0o755)
        control, idle = faults.Faults(top), faults.Faults(os.path.join(top, "on"))  # both have the library, which costs a little itself
        control.arm(faults.OPEN, 1, once=False)
        env = {"on": dict(idle.env, MOAT_HOME=top), "off": dict(control.env, MOAT_HOME=top)}
        first, rate, health, ready = ({"on": [], "off": []} for _ in range(4))
        with start(o, env["off"])[0] as off, start(o, env["on"])[0] as on:
            servers = {"on": on, "off": off}
            assert not off.events("attest") and control.hits > 0, "the sandbox was not taken away"
            for i in range(-3, o.pairs):
                for which in ("off", "on") if i % 2 else ("on", "off"):
                    f, r = answers(servers[which].port, i, o)
                    h = small(servers[which].port)
                    if i >= 0:
                        first[which].append(f), rate[which].append(r), health[which].append(h)
        for i in range(o.starts):
            for which in ("off", "on") if i % 2 else ("on", "off"):
                s, seconds = start(o, env[which])
                with s:
                    ready[which].append(seconds)
        median = {k: {w: statistics.median(v[w]) for w in v} for k, v in (("first", first), ("rate", rate), ("health", health), ("ready", ready))}
        print(json.dumps({"pairs": o.pairs, "parallel": o.parallel, "tps_off": round(median["rate"]["off"], 1), "tps_on": round(median["rate"]["on"], 1),
                          "throughput_ratio": ratio(rate["on"], rate["off"]), "ttft_ms_off": round(1e3 * median["first"]["off"], 3),
                          "ttft_ms_on": round(1e3 * median["first"]["on"], 3), "health_per_s_off": round(median["health"]["off"]),
                          "health_per_s_on": round(median["health"]["on"]), "health_ratio": ratio(health["on"], health["off"]),
                          "ready_ms_off": round(1e3 * median["ready"]["off"], 1), "ready_ms_on": round(1e3 * median["ready"]["on"], 1),
                          "start_added_ms": round(1e3 * statistics.median(a - b for a, b in zip(ready["on"], ready["off"])), 2)}))


main()
