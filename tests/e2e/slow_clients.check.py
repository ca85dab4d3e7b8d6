#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""10,000 half-open connections and 1,000 clients that do not read their answers, from 127.1.0.0/16, held as long as the server lets them: what others notice (the 99th percentile
of their times), what the front's memory does, and whether all are gone by their deadline. Once where there is room for all of them, and once with
the usual 1,024 connections, where they displace each other."""
import json
import os
import resource
import select
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403
from serving import *  # noqa: E402,F403

HALF, SLOW, SECONDS = 10000, 1000, 20
PROPS = b"GET /props HTTP/1.1\r\nHost: localhost\r\n\r\n"


def attack(port):
    """In a process of its own: how many connections it made, and when each was ended. It stands for other machines: it has what the server and its
    other clients leave of the processors."""
    os.nice(19)
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    clients = []
    for i in range(HALF + SLOW):
        c = socket.socket()
        try:
            if i % 11 == 10:
                c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            c.bind((f"127.1.{i // 200 % 100}.{i % 200 + 1}", 0))
            c.setblocking(False)
            c.connect_ex(("127.0.0.1", port))
            clients.append(c)
        except OSError:
            c.close()
        if i % 20 == 19:  # about 2,000 a second: whoever makes them needs the processors too
            time.sleep(0.01)
    made = time.monotonic()
    time.sleep(0.3)
    # every 11th asks and does not read, each fifth of them for more than the kernel takes; half of the others begin a head
    for i, c in enumerate(clients):
        try:
            if i % 11 == 10:
                c.send(PROPS * (400 if i // 11 % 5 == 0 else 10))
            elif i % 2:
                c.send(b"GET / HTTP/1.1\r\nHost: local")
        except OSError:
            pass
    print(f"made {len(clients)}", flush=True)
    poll = select.epoll()
    by = {c.fileno(): c for c in clients}
    for fd in by:
        poll.register(fd, select.EPOLLHUP | select.EPOLLERR | select.EPOLLRDHUP)
    last, end = made, made + 75
    while by and time.monotonic() < end:
        for fd, _ in poll.poll(0.5):
            poll.unregister(fd)
            by.pop(fd).close()
            last = time.monotonic()
    print(f"left {len(by)} last {last - made:.1f}", flush=True)


def rss(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return 0


def times(s, seconds, front=None):
    """How long others wait, in seconds: a list of models and a short answer, by turns, each on a new connection; and the most memory."""
    ask = {"model": "smollm2", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2, "temperature": 0}
    lists, answers, most, end = [], [], 0, time.monotonic() + seconds
    while time.monotonic() < end:
        for _ in range(5):
            t0 = time.monotonic()
            lists.append(99.0 if s.get("/v1/models").status != 200 else time.monotonic() - t0)
            time.sleep(0.002)
        t0 = time.monotonic()
        answers.append(99.0 if s.post("/v1/chat/completions", ask).status != 200 else time.monotonic() - t0)
        most = max(most, rss(front)) if front else 0
        time.sleep(0.005)
    return lists, answers, most


def p99(v):
    return sorted(v)[int(len(v) * 0.99)]


def run(options, what):
    with Server(SMOLLM2, "--context", "1024", *options) as s:
        front = next(p for p in s.children() if p != s.engine())
        times(s, 2)
        calm, idle = times(s, SECONDS), rss(front)
        p = subprocess.Popen([sys.executable, os.path.abspath(__file__), str(s.port)], stdout=subprocess.PIPE, text=True)
        storm = times(s, SECONDS, front)
        said = p.communicate()[0].split()
        for name, a, b in (("a list of models", calm[0], storm[0]), ("a short answer", calm[1], storm[1])):
            ok(p99(b) <= 2 * p99(a), f"{what}: {name}: 99 % within {p99(b) * 1e3:.1f} ms, {p99(b) / p99(a):.2f} times as long as without ({len(b)} asked)", (p99(a), max(b)))
        grown = storm[2] - idle
        ok(grown <= 64 << 10, f"{what}: the front's memory grows by {grown / 1024:.1f} MiB", (idle, storm[2]))
        ok(said and int(said[1]) == HALF + SLOW and said[3] == "0" and float(said[5]) < 65, f"{what}: {said[1]} clients, all gone {said[5]} s after the last came", said)
        note((s.events("shed") or [{"detail": "nothing was shed"}])[-1]["detail"])


if len(sys.argv) > 1:
    attack(int(sys.argv[1]))
    sys.exit(0)
if not os.path.exists(SMOLLM2) or resource.getrlimit(resource.RLIMIT_NOFILE)[1] < HALF + SLOW + 200:
    skip("slow clients", f"{SMOLLM2} is not there, or this user may not have {HALF + SLOW + 200} open files")
    done()
run(("--max-connections", 12000), "room for all")
run((), "1,024 connections")
done()
