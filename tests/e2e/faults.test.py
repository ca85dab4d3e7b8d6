#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat serve when things go wrong: the engine is killed under load, the queue is full, clients stall, signals come.
MOAT_KILLS sets how often the engine is killed (make check: 50)."""
import os
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403
from serving import *  # noqa: E402,F403

if not os.path.exists(SMOLLM2):
    skip("faults", f"no {SMOLLM2}: scripts/fetch-model --tests brings it")
    done()
KILLS = int(os.environ.get("MOAT_KILLS", "4"))
ASK = {"model": "smollm2", "messages": [{"role": "user", "content": "Count to one thousand."}], "max_tokens": 400, "temperature": 1}


def wait(what, limit=10.0):
    t0 = time.monotonic()
    while time.monotonic() - t0 < limit:
        if what():
            return time.monotonic() - t0
        time.sleep(0.01)
    return None


def health(s):
    try:
        return s.get("/health", limit=5).status
    except OSError:
        return 0


def kill_under_load():
    """Clients ask all the time; each answer must be whole, an error in the dialect's shape, or a stream that says so."""
    wrong, answers, stop = [], [0, 0], threading.Event()
    with Server(SMOLLM2, "--parallel", 3) as s:
        front = set(s.children()) - {s.engine()}

        def client(i):
            while not stop.is_set():
                try:
                    r = s.post("/v1/chat/completions", dict(ASK, stream=bool(i % 2)), limit=60)
                    events = r.events() if r.status == 200 and i % 2 else [r.json()]
                    good = events[-1] == "[DONE]" if i % 2 and r.status == 200 else "choices" in events[-1]
                    clear = isinstance(events[-1], dict) and events[-1].get("error", {}).get("code") in ("engine_lost", "busy") and \
                        r.status in (200, 503)
                    answers[good] += 1
                    if not good and not clear:
                        wrong.append(str(r))
                    if not good:
                        time.sleep(0.02)
                except Exception as e:  # noqa: BLE001
                    wrong.append(f"{type(e).__name__}: {e}")
        threads = [threading.Thread(target=client, args=(i,)) for i in range(4)]
        for t in threads:
            t.start()
        slowest = 0
        for _ in range(KILLS):
            time.sleep(0.3)
            old = s.engine()
            os.kill(old, signal.SIGKILL)
            took = wait(lambda: s.engine() != old and health(s) == 200)
            slowest = max(slowest, took if took is not None else 99)
        stop.set()
        for t in threads:
            t.join(60)
        ok(not wrong, f"{KILLS} kills under load: {answers[1]} answers whole, {answers[0]} with a clear error, none lost", "\n".join(wrong[:5]))
        ok(not any(t.is_alive() for t in threads), "no request hangs")
        ok(answers[0] > 0, "some requests were hit")
        ok(slowest < 2, f"the slowest restart took {slowest:.2f} s (2 are allowed)")
        ok(front and front <= set(s.children()), "the front is still the same process")
        ok(len(s.events("engine-fell")) == KILLS, "and the log has each fall")


def front_falls():
    with Server() as s:
        front = [p for p in s.children() if p != s.engine()]
        os.kill(front[0], signal.SIGKILL)
        took = wait(lambda: front[0] not in s.children() and health(s) == 200)
        ok(took is not None and took < 2, f"a front that is killed is back after {took} s")
        ok(s.post("/v1/chat/completions", dict(ASK, max_tokens=2)).status == 200, "and answers")


def full_queue():
    with Server(SMOLLM2, "--parallel", 1, "--queue", 1) as s:
        rs = together(6, lambda i: s.post("/v1/chat/completions", dict(ASK, max_tokens=60)))
        busy = [r for r in rs if r.status == 429]
        ok(len(busy) == 4 and sum(r.status == 200 for r in rs) == 2, "one works, one waits, the others are refused", [r.status for r in rs])
        ok(all(int(r.headers["retry-after"]) >= 1 and r.json()["error"]["type"] == "rate_limit_error" for r in busy), "with 429 and Retry-After")


def drain():
    with Server() as s:
        got = []
        t = threading.Thread(target=lambda: got.append(s.post("/v1/chat/completions", dict(ASK, max_tokens=60))))
        t.start()
        wait(lambda: "moat_jobs_live 1" in s.get("/metrics").body.decode())
        s.process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        try:
            refused = s.get("/health", limit=2).status
        except OSError:
            refused = None
        t.join(60)
        ok(got and got[0].status == 200 and got[0].json()["usage"]["completion_tokens"] > 1, "SIGTERM: what runs is finished", got and got[0])
        ok(refused is None, "SIGTERM: nothing new is taken", refused)
        ok(s.process.wait(20) == 0 and wait(lambda: not s.children(), 5) is not None, "SIGTERM: exit status 0, no process is left")


def reload():
    with Server(SMOLLM2, "--listen", "127.0.0.1:0") as s:
        config = os.path.join(s.folder.name, "moat", "config.json")
        os.makedirs(os.path.dirname(config))
        got = []
        t = threading.Thread(target=lambda: got.append(s.post("/v1/chat/completions", dict(ASK, max_tokens=80))))
        t.start()
        wait(lambda: "moat_jobs_live 1" in s.get("/metrics").body.decode())
        with open(config, "w") as f:
            f.write('{"max_body": 2048, "queue": 3}')
        s.process.send_signal(signal.SIGHUP)
        ok(wait(lambda: s.events("reloaded")) is not None, "SIGHUP: the configuration is read again", s.log())
        ok(s.post("/tokenize", {"content": "a" * 4000}).status == 413, "SIGHUP: and holds for new requests")
        with open(config, "w") as f:
            f.write('{"max_bodi": 1}')
        s.process.send_signal(signal.SIGHUP)
        ok(wait(lambda: s.events("reload-failed")) is not None and "max_body" in s.events("reload-failed")[0]["detail"],
           "SIGHUP: a broken one changes nothing and is named", s.log())
        t.join(60)
        ok(got and got[0].status == 200, "SIGHUP: no request is dropped")
        ok(s.get("/health").status == 200, "SIGHUP: the server stands")


def slow_clients():
    with Server() as s:
        idle = []
        for _ in range(200):
            c = socket.create_connection(("127.0.0.1", s.port))
            c.sendall(b"GET /health HTTP/1.1\r\nHost: lo")
            idle.append(c)
        t0 = time.monotonic()
        ok(health(s) == 200 and time.monotonic() - t0 < 1, "200 half-open requests do not hold up another")
        ok("moat_connections 201" in s.get("/metrics").body.decode(), "they are counted")
        idle[0].settimeout(14)
        first = b""
        while time.monotonic() - t0 < 14:  # a byte now and then does not help
            try:
                idle[0].sendall(b"c")
                idle[0].settimeout(1)
                first = idle[0].recv(4096)
                break
            except TimeoutError:
                continue
            except OSError:
                break
        ok(b" 408 " in first and 8 < time.monotonic() - t0 < 13, f"a head that takes too long ends after {time.monotonic() - t0:.1f} s", first)
        ok(wait(lambda: "moat_connections 1\n" in s.get("/metrics").body.decode(), 6) is not None, "all of them are gone by then")
        for c in idle:
            c.close()


for part in (kill_under_load, front_falls, full_queue, drain, reload, slow_clients):
    part()
done()
