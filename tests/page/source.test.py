#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What can be said of the page without a browser: every word is in Chinese, nothing makes DOM of text but the sanitiser,
it weighs 400 kB at most, and moat serve gives it with the headers and entity tags it should."""
import glob
import gzip
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403
from serving import *  # noqa: E402,F403

MODULES = {os.path.basename(p): open(p, encoding="utf-8").read() for p in sorted(glob.glob(os.path.join(ROOT, "web", "*.js")))}
STRING = r'"((?:\\.|[^"\\])*)"'
BANNED = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|createContextualFragment|setHTMLUnsafe|srcdoc"
WEIGHT = 400_000


def words():
    used = {w for name, text in MODULES.items() if name != "zh.js" for w in re.findall(r"\bt\(\s*" + STRING, text)}
    chinese = dict(re.findall(r"^  " + STRING + ": " + STRING, MODULES["zh.js"], re.M))
    ok(used == set(chinese), "every word of the page is in zh.js, and no other", f"missing {used - set(chinese)}, unused {set(chinese) - used}")
    bad = [w for w, zh in chinese.items() if set(re.findall(r"\{\w+\}", w)) != set(re.findall(r"\{\w+\}", zh))]
    ok(not bad, "with the same places for values", bad)


def sources():
    bad = [f"{name}: {m[0]}" for name, text in MODULES.items() for m in re.finditer(BANNED, re.sub(r"//.*", "", text))]
    ok(not bad, "no module makes DOM or code of text", bad)
    index = open(os.path.join(ROOT, "web", "index.html"), encoding="utf-8").read()
    ok(not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=|https?:", index), "index.html has no script or style of its own, and no foreign address")
    addresses = [f"{name}: {m[0]}" for name, text in MODULES.items() for m in re.finditer(r"[\"'`]https?://", text) if "w3.org" not in text[m.start():m.start() + 40]]
    ok(not addresses, "no module names an address elsewhere", addresses)


def weight():
    with tempfile.TemporaryDirectory() as d:
        p = subprocess.run([os.path.join(ROOT, "scripts", "embed-web"), d, "--list"], capture_output=True, text=True, check=True)
    total = int(p.stdout.splitlines()[-1].split()[0])
    ok(total <= WEIGHT, f"the page weighs {total} bytes as it is sent, {WEIGHT} at most", p.stdout)


def served(s):
    browser = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}
    r = s.get("/", headers=browser)
    policy = r.headers.get("content-security-policy", "")
    ok(r.status == 200 and r.body.startswith(b"<!doctype html>") and all(p in policy for p in (
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'", "frame-ancestors 'none'",
        "base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'")) and "unsafe" not in policy, "/ is the page, with a strict policy", r)
    ok(r.headers.get("x-content-type-options") == "nosniff" and r.headers.get("referrer-policy") == "no-referrer", "nosniff, no-referrer")
    ok(s.get("/").body == b"Ollama is running" and s.ask("HEAD", "/").status == 200, "who does not ask for HTML is told what Ollama's clients want to hear")
    js = s.get("/web/main.js")
    ok(js.status == 200 and js.headers["content-type"].startswith("text/javascript") and js.body.decode() == MODULES["main.js"], "a module comes as it stands in web/")
    packed = s.get("/web/main.js", headers={"Accept-Encoding": "br, gzip;q=0.8"})
    ok(packed.headers.get("content-encoding") == "gzip" and gzip.decompress(packed.body) == js.body and packed.headers["etag"] != js.headers["etag"], "packed for who takes gzip")
    ok("content-encoding" not in s.get("/web/main.js", headers={"Accept-Encoding": "gzip;q=0, x-gzip2"}).headers, "but not for who refuses it")
    again = s.get("/web/main.js", headers={"If-None-Match": js.headers["etag"]})
    ok(again.status == 304 and not again.body, "what is there already is not sent again", again)
    head = s.ask("HEAD", "/web/style/base.css")
    ok(head.status == 200 and not head.body and head.headers["content-type"].startswith("text/css"), "HEAD has no body")
    strange = [s.get("/web/" + n).status for n in ("", "none.js", "../Makefile", "%2e%2e/index.html", "index.html/", "lib")]
    ok(all(n in (400, 404) for n in strange), "other names are not found", strange)
    ok(s.ask("POST", "/web/main.js", {}).status == 405 and s.get("/web/main.js", headers={"Host": "evil.example"}).status == 403, "no other method, no other host")


words()
sources()
weight()
if os.path.exists(SMOLLM2):
    with Server(SMOLLM2) as server:
        served(server)
else:
    skip("served", f"no {SMOLLM2}: scripts/fetch-model --tests brings it")
done()
