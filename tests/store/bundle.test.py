#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat bundle: made, cut, joined, verified, installed; every flipped, cut, swapped or missing byte refused before anything is written."""
import base64
import hashlib
import io
import json
import os
import random
import re
import subprocess
import sys
import tarfile
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import gguf_mini as g  # noqa: E402
from tap import *  # noqa: E402,F403

WORK = tempfile.TemporaryDirectory()
FLIPS = int(os.environ.get("FLIPS", "150"))  # FLIPS=5000 for a long look
rng = random.Random(8)


def at(name):
    return os.path.join(WORK.name, name)


def run(*args, home="home", **more):
    return moat(*args, env={"MOAT_HOME": at(home)}, **more)


def tree(folder):
    """Every file below with its content, every folder."""
    return {os.path.relpath(os.path.join(d, n), folder): None if n in names else open(os.path.join(d, n), "rb").read()
            for d, names, files in os.walk(folder) for n in names + files}


def key(name):
    r = moat("sign", "new", at(name), "--name", name)
    return ok(r.status == 0, f"a key for {name}", r)


def prepare():
    key("anna")
    key("eve")
    g.File(os.path.join(DATA, "arch", "llama.gguf")).write(at("m.gguf"))
    file(WORK.name, "site.json", '{"policy": "opaque today"}\n')
    file(WORK.name, "manual.md", "# Manual\n" * 3000)
    file(WORK.name, "words.txt", "Do as you like.\n")
    config = file(WORK.name, "c.json", '{"temperature": 0.25}')
    r = run("import", at("m.gguf"), "--name", "tiny:one", "--config", config)
    ok(r.status == 0, "a model to carry", r)


def create(out, *options):
    return run("bundle", "create", at(out), "--sign", at("anna"), "--model", "tiny:one", "--policy", at("site.json"), "--doc", at("manual.md"),
               "--licence", at("words.txt") + "=LICENCE.txt", *options)


def verify(path, key_name="anna", **more):
    return run("bundle", "verify", at(path), "--key", at(key_name + ".pub"), **more)


def install(path, home, *options):
    return run("bundle", "install", at(path), "--key", at("anna.pub"), *options, home=home)


def making():
    r = create("b.moat", "--no-program")
    sums = dict(reversed(line.split("  ", 1)) for line in r.out.splitlines())
    ok(r.status == 0 and sums == {at("b.moat"): hashlib.sha256(open(at("b.moat"), "rb").read()).hexdigest()}, "made; its SHA-256 as sha256sum -c reads it", r)
    again = create("again.moat", "--no-program")
    ok(again.status == 0 and open(at("again.moat"), "rb").read() == open(at("b.moat"), "rb").read(), "made twice: the same bytes")
    r = run("bundle", "verify", at("b.moat"), "--key", at("anna.pub"), "--json")
    d = json.loads(r.out)
    want = {"models/sha256-" + hashlib.sha256(open(at("m.gguf"), "rb").read()).hexdigest(), "policy/site.json", "docs/manual.md", "licences/LICENCE.txt"}
    ok(d["ok"] and d["signed_by"] == "anna" and {f["path"] for f in d["files"]} == want, "verified: what is in it, and who signed", r)


def installing():
    r = install("b.moat", "site")
    t = tree(at("site"))
    shown = json.load(open(at("site/manifests/tiny/one.json")))
    ok(r.status == 0 and t["policy/site.json"] == open(at("site.json"), "rb").read() and t["docs/manual.md"] == open(at("manual.md"), "rb").read() and
       t["licences/LICENCE.txt"] == b"Do as you like.\n" and shown["settings"] == {"temperature": 0.25} and shown["digest"][7:] == hashlib.sha256(open(at("m.gguf"), "rb").read()).hexdigest(),
       "installed: files, the model with its settings", (r, list(t)))
    ok(run("verify", home="site").status == 0 and "tiny:one" in run("list", home="site").out, "the store is whole")
    again = install("b.moat", "site")
    ok(again.status == 0 and "was there already" in again.out and set(tree(at("site"))) == set(t), "installed twice is installed once", again)


def cutting():
    r = create("p.moat", "--no-program", "--split", "36K")
    parts = sorted(n for n in os.listdir(WORK.name) if n.startswith("p.moat."))
    joined = b"".join(open(at(p), "rb").read() for p in parts)
    ok(r.status == 0 and len(parts) >= 3 and not os.path.exists(at("p.moat")) and {os.path.getsize(at(p)) for p in parts[:-1]} == {36 << 10}, "cut into parts of one size", (r, parts))
    ok(all(verify(name).status == 0 for name in ("p.moat", "p.moat.001")), "verified by its name, and by its first part")
    file(WORK.name, "joined.moat", joined)
    ok(verify("joined.moat").status == 0, "what cat joins is the same bundle", verify("joined.moat"))
    keep = {p: open(at(p), "rb").read() for p in parts}

    def with_parts(name, change, words, status=4):
        change()
        r = install("p.moat", "never")
        ok(r.status == status and words in r.err and not os.path.exists(at("never")), name, r)
        for p, data in keep.items():
            file(WORK.name, p, data)

    with_parts("a part is missing: named", lambda: os.unlink(at(parts[1])), "part 2 of", 3)
    with_parts("the last part is missing: named", lambda: os.unlink(at(parts[-1])), f"part {len(parts)} of", 3)
    with_parts("the first part is missing: named", lambda: os.unlink(at(parts[0])), "p.moat.001", 3)
    with_parts("a part is cut short: named", lambda: file(WORK.name, parts[1], keep[parts[1]][:-1]), "p.moat.002")
    with_parts("a part is too long: named", lambda: file(WORK.name, parts[2], keep[parts[2]] + b"x"), "p.moat.003")
    with_parts("two parts are swapped: seen", lambda: (file(WORK.name, parts[1], keep[parts[2]].ljust(36 << 10, b"\0")[:36 << 10]), len(parts) > 3 and file(WORK.name, parts[2], keep[parts[1]])), "damaged")


def flipping():
    """Any byte of any region, to any other value; ends cut, bytes added."""
    whole = bytearray(open(at("b.moat"), "rb").read())
    head = int(re.search(rb"head (\d+)\n", whole).group(1))
    size = len(whole)
    regions = [(0, 1024), (0, 300), (1024, head), (1024, 1400), (head - 64, head + 64), (head, size), (size - 64, size)]
    wrong, statuses = [], set()
    for i in range(FLIPS):
        lo, hi = regions[i % len(regions)]
        where = rng.randrange(lo, hi)
        bad = bytearray(whole)
        bad[where] = (bad[where] + rng.randrange(1, 256)) % 256 if i % 2 else bad[where] ^ 1 << rng.randrange(8)
        file(WORK.name, "bad.moat", bytes(bad))
        r = install("bad.moat", "never")
        statuses.add(r.status)
        if r.status not in (4, 5, 8) or os.path.exists(at("never")) or r.err.count("\n") != 1:
            wrong.append((where, r.status, r.err))
    ok(not wrong, f"{FLIPS} flipped bytes: each refused in one line, nothing written (exit {sorted(statuses)})", wrong)
    wrong = []
    for cut in [0, 1, 511, 1023, 1024, 1025, head - 1, head, head + 1, size // 2, size - 1]:
        file(WORK.name, "bad.moat", bytes(whole[:cut]))
        r = install("bad.moat", "never")
        if r.status not in (4, 5) or os.path.exists(at("never")):
            wrong.append((cut, str(r)))
    for more in (b"\0", b"x" * 5000):
        file(WORK.name, "bad.moat", bytes(whole) + more)
        if install("bad.moat", "never").status != 4:
            wrong.append(("more", len(more)))
    ok(not wrong, "cut anywhere, or longer: refused", wrong)


def signing():
    r = verify("b.moat", "eve")
    ok(r.status == 8 and "anna" not in r.out, "signed by another than is trusted: refused", r)
    r = run("bundle", "verify", at("b.moat"))
    ok(r.status == 2 and "--key" in r.err, "without a key nothing is trusted", r)
    both = run("bundle", "verify", at("b.moat"), "--key", at("anna.pub"), "--key", at("eve.pub"), "--needed", 2)
    ok(both.status == 8, "two signatures are wanted, one is there: refused", both)


def rebuilt(change, payload=None):
    """The bundle with another list (and payload), signed anew by anna: what a careless or hostile maker could sign."""
    whole = open(at("b.moat"), "rb").read()
    n = {w: int(v) for w, v in re.findall(rb"^(list|signature|head|program|payload) (\d+)$", whole[:1024], re.M)}
    listed = json.loads(whole[1024:1024 + n[b"list"]])
    change(listed)
    body = payload if payload is not None else whole[n[b"head"]:]
    listed["payload_bytes"] = len(body)
    listed["segments"] = [hashlib.sha256(body[i:i + (16 << 20)]).hexdigest() for i in range(0, len(body), 16 << 20)]
    text = json.dumps(listed).encode()
    seed = base64.b64decode(open(at("anna")).read().split()[0].split(":")[1])
    pae = b"DSSEv1 %d %s %d %s" % (len(TYPE), TYPE, len(text), text)
    der = bytes.fromhex("302e020100300506032b657004220420") + seed
    file(WORK.name, "key.der", der)
    file(WORK.name, "pae", pae)
    sig = subprocess.run(["openssl", "pkeyutl", "-sign", "-keyform", "DER", "-inkey", at("key.der"), "-rawin", "-in", at("pae")], capture_output=True, check=True).stdout
    old = json.loads(whole[1024 + n[b"list"]:1024 + n[b"list"] + n[b"signature"]])
    signature = json.dumps({"type": TYPE.decode(), "signatures": [{"keyid": old["signatures"][0]["keyid"], "sig": base64.b64encode(sig).decode()}]}).encode()
    head = -(-(1024 + len(text) + len(signature)) // 4096) * 4096
    header = whole[:1024].rstrip(b" \n") + b"\n"
    numbers = {b"list": len(text), b"signature": len(signature), b"head": head, b"payload": len(body)}
    for word, value in numbers.items():
        header = re.sub(rb"^%s \d+$" % word, b"%s %d" % (word, value), header, count=1, flags=re.M)
    header = re.sub(rb"sha256 \w+", b"sha256 " + hashlib.sha256(text + signature).hexdigest().encode(), header)
    header = re.sub(rb"tail -c \+\d+", b"tail -c +%d" % (head + 1), header)
    header = header.ljust(1023) + b"\n"
    file(WORK.name, "made.moat", (header + text + signature).ljust(head, b"\0") + body)


TYPE = b"application/vnd.moat.bundle+json"


def member(path, data):
    t = tarfile.TarInfo(path)
    t.size = len(data)
    return t, io.BytesIO(data)


def zstd_tar(members):
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as t:
        for m in members:
            t.addfile(*m)
    return plain.getvalue()  # libarchive takes a tar without a filter, too


def contradicting():
    """Lists that are signed and yet not right."""
    rebuilt(lambda d: None)
    ok(verify("made.moat").status == 0, "the test can sign a bundle itself", verify("made.moat"))
    cases = {
        "a path upwards": lambda d: d["files"][0].update(path="policy/../../evil"),
        "an absolute path": lambda d: d["files"][0].update(path="/etc/passwd"),
        "a path of another kind": lambda d: d["files"][0].update(path="blobs/x"),
        "a hidden file": lambda d: d["files"][0].update(path="policy/.bashrc"),
        "a folder in a folder": lambda d: d["files"][0].update(path="policy/a/b"),
        "a path twice": lambda d: d["files"].append(dict(d["files"][0])),
        "a kind not known": lambda d: d["files"][0].update(kind="virus"),
        "a size below zero": lambda d: d["files"][0].update(bytes=-1),
        "a size beyond all": lambda d: d["files"][0].update(bytes=1 << 60),
        "a digest that is none": lambda d: d["files"][0].update(sha256="x"),
        "a program after a model": lambda d: d["files"].append(dict(d["files"][0], kind="program", path="moat/bin/moat")),
        "a model of another digest than its path": lambda d: [f.update(sha256="0" * 64) for f in d["files"] if f["kind"] == "model"],
        "a name that is none": lambda d: [f.update(name="../x") for f in d["files"] if f["kind"] == "model"],
        "settings that are none": lambda d: [f.update(settings=[1]) for f in d["files"] if f["kind"] == "model"],
        "too many files": lambda d: d["files"].extend(dict(d["files"][0], path=f"policy/{i}") for i in range(5000)),
        "parts of an odd size": lambda d: d.update(part_bytes=4095),
        "no version": lambda d: d.pop("version"),
        "an expiry long past": lambda d: d.update(expires="2001-01-01T00:00:00Z"),
        "files that are no list": lambda d: d.update(files={}),
    }
    wrong = []
    for name, change in cases.items():
        rebuilt(change)
        r = install("made.moat", "never")
        if r.status not in (2, 4, 5, 6, 8) or os.path.exists(at("never")) or r.err.count("\n") != 1:
            wrong.append((name, str(r)))
    ok(not wrong, f"{len(cases)} signed lists that contradict themselves: refused, nothing written", wrong)
    rebuilt(lambda d: d.update(format=2))
    ok(verify("made.moat").status == 5, "a format to come: a sentence", verify("made.moat"))


def lying():
    """Archives that are not what the signed list says: what a list promises is all that is ever written."""
    files = [("policy/site.json", open(at("site.json"), "rb").read()), ("docs/manual.md", open(at("manual.md"), "rb").read()), ("licences/LICENCE.txt", b"Do as you like.\n"),
             ("models/sha256-" + hashlib.sha256(open(at("m.gguf"), "rb").read()).hexdigest(), open(at("m.gguf"), "rb").read())]
    link = tarfile.TarInfo("policy/site.json")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    cases = {
        "another content": [member(files[0][0], files[0][1].replace(b"opaque", b"OPAQUE"))],
        "another name": [member("../evil", files[0][1])],
        "an absolute name": [member("/tmp/evil", files[0][1])],
        "a link": [(link, None)],
        "shorter": [member(files[0][0], files[0][1][:-1])],
        "longer": [member(files[0][0], files[0][1] + b"x")],
        "none": [],
        "another order": [member(*files[1]), member(*files[0])],
        "one more": [member(*f) for f in files] + [member("policy/more.json", b"{}")],
    }
    wrong = []
    for name, members in cases.items():
        rebuilt(lambda d: None, zstd_tar(members))
        r = install("made.moat", "never")
        if r.status != 4 or os.path.exists(at("never")) or r.err.count("\n") != 1:
            wrong.append((name, str(r)))
    ok(not wrong, f"{len(cases)} archives that are not what their signed list says: refused, nothing written", wrong)
    rebuilt(lambda d: None, zstd_tar([member(*f) for f in files]))
    ok(install("made.moat", "honest").status == 0, "an honest archive of the test is installed", install("made.moat", "honest"))


def asking():
    for arguments, status, words in [(["bundle", "creat"], 2, "create"), (["bundle", "create", at("x"), "--model", "tiny:one"], 2, "--sign"),
                                     (["bundle", "create", at("x"), "--sign", at("anna"), "--no-program"], 2, "nothing"),
                                     (["bundle", "create", at("x"), "--sign", at("anna"), "--model", "none:such"], 3, "none:such"),
                                     (["bundle", "create", at("x"), "--sign", at("anna"), "--doc", at("c.json"), "--doc", at("c.json"), "--no-program"], 2, "twice"),
                                     (["bundle", "create", at("x"), "--sign", at("anna"), "--doc", at("c.json"), "--split", "1000"], 2, "multiple"),
                                     (["bundle", "create", at("x"), "--sign", at("anna"), "--doc", at("c.json"), "--no-program", "--split", "4K"], 2, "too small"),
                                     (["bundle", "verify", at("none.moat"), "--key", at("anna.pub")], 3, "none.moat"),
                                     (["bundle", "verify", at("m.gguf"), "--key", at("anna.pub")], 5, "not a bundle"),
                                     (["bundle", "verify", WORK.name, "--key", at("anna.pub")], 3, "no file"),
                                     (["bundle", "install", at("b.moat"), "--key", at("anna.pub"), "--to", at("opt")], 3, "no program")]:
        r = run(*arguments, home="home")
        ok(r.status == status and words in r.err and not os.path.exists(at("x")) and not os.path.exists(at("x.001")), f"{' '.join(map(os.path.basename, arguments[:3]))}: {words}", r)


prepare()
making()
installing()
cutting()
flipping()
signing()
contradicting()
lying()
asking()
done()
