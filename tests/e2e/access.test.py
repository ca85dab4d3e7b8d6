#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a key may: scopes, models, requests and tokens a minute, requests at once, its end; what it has used; the same over the real client."""
import json
import os
import socket
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403
from serving import *  # noqa: E402,F403

if not os.path.exists(SMOLLM2):
    skip("access", f"no {SMOLLM2}: scripts/fetch-model --tests brings it")
    done()
HOME = tempfile.TemporaryDirectory()
STORE = {"MOAT_HOME": os.path.join(HOME.name, "moat")}
CHAT = {"model": "smollm2", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4, "temperature": 0}


def key(name, *options):
    r = moat("key", "add", name, *options, "--json", env=STORE)
    return json.loads(r.out)["key"] if r.status == 0 else r


def commands():
    for options, words in ((("--scope", "all"), "inference, embeddings, mirror, metrics, operator"), (("--expires", "yesterday"), "90d"),
                           (("--expires", "2020-01-01"), "past"), (("--requests-per-minute", "0"), "requests-per-minute"),
                           (("--concurrent", "x"), "concurrent"), (("--tenant", ""), "tenant"), (("--tenant", "x" * 48), "47 bytes"),
                           (("--subject", "x" * 256), "255 bytes")):
        r = moat("key", "add", "bad", *options, env=STORE)
        ok(r.status == 2 and words in r.err, f"key add {' '.join(options)[:40]}", r)
    for verb in (("list",), ("revoke", "x")):
        r = moat("key", *verb, "--scope", "metrics", env=STORE)
        ok(r.status == 2 and "moat key add" in r.err, f"key {verb[0]} takes no terms", r)


def used(name):
    for k in json.loads(moat("key", "list", "--json", env=STORE).out)["keys"]:
        if k["name"] == name:
            return k.get("used", {})
    return None


def until(what, limit=20.0):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.1)
    return False


def auth(k):
    return {"headers": {"Authorization": "Bearer " + k}}


def scopes(s, keys):
    plain, embed, watch, boss = keys["plain"], keys["embed"], keys["watch"], keys["boss"]
    for path, body, may in (("/v1/chat/completions", CHAT, "plain"), ("/v1/completions", {"model": "smollm2", "prompt": "a", "max_tokens": 1}, "plain"),
                            ("/tokenize", {"model": "smollm2", "content": "a"}, "plain"), ("/api/generate", {"model": "smollm2", "prompt": "a", "options": {"num_predict": 1}, "stream": False}, "plain"),
                            ("/v1/messages/count_tokens", {"model": "smollm2", "messages": CHAT["messages"]}, "plain"),
                            ("/v1/embeddings", {"model": "smollm2", "input": "a"}, "embed"), ("/api/embed", {"model": "smollm2", "input": "a"}, "embed")):
        for who in ("plain", "embed", "watch"):
            r = s.post(path, body, **auth(keys[who]))
            if who == may:
                ok(r.status == 200 or (may == "embed" and r.status == 400), f"{path}: {who}", r)
            else:
                ok(r.status == 403 and b"--scope " + (b"embeddings" if may == "embed" else b"inference") in r.body, f"{path}: not {who}, and it says what is missing", r)
    for path in ("/metrics", "/slots"):
        ok(all(s.get(path, **auth(k)).status in (200, 400) for k in (watch, boss)), f"{path}: metrics, operator")  # 400: of which model?
        r = s.get(path, **auth(plain))
        ok(r.status == 403 and b"metrics" in r.body, f"{path}: not inference", r)
    ok(all(s.get("/v1/models", **auth(k)).status == 200 for k in (plain, embed, watch, boss)), "every key may see what there is")
    r = s.get("/moat/keys", **auth(plain))
    ok(r.status == 403 and b"operator" in r.body and s.get("/moat/keys").status == 401, "/moat/keys: not plain", r)
    r = s.get("/moat/keys", **auth(boss))
    rows = {k["name"]: k for k in r.json()["keys"]}
    ok(r.status == 200 and rows["plain"]["used"]["requests"] > 0 and rows["plain"]["terms"]["scopes"] == ["inference"] and b"sha256" not in r.body,
       "/moat/keys: an operator, and no hashes", r)
    for path in ("/health", "/"):
        ok(s.get(path).status == 200, f"{path} needs no key")


def models(s, keys):
    r = s.get("/v1/models", **auth(keys["one"]))
    ok([m["id"] for m in r.json()["data"]] == ["smollm2"], "a key for one model is shown that one", r)
    r = s.get("/api/tags", **auth(keys["one"]))
    ok([m["name"] for m in r.json()["models"]] == ["smollm2"], "in Ollama's words too", r)
    ok(s.post("/v1/chat/completions", CHAT, **auth(keys["one"])).status == 200, "and may use it")
    for path, body in (("/v1/chat/completions", dict(CHAT, model="second")), ("/api/show", {"model": "second"}),
                       ("/v1/messages", dict(CHAT, model="second")), ("/tokenize", {"model": "second", "content": "a"})):
        r = s.post(path, body, **auth(keys["one"]))
        ok(r.status == 403 and b"second" in r.body, f"{path}: not the other", r)
    r = s.get("/v1/models/second", **auth(keys["one"]))
    ok(r.status == 403, "/v1/models/second: neither", r)
    r = s.get("/props", **auth(keys["other"]))
    ok(r.status == 403 and b"smollm2" in r.body, "/props: of the first model, to whom it is not for", r)


def limits(s, keys):
    three = keys["three"]
    got = [s.post("/v1/chat/completions", CHAT, **auth(three)) for _ in range(5)]
    ok([r.status for r in got] == [200, 200, 200, 429, 429], "three requests a minute", got[-1])
    h = got[0].headers
    ok(h["x-ratelimit-limit-requests"] == "3" and h["x-ratelimit-remaining-requests"] == "2" and h["x-ratelimit-reset-requests"].endswith("s"),
       "what is left stands in the head", got[0])
    r = got[-1]
    ok(r.json()["error"]["code"] == "rate_limit_exceeded" and r.json()["error"]["type"] == "rate_limit_error" and 1 <= int(r.headers["retry-after"]) <= 20 and
       r.headers["x-ratelimit-remaining-requests"] == "0", "429 says when to come again", r)
    ok(s.get("/v1/models", **auth(three)).status == 200, "a list is no such request")
    time.sleep(int(r.headers["retry-after"]))
    ok(s.post("/v1/chat/completions", CHAT, **auth(three)).status == 200, f"after {r.headers['retry-after']} s it may", three)
    r = s.post("/v1/messages", CHAT, headers={"x-api-key": three})
    ok(r.status == 429 and r.json()["error"]["type"] == "rate_limit_error" and r.headers["anthropic-ratelimit-requests-limit"] == "3", "in Anthropic's words", r)

    few = keys["few"]
    r = s.post("/v1/chat/completions", dict(CHAT, max_tokens=60, logit_bias={"2": -100, "0": -100}), **auth(few))
    total = r.json()["usage"]["total_tokens"]
    ok(r.status == 200 and total > 40 and r.headers["x-ratelimit-limit-tokens"] == "40", f"an answer of {total} tokens where 40 a minute are allowed", r)
    r = s.post("/v1/chat/completions", CHAT, **auth(few))
    wait = (total - 39) * 60 / 40
    ok(r.status == 429 and abs(int(r.headers["retry-after"]) - wait) <= 3, f"what was too much is paid back: {wait:.0f} s", r)


def cut(s, keys):
    """A client that leaves pays for what was computed; while it was there it took its place."""
    one = keys["single"]
    body = json.dumps(dict(CHAT, max_tokens=2000, stream=True, logit_bias={"2": -100, "0": -100})).encode()
    c = socket.create_connection(("127.0.0.1", s.port))
    c.sendall(f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {one}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    while b"data: " not in c.recv(65536):
        pass
    r = s.post("/v1/chat/completions", CHAT, **auth(one))
    ok(r.status == 429 and b"under way" in r.body, "one request at once", r)
    time.sleep(0.3)
    c.close()
    ok(until(lambda: s.post("/v1/chat/completions", CHAT, **auth(one)).status == 200), "the next one when that has ended")
    gone = [e for e in s.events("request") if e["status"] == 499]
    ok(len(gone) == 1 and gone[0]["completion_tokens"] > 3 and gone[0]["prompt_tokens"] > 3, "a client that leaves: what was computed is counted", gone)


def ends(s):
    r = s.post("/v1/chat/completions", CHAT, **auth(key("brief", "--expires", "3s")))
    ok(r.status == 401, "a key that the server does not know yet", r)
    brief = key("short", "--expires", "6s")
    ok(until(lambda: s.post("/v1/chat/completions", CHAT, **auth(brief)).status == 200, 5), "a new key, within seconds")
    ok(until(lambda: s.post("/v1/chat/completions", CHAT, **auth(brief)).status == 401, 10), "after its end it is refused")
    r = s.post("/v1/chat/completions", CHAT, **auth(brief))
    ok(b"expired on " in r.body, "and says so", r)
    ok("(expired)" in moat("key", "list", env=STORE).out, "moat key list says so too")


def fair(s, keys):
    """A key that sends all it can, and one that sends a little: of 8 places the first has 6."""
    long = dict(CHAT, max_tokens=300, logit_bias={"2": -100, "0": -100})
    over, got = threading.Event(), []

    def greedy():
        while not over.is_set():
            got.append(s.post("/v1/chat/completions", long, **auth(keys["greedy"])).status)
            time.sleep(0.02)
    threads = [threading.Thread(target=greedy) for _ in range(12)]
    for t in threads:
        t.start()
    time.sleep(1)
    answers = [s.post("/v1/chat/completions", CHAT, **auth(keys["one"])).status for _ in range(8)]
    over.set()
    for t in threads:
        t.join()
    ok(answers == [200] * 8, "while another key sends all it can, every request of this one is answered", answers)
    ok(429 in got and 200 in got, f"the other gets its answers, and 429 for what is too much ({got.count(200)}, {got.count(429)})")


def changed(s, keys):
    """Revoked while it runs; a list that is broken keeps the one before."""
    moat("key", "revoke", "plain", env=STORE)
    ok(until(lambda: s.post("/v1/chat/completions", CHAT, **auth(keys["plain"])).status == 401, 6), "a key that was revoked")


def client(s, keys):
    folder = clients()
    if not folder:
        skip("the openai client", "scripts/fetch-clients brings it")
        return
    sys.path.insert(0, folder)
    import openai
    c = openai.OpenAI(base_url=f"http://127.0.0.1:{s.port}/v1", api_key=keys["sdk"], max_retries=0)
    raw = c.chat.completions.with_raw_response.create(**CHAT)
    ok(raw.headers["x-ratelimit-remaining-requests"] == "0" and raw.parse().choices[0].message.content, "openai: an answer and what is left", raw.headers)
    try:
        c.chat.completions.create(**CHAT)
        ok(False, "openai: RateLimitError")
    except openai.RateLimitError as e:
        ok(e.code == "rate_limit_exceeded" and e.response.headers["retry-after"], "openai: RateLimitError", e)
    for options, kind in (({"api_key": keys["watch"]}, openai.PermissionDeniedError), ({"api_key": "sk-none"}, openai.AuthenticationError)):
        try:
            openai.OpenAI(base_url=f"http://127.0.0.1:{s.port}/v1", max_retries=0, **options).chat.completions.create(**CHAT)
            ok(False, f"openai: {kind.__name__}")
        except kind as e:
            ok(True, f"openai: {kind.__name__}", e)
    t0 = time.monotonic()
    r = openai.OpenAI(base_url=f"http://127.0.0.1:{s.port}/v1", api_key=keys["sdk"], max_retries=3).chat.completions.create(**CHAT)
    ok(r.choices[0].message.content and time.monotonic() - t0 > 1, f"openai: its retries wait as they are told ({time.monotonic() - t0:.1f} s)")


commands()
KEYS = {"plain": key("plain", "--scope", "inference"), "embed": key("embed", "--scope", "embeddings"), "watch": key("watch", "--scope", "metrics"),
        "boss": key("boss", "--operator"), "one": key("one", "--model", "smollm2"), "three": key("three", "--requests-per-minute", "3"),
        "few": key("few", "--tokens-per-minute", "40"), "greedy": key("greedy"), "other": key("other", "--model", "second"), "single": key("single", "--concurrent", "1"), "sdk": key("sdk", "--requests-per-minute", "6")}
second = os.path.join(HOME.name, "second.gguf")
os.symlink(SMOLLM2, second)
with Server([SMOLLM2, second], "--require-key", "true", "--context", "4096", "--parallel", "2", env=STORE) as s:
    scopes(s, KEYS)
    models(s, KEYS)
    limits(s, KEYS)
    cut(s, KEYS)
    ends(s)
    for _ in range(5):
        s.post("/v1/chat/completions", CHAT, **auth(KEYS["sdk"]))
    client(s, KEYS)
    changed(s, KEYS)
    s.post("/v1/chat/completions", CHAT, **auth(KEYS["one"]))
    ok(s.stop() == 0, "it ends as it should")
u = used("three")
ok(u["requests"] == 4 and u["refused"] == 3 and u["prompt_tokens"] > 4 and u["completion_tokens"] > 4 and u["last_use"].endswith("Z"), "what a key has used is kept", u)
ok(used("plain") is None and used("embed")["requests"] > 0, "a revoked key's is not")
ok("last use: " in moat("key", "list", env=STORE).out, "moat key list shows it")
with Server(SMOLLM2, "--context", "2048", "--parallel", "2", "--queue", "6", env=STORE) as s:
    before = used("one")["requests"]
    ok(s.post("/v1/chat/completions", CHAT).status == 200 and s.post("/v1/chat/completions", CHAT, **auth("sk-anything")).status == 200,
       "where no key is asked for none is needed, and what is none does no harm")
    ok(s.get("/metrics").status == 200, "there a request without a key may see the metrics")
    r = s.post("/v1/chat/completions", CHAT, **auth(KEYS["watch"]))
    ok(r.status == 403, "a key that is given binds there too", r)
    ok(s.post("/v1/chat/completions", CHAT, **auth(KEYS["one"])).status == 200, "or lets pass")
    ok(until(lambda: used("one")["requests"] == before + 1, 15), "counts are added to those before", used("one"))
    fair(s, KEYS)
done()
