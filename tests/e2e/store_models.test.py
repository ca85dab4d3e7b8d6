#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat serve without the name of a model: every one of the store may be asked for, also one that comes while the server runs; another file under a
name takes the place of the one before it, and one that is removed is no longer served, but for the requests it works on."""
import json
import os
import signal
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403
from serving import *  # noqa: E402,F403

GEMMA3 = os.path.join(MODELS, "gemma3.gguf")
if not os.path.exists(SMOLLM2) or not os.path.exists(GEMMA3):
    skip("models of the store", f"no {SMOLLM2} or {GEMMA3}: scripts/fetch-model --tests brings them")
    done()
FOLDER = tempfile.TemporaryDirectory()
ENV = {"MOAT_HOME": os.path.join(FOLDER.name, "moat")}
ASK = {"messages": [{"role": "user", "content": "Count to one thousand."}], "temperature": 0, "logit_bias": {"2": -100}}


def chat(s, model, n=2, **more):
    return s.post("/v1/chat/completions", dict(ASK, model=model, max_tokens=n, **more))


def names(s):
    return [m["id"] for m in s.get("/v1/models").json()["data"]]


def digest(s, name):
    return next((m.get("digest") for m in s.get("/v1/models").json()["data"] if m["id"] == name), None)


def until(what, limit=15.0):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.05)
    return False


def bring(path, name):
    r = moat("import", path, "--name", name, env=ENV)
    return ok(r.status == 0, f"{name} is imported", r)


def comes_and_goes():
    with Server((), "--context", 512, env=ENV) as s:
        ok(s.events("no-models") and names(s) == [] and s.get("/api/tags").json() == {"models": []}, "an empty store: the server is there, and says how to fill it", s.log())
        ok([chat(s, "a").status, s.get("/props").status, s.get("/metrics").status] == [404, 404, 200], "nothing can be asked yet")
        bring(SMOLLM2, "a")
        ok(until(lambda: names(s) == ["a:latest"]), "it is listed a moment later", s.log())
        first = digest(s, "a:latest")
        ok(first and first.startswith("sha256:") and len(first) == 71, "with its digest", first)
        ok(s.get("/api/tags").json()["models"][0]["digest"] == first[7:], "the same to Ollama's clients")
        ok(chat(s, "a").status == 200 and chat(s, "a:latest").status == 200, "and answers", s.log())
        ok(s.get("/v1/models/a").json()["loaded"] is True, "it is loaded now")
        moat("cp", "a", "b", env=ENV)
        ok(until(lambda: names(s) == ["a:latest", "b:latest"]) and chat(s, "b").status == 200, "so is a copy under another name", names(s))
        os.kill(next(p for p in s.children() if p not in [int(e["detail"].rsplit(" ", 1)[1]) for e in s.events("engine")]), signal.SIGKILL)

        def back():
            try:
                return names(s) == ["a:latest", "b:latest"] and chat(s, "b").status == 200
            except OSError:
                return False
        ok(until(back), "a front that has fallen is followed by one that knows them", s.log())

        got = []
        talk = threading.Thread(target=lambda: got.append(chat(s, "a", 200)))
        talk.start()
        ok(until(lambda: any(m["running"] for m in s.get("/ready").json()["models"])), "one works")
        moat("rm", "a", env=ENV)
        ok(until(lambda: names(s) == ["b:latest"]) and chat(s, "a").status == 404, "what is removed is not served any more", names(s))
        talk.join()
        ok(got[0].status == 200 and got[0].json()["usage"]["completion_tokens"] == 200, "but finishes what it works on", got[0])
        ok(until(lambda: [m["model"] for m in s.get("/ready").json()["models"]] == ["b:latest"]), "and goes", s.get("/ready").body)
        bring(GEMMA3, "a")
        ok(until(lambda: digest(s, "a:latest") not in (None, first)), "another model may take the name", names(s))
        r = s.post("/api/show", {"model": "a"}).json()
        ok(r["model_info"] == {}, "nothing is told of it that was true of the one before", r)
        r = s.post("/v1/completions", {"model": "a", "prompt": "The capital of France is", "max_tokens": 2})  # it has no template
        ok(r.status == 200, "it is asked", r)
        ok(s.post("/api/show", {"model": "a"}).json()["details"]["family"].startswith("gemma"), "and the new one answers")
        moat("rm", "a", env=ENV)
        bring(SMOLLM2, "a")
        ok(until(lambda: digest(s, "a:latest") == first) and chat(s, "a").status == 200 and
           s.post("/api/show", {"model": "a"}).json()["details"]["family"] == "llama", "one that is replaced while it is loaded is loaded anew", s.log())
        ok(s.get("/metrics").body.count(b'moat_model_loads_total{model="a:latest"}') == 1, "under a name there is one row")


def beside_named_ones():
    """The star of the command line and of the configuration: with settings for all that have none of their own."""
    with Server([SMOLLM2, "*"], "--context", 512, env=ENV) as s:
        ok(sorted(names(s)) == ["a:latest", "b:latest", "smollm2"], "a file and every model of the store", names(s))
        ok(all(m["state"] == "unloaded" for m in s.get("/ready").json()["models"]), "none is loaded at the start")
        moat("rm", "b", env=ENV)
        ok(until(lambda: names(s) == ["smollm2", "a:latest"]), "what was named stays", names(s))
    config = file(FOLDER.name, "config.json", json.dumps({"models": {"*": {"max_tokens": 3}, "a:latest": {"max_tokens": 5}}}))
    moat("cp", "a", "b", env=ENV)
    with Server((), "--config", config, "--context", 512, env=ENV) as s:
        used = {m: s.post("/v1/chat/completions", dict(ASK, model=m)).json()["usage"]["completion_tokens"] for m in ("a", "b")}
        ok(used == {"a": 5, "b": 3}, "settings of its own, and those of all", used)
    key = json.loads(moat("key", "add", "one", "--model", "b", "--json", env=ENV).out)["key"]
    with Server("*", "--require-key", "true", env=ENV, key=key) as s:
        ok(names(s) == ["b:latest"] and chat(s, "a").status == 403 and chat(s, "b").status == 200, "a key for one model sees and uses that one", names(s))


comes_and_goes()
beside_named_ones()
FOLDER.cleanup()
done()
