#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat mirror over its store: paths, ranges, entity tags, leaves, many clients, slow clients, a rate, keys, a keeper that falls."""
import base64
import http.client
import json
import os
import subprocess
import signal
import socket
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib"), os.path.join(HERE, "..", "fetch")]
from pull_lib import HOME, MIB, leaves, model, root, sha256  # noqa: E402
from serving import Mirror, together  # noqa: E402
from tap import *  # noqa: E402,F403

FILE, SMALL = model(6), model(1, 2)


def store():
    for name, data in (("alpha:one", FILE), ("beta", SMALL)):
        path = os.path.join(os.path.dirname(HOME), "file.gguf")
        with open(path, "wb") as f:
            f.write(data)
        r = moat("import", path, "--name", name)
        if r.status:
            raise RuntimeError(str(r))


def paths(m):
    digest = sha256(FILE)
    r = m.get("/models/alpha/one.gguf")
    ok(r.status == 200 and r.body == FILE and r.headers["etag"] == f'"{digest}"' and r.headers["accept-ranges"] == "bytes", "a file by its name", r)
    ok(m.get(f"/blobs/sha256-{digest}").body == FILE, "a file by its digest")
    r = m.ask("HEAD", "/models/alpha/one.gguf")
    ok(r.status == 200 and r.headers["content-length"] == str(len(FILE)) and r.body == b"", "HEAD", r)
    entry = m.get("/models/alpha/one.json").json()
    ok(entry["digest"] == "sha256:" + digest and entry["size"] == len(FILE) and entry["root"] == root(leaves(FILE)).hex(),
       "what a model is, with the root of its tree", entry)
    ok("source" not in entry, "the path it was imported from is nobody's business", entry)
    ok(m.get("/models/alpha/one.gguf.leaves").body == b"".join(leaves(FILE)) == m.get(f"/blobs/sha256-{digest}.leaves").body, "the hashes of its leaves")
    names = [(e["name"], e["tag"]) for e in m.get("/models").json()["models"]]
    ok(names == [("alpha", "one"), ("beta", "latest")], "the list of models", names)
    for path in ("/models/alpha/two.gguf", "/blobs/sha256-" + "0" * 64, "/models/../../FORMAT", "/blobs/..%2fFORMAT", "/x", "/models/alpha/one"):
        r = m.get(path)
        ok(r.status == 404 and r.json()["error"], f"404 for {path}", r)
    ok(m.ask("POST", "/models", {}).status == 405, "nothing is written")


def registry(m):
    r = m.get("/v2/library/alpha/manifests/one")
    manifest = r.json()
    ok(r.headers["docker-content-digest"] == "sha256:" + sha256(r.body) and r.headers["content-type"] == manifest["mediaType"], "registry: a manifest", r)
    layer, config = manifest["layers"][0], manifest["config"]
    ok(m.get(f"/v2/library/alpha/blobs/{layer['digest']}").body == FILE and layer["size"] == len(FILE), "registry: its layer")
    body = m.get(f"/v2/library/alpha/blobs/{config['digest']}").body
    ok(config["digest"] == "sha256:" + sha256(body) and config["size"] == len(body) and json.loads(body)["model_format"] == "gguf", "registry: its configuration", body)
    ok(m.get("/v2/alpha/manifests/" + r.headers["docker-content-digest"]).body == r.body, "registry: a manifest by its digest")
    ok(m.get("/v2/_catalog").json()["repositories"] == ["library/alpha", "library/beta"], "registry: the catalogue")
    ok(m.get("/v2/library/alpha/tags/list").json()["tags"] == ["one"] and m.get("/v2/").status == 200, "registry: tags")
    ok(m.get("/v2/library/gamma/manifests/one").status == 404, "registry: 404")


def ranges(m):
    for text, first, last in (("bytes=0-0", 0, 0), ("bytes=1000000-2999999", 1000000, 2999999), (f"bytes={len(FILE) - 1}-", len(FILE) - 1, len(FILE) - 1),
                              ("bytes=-70000", len(FILE) - 70000, len(FILE) - 1), ("bytes=131071-131072", 131071, 131072)):
        r = m.get("/models/alpha/one.gguf", headers={"Range": text})
        ok(r.status == 206 and r.body == FILE[first:last + 1] and r.headers["content-range"] == f"bytes {first}-{last}/{len(FILE)}", f"range {text}", r)
    tag = f'"{sha256(FILE)}"'
    r = m.get("/models/alpha/one.gguf", headers={"Range": f"bytes={len(FILE)}-"})
    ok(r.status == 416 and r.headers["content-range"] == f"bytes */{len(FILE)}" and r.body == b"", "a range behind the end", r)
    ok(m.get("/models/alpha/one.gguf", headers={"Range": "bytes=5-", "If-Range": tag}).body == FILE[5:], "If-Range with its tag")
    r = m.get("/models/alpha/one.gguf", headers={"Range": "bytes=5-", "If-Range": '"another"'})
    ok(r.status == 200 and r.body == FILE, "If-Range with another tag gets the whole")
    r = m.get("/models/alpha/one.gguf", headers={"If-None-Match": tag})
    ok(r.status == 304 and r.body == b"" and r.headers["etag"] == tag, "If-None-Match", r)


def keep_alive(m):
    c = http.client.HTTPConnection("127.0.0.1", m.port, timeout=20)
    good = True
    for i in range(60):
        first = i * 50000
        c.request("GET", "/models/alpha/one.gguf", headers={"Range": f"bytes={first}-{first + 199999}"})
        r = c.getresponse()
        good &= r.status == 206 and r.read() == FILE[first:first + 200000]
        c.request("HEAD", "/models/beta/latest.gguf")
        r = c.getresponse()
        good &= r.read() == b"" and r.headers["content-length"] == str(len(SMALL))
    c.close()
    ok(good, "120 requests over one connection")


def many(m):
    def one(i):
        return m.get("/models/alpha/one.gguf" if i % 2 else "/models/beta/latest.gguf").body == (FILE if i % 2 else SMALL)
    ok(all(x is True for x in together(50, one)), "50 clients at once, byte for byte")



def slow(m):
    """Clients that do not read: little memory each, and nobody else waits for them."""
    before = m.get("/stats").json()["resident_bytes"]
    idle = []
    for _ in range(100):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(("127.0.0.1", m.port))
        s.sendall(b"GET /models/alpha/one.gguf HTTP/1.1\r\nHost: localhost\r\n\r\n")
        idle.append(s)
    time.sleep(0.5)
    stats = m.get("/stats").json()
    each = (stats["resident_bytes"] - before) / 100 / 1024
    ok(stats["connections"] >= 100 and each < 600, f"a client that does not read costs {each:.0f} KiB", stats)
    t0 = time.monotonic()
    ok(m.get("/models/alpha/one.gguf").body == FILE and time.monotonic() - t0 < 5, "and nobody waits for it")
    end = time.monotonic() + 8
    while time.monotonic() < end and m.get("/stats").json()["connections"] > 50:
        time.sleep(0.1)
    ok(m.get("/stats").json()["connections"] <= 50, "after a while it is shed", m.get("/stats").json())
    for s in idle:
        s.close()


def keeper_falls(m):
    ok(m.keeper() in m.children() and len(m.children()) == 2, "front and keeper are processes of their own", m.children())
    os.kill(m.keeper(), signal.SIGKILL)
    end = time.monotonic() + 10
    status = 0
    while time.monotonic() < end and status != 200:
        status = m.get("/models/beta/latest.gguf").status
        time.sleep(0.05)
    ok(status == 200 and m.events("keeper-fell"), "a keeper that falls is replaced")


def changes(m):
    moat("cp", "beta", "gamma:x")
    end = time.monotonic() + 5
    while time.monotonic() < end and m.get("/models/gamma/x.json").status != 200:
        time.sleep(0.05)
    ok(m.get("/models/gamma/x.gguf").body == SMALL, "a model that was added meanwhile is there")
    moat("rm", "gamma:x")
    time.sleep(1.1)
    ok(m.get("/models/gamma/x.gguf").status == 404, "one that was removed is not")
    ok(m.get("/models/beta/latest.gguf").status == 200, "and the other name of it still is")


def rate():
    with Mirror("--limit-rate", "4M", home=HOME) as m:
        t0 = time.monotonic()
        good = together(4, lambda i: m.get("/models/alpha/one.gguf", headers={"Range": f"bytes=0-{2 * MIB - 1}"}).body == FILE[:2 * MIB])
        took = time.monotonic() - t0
        ok(all(x is True for x in good) and 1.6 < took < 4, f"8 MiB for four clients at 4 MiB a second take {took:.2f} s")


def keys():
    key = moat("key", "add", "reader").out.strip()
    with Mirror("--require-key", "true", home=HOME, key=key) as m:
        ok(m.get("/models/beta/latest.gguf").body == SMALL, "with its key")
        m.key = None
        r = m.get("/models/beta/latest.gguf")
        ok(r.status == 401 and SMALL[:100] not in r.body, "without one: 401", r)
        basic = {"Authorization": "Basic " + base64.b64encode(f"anybody:{key}".encode()).decode()}
        ok("Basic" in r.headers["www-authenticate"] and m.get("/v2/", headers=basic).status == 200 and
           m.get("/v2/", headers={"Authorization": "Basic " + base64.b64encode(b"anybody:x").decode()}).status == 401, "a key as a password", r)
        ok(m.get("/v2/").status == 401 and m.get("/stats").status == 401 and m.get("/health").status == 200, "everywhere but at /health")


def few_files():
    """More clients than there may be open files: some are told so, nothing falls, and afterwards all is well."""
    with Mirror(home=HOME) as m:
        front = next(p for p in m.children() if p != m.keeper())
        user = int(next(line for line in open(f"/proc/{front}/status") if line.startswith("Uid:")).split()[1])
        subprocess.run(["prlimit", "--pid", str(front), "--nofile=64:64"], check=True, user=user, group=user, extra_groups=[] if user else None)
        idle = []
        for _ in range(40):
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.connect(("127.0.0.1", m.port))
            s.sendall(b"GET /models/alpha/one.gguf HTTP/1.1\r\nHost: localhost\r\n\r\n")
            idle.append(s)
        time.sleep(0.5)
        for s in idle:
            s.close()
        time.sleep(0.3)
        good = together(5, lambda i: m.get("/models/beta/latest.gguf").body == SMALL)
        ok(all(x is True for x in good) and len(m.events("keeper")) == 1 and m.process.poll() is None, "with few open files: nothing falls", m.log()[-600:])


def swept():
    """What belongs to files that are gone is removed at the start."""
    folder = os.path.join(HOME, "leaves")
    there = os.listdir(folder)
    for name in ("sha256-" + "0" * 64, "x" * 200):
        with open(os.path.join(folder, name), "w") as f:
            f.write("old")
    with Mirror(home=HOME) as m:
        m.get("/models")
        ok(there and sorted(os.listdir(folder)) == sorted(there), "hashes of files that are gone are removed, others stay", os.listdir(folder))


store()
with Mirror("--stall-seconds", "2", home=HOME) as m:
    paths(m)
    registry(m)
    ranges(m)
    keep_alive(m)
    many(m)
    changes(m)
    slow(m)
    keeper_falls(m)
    ok(m.stop() == 0, "SIGTERM ends it")
swept()
few_files()
rate()
keys()
done()
