#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat push to a registry on loopback that follows the OCI distribution specification, and to some that misbehave."""
import json
import os
from urllib.parse import unquote

from pull_lib import *
from fault_server import free_port
from registry import Registry
from tap import done, ok

FILE = model(4)
SUM = sha256(FILE)


def prepare():
    fresh()
    path = os.path.join(WORK, "model.gguf")
    open(path, "wb").write(FILE)
    assert moat("import", path, "--name", "t:1").status == 0


def push(*args, **more):
    return moat("push", *args, **more)


def sound():
    prepare()
    with Registry() as r:
        p = push("t:1", r.name, "--json")
        last = result(p)
        ok(p.status == 0 and last["sent"] == len(FILE) and r.blobs["sha256:" + SUM] == FILE, "the file arrives", p)
        j = json.loads(r.manifests["o/m", "q4"])
        config = json.loads(r.blobs[j["config"]["digest"]])
        ok([x["mediaType"] for x in j["layers"]] == ["application/vnd.ollama.image.model"] and j["layers"][0]["size"] == len(FILE)
           and config["model_family"] == "llama" and config["model_format"] == "gguf", "with a manifest and a configuration as Ollama has them", j)
        p = push("t:1", r.name)
        ok(p.status == 0 and "were there already" in p.out and r.got < len(FILE) + 2000, "a second time nothing of it is sent", p)
        fresh()
        for name in (r.name, f"ollama:http://127.0.0.1:{r.port}/o/m:q4"):
            p = pull(name, "--name", "back:1")
            ok(p.status == 0 and stored(FILE), f"moat pull {name.split(':')[0]}: takes it back", p)
            fresh()


def tokens():
    prepare()
    with Registry(token="t0k") as r:
        p = push("t:1", r.name)
        ok(p.status == 0 and r.blobs["sha256:" + SUM] == FILE and any("pull,push" in unquote(path) for _, path, *_ in r.log), "a registry that gives tokens to everybody", p)
    secret = os.path.join(WORK, "secret")
    open(secret, "w").write("mine")
    with Registry(token="mine") as r:
        p = push("t:1", r.name, "--token-file", secret)
        ok(p.status == 0 and not any(path.startswith("/token") for _, path, *_ in r.log), "a token of the user's", p)
    with Registry(fault=lambda m, path, n: (403, {}, b'{"errors": [{"message": "no \\u001b[31mway"}]}') if m == "POST" else None) as r:
        p = push("t:1", r.name)
        ok(p.status == 8 and "no ?[31mway" in p.err, "what the registry says is shown, cleaned", p)


def faults():
    prepare()
    seen = []

    def flaky(m, path, n):
        seen.append(m)
        return (503, {}, b"") if seen.count(m) == 1 and m in ("POST", "PUT") else None
    with Registry(fault=flaky) as r:
        p = push("t:1", r.name)
        ok(p.status == 0 and r.blobs["sha256:" + SUM] == FILE, "503 is tried again", p)
    for name, location in (("no Location", None), ("a Location that is no address", "file:///etc/passwd"), ("a long one", "/x" * 3000)):
        headers = {"Location": location} if location else {}
        with Registry(fault=lambda m, path, n: (202, headers, b"") if m == "POST" else None) as r:
            p = push("t:1", r.name)
            ok(p.status == 10 and "where the bytes are to go" in p.err, f"{name}: refused", p)
    with Registry() as thief, Registry(token="t0k", fault=lambda m, path, n: (202, {"Location": f"http://127.0.0.1:{thief.port}/v2/o/m/blobs/uploads/1"}, b"") if m == "POST" and n > 3 else None) as r:
        p = push("t:1", r.name)
        ok(thief.log and not any(auth for _, _, auth, _ in thief.log), "a token does not go to the host that the bytes go to", p)
    blob_path = blob(FILE)
    os.chmod(blob_path, 0o644)
    with open(blob_path, "r+b") as f:
        f.seek(3 * MIB)
        f.write(b"X")
    with Registry() as r:
        p = push("t:1", r.name)
        ok(p.status == 4 and "did not match" in p.err and not r.manifests, "a damaged file is not taken, and gets no name there", p)
    p = push("t:1", f"oci:http://127.0.0.1:{free_port()}/o/m", limit=60)
    ok(p.status == 10, "nobody there", p)
    for target, status in (("hf:o/r/f.gguf", 5), ("http://h/x", 2), ("oci:host", 2)):
        p = push("t:1", target)
        ok(p.status == status, f"{target} is refused", p)
    p = push("none:1", "oci:http://127.0.0.1:1/o/m")
    ok(p.status == 3, "a model that is not there", p)


sound()
tokens()
faults()
cleanup()
done()
