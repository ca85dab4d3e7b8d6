#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every phase of a connection has an end, whatever its client does: heads, bodies, answers that are read slowly or not, idle ones; and nobody takes the
place of others: connections of one address, all of them, what is not read. slow_clients.check.py does it with 11,000 clients."""
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
    skip("deadlines", f"no {SMOLLM2}: scripts/fetch-model --tests brings it")
    done()
HEAD = b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n"
SHORT = {"model": "smollm2", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4, "temperature": 0}
LONG = dict(SHORT, messages=[{"role": "user", "content": "Tell a very long story."}], max_tokens=3000, temperature=1, logit_bias={"2": -100, "0": -100},
            logprobs=True, top_logprobs=10, stream=True)


def connect(s, source=None, room=None):
    c = socket.socket()
    if room:
        c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
    if source:
        c.bind((source, 0))
    c.settimeout(20)
    c.connect(("127.0.0.1", s.port))
    return c


def drip(s, first, piece, every=0.1, limit=8.0):
    """Sends piece after piece, until the server ends it: after how many seconds, and what it said."""
    c = connect(s)
    c.sendall(first)
    c.settimeout(every)
    t0, got = time.monotonic(), b""
    while time.monotonic() - t0 < limit:
        try:
            data = c.recv(65536)
            if not data:
                return time.monotonic() - t0, got
            got += data
        except TimeoutError:
            pass
        except ConnectionError:
            return time.monotonic() - t0, got
        try:
            c.sendall(piece)
        except OSError:
            pass
    return None, got


def ended(c, limit=8.0):
    """After how many seconds the server ends it; None: it does not."""
    t0 = time.monotonic()
    c.settimeout(limit)
    try:
        while c.recv(65536):
            pass
        return time.monotonic() - t0
    except TimeoutError:
        return None
    except ConnectionError:
        return time.monotonic() - t0


def alive(c):
    c.setblocking(False)
    try:
        return c.recv(1) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


def post(ask):
    body = json.dumps(ask).encode()
    return b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def phases(s):
    results = together(6, lambda i: [
        lambda: (ended(connect(s)), b""),
        lambda: drip(s, b"G", b""),
        lambda: drip(s, HEAD, b"X: y\r\n"),
        lambda: drip(s, b"POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{", b" "),
        lambda: drip(s, b"POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        lambda: drip(s, HEAD + b"\r\n", b""),
    ][i]())
    for what, (took, got), lo, hi, words in zip(
            ("a connection that says nothing", "half a word of a head", "a head that goes on and on", "a body byte by byte", "a body chunk by chunk", "an idle connection, after its answer"),
            results, (0.9, 0.9, 0.9, 1.9, 1.9, 2.9), (2.5, 2.5, 2.5, 3.5, 3.5, 4.5), (b"", b" 408 ", b" 408 ", b" 408 ", b" 408 ", b" 200 OK")):
        ok(took is not None and lo < took < hi and words in got, f"{what} ends after its time in all ({took and round(took, 1)} s)", (took, got[:200]))


def per_address(s):
    many = [connect(s, "127.1.0.1") for _ in range(24)]
    time.sleep(0.2)
    n = sum(alive(c) for c in many)
    ok(n == 20, f"20 connections of one address: {n}", n)
    other = connect(s, "127.1.0.2")
    ok(alive(other), "another address is not concerned")
    for c in many:
        c.close()
    time.sleep(0.2)
    again = connect(s, "127.1.0.1")
    ok(alive(again), "its connections are counted while they are there")
    for c in (other, again):
        c.close()


def displaced(s):
    kept = Client(s.port)
    kept.post("/tokenize", b'{"content":"a"}')
    waiting = [connect(s, f"127.1.1.{i % 200 + 1}") for i in range(60)]
    time.sleep(0.1)
    alive_now = [alive(c) for c in waiting]
    ok(not any(alive_now[:15]) and all(alive_now[-30:]), f"60 clients that send nothing, where 40 may be: the last ones stay ({sum(alive_now)})", alive_now)
    ok(s.get("/health").status == 200, "and somebody who asks is answered")
    ok(kept.post("/tokenize", b'{"content":"a"}').status == 200, "one that has asked before keeps its connection")
    for c in waiting:
        c.close()


def unread(s):
    """Requests sent ahead by the hundred, and no answer read."""
    before = metric(s, "moat_resident_bytes")
    ahead = (HEAD.replace(b"/v1/models", b"/props") + b"\r\n") * 400
    clients = []
    for i in range(30):
        c = connect(s, f"127.1.2.{i + 1}", 4096)
        c.setblocking(False)
        try:
            c.send(ahead)
        except BlockingIOError:
            pass
        clients.append(c)
    time.sleep(1.5)
    for c in clients:  # what had not fitted
        try:
            c.send(ahead)
        except OSError:
            pass
    time.sleep(0.5)
    grown = metric(s, "moat_resident_bytes") - before
    ok(grown < 8 << 20 or os.environ.get("MOAT_SANITIZED"), f"30 clients that send requests and read no answers cost {grown >> 10} KiB")
    ok(s.get("/health").status == 200, "others are answered")
    gone = together(30, lambda i: ended(clients[i], 12))
    ok(all(g is not None for g in gone), "all of them go", gone)
    whole = connect(s)
    whole.sendall(ahead[:len(ahead) // 4] + HEAD + b"Connection: close\r\n\r\n")
    got = b""
    while piece := whole.recv(65536):
        got += piece
    ok(got.count(b"HTTP/1.1 200 OK") == 101, "a client that reads gets all answers, in order", got.count(b"HTTP/1.1 200 OK"))


def metric(s, name):
    for line in s.get("/metrics").body.decode().splitlines():
        if line.startswith(name + " "):
            return int(float(line.split()[1]))
    return 0


def slow(s):
    """A client that reads 4 KiB a second keeps the pace, but not for as long as it likes: then the front lets go (what the kernel has it sends on)."""
    c = connect(s, None, 4096)
    text = "word " * 250000
    body = json.dumps({"content": text}).encode()
    c.sendall(b"POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    c.recv(1024)
    t0 = time.monotonic()
    while time.monotonic() - t0 < 15 and metric(s, "moat_connections") > 1:
        c.recv(1024)
        time.sleep(0.25)
    took = time.monotonic() - t0
    ok(3.5 < took < 8, f"an answer that is whole must be read in 4 s in all ({took:.1f} s)")
    c.close()


def in_the_way(s):
    """Answers that stand still while others wait for their place."""
    readers, over = [], threading.Event()

    def read(c):
        while not over.is_set():
            try:
                if not c.recv(1500):
                    return
            except OSError:
                return
            time.sleep(0.3)
    for i in range(2):
        c = connect(s, f"127.1.3.{i + 1}", 4096)
        c.sendall(post(LONG))
        readers.append((c, threading.Thread(target=read, args=(c,))))
        readers[-1][1].start()
    end = time.monotonic() + 20
    while time.monotonic() < end:
        slots = [x["n_past"] for x in s.get("/slots").json() if x["is_processing"]]
        time.sleep(0.7)
        if len(slots) == 2 and slots == [x["n_past"] for x in s.get("/slots").json() if x["is_processing"]]:
            break
    t0 = time.monotonic()
    r = s.post("/v1/chat/completions", SHORT)
    took = time.monotonic() - t0
    ok(r.status == 200 and took < 8, f"two answers stand still, their clients read 5 KiB a second: another request gets a place after {took:.1f} s", r)
    over.set()
    for c, t in readers:
        c.close()
        t.join()


TIMES = ("--head-seconds", 1, "--body-seconds", 2, "--idle-seconds", 3, "--write-seconds", 4, "--stall-seconds", 2)
with Server(SMOLLM2, "--context", "4096", "--parallel", 2, *TIMES, "--max-per-address", 20, "--max-connections", 40, "--max-unread", "2M") as s:
    phases(s)
    per_address(s)
    displaced(s)
    unread(s)
    slow(s)
    in_the_way(s)
    shed = s.events("shed")
    ok(shed and "too many of an address" in shed[-1]["detail"], "the log counts what was given up", s.log()[-600:])
    ok(s.stop() == 0, "it ends as it should")
done()
