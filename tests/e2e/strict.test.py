#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fields that no route knows: passed over and counted, or, in a strict server, refused by their path, in every dialect."""
import copy
import glob
import os
import re
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403
from bodies import SEEDS  # noqa: E402
from gguf_mini import first_layer  # noqa: E402
from serving import *  # noqa: E402,F403

if not os.path.exists(SMOLLM2):
    skip("strict", f"no {SMOLLM2}: scripts/fetch-model --tests brings it")
    done()
    sys.exit()
# What a client names itself, or what is a schema: not looked into.
FREE = re.compile(r"(^|\.)(parameters|schema|json_schema|format|arguments|input_schema|metadata|logit_bias|input|chat_template_kwargs)(\.|$|\[)")
SEARCHED = {"/v1/chat/completions": r"response_format\.json_schema$", "/v1/responses": r"^input\[\d\](\.content\[\d\])?$|^text\.format$"}


def objects(v, path=""):
    """(path, object) of each object in a body."""
    if isinstance(v, dict):
        yield path, v
        for k, x in v.items():
            yield from objects(x, f"{path}.{k}" if path else k)
    if isinstance(v, list):
        for i, x in enumerate(v):
            yield from objects(x, f"{path}[{i}]")


def looked_into(route, path):
    return not FREE.search(path) or bool(re.search(SEARCHED.get(route, r"$^"), path))


def message_of(r):
    e = r.json().get("error")
    return e if isinstance(e, str) else e["message"]


def strict(s):
    for route, seed in SEEDS.items():
        r = s.post(route, seed)
        ok(r.status != 400 or "not known here" not in message_of(r), f"{route}: what it takes is known", r)
        wrong, n = [], 0
        for path, _ in objects(seed):
            if not looked_into(route, path):
                continue
            body = copy.deepcopy(seed)
            dict(objects(body))[path]["an_odd_field"] = 1
            full = f"{path}.an_odd_field" if path else "an_odd_field"
            r = s.post(route, body)
            n += 1
            if r.status != 400 or not message_of(r).startswith(full + ":"):
                wrong.append(f"{full}: {r}")
        ok(n and not wrong, f"{route}: an odd field is refused by its path, at {n} places", "\n".join(wrong[:4]))
    e = s.post("/v1/chat/completions", dict(SEEDS["/v1/chat/completions"], temperatur=1)).json()["error"]
    ok(e["param"] == "temperatur" and e["code"] == "unknown_field" and "\"temperature\"" in e["message"], "a typing mistake: what was meant", e)
    e = s.post("/v1/responses", dict(SEEDS["/v1/responses"], stop=None, max_output_token=1)).json()["error"]
    ok("\"max_output_tokens\"" in e["message"], "likewise of a name of the route", e)
    e = s.post("/v1/chat/completions", dict(SEEDS["/v1/chat/completions"], **{"max-tokens": 1})).json()["error"]
    ok(e["param"] == "max-tokens", "dashes are no underscores", e)
    e = s.post("/tokenize", {"content": "a", "\u202e\n\"" + "x" * 500: 1}).json()["error"]
    ok(len(e["message"]) < 200 and e["message"].startswith("?????xxx"), "a hostile name is cut and harmless", e)
    e = s.post("/v1/messages", dict(SEEDS["/v1/messages"], top_kk=3)).json()
    ok(e["error"]["type"] == "invalid_request_error" and "top_kk" in e["error"]["message"], "in Anthropic's words", e)
    e = s.post("/api/chat", dict(SEEDS["/api/chat"], options={"num_gpu": 1, "temprature": 1})).json()
    ok(e["error"].startswith("options.temprature:"), "in Ollama's words; an option about the machine is known", e)


def counted(s, n):
    """The counts of the first n requests, as the log has them once they have ended."""
    end = time.monotonic() + 5
    while time.monotonic() < end and len([e for e in s.events("request") if e["route"] == "/tokenize"]) < n:
        time.sleep(0.02)
    return [e.get("unknown_fields") for e in s.events("request") if e["route"] == "/tokenize"]


def compatible(s):
    body = {"content": "a", "odd_one": 1, "odd_two": {"odd_three": 2}}
    first, again = s.post("/tokenize", body), s.post("/tokenize", body)
    ok(first.status == 200 and again.status == 200, "compatible: passed over", first)
    names = [e["detail"] for e in s.events("unknown-field")]
    ok(names == ["/tokenize: odd_one", "/tokenize: odd_two"], "each name is logged once", names)
    ok(counted(s, 2) == [2, 2], "and each request's are counted")
    r = s.post("/tokenize", dict({f"odd_{i}": i for i in range(20000)}, content="a"))
    ok(r.status == 200 and len(s.events("unknown-field")) == 64, "the log has 64 names at most", len(s.events("unknown-field")))
    ok(counted(s, 3)[-1] == 100, "and 100 of a request are counted")


def every_read():
    """Whatever field a dialect reads is in the table of known ones."""
    serve = os.path.join(ROOT, "src", "serve")
    known = open(os.path.join(serve, "known.c")).read()
    table = open(os.path.join(ROOT, "src", "run", "settings_table.c")).read() + open(os.path.join(ROOT, "src", "run", "settings_ollama.c")).read()
    read, missing = 0, []
    for path in sorted(glob.glob(os.path.join(serve, "*.c"))):
        for name in re.findall(r"\b(?:field_(?:text|bool|u32|array|object|any|needed)|request_(?:setting|effort|grammar))\(\s*[\w>-]+,\s*\"(\w+)\"", open(path).read()):
            read += 1
            if not re.search(rf"(?<![a-z_]){name}(?![a-z_])", known) and name not in table and os.path.basename(path) != "ollama_store.c":
                missing.append(f"{os.path.basename(path)}: {name}")
    ok(read > 80 and not missing, f"the {read} fields that dialects read are known", missing)


every_read()
with tempfile.TemporaryDirectory() as d:
    model = first_layer(SMOLLM2, os.path.join(d, "smollm2.gguf"))
    with Server(model, "--context", 512, "--strict", "true") as s:
        strict(s)
    with Server(model, "--context", 512) as s:
        compatible(s)
done()
