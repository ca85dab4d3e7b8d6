#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fuzzed bodies over all routes of moat serve: every answer is whole, of a known status, and where it is an error, well
formed in its dialect; the front and the engine are the same processes afterwards. The model is SmolLM2's first layer: what
it says does not matter here. MOAT_BODIES sets how many (make check: 100000). Bodies begin as valid requests and are changed: fields dropped, doubled, of another type, out of range, nested deep,
cut, spoilt bytes. The seed is printed."""
import copy
import json
import os
import random
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403
from bodies import SEEDS  # noqa: E402
from gguf_mini import first_layer  # noqa: E402
from serving import *  # noqa: E402,F403

if not os.path.exists(SMOLLM2):
    skip("fuzzed bodies", f"no {SMOLLM2}: scripts/fetch-model --tests brings it")
    done()
COUNT = int(os.environ.get("MOAT_BODIES", "1500"))
SEED = int(os.environ.get("MOAT_SEED", "20261128"))
WORKERS = 16
VALUES = [None, True, False, 0, -1, 1, 1e308, -1e-308, 2**31, 2**53, 2**63 - 1, -2**63, "", "a", "\u0000", "\U0001f600" * 5, "%s%n", "../../etc/passwd", [], {},
          [[]], [None], {"": ""}, {"type": "object"}, [1, 2, 3], [-1], "x" * 3000, ["a"] * 70, {"$ref": "#"}, "((((((((", "root ::= root"]


def paths(v, at=()):
    yield at
    if isinstance(v, dict):
        for k, x in v.items():
            yield from paths(x, at + (k,))
    if isinstance(v, list):
        for i, x in enumerate(v):
            yield from paths(x, at + (i,))


def change(r, body):
    at = r.choice(list(paths(body))[1:] or [()])
    if not at:
        return
    for key in at[:-1]:
        body = body[key]
    kind = r.randrange(5)
    if kind == 0:
        del body[at[-1]]
    elif kind == 1 and isinstance(body, dict):
        body[r.choice(["model", "prompt", "messages", "options", "n", "unknown", "context_window", "max_tokens", "grammar", "schema"])] = copy.deepcopy(r.choice(VALUES))
    elif kind == 2:
        deep = "x"
        for _ in range(r.choice([3, 40, 63, 70])):
            deep = [deep] if r.random() < .5 else {"a": deep}
        body[at[-1]] = deep
    else:
        body[at[-1]] = copy.deepcopy(r.choice(VALUES))


def body_of(r, seed):
    body = json.loads(json.dumps(seed))
    for _ in range(r.choice([0, 1, 1, 1, 2, 3, 6])):
        change(r, body)
    for place in (body, body.get("options")):  # answers stay short, whatever else is changed
        if isinstance(place, dict):
            for key in ("max_tokens", "max_output_tokens", "n_predict", "num_predict"):
                if key in place and place[key] in (None, -1, 0) or key in place and isinstance(place[key], int) and place[key] > 4:
                    place[key] = 2
    if "n" in body and isinstance(body["n"], int) and 4 < body["n"] <= 128:
        body["n"] = 2
    data = bytearray(json.dumps(body, ensure_ascii=r.random() < .5).encode("utf-8", "surrogatepass"))
    kind = r.randrange(12)
    if kind == 0 and data:
        for _ in range(r.randrange(1, 4)):
            data[r.randrange(len(data))] = r.randrange(256)
    elif kind == 1:
        del data[r.randrange(len(data) + 1):]
    elif kind == 2:
        data[0:0] = r.choice([b"\xef\xbb\xbf", b" " * 1000, b"[" * 100, b"[" * 5000, b"{\"a\":", b"\x00"])
    return bytes(data)


def limited(path, data):
    """Requests without a limit of tokens would only take time: the driver leaves those out of long answers."""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        return True
    if not isinstance(body, dict):
        return True
    keys = {"/v1/chat/completions": "max_tokens", "/v1/responses": "max_output_tokens", "/completion": "n_predict", "/infill": "n_predict"}
    if path in keys:
        return body.get(keys[path]) is not None
    if path in ("/api/chat", "/api/generate"):
        return isinstance(body.get("options"), dict) and body["options"].get("num_predict") not in (None, -1, -2, 0)
    return True


def error_shape(path, body):
    try:
        j = json.loads(body)
    except ValueError:
        return False
    e = j.get("error") if isinstance(j, dict) else None
    if path.startswith("/api/"):
        return isinstance(e, str) and bool(e)
    if not isinstance(e, dict) or not isinstance(e.get("message"), str) or not e["message"] or not isinstance(e.get("type"), str):
        return False
    if path.startswith("/v1/messages"):
        return True
    return {"param", "code"} <= set(e) if path.startswith("/v1/") else isinstance(e.get("code"), int)


def problem(path, r):
    if r.status == 200:
        kind = r.headers.get("content-type", "")
        try:
            if "event-stream" in kind:
                return None if r.events() else "an empty stream"
            return None if (r.lines() if "ndjson" in kind else [r.json()]) else "nothing"
        except ValueError:
            return "a body that is no JSON"
    if r.status not in (400, 404, 413, 415, 422, 429, 503):
        return f"status {r.status}"
    return None if error_shape(path, r.body) else "an error that is not well formed"


def work(i):
    r, found, counts, client = random.Random(SEED * 1000 + i), [], {}, Client(s.port)
    names = list(SEEDS)
    for _ in range(-(-COUNT // WORKERS)):
        path = r.choice(names)
        data = body_of(r, SEEDS[path])
        while not limited(path, data):
            data = body_of(r, SEEDS[path])
        try:
            a = client.post(path, data)
            counts[a.status] = counts.get(a.status, 0) + 1
            what = problem(path, a)
        except Exception as e:  # noqa: BLE001
            client = Client(s.port)
            a, what = None, f"{type(e).__name__}: {e}"
        if what:
            found.append(f"{path}: {what}: {data[:300]!r} -> {a}")
    return found, counts


def drive(s, strict):
    before, t0 = set(s.children()), time.monotonic()
    results = together(WORKERS, work)
    found = [f for r in results for f in (r[0] if isinstance(r, tuple) else [repr(r)])]
    counts = {}
    for r in results:
        for status, n in (r[1] if isinstance(r, tuple) else {}).items():
            counts[status] = counts.get(status, 0) + n
    total = sum(counts.values())
    note(f"seed {SEED}: {total} bodies in {time.monotonic() - t0:.0f} s: {dict(sorted(counts.items()))}")
    ok(not found, f"{strict}{total} fuzzed bodies over {len(SEEDS)} routes: each has a well-formed answer", "\n".join(found[:10]))
    ok(total >= COUNT - len(found) and counts.get(200, 0) > total // 50 and counts.get(400, 0) > total // 20, f"{strict}some are accepted, many refused")
    ok(set(s.children()) == before and s.get("/health").status == 200, f"{strict}front and engine have not fallen", s.log()[-1500:])


with tempfile.TemporaryDirectory() as d:
    model = first_layer(SMOLLM2, os.path.join(d, "smollm2.gguf"))
    for strict in ("", "strict: "):
        with Server(model, "--context", 512, "--parallel", WORKERS, "--queue", 500, "--strict", "true" if strict else "false") as s:
            drive(s, strict)
        COUNT //= 3
done()
