#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Several models on one server: loaded by the first request for each, kept for their time, unloaded for want of room, and what
clients are told when one cannot be loaded."""
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403
from serving import *  # noqa: E402,F403

if not os.path.exists(SMOLLM2):
    skip("models", f"no {SMOLLM2}: scripts/fetch-model --tests brings it")
    done()
FOLDER = tempfile.TemporaryDirectory()
A, B, C = (os.path.join(FOLDER.name, f"{name}.gguf") for name in "abc")
for link in (A, B, C):
    os.symlink(SMOLLM2, link)
BROKEN = os.path.join(FOLDER.name, "broken.gguf")
with open(SMOLLM2, "rb") as whole, open(BROKEN, "wb") as part:
    part.write(whole.read(100000))
ASK = {"messages": [{"role": "user", "content": "Count to one thousand."}], "temperature": 1}


def chat(s, model, n=3, **more):
    return s.post("/v1/chat/completions", dict(ASK, model=model, max_tokens=n, **more))


def states(s):
    return {m["model"]: m["state"] for m in s.get("/ready").json()["models"]}


def loaded(s):
    return sorted(m["name"] for m in s.get("/api/ps").json()["models"])


def wait(what, limit=10.0):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.01)
    return False


def details(s, kind):
    return [e["detail"] for e in s.events(kind)]


def on_demand():
    with Server([A, B], "--context", 512) as s:
        ok(states(s) == {"a": "unloaded", "b": "unloaded"} and loaded(s) == [], "of several models none is loaded at the start", states(s))
        ids = [m["id"] for m in s.get("/v1/models").json()["data"]]
        ok(ids == ["a", "b"], "all are listed", ids)
        listed = s.get("/v1/models").json()["data"], s.get("/api/tags").json()["models"]
        ok(all(not m["loaded"] and m["size"] == os.path.getsize(SMOLLM2) for kind in listed for m in kind), "with their size, and that none is loaded", listed)
        r = s.post("/api/show", {"model": "a"})
        ok(r.status == 200 and r.json()["model_info"] == {} and states(s)["a"] == "unloaded", "to ask about one loads nothing", r.body)
        rs = together(6, lambda i: chat(s, "ab"[i % 2]))
        ok([r.status for r in rs] == [200] * 6, "requests wait for their models", [r.body for r in rs])
        ok(details(s, "load") == ["a", "b"] or details(s, "load") == ["b", "a"], "each is loaded once", details(s, "load"))
        ok(loaded(s) == ["a", "b"], "and stays")
        ok(all(m["loaded"] for path, key in (("/v1/models", "data"), ("/api/tags", "models")) for m in s.get(path).json()[key]), "the lists say that they are loaded")
        r = s.post("/api/generate", {"model": "a", "keep_alive": 0}).json()
        ok(r["done"] and r["done_reason"] == "unload", "keep_alive 0 unloads", r)
        ok(wait(lambda: states(s)["a"] == "unloaded") and loaded(s) == ["b"], "at once", states(s))
        ok(wait(lambda: "a" in details(s, "engine-unloaded")) and not s.events("engine-fell"), "which is no fall", s.log())
        r = s.post("/api/generate", {"model": "a", "keep_alive": "1500ms"}).json()
        ok(r["done_reason"] == "load" and r["model"] == "a" and loaded(s) == ["a", "b"], "without a prompt it is only loaded", r)
        soon = next(m["unloads_in_seconds"] for m in s.get("/ready").json()["models"] if m["model"] == "a")
        ok(1 < soon <= 2, f"for the time that the request gave it ({soon} s)")
        r = s.post("/api/chat", dict(ASK, model="a", stream=False, options={"num_predict": 2})).json()
        ok(r["load_duration"] == 0 and wait(lambda: loaded(s) == ["b"], 5), "after which it is unloaded", loaded(s))
        r = s.post("/api/chat", dict(ASK, model="a", stream=False, keep_alive=-1, options={"num_predict": 2})).json()
        ok(r["load_duration"] > 0 and r["total_duration"] > r["load_duration"], "a request that loads says how long that took", r)
        expires = next(m["expires_at"] for m in s.get("/api/ps").json()["models"] if m["name"] == "a")
        ok(expires.startswith("2262"), "a negative time is for ever", expires)
        ok(s.post("/api/generate", {"model": "a", "keep_alive": "soon"}).status == 400, "what is no time is refused")
        ok(s.post("/api/show", {"model": "a"}).json()["model_info"]["general.architecture"] == "llama", "what was loaded once is known")
        ok(chat(s, "nobody").status == 404 and chat(s, None).status == 400, "no other model is loaded, nor one without a name")
        ok(s.post("/api/embed", {"model": "b", "input": "x", "keep_alive": []}).status == 400, "nor is it for vectors")




def configured():
    """Models and their times from the configuration; one model, and several, at the start."""
    with tempfile.TemporaryDirectory() as folder:
        config = os.path.join(folder, "config.json")

        def server(names, *options, **given):
            with open(config, "w") as f:
                json.dump(given, f)
            return Server(names, "--config", config, "--context", 512, *options)
        with server([], models={A: {}}) as s:
            ok(states(s) == {"a": "ready"}, "a model that the configuration names is served; one alone is loaded at the start", s.log())
        with server([], models={A: {}, B: {}}, keep_alive="1h") as s:
            ok(states(s) == {"a": "unloaded", "b": "unloaded"} and chat(s, "b").status == 200, "several at the first request for each", states(s))
            left = [m["unloads_in_seconds"] for m in s.get("/ready").json()["models"]]
            ok(left[0] is None and 3500 < left[1] <= 3600, "with the configuration's time", left)
        with server([A, B], "--preload", "true", models={"b": {"keep_alive": "90s"}}, keep_alive=-1) as s:
            ok(states(s) == {"a": "ready", "b": "ready"}, "--preload loads several at the start", s.log())
            left = [m["unloads_in_seconds"] for m in s.get("/ready").json()["models"]]
            ok(left[0] is None and 80 < left[1] <= 90, "a model's own time comes before that of all", left)
        with server(A, "--preload", "false", keep_alive=0) as s:
            ok(states(s) == {"a": "unloaded"} and s.get("/health").status == 200, "--preload false loads one when it is asked for")
            ok(chat(s, None).status == 200 and wait(lambda: states(s)["a"] == "unloaded"), "and with a time of 0 it goes after its answer", states(s))


def one_budget():
    with Server([A, B, C], "--context", 512, "--memory", "560M") as s:
        ok(chat(s, "a").status == 200 and chat(s, "b").status == 200, "two of three fit", s.log())
        ok(loaded(s) == ["a", "b"], "and are there", s.get("/ready").body)
        chat(s, "a")
        ok(chat(s, "c").status == 200 and wait(lambda: loaded(s) == ["a", "c"]), "the third takes the place of who was idle for longest", loaded(s))
        held = sum(m["memory_bytes"] for m in s.get("/ready").json()["models"])
        ok(0 < held <= 560 << 20, f"all together stay in the budget ({held >> 20} MiB)")
        busy = [threading.Thread(target=lambda m=m: chat(s, m, 150, logit_bias={"2": -100})) for m in "ac"]
        for t in busy:
            t.start()
        wait(lambda: all(m["running"] for m in s.get("/ready").json()["models"] if m["model"] != "b"))
        r = chat(s, "b")
        ok(r.status == 200, "with both at work the next one waits", r.body)
        ends = [e for e in s.events("request") if e["route"] == "/v1/chat/completions"][-3:]
        for t in busy:
            t.join()
        ok(all(e["status"] == 200 for e in s.events("request") if e["route"] == "/v1/chat/completions"), "and no answer is broken off", ends)
        lasted = [e for e in s.events("request") if e.get("completion_tokens") == 150]
        ok(len(lasted) == 2, "those at work are finished", s.log())


def no_room():
    with Server([A, B], "--context", 8192, "--memory", "500M", "--load-seconds", 1, "--parallel", 1) as s:
        work = threading.Thread(target=lambda: chat(s, "a", 1200, logit_bias={"2": -100}))
        work.start()
        ok(wait(lambda: states(s)["a"] == "ready"), "one model fits")
        t0 = time.monotonic()
        r = chat(s, "b")
        took = time.monotonic() - t0
        text = r.json()["error"]["message"]
        ok(r.status == 503 and 0.9 < took < 4 and int(r.headers["retry-after"]) >= 1, f"while it works, the other waits for its time ({took:.1f} s)", r.body)
        ok(len(re.findall(r"\d+\.\d MiB", text)) == 3 and "500.0 MiB" in text, "and is told who has the memory", text)
        ok(loaded(s) == ["a"], "the one at work stays")
        work.join()
    with Server([A, B], "--context", 8192, "--memory", "200M") as s:
        r = chat(s, "a")
        text = r.json()["error"]["message"]
        ok(r.status == 507 and "200.0 MiB" in text and "--memory" in text, "a model that never fits is refused with both numbers", r.body)
        ok(states(s)["a"] == "unloaded" and s.get("/health").status == 200 and not s.events("engine-fell"), "the server stands", s.log())
    s = Server(A, "--context", 8192, "--memory", "200M", wait=False)
    ok(s.process.wait(20) == 6 and "more than the 200.0 MiB of --memory" in s.log(), "where it is the only one the server says so and ends", s.log())
    s.folder.cleanup()


def broken():
    with Server([A, BROKEN], "--context", 512) as s:
        rs = together(3, lambda i: chat(s, "broken"))
        ok(all(r.status == 500 and r.json()["error"]["code"] == "model_load_failed" for r in rs), "a broken file fails its requests", [r.body for r in rs])
        ok("broken" in rs[0].json()["error"]["message"] and states(s)["broken"] == "unloaded", "with the reason", rs[0].body)
        ok(chat(s, "a").status == 200 and chat(s, "broken").status == 500 and s.process.poll() is None, "and nobody else's")


def falls():
    with Server([A, B], "--context", 512) as s:
        ok(chat(s, "a").status == 200, "loaded")
        old = s.engine()
        os.kill(old, signal.SIGKILL)
        ok(chat(s, "a").status in (200, 503) and wait(lambda: chat(s, "a").status == 200), "an engine that falls is started again", s.log())
        os.kill(s.engine(), signal.SIGSTOP)
        stuck = s.engine()
        r = s.post("/api/generate", {"model": "a", "keep_alive": 0})
        ok(r.json()["done_reason"] == "unload" and states(s)["a"] == "unloading", "one that hangs is told to end", r.body)
        got = []
        t = threading.Thread(target=lambda: got.append(chat(s, "a")))
        t.start()
        os.kill(stuck, signal.SIGKILL)
        t.join(20)
        ok(got and got[0].status == 200, "a request that comes meanwhile waits for the next one", got and got[0].body)
        front = [p for p in s.children() if p != s.engine()]
        os.kill(front[0], signal.SIGKILL)
        ok(wait(lambda: front[0] not in s.children()) and wait(lambda: _status(s) == 200), "a new front knows its models", s.log())


def _status(s):
    try:
        return chat(s, "b").status
    except OSError:
        return 0


def leaves():
    """Clients that leave while they wait, and the end of the server."""
    with Server([A, B], "--context", 8192, "--memory", "500M", "--parallel", 1) as s:
        work = threading.Thread(target=lambda: chat(s, "a", 200))
        work.start()
        ok(wait(lambda: states(s)["a"] == "ready"), "one model works")
        body = json.dumps(dict(ASK, model="b")).encode()
        for _ in range(3):
            c = socket.create_connection(("127.0.0.1", s.port))
            c.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            waiting = wait(lambda: next(m["loading"] for m in s.get("/ready").json()["models"] if m["model"] == "b") == 1)
            c.close()
            ok(waiting and wait(lambda: next(m["loading"] for m in s.get("/ready").json()["models"] if m["model"] == "b") == 0), "a client that leaves waits no more")
        got = []
        t = threading.Thread(target=lambda: got.append(chat(s, "b")))
        t.start()
        wait(lambda: next(m["loading"] for m in s.get("/ready").json()["models"] if m["model"] == "b") == 1)
        s.process.send_signal(signal.SIGTERM)
        t.join(20)
        work.join(20)
        ok(got and got[0].status == 503, "at the end of the server those that wait are told", got and got[0].body)
        ok(s.process.wait(30) == 0, "which is a good one", s.log())


def background():
    with Server(A, "--context", 512, "--background", "true") as s:
        policies = [open(f"/proc/{s.engine()}/task/{t}/stat").read().rsplit(")", 1)[1].split()[38] for t in os.listdir(f"/proc/{s.engine()}/task")]
        ok(set(policies) == {"5"}, "in the background every thread of an engine is idle work (SCHED_IDLE)", policies)
        ok(chat(s, "a").status == 200, "and it answers")


for part in (on_demand, configured, one_budget, no_room, broken, falls, leaves, background):
    part()
done()
