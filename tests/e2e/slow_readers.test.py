#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Clients that read slowly, or stop: their answer waits at the engine, nobody else does, and the server holds little of it."""
import json
import os
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403
from serving import *  # noqa: E402,F403

if not os.path.exists(SMOLLM2):
    skip("slow readers", f"no {SMOLLM2}: scripts/fetch-model --tests brings it")
    done()
# ten alternatives to each token: about 1.5 KiB of stream for it
TOKENS = 1500
ASK = {"model": "smollm2", "messages": [{"role": "user", "content": "Tell a very long story."}], "max_tokens": TOKENS, "temperature": 1, "seed": 3,
       "logit_bias": {"2": -100, "0": -100}, "logprobs": True, "top_logprobs": 10, "stream": True}
SHORT = {"model": "smollm2", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 16, "temperature": 0}


def begin(s, ask):
    c = socket.socket()
    c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    c.connect(("127.0.0.1", s.port))
    c.settimeout(30)
    body = json.dumps(ask).encode()
    c.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    return c


def made(s):
    """Tokens of each answer in the making."""
    return sorted(x["n_past"] for x in s.get("/slots").json() if x["is_processing"])


def metric(s, name):
    for line in s.get("/metrics").body.decode().splitlines():
        if line.startswith(name + " "):
            return float(line.split()[1])
    return None


def until(what, limit=20.0):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.05)
    return False


def standing_still(s, n):
    """n answers run, and none goes on."""
    before = made(s)
    time.sleep(0.7)
    return len(before) == n and made(s) == before


def pauses():
    with Server(SMOLLM2, "--parallel", 3) as s:
        s.post("/v1/chat/completions", SHORT)
        rss = metric(s, "moat_resident_bytes")
        stopped, slow = begin(s, ASK), begin(s, ASK)
        over = threading.Event()
        got = bytearray()

        def drip():
            while not over.is_set():
                got.extend(slow.recv(1))
                over.wait(1)
        t = threading.Thread(target=drip)
        t.start()
        ok(until(lambda: standing_still(s, 2)), "a client that stops and one that reads a byte a second: their answers stand still", made(s))
        ok(all(0 < n < TOKENS for n in made(s)), "before their end", made(s))
        t0 = time.monotonic()
        answers = [s.post("/v1/chat/completions", SHORT) for _ in range(5)]
        ok(all(r.status == 200 for r in answers) and time.monotonic() - t0 < 5, f"others are answered, 5 in {time.monotonic() - t0:.2f} s", answers[0])
        grown = metric(s, "moat_resident_bytes") - rss
        ok(grown < 2 << 20, f"two of them cost {grown / 1024:.0f} KiB")
        over.set()
        t.join()
        for c, rest in ((stopped, b""), (slow, bytes(got))):
            while not rest.endswith(b"0\r\n\r\n"):
                piece = c.recv(65536)
                if not piece:
                    break
                rest += piece
            c.close()
            tokens = rest.count(b'"top_logprobs":')
            ok(b"[DONE]" in rest and tokens >= TOKENS * 0.9, "whoever reads on gets all of it", (tokens, rest[-200:]))
        ok(until(lambda: metric(s, "moat_jobs_live") == 0), "nothing is left")


def stalls():
    with Server(SMOLLM2, "--parallel", 2, "--stall-seconds", 2) as s:
        stopped, steady = begin(s, ASK), begin(s, dict(ASK, max_tokens=800))
        size, t0, end = 0, time.monotonic(), None
        while end is None and time.monotonic() - t0 < 90:  # 8 KiB a second: slow, but a pace
            piece = steady.recv(1600 if time.monotonic() - t0 < 9 else 65536)
            size += len(piece)
            end = time.monotonic() - t0 if not piece or piece.endswith(b"0\r\n\r\n") else None
            if time.monotonic() - t0 < 9:
                time.sleep(0.2)
        gone = [e for e in s.events("request") if e["status"] == 499]
        ok(len(gone) == 1, "a client that never reads is given up", gone)
        ok(gone and 2000 < gone[0]["ms"] < 12000, "after its time", gone)
        ok(size > 0 and piece.endswith(b"0\r\n\r\n"), "one that reads slowly is not", (size, piece[-60:]))
        ok(until(lambda: metric(s, "moat_jobs_live") == 0) and s.post("/v1/chat/completions", SHORT).status == 200, "its place is free again")
        stopped.close()
        steady.close()


pauses()
stalls()
done()
