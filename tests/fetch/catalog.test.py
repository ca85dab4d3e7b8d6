#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat catalog and moat pull NAME: who may say what a model is, from where it comes, and what is refused."""
import json
import os
import re
import socket
import subprocess
import time

from pull_lib import *
from fault_server import FaultServer, free_port, wait_for
from tap import MOAT, done, file, ok
from terminal import Terminal

FILE, OTHER = model(5), model(5, seed=2)
SUM = sha256(FILE)
ROOT, LEAVES = tree(FILE)
KEY, KEY2 = os.path.join(WORK, "key"), os.path.join(WORK, "key2")
DOC = os.path.join(WORK, "site.json")


def entry(name="tiny:1", sources=(), **more):
    return {"name": name, "summary": "For tests", "licence": "MIT", "size": len(FILE), "sha256": SUM, "sources": list(sources), **more}


def write(models, version=1, expires=None, key=KEY, path=DOC):
    """A catalogue and its signature."""
    doc = {"format": 1, "name": "site", "version": version, "models": models}
    if expires:
        doc["expires"] = expires
    file(WORK, os.path.basename(path), json.dumps(doc))
    if os.path.exists(path + ".sig"):
        os.remove(path + ".sig")
    r = moat("catalog", "sign", path, "--secret", key)
    assert r.status == 0, r


def catalog(*args, **env):
    return moat("catalog", *args, env=env or None)


def refused(name, r, status, words):
    ok(r.status == status and words in r.err and "Traceback" not in r.err, f"{name}: refused ({words})", r)


def documents(extra=None):
    """A server that has the catalogue and the file, and what extra says."""
    def behave(n, q):
        path = q.path.split("?")[0]
        if extra and path in extra:
            return extra[path]
        if path in ("/site.json", "/site.json.sig"):
            return {"body": open(DOC + path[len("/site.json"):], "rb").read()}
        return {} if path == "/model.gguf" else {"body": LEAVES} if path == "/model.gguf.leaves" else {"status": 404}
    return FaultServer(FILE, behave)


def keys():
    r = moat("sign", "new", KEY, "--name", "the site")
    ok(r.status == 0 and r.out.startswith("ed25519:") and oct(os.stat(KEY).st_mode)[-3:] == "600", "a key is made, for its owner only", r)
    refused("a key that is there", moat("sign", "new", KEY), 2, "never overwritten")
    ok(moat("sign", "show", KEY).out == moat("sign", "show", KEY + ".pub").out == r.out, "its public half is shown")
    moat("sign", "new", KEY2)
    # another program agrees: the encoding of DSSE, checked by OpenSSL
    write([entry(sources=["https://h/f.gguf"])])
    sig = json.load(open(DOC + ".sig"))
    import base64
    public = base64.b64decode(r.out.split()[0].split(":", 1)[1])
    body = open(DOC, "rb").read()
    der = file(WORK, "pub.der", bytes.fromhex("302a300506032b6570032100") + public)
    pae = file(WORK, "pae", b"DSSEv1 %d %s %d " % (len(sig["type"]), sig["type"].encode(), len(body)) + body)
    raw = file(WORK, "raw", base64.b64decode(sig["signatures"][0]["sig"]))
    p = subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", der, "-rawin", "-in", pae, "-sigfile", raw],
                       capture_output=True, text=True)
    ok(p.returncode == 0, "openssl verifies the signature", p.stdout + p.stderr)


def trust():
    fresh()
    with documents() as s:
        url = f"http://127.0.0.1:{s.port}/site.json"
        write([entry(sources=[s.url])])
        refused("no key", catalog("add", url, "--name", "site"), 2, "--key")
        refused("another key", catalog("add", url, "--name", "site", "--key", KEY2 + ".pub"), 8, "not signed by a key that is trusted")
        ok(json.loads(catalog("list", "--json").out)["catalogs"][0]["name"] == "built-in", "nothing of it is kept")
        r = catalog("add", url, "--name", "site", "--key", KEY + ".pub")
        ok(r.status == 0 and "version 1, 1 models" in r.out, "the right key", r)
        refused("the name twice", catalog("add", url, "--name", "site", "--key", KEY + ".pub"), 2, "already")
        r = catalog("search", "tiny", "tests")
        ok(r.status == 0 and re.search(r"^tiny:1 .* site ", r.out, re.M), "its models are found", r)
        refused("no such words", catalog("search", "nothing", "here"), 3, "no model of a catalogue")
        r = pull("tiny:1", "--json")
        ok(r.status == 0 and stored(FILE) and result(r)["verified"], "pull NAME", r)
        ok('"catalog:site/tiny:1"' in open(os.path.join(HOME, "manifests/tiny/1.json")).read(), "its manifest says which catalogue")
        write([entry(sources=[s.url])], version=3)
        ok("version 3" in catalog("update", "site").out, "update takes a newer one")
        write([entry(sources=[s.url])], version=2)
        refused("an older one", catalog("update"), 8, "put an old one back")
        write([entry(sources=[s.url])], version=4, expires="2020-01-01T00:00:00Z")
        refused("an expired one", catalog("update"), 8, "expired at 2020-01-01")
        write([entry(sources=[s.url])], version=4)
        doc = open(DOC).read()
        file(WORK, "site.json", doc.replace("tests", "tasks"))
        refused("one changed after it was signed", catalog("update"), 8, "was changed after")
        file(WORK, "site.json", doc)
        os.rename(DOC + ".sig", DOC + ".gone")
        refused("one without a signature", moat("catalog", "add", DOC, "--name", "two", "--key", KEY + ".pub"), 3, "site.json.sig")
        os.rename(DOC + ".gone", DOC + ".sig")
        ok(json.loads(catalog("list", "--json").out)["catalogs"][0]["version"] == 3, "and the copy that was there stays")
        copy = os.path.join(HOME, "catalogs/site.signed")
        text = open(copy).read()
        open(copy, "w").write(text.replace("For tests", "For tasks"))
        r = pull("tiny:2")
        ok(r.status == 3 and "was changed after" in r.err, "a copy that was changed on the disk is not used, and that is said", r)
        open(copy, "w").write(text)
        ok(catalog("remove", "site").status == 0 and not os.path.exists(copy) and pull("tiny:1").status == 3, "remove")


def several_keys():
    fresh()
    write([entry(sources=["https://h/f.gguf"])])
    add = ["add", DOC, "--name", "two", "--key", KEY + ".pub", "--key", moat("sign", "show", KEY2).out.strip(), "--needed", "2"]
    refused("one signature of two", catalog(*add), 8, "1 good signatures of 2")
    moat("catalog", "sign", DOC, "--secret", KEY2)
    ok(catalog(*add).status == 0, "both have signed")
    refused("more than there are", catalog("add", DOC, "--name", "x", "--key", KEY + ".pub", "--needed", "2"), 2, "only 1 keys")
    os.chmod(KEY2, 0o644)
    refused("a secret that others may read", moat("catalog", "sign", DOC, "--secret", KEY2), 8, "chmod 600")
    os.chmod(KEY2, 0o600)
    r = catalog("remove", "built-in")
    ok(r.status == 0 and moat("catalog", "show", "qwen3:8b").status == 3, "the built-in one can be removed", r)
    ok(catalog("add", "built-in").status == 0 and moat("catalog", "show", "qwen3:8b").status == 0, "and taken into use again")


def sources():
    """Five sources of which three are broken; one digest counts."""
    with documents() as good, FaultServer(OTHER, lambda n, q: {} if q.path.endswith(".gguf") else {"status": 404}) as other, \
            FaultServer(FILE, lambda n, q: {"status": 404}) as gone:
        fresh()
        dead = f"http://127.0.0.1:1/model.gguf"
        models = [entry(sources=[gone.url, dead, other.url, good.url, "next:kind/of/source"])]
        file(WORK, "plain.json", json.dumps({"format": 1, "version": 1, "models": models}))
        refused("a source nobody can read is not signed", moat("catalog", "sign", os.path.join(WORK, "plain.json"), "--secret", KEY), 2, "no address")
        r = catalog("add", os.path.join(WORK, "plain.json"), "--name", "plain", "--unsigned")
        ok(r.status == 0 and "(nobody)" in catalog("list").out, "an unsigned catalogue, where the user says so", r)
        r = pull("tiny:1", "--retries", "2", "--json")
        ok(r.status == 0 and stored(FILE), "two dead sources, one with another file, one of a kind to come, and a good one", r)
        ok("no source of that kind" in r.err and "404" in r.out, "each is named")
        fresh()
        write([entry(sources=[other.url])])
        catalog("add", DOC, "--name", "site", "--key", KEY + ".pub")
        r = pull("tiny:1")
        ok(r.status == 4 and not stored(OTHER) and store_is_clean(), "only another file: refused", r)
        r = pull("tiny:1", "--sha256", sha256(OTHER))
        ok(r.status == 4 and SUM in r.err, "the user may not contradict the catalogue", r)
        fresh()
        write([entry(sources=[good.url], size=len(FILE) + 1)])
        catalog("add", DOC, "--name", "site", "--key", KEY + ".pub")
        r = pull("tiny:1")
        ok(r.status == 4 and "another size" in r.err and good.sent < 2 * len(FILE) + MIB, "another size than the catalogue says", r)
        fresh()
        write([entry(sources=[good.url], template_sha256="0" * 64)])
        catalog("add", DOC, "--name", "site", "--key", KEY + ".pub")
        r = pull("tiny:1")
        ok(r.status == 4 and "chat template" in r.err and not os.path.exists(os.path.join(HOME, "manifests/tiny")), "another template", r)


def hash_tree():
    """leaves, entry and sign by moat itself, and a flipped bit that costs its piece only."""
    fresh()
    path = file(WORK, "model.gguf", FILE)
    r = moat("catalog", "leaves", path)
    ok(r.status == 0 and r.out.split()[0] == ROOT and open(path + ".leaves", "rb").read() == LEAVES, "leaves are those of RFC 6962", r)
    flipped = []

    def behave(n, q):
        """A byte is wrong in the first answer that holds it."""
        if q.path.endswith(".leaves"):
            return {"body": LEAVES}
        first, last = q.range or (0, len(FILE))
        if flipped or not first <= 3 * MIB + 5 <= (last or len(FILE)):
            return {}
        flipped.append(n)
        return {"flip": {3 * MIB + 5}}

    with FaultServer(FILE, behave) as s:
        doc = os.path.join(WORK, "tree.json")
        r = moat("catalog", "entry", path, "--name", "tiny:1", "--alias", "tiny", "--source", s.url, "--licence", "MIT",
                 "--leaves", path + ".leaves", "--into", doc)
        e = json.load(open(doc))["models"][0]
        ok(r.status == 0 and e["sha256"] == SUM and e["tree"] == ROOT and e["size"] == len(FILE) and e["architecture"] == "llama", "entry", r)
        ok(moat("catalog", "sign", doc, "--secret", KEY, "--days", "30").status == 0, "sign with an expiry")
        ok(json.load(open(doc))["version"] == 2 and json.load(open(doc))["expires"] > time.strftime("%Y-%m-%dT"), "is a new version")
        r = catalog("add", doc, "--name", "tree", "--key", KEY + ".pub")
        r = pull("tiny", "--json")
        received = result(r).get("received", 1 << 40)
        ok(r.status == 0 and stored(FILE) and flipped and received <= len(FILE) + len(LEAVES) + MIB, "a bad piece is fetched again alone", f"{r}\n{received}")


def mirrored():
    """A mirror brings file and leaves; a catalogue says which they are."""
    fresh()
    origin = os.path.join(WORK, "origin")
    path = file(WORK, "model.gguf", FILE)
    moat("import", path, "--name", "tiny:1", env={"MOAT_HOME": origin})
    port = free_port()
    p = subprocess.Popen([MOAT, "mirror", "--listen", f"127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                         env={**os.environ, "MOAT_HOME": origin})
    try:
        wait_for(lambda: not socket.socket().connect_ex(("127.0.0.1", port)))
        write([entry(sources=[f"http://127.0.0.1:{port}/models/tiny/1.gguf"], tree=ROOT)])
        catalog("add", DOC, "--name", "site", "--key", KEY + ".pub")
        r = pull("tiny:1", "--json")
        last = result(r)
        ok(r.status == 0 and stored(FILE) and last["received"] >= len(FILE) + len(LEAVES) and '"note"' not in r.out, "from a mirror, with its leaves", r)
    finally:
        p.terminate()
        p.wait(10)


def pins():
    fresh()
    pointer = lambda data: f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256(data)}\nsize {len(data)}\n".encode()
    answers = {"/o/r/raw/main/f.gguf": {"body": pointer(FILE)}, "/o/r/resolve/main/f.gguf": {}}
    with documents(answers) as s:
        env = {"HF_ENDPOINT": f"http://127.0.0.1:{s.port}"}
        e = entry(sources=["hf:o/r/f.gguf"])
        del e["sha256"]
        write([e])
        catalog("add", DOC, "--name", "site", "--key", KEY + ".pub")
        r = pull("tiny:1", env=env)
        ok(r.status == 0 and stored(FILE) and "from now on it must be this one" in r.out, "no SHA-256 is known: what comes first is pinned", r)
        ok(json.load(open(os.path.join(HOME, "pins.json")))["pins"]["site/tiny:1"]["sha256"] == SUM, "the pin is kept")
        ok(SUM in catalog("show", "tiny:1").out, "and shown")
        moat("rm", "tiny:1")
        r = pull("tiny:1", env=env)
        ok(r.status == 0 and "it is what came first" in r.out, "the same again", r)
        moat("rm", "tiny:1")
        s.data = OTHER
        answers["/o/r/raw/main/f.gguf"] = {"body": pointer(OTHER)}
        r = pull("tiny:1", env=env)
        ok(r.status == 4 and not stored(OTHER), "another file later: refused", r)
        r = pull("tiny:1", "--sha256", sha256(OTHER), env=env)
        ok(r.status == 0 and stored(OTHER), "until the user names it", r)
        ok(json.load(open(os.path.join(HOME, "pins.json")))["pins"]["site/tiny:1"]["sha256"] == sha256(OTHER), "which is then the pin")


def running():
    fresh()
    with documents() as s:
        write([entry(sources=[s.url])])
        catalog("add", DOC, "--name", "site", "--key", KEY + ".pub")
        r = moat("run", "tiny:1", "hi", "--raw", "--max-tokens", "1")
        ok(r.status == 3 and "moat pull tiny:1" in r.err and not s.requests, "run where nobody can be asked: an error that names pull", r)
        t = Terminal([MOAT, "run", "tiny:1", "hi"], columns=100)
        ok(t.until("Fetch it"), "run at a terminal asks", t.screen.text())
        t.send("n\r")
        ok(t.until("was not fetched") and not s.requests, "no is no", t.screen.text())
        t.close()
        r = moat("run", "tiny:1", "hi", "--pull", "--raw", "--max-tokens", "1")
        ok(stored(FILE) and len(s.requests) > 0, "run --pull fetches it", r)


keys()
trust()
several_keys()
sources()
hash_tree()
mirrored()
pins()
running()
cleanup()
done()
