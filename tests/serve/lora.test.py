#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Adapters of a server: scales of a request and of the server; what was computed with some is not reused with others."""
import json
import os
import random
import struct
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403
import gguf_mini as g  # noqa: E402
from serving import Server  # noqa: E402

MODEL = os.path.join(DATA, "arch", "llama.gguf")  # random weights, with a vocabulary
PROMPT = "Once upon a time, in a small village by the sea, there lived a man who wanted to know what the ships were carrying."
work = tempfile.TemporaryDirectory()


def adapter(name, seed):
    rnd = random.Random(seed)
    f = g.File(MODEL)
    f.tensors, f.kv = [], [["general.architecture", g.STR, "llama"], ["general.type", g.STR, "adapter"], ["adapter.type", g.STR, "lora"],
                           ["adapter.lora.alpha", g.F32, 8.0]]
    for il in range(3):
        for weight, rows, cols in (("attn_q", 96, 96), ("attn_output", 96, 96), ("ffn_up", 256, 96)):
            for half, shape in (("a", [cols, 4]), ("b", [4, rows])):
                n = shape[0] * shape[1]
                f.tensors.append(g.Tensor(f"blk.{il}.{weight}.weight.lora_{half}", shape, 0,
                                          struct.pack(f"<{n}f", *(rnd.gauss(0, 0.3) for _ in range(n)))))
    path = os.path.join(work.name, name)
    f.write(path)
    return path


A, B = adapter("a.gguf", 1), adapter("b.gguf", 2)
SCALES = [(0, 0), (1, 0), (0, 1), (0.5, 1)]


def run(a, b, *more):
    lora = [w for path, s in ((A, a), (B, b)) if s for w in ("--lora", f"{path}={s}")]
    r = moat("run", MODEL, PROMPT, "--raw", "--json", "--temperature", 0, "--max-tokens", 24, *lora, *more)
    return json.loads(r.out)["content"] if r.status == 0 else str(r)


alone = {s: run(*s) for s in SCALES}
ok(len(set(alone.values())) == 4, "moat run: adapters and scales change the answer", alone)

# A saved state belongs to the adapters it was made with.
state = os.path.join(work.name, "state")
run(1, 0, "--state", state)
r = moat("run", MODEL, PROMPT, "--raw", "--lora", B, "--state", state, "--max-tokens", 1)
ok(r.status != 0 and len(r.err.strip().splitlines()) == 1, "a state made with one adapter is refused with another", r)
ok(run(1, 0, "--state", state) == alone[1, 0], "and goes on with its own")

config = file(work.name, "config.json", json.dumps({"models": {"llama": {"lora": [A, {"file": B, "scale": 0}]}}}))
home = {"MOAT_HOME": os.path.join(work.name, "home")}
boss = moat("key", "add", "boss", "--operator", env=home).out.strip()
with Server(MODEL, "--config", config, "--parallel", 4, env=home) as s:
    def ask(a=None, b=None, **more):
        lora = {} if a is None else {"lora": [{"id": 0, "scale": a}, {"id": 1, "scale": b}]}
        r = s.post("/completion", dict({"prompt": PROMPT, "temperature": 0, "n_predict": 24}, **lora, **more))
        return r.json()["content"] if r.status == 200 else f"{r.status} {r.body}"

    r = s.get("/lora-adapters")
    ok(r.status == 200 and [(x["id"], x["path"], x["scale"]) for x in r.json()] == [(0, A, 1), (1, B, 0)], "GET /lora-adapters", r.body)
    ok(ask() == alone[1, 0], "a request that does not say gets the configured scales")
    for turn in (1, 2):
        for scales in SCALES:
            ok(ask(*scales) == alone[scales], f"scales {scales} of a request, turn {turn}: what moat run answers")
    r = s.post("/completion", {"prompt": PROMPT, "temperature": 0, "n_predict": 24, "lora": [{"id": 1, "scale": 1}]})
    ok(r.status == 200 and r.json()["content"] == alone[0, 1], "an adapter that is not named has scale 0", r.body)

    got = {}
    threads = [threading.Thread(target=lambda k=k: got.update({k: ask(*k[0])})) for k in [(x, i) for i in range(2) for x in SCALES]]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    ok(all(got[k] == alone[k[0]] for k in got) and len(got) == 8, "eight at once with different scales answer as alone", got)

    r = s.post("/v1/completions", {"model": "llama", "prompt": PROMPT, "temperature": 0, "max_tokens": 24, "lora": [{"id": 1, "scale": 1}]})
    ok(r.status == 200 and r.json()["choices"][0]["text"] == alone[0, 1], "the field in OpenAI's words", r.body)

    for label, bad in (("of another id", [{"id": 2, "scale": 1}]), ("without a scale", [{"id": 0}]), ("of text", [{"id": 0, "scale": "1"}]), ("no list", {"id": 0})):
        r = s.post("/completion", {"prompt": "x", "n_predict": 1, "lora": bad})
        ok(r.status == 400 and b"lora" in r.body, f"a scale {label} is refused", f"{r.status} {r.body}")
    r = s.ask("POST", "/lora-adapters", [{"id": 1, "scale": 1.0}])
    ok(r.status == 401, "POST /lora-adapters is for operators", r.body)
    s.key = boss
    r = s.ask("POST", "/lora-adapters", [{"id": 1, "scale": 1.0}])
    ok(r.status == 200 and ask() == alone[0, 1], "and changes what requests get that do not say", r.body)
    r = s.ask("POST", "/lora-adapters", [{"id": 9, "scale": 1.0}])
    ok(r.status == 400 and ask() == alone[0, 1], "a wrong one changes nothing", r.body)
    r = s.ask("POST", "/lora-adapters", {"id": 1})
    ok(r.status == 400, "and an object is no list", r.body)

bad = file(work.name, "bad.json", json.dumps({"models": {"llama": {"lora": [{"file": A, "scales": 1}]}}}))
r = moat("serve", "--model", MODEL, "--config", bad, "--listen", "127.0.0.1:0", limit=20)
ok(r.status == 2 and "lora" in r.err, "a configuration with a wrong key is refused", r)
done()
