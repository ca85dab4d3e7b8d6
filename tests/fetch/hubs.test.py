#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat pull hf:, ms:, ollama: and oci: against hubs on loopback that answer as the real ones do, and against hostile ones."""
import json
import os

from pull_lib import *
from fault_server import FaultServer
from tap import done, ok

FILE = model(5)
SUM = sha256(FILE)
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{SUM}\nsize {len(FILE)}\n".encode()


def kept():
    """What is in the store."""
    folder = os.path.join(HOME, "blobs")
    return os.listdir(folder) if os.path.exists(folder) else []


def hub(answers, seen=None):
    """A server that knows these paths; True is the file."""
    def behave(n, q):
        path = q.path.split("?")[0]
        answer = answers.get(path)
        if callable(answer):
            answer = answer(q)
        if answer is True:
            return {}
        return answer if isinstance(answer, dict) else {"status": 404} if answer is None else {"body": answer}
    return FaultServer(FILE, behave)


def gets(name, r, words="", model="t:1"):
    ok(r.status == 0 and stored(FILE) and words in r.out, name, r)


def hugging_face():
    fresh()
    with hub({"/org/repo/resolve/main/q/m.gguf": True, "/org/repo/raw/main/q/m.gguf": POINTER, "/org/repo/resolve/v2/m.gguf": True,
              "/org/repo/raw/v2/m.gguf": FILE[:100000]}) as s:
        env = {"HF_ENDPOINT": f"http://127.0.0.1:{s.port}", "HF_TOKEN": "hf_secret"}
        r = pull("hf:org/repo/q/m.gguf", env=env)
        gets("hf: the file, its SHA-256 from the pointer", r, "against the SHA-256 that the hub names")
        ok(all(q.headers.get("Authorization") == "Bearer hf_secret" for q in s.requests), "HF_TOKEN goes to the hub")
        ok(moat("show", "m", "--key", "general.architecture").status == 0, "it is called after the file")
        ok('"hf:org/repo/q/m.gguf"' in open(os.path.join(HOME, "manifests/m/latest.json")).read(), "its manifest says where it came from")
        fresh()
        gets("hf: a revision, and a file without a pointer", pull("hf:org/repo/m.gguf@v2", "--name", "t:1", env=env), "no: nothing to compare")
        r = pull("hf:org/repo/none.gguf", env=env)
        ok(r.status == 3 and "no such model" in r.err, "hf: a file that is not there", r)
        r = pull("hf:org/repo/q/m.gguf", "--name", "t:2", "--sha256", "0" * 64, env=env)
        ok(r.status == 4 and SUM in r.err, "the user's SHA-256 counts more than the hub's", r)
        fresh()
        s.data = FILE[:-1] + bytes([FILE[-1] ^ 1])
        r = pull("hf:org/repo/q/m.gguf", env=env)
        ok(r.status == 4 and not os.path.exists(blob(FILE)) and store_is_clean(), "a file that is not what the pointer says is refused", r)


def modelscope():
    fresh()
    files = json.dumps({"Code": 200, "Data": {"Files": [{"Path": "README.md", "Sha256": "0" * 64}, {"Path": "q/m x.gguf", "Sha256": SUM}]}}).encode()
    with hub({"/api/v1/models/org/repo/repo/files": files, "/models/org/repo/resolve/master/q/m%20x.gguf": True}) as s:
        r = pull("ms:org/repo/q/m x.gguf", "--name", "t:1", env={"MODELSCOPE_DOMAIN": f"http://127.0.0.1:{s.port}"})
        gets("ms: the file, its SHA-256 from the list", r, "that the hub names")


def registries():
    manifest = json.dumps({"schemaVersion": 2, "layers": [
        {"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:" + SUM, "size": len(FILE)},
        {"mediaType": "application/vnd.ollama.image.template", "digest": "sha256:" + "1" * 64, "size": 3}]}).encode()
    fresh()
    with hub({"/v2/library/tiny/manifests/1b": manifest, f"/v2/library/tiny/blobs/sha256:{SUM}": True}) as s:
        r = pull(f"ollama:http://127.0.0.1:{s.port}/library/tiny:1b")
        gets("ollama: the model layer of the manifest", r, "tiny:1b")
        ok("manifest.v2+json" in s.requests[0].headers.get("Accept", ""), "it is asked for by its type")
    fresh()
    oci = json.dumps({"layers": [{"mediaType": "application/octet-stream", "digest": "sha256:" + SUM,
                                  "annotations": {"org.opencontainers.image.title": "model.gguf"}}]}).encode()
    locked = lambda inner: lambda q: inner if q.headers.get("Authorization") == "Bearer t0k" else {
        "status": 401, "headers": {"WWW-Authenticate": f'Bearer realm="http://127.0.0.1:{s.port}/token",service="r",scope="repository:o/m:pull"'}}
    with hub({}) as s:
        answers = {"/v2/o/m/manifests/q4": locked(oci), f"/v2/o/m/blobs/sha256:{SUM}": locked(True), "/token": b'{"token": "t0k"}'}
        plain = s.behave

        def behave(n, q):
            answer = answers.get(q.path.split("?")[0])
            answer = answer(q) if callable(answer) else answer
            return {} if answer is True else answer if isinstance(answer, dict) else {"body": answer} if answer else {"status": 404}
        s.behave = behave
        r = pull(f"oci:http://127.0.0.1:{s.port}/o/m:q4")
        gets("oci: with a token that everybody gets", r, "m:q4")
        ok(any("scope=repository:o/m:pull" in q.path for q in s.requests), "asked for that repository only")
    with FaultServer(FILE, lambda n, q: {"body": b'{"token": "x"}'}) as thief:
        challenge = f'Bearer realm="http://127.0.0.1:{thief.port}/token"'
        token = os.path.join(WORK, "tok")
        open(token, "w").write("mine")
        with FaultServer(FILE, lambda n, q: {"status": 401, "headers": {"WWW-Authenticate": challenge}}) as s:
            r = pull(f"oci:http://127.0.0.1:{s.port}/o/m:q4", "--token-file", token)
            ok(r.status == 9 and not any(q.headers.get("Authorization") for q in thief.requests), "the user's token does not go to a foreign realm", r)
    for name, body, status in [("a digest that is a path", b'{"layers": [{"mediaType": "x.gguf", "digest": "sha256:../../../x"}]}', 4),
                               ("no model in it", b'{"layers": []}', 5), ("not JSON", b"<html>", 2), ("deep JSON", b"[" * 100000, 6)]:
        fresh()
        with FaultServer(FILE, lambda n, q: {"body": body}) as s:
            r = pull(f"oci:http://127.0.0.1:{s.port}/o/m:q4")
            ok(r.status in (status, 4) and not kept(), f"a manifest that is hostile: {name}", r)


def expiring():
    """A registry whose tokens are good for three requests of the file: another is asked for in the middle."""
    fresh()
    large = model(12, 7)
    digest = sha256(large)
    manifest = json.dumps({"layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:" + digest, "size": len(large)}]}).encode()
    state = {"token": 0, "uses": 0, "never": False}

    def behave(n, q):
        path = q.path.split("?")[0]
        if path == "/token":
            state.update(token=state["token"] + 1, uses=0)
            return {"body": json.dumps({"token": f"t{state['token']}"}).encode()}
        if path.endswith("/manifests/q4") and q.headers.get("Authorization") == f"Bearer t{state['token']}":
            return {"body": manifest}
        if "/blobs/" in path and q.headers.get("Authorization") == f"Bearer t{state['token']}" and state["uses"] < 3 and not state["never"]:
            state["uses"] += 1
            return {}
        return {"status": 401, "headers": {"WWW-Authenticate": f'Bearer realm="http://127.0.0.1:{s.port}/token",scope="x"'}}
    with FaultServer(large, behave) as s:
        r = pull(f"oci:http://127.0.0.1:{s.port}/o/m:q4", "--connections", "2")
        ok(r.status == 0 and stored(large) and state["token"] > 1, f"oci: tokens that expire are asked for again ({state['token']} of them)", r)
        ok(s.sent < 1.3 * len(large) + 100000, f"and what is there is not fetched again ({s.sent} bytes)")
        fresh()
        state["never"] = True
        before = state["token"]
        r = pull(f"oci:http://127.0.0.1:{s.port}/o/m:q4")
        ok(r.status == 9 and state["token"] - before <= 3, "a registry that lets nobody have the file ends it", r)


def mixed():
    """One hub as the mirror of another."""
    fresh()
    with hub({"/org/repo/raw/main/m.gguf": POINTER}) as broken, FaultServer(FILE) as good:
        r = pull("hf:org/repo/m.gguf", "--mirror", good.url, env={"HF_ENDPOINT": f"http://127.0.0.1:{broken.port}"})
        gets("a plain address as mirror of a hub", r)
    for text in ("hf:org/repo", "ollama:", "oci:host", "hf:o/r/../../x"):
        r = pull(text)
        ok(r.status == 2 and "write" in r.err, f"{text}: says how to write it", r)


hugging_face()
modelscope()
registries()
expiring()
mixed()
cleanup()
done()
