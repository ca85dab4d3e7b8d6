#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat push to a registry on loopback that follows the OCI distribution specification, and to some that misbehave."""
import hashlib
import http.server
import json
import os
import re
import threading
from urllib.parse import unquote

from pull_lib import *
from fault_server import free_port
from tap import done, ok

FILE = model(4)
SUM = sha256(FILE)


class Registry:
    """Blobs and manifests in memory; fault(method, path, n) may return (status, headers, body)."""

    def __init__(self, fault=lambda *_: None, token=None):
        self.blobs, self.manifests, self.log, self.fault, self.token, self.got = {}, {}, [], fault, token, 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def reply(self, status, headers=(), body=b""):
                self.send_response(status)
                for k, v in dict(headers).items():
                    self.send_header(k, v)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def handle_all(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.log.append((self.command, self.path, self.headers.get("Authorization"), self.headers.get("Content-Type")))
                wrong = outer.fault(self.command, self.path, len(outer.log))
                if wrong:
                    return self.reply(*wrong)
                if self.path.startswith("/token"):
                    return self.reply(200, {}, json.dumps({"token": outer.token}).encode())
                if outer.token and self.headers.get("Authorization") != "Bearer " + outer.token:
                    return self.reply(401, {"WWW-Authenticate": f'Bearer realm="http://127.0.0.1:{outer.port}/token",service="r",scope="repository:o/m:pull,push"'})
                m = re.fullmatch(r"/v2/(.+)/(blobs|manifests)/([^?]*)(?:\?.*)?", self.path)
                if not m:
                    return self.reply(404)
                repo, kind, ref = m.groups()
                if self.command == "POST" and kind == "blobs" and ref == "uploads/":
                    return self.reply(202, {"Location": f"/v2/{repo}/blobs/uploads/77?state=x"})
                if self.command == "PUT" and kind == "blobs":
                    digest = re.search(r"digest=(sha256:[0-9a-f]{64})$", self.path)[1]
                    if "sha256:" + hashlib.sha256(body).hexdigest() != digest:
                        return self.reply(400, {}, b'{"errors": [{"code": "DIGEST_INVALID", "message": "provided digest did not match"}]}')
                    outer.blobs[digest] = body
                    outer.got += len(body)
                    return self.reply(201, {"Location": f"/v2/{repo}/blobs/{digest}"})
                if self.command == "PUT":
                    j = json.loads(body)
                    if any(x["digest"] not in outer.blobs for x in j["layers"] + [j["config"]]):
                        return self.reply(400, {}, b'{"errors": [{"code": "MANIFEST_BLOB_UNKNOWN", "message": "blob unknown"}]}')
                    outer.manifests[repo, ref] = body
                    return self.reply(201)
                data = outer.blobs.get(ref) if kind == "blobs" else outer.manifests.get((repo, ref))
                if data is None:
                    return self.reply(404)
                span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")) if kind == "blobs" else None
                if not span:
                    return self.reply(200, {}, data)
                first, last = int(span[1]), min(int(span[2] or len(data) - 1), len(data) - 1)
                self.reply(206, {"Content-Range": f"bytes {first}-{last}/{len(data)}"}, data[first:last + 1])

            do_GET = do_HEAD = do_POST = do_PUT = handle_all

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.name = f"oci:http://127.0.0.1:{self.port}/o/m:q4"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


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
