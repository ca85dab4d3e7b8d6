#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The calls of Ollama's API that change the store, by the real ollama SDK: pull, create, push, copy, delete, blobs; for an operator's key only."""
import json
import os
import socket
import ssl
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib"), os.path.join(HERE, "..", "fetch")]
from fault_server import FaultServer, wait_for  # noqa: E402
from pull_lib import HOME, blob, fresh, model, sha256, store_is_clean, stored  # noqa: E402
import registry  # noqa: E402
from serving import SMOLLM2, Server, clients, together  # noqa: E402
from tap import *  # noqa: E402,F403

folder = clients()
if not os.path.exists(SMOLLM2) or not folder:
    skip("store calls", f"no {SMOLLM2}: scripts/fetch-model --tests brings it" if folder else "the clients are not there: scripts/fetch-clients")
    done()
sys.path.insert(0, folder)
import ollama  # noqa: E402

FILE = model(5)
SUM = sha256(FILE)


class Registry(FaultServer):
    """One model, library/tiny:1b; `options` is how its file is sent."""

    def __init__(self, file_sum=SUM):
        self.options = {}
        manifest = json.dumps({"schemaVersion": 2, "layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:" + file_sum,
                                                                "size": len(FILE)}]}).encode()

        def behave(n, q):
            path = q.path.split("?")[0]
            if path == "/v2/library/tiny/manifests/1b":
                return {"body": manifest}
            return self.options if path == f"/v2/library/tiny/blobs/sha256:{file_sum}" else {"status": 404}
        super().__init__(FILE, behave)
        self.model = f"127.0.0.1:{self.port}/library/tiny:1b"


def raises(work):
    try:
        return work() and None
    except ollama.ResponseError as e:
        return e


def roles(s, plain):
    nobody = ollama.Client(host=f"http://127.0.0.1:{s.port}")
    somebody = ollama.Client(host=f"http://127.0.0.1:{s.port}", headers={"Authorization": f"Bearer {plain}"})
    for name, call in (("pull", lambda c: c.pull("tiny")), ("push", lambda c: c.push("h.x/a")), ("create", lambda c: c.create("a", from_="b")), ("copy", lambda c: c.copy("a", "b")), ("delete", lambda c: c.delete("a")), ("blobs", lambda c: c.create_blob(__file__))):
        e, f = raises(lambda: call(nobody)), raises(lambda: call(somebody))
        ok(e and e.status_code == 401 and "--operator" in e.error, f"{name} without a key: 401", e)
        ok(f and f.status_code == 403 and "operator" in f.error, f"{name} with the key of a user: 403", f)
    ok(s.ask("HEAD", "/api/blobs/sha256:" + SUM).status == 401, "HEAD of a blob without a key: 401")
    ok(somebody.list().models[0].model == "smollm2" and nobody.list(), "which may still use models")


def pulls(s, c):
    with Registry() as r:
        parts = list(c.pull(r.model, insecure=True, stream=True))
        words = [p.status for p in parts]
        ok(words[0] == "pulling manifest" and words[-1] == "success" and "verifying sha256 digest" in words and "writing manifest" in words, "pull: what it says", words)
        steps = [p for p in parts if p.digest]
        ok(steps and steps[-1].digest == "sha256:" + SUM and steps[-1].completed == steps[-1].total == len(FILE), "pull: how far it is", steps[-1:])
        ok(stored(FILE) and moat("show", "tiny:1b", "--key", "general.architecture").status == 0, "pull: the model is there")
        ok(s.ask("HEAD", "/api/blobs/sha256:" + SUM).status == 200 and s.ask("HEAD", "/api/blobs/sha256:" + "0" * 64).status == 404, "blobs: HEAD")
        ok(s.ask("HEAD", "/api/blobs/..%2fFORMAT").status == 400, "blobs: what is no digest")
        before = r.sent
        ok(c.pull(r.model, insecure=True).status == "success" and r.sent == before, "pull again: nothing is fetched")
        e = raises(lambda: c.pull(r.model.replace("tiny", "none"), insecure=True))
        ok(e and e.status_code == 404 and "no such model" in e.error, "pull: a model that is not there", e)
        for body in ({}, {"model": ""}, {"model": 3}, {"model": "x" * 600}, {"model": "http://x"}):
            a = s.post("/api/pull", body)
            ok(a.status == 400 and a.json()["error"], f"pull: {str(body)[:40]}: 400", a)


def names(c):
    c.copy("tiny:1b", "mine:x")
    ok(moat("show", "mine:x", "--key", "general.architecture").status == 0, "copy")
    e = raises(lambda: c.copy("none", "x"))
    ok(e and e.status_code == 404, "copy: of none", e)
    e = raises(lambda: c.copy("tiny:1b", "../x"))
    ok(e and e.status_code == 400, "copy: to no name", e)
    c.delete("tiny:1b")
    ok(stored(FILE) and moat("show", "tiny:1b").status == 3, "delete: the name is gone, the file has another")
    c.delete("mine:x")
    ok(not os.path.exists(blob(FILE)), "delete: with the last name the file is gone")
    e = raises(lambda: c.delete("mine:x"))
    ok(e and e.status_code == 404, "delete: of none", e)


def creates(c):
    words = [p.status for p in c.create("pirate:1", from_="tiny:1b", system="You are a pirate.", parameters={"temperature": 0.5, "num_ctx": 512, "stop": ["x"]},
                                         messages=[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Arr"}], license="MIT", stream=True)]
    ok(words[-1] == "success" and any(w.startswith("using existing layer sha256:") for w in words), "create: what it says", words)
    with open(os.path.join(HOME, "manifests/pirate/1.json")) as f:
        made = json.load(f)
    ok(made["digest"] == "sha256:" + SUM and made["settings"] == {"temperature": 0.5, "context_window": 512, "stop_sequences": ["x"]} and
       [m["role"] for m in made["opening"]] == ["system", "user", "assistant"] and made["licence"] == "MIT", "create: the same bytes with words and settings", made)
    ok(c.create("pirate:2", from_="pirate:1", parameters={"temperature": 0.9}).status == "success", "create: from such a one")
    with open(os.path.join(HOME, "manifests/pirate/2.json")) as f:
        made = json.load(f)
    ok(made["settings"]["temperature"] == 0.9 and made["settings"]["context_window"] == 512, "create: what is new goes over what was", made["settings"])
    for name, work, status in (("of none", lambda: c.create("x", from_="none"), 404), ("with a parameter out of range", lambda: c.create("x", from_="tiny:1b", parameters={"temperature": -5}), 400),
                               ("with an unknown parameter", lambda: c.create("x", from_="tiny:1b", parameters={"warmth": 1}), 400),
                               ("that quantizes", lambda: c.create("x", from_="tiny:1b", quantize="q4_0"), 422), ("from nothing", lambda: c.create("x"), 400),
                               ("with a name that is a path", lambda: c.create("../x", from_="tiny:1b"), 400), ("too large", lambda: c.create("x", from_="tiny:1b", system="a" * 60000), 400)):
        e = raises(work)
        ok(e and e.status_code == status, f"create: {name}: {status}", e)


def pushes(c):
    with registry.Registry() as r:
        target = f"127.0.0.1:{r.port}/o/tiny:1b"
        parts = list(c.push(target, insecure=True, stream=True))
        ok(parts[-1].status == "success" and r.blobs.get("sha256:" + SUM) == FILE and ("o/tiny", "1b") in r.manifests, "push: the model is in the registry", parts[-3:])
        ok(any(p.digest == "sha256:" + SUM and p.total == len(FILE) for p in parts), "push: how far it is", parts)
        got = r.got
        ok(c.push(target, insecure=True).status == "success" and r.got == got, "push again: nothing is sent")
        e = raises(lambda: c.push(f"127.0.0.1:{r.port}/o/none:1b", insecure=True))
        ok(e and e.status_code == 404, "push: of none", e)


def front_rss(s):
    pid = next(p for p in s.children() if p not in (s.keeper(), s.engine()))
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS")) / 1024


def uploads(s, c):
    large = model(48, 8)
    path = os.path.join(os.path.dirname(HOME), "large.gguf")
    with open(path, "wb") as f:
        f.write(large)
    before = front_rss(s)
    digest = c.create_blob(path)
    ok(digest == "sha256:" + sha256(large) and s.ask("HEAD", "/api/blobs/" + digest).status == 200, "blobs: a file of 48 MiB comes", digest)
    ok(front_rss(s) - before < 8, f"the front has grown by {front_rss(s) - before:.1f} MiB")
    ok(c.create("up:1", files={"large.gguf": digest}, parameters={"top_k": 3}).status == "success" and stored(large), "create: from it")
    with open(os.path.join(HOME, "manifests/up/1.json")) as f:
        made = json.load(f)
    ok(made["digest"] == digest and made["settings"] == {"top_k": 3} and "upload" not in moat("list").out, "create: and the upload is no model of its own any more", made)
    c.delete("up:1")
    auth = ["-H", f"Authorization: Bearer {s.key}"]
    url = f"http://127.0.0.1:{s.port}/api/blobs/sha256:"

    def curl(*args):
        r = subprocess.run(["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", *auth, *args], capture_output=True, text=True, timeout=30)
        return r.stdout
    ok(curl("-X", "POST", "-T", path, "-H", "Expect: 100-continue", url + sha256(large)) == "201" and stored(large), "curl: with Expect")
    c.delete("upload:" + sha256(large))
    ok(curl("-X", "POST", "-T", path, "-H", "Transfer-Encoding: chunked", url + sha256(large)) == "201" and stored(large), "curl: in chunks")
    c.delete("upload:" + sha256(large))
    ok(curl("-X", "POST", "-T", path, url + "0" * 64) == "422", "blobs: another digest than it has")
    ok(curl("-X", "POST", "--data-binary", "no model", url + sha256(b"no model")) == "422", "blobs: what is no GGUF file")
    ok(curl("-X", "POST", "-T", path, url + "xyz") == "400", "blobs: what is no digest")
    ok(curl("-X", "POST", "--data-binary", "", url + "0" * 64) in ("400", "422"), "blobs: nothing")
    half = socket.create_connection(("127.0.0.1", s.port))
    half.sendall((f"POST /api/blobs/sha256:{sha256(large)} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {s.key}\r\n"
                  f"Content-Length: {len(large)}\r\n\r\n").encode() + large[:20_000_000])
    half.close()
    time.sleep(0.5)
    ok(not stored(large) and store_is_clean() and "upload" not in moat("list").out, "blobs: a client that leaves in the middle leaves nothing")
    got = together(6, lambda i: curl("-X", "POST", "-T", path, url + sha256(large)))
    ok(got == ["201"] * 6 and front_rss(s) - before < 16, f"six at once ({front_rss(s) - before:.1f} MiB)", got)
    c.delete("upload:" + sha256(large))
    ok(not stored(large), "and it can be deleted again")


def broken(c):
    with Registry() as r:
        r.options = {"flip": {3_000_000}}
        said = []

        def work():
            for p in c.pull(r.model, insecure=True, stream=True):
                said.append(p.status)
        e = raises(work)
        ok(e and SUM in e.error and "success" not in said and store_is_clean() and not stored(FILE), "pull: wrong bytes end the stream with an error", said)


def shared(s, c):
    with Registry() as r:
        r.options = {"drip": (262144, 0.1)}
        got = together(5, lambda i: c.pull(r.model, insecure=True).status)
        ok(got == ["success"] * 5 and r.sent < 1.5 * len(FILE), f"five clients, one download ({r.sent} bytes)", got)
    c.delete("tiny:1b")
    with Registry() as r:
        r.options = {"drip": (65536, 0.1)}
        stream = c.pull(r.model, insecure=True, stream=True)
        for p in stream:
            if p.completed:
                break
        stream.close()
        time.sleep(0.5)
        sent = r.sent
        time.sleep(0.5)
        ok(r.sent - sent < 300000 and sent < len(FILE), f"a client that leaves ends its pull ({r.sent - sent} bytes more)")
        r.options = {}
        ok(c.pull(r.model, insecure=True).status == "success" and stored(FILE), "and the next one goes on")


def encrypted(key):
    """The same over TLS, where what is halted lies in two buffers."""
    work = os.path.dirname(HOME)
    cert, private, path = os.path.join(work, "cert.pem"), os.path.join(work, "key.pem"), os.path.join(work, "large.gguf")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", private, "-out", cert, "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    os.chmod(private, 0o600)
    with open(path, "rb") as f:
        large = f.read()
    context = ssl.create_default_context(cafile=cert)
    with Server(SMOLLM2, "--tls-certificate", cert, "--tls-key", private, listen=("https://127.0.0.1:0",), tls=context, key=key, env={"MOAT_HOME": HOME}) as s:
        wait_for(lambda: s.events("keeper"))
        r = subprocess.run(["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", cert, "-H", f"Authorization: Bearer {key}", "-X", "POST", "-T", path,
                            f"https://localhost:{s.port}/api/blobs/sha256:{sha256(large)}"], capture_output=True, text=True, timeout=30)
        ok(r.stdout == "201" and stored(large), "blobs: 48 MiB over TLS", r)


fresh()
plain, key = moat("key", "add", "user").out.strip(), moat("key", "add", "admin", "--operator").out.strip()
ok(", operator" in moat("key", "list").out and "operator" in json.loads(moat("key", "list", "--json").out)["keys"][1]["scopes"], "moat key add --operator")
with Server(env={"MOAT_HOME": HOME}) as s:
    wait_for(lambda: s.events("keeper"))
    c = ollama.Client(host=f"http://127.0.0.1:{s.port}", headers={"Authorization": f"Bearer {key}"})
    roles(s, plain)
    s.key = key
    pulls(s, c)
    creates(c)
    pushes(c)
    c.delete("pirate:1")
    c.delete("pirate:2")
    names(c)
    uploads(s, c)
    broken(c)
    shared(s, c)
    ok(c.generate("smollm2", "Hi", options={"num_predict": 2}).done, "models answer meanwhile")
encrypted(key)
done()
