#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat sign release and check: the list of a release's files, signed, and what is not as it was signed; openssl and sha256sum say the same."""
import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403

WORK = tempfile.mkdtemp(prefix="moat-release-")
KEY, OTHER = os.path.join(WORK, "key"), os.path.join(WORK, "other")
LIST = os.path.join(WORK, "r", "SHA256SUMS")
TYPE = b"application/vnd.moat.release+text"


def check(*options):
    return moat("sign", "check", LIST, "--key", KEY + ".pub", *options)


def refused(name, r, status, words):
    ok(r.status == status and words in r.err and r.err.count("\n") == 1, f"{name} is refused", r)


def signed():
    for name, data in (("moat-1-linux", b"\x7fELF" + bytes(100000)), ("moat-1.tar.xz", b"source")):
        file(os.path.join(WORK, "r"), name, data)
    sums = subprocess.run("sha256sum moat-1*", shell=True, cwd=os.path.join(WORK, "r"), capture_output=True, check=True).stdout
    file(os.path.join(WORK, "r"), "SHA256SUMS", sums)
    r = moat("sign", "release", LIST, "--secret", KEY)
    ok(r.status == 0 and "SHA256SUMS.sig" in r.out, "a list is signed", r)
    r = check()
    ok(r.status == 0 and r.out.count("as it was signed") == 2, "and checked, with its files", r)


def by_openssl():
    if not shutil.which("openssl"):
        return skip("openssl", "it is not here")
    body = open(LIST, "rb").read()
    message = file(WORK, "message", b"DSSEv1 %d %s %d " % (len(TYPE), TYPE, len(body)) + body)
    key = base64.b64decode(open(KEY + ".pub").read().split()[0].split(":")[1])
    public = file(WORK, "public.der", bytes.fromhex("302a300506032b6570032100") + key)
    signature = file(WORK, "signature", base64.b64decode(json.load(open(LIST + ".sig"))["signatures"][0]["sig"]))
    p = subprocess.run(["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", public, "-keyform", "DER", "-in", message, "-sigfile", signature],
                       capture_output=True, text=True)
    ok(p.returncode == 0, "openssl verifies it too", p.stdout + p.stderr)


def changed():
    for name, data, words in (("moat-1-linux", b"\x7fELF" + bytes(99999) + b"x", "moat-1-linux is not the file"), ("moat-1.tar.xz", None, "moat-1.tar.xz")):
        path = os.path.join(WORK, "r", name)
        was = open(path, "rb").read()
        os.remove(path)
        if data:
            file(os.path.join(WORK, "r"), name, data)
        refused(f"{name} {'changed' if data else 'missing'}", check(), 4 if data else 3, words)
        file(os.path.join(WORK, "r"), name, was)
    text = open(LIST).read()
    file(os.path.join(WORK, "r"), "SHA256SUMS", text.replace("moat-1.tar", "moat-2.tar"))
    refused("a list that was changed", check(), 8, "was changed after")
    refused("and not signed again as it stands", moat("sign", "release", LIST, "--secret", KEY), 3, "moat-2.tar.xz")
    file(os.path.join(WORK, "r"), "SHA256SUMS", text)
    refused("another key", moat("sign", "check", LIST, "--key", OTHER + ".pub"), 8, "not signed by a key that is trusted")
    refused("no key", moat("sign", "check", LIST), 2, "--key KEY is missing")
    refused("two of one", check("--needed", "2"), 2, "only 1 keys")
    ok(check().status == 0, "and the right one is taken again")


def lists():
    for words, text in (("no file", ""), ("line 1", "x  moat\n"), ("line 2", "0" * 64 + "  a\n" + "0" * 64 + "  a\n"), ("line 1", "0" * 64 + "  ../a\n"),
                        ("line 1", "0" * 64 + "  .hidden\n"), ("line 1", "0" * 64 + " *a\n"), ("line 1", "0" * 64 + "  a b\n"), ("line 1", "A" * 64 + "  a\n")):
        file(WORK, "bad", text)
        refused(f"a list with {text[-12:]!r}", moat("sign", "release", os.path.join(WORK, "bad"), "--secret", KEY), 4, words)


os.mkdir(os.path.join(WORK, "r"))
moat("sign", "new", KEY)
moat("sign", "new", OTHER)
signed()
by_openssl()
changed()
lists()
shutil.rmtree(WORK)
done()
