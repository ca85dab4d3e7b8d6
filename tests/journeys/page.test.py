#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The first five minutes: make install, moat pull, moat serve, and a browser on the page, up to the first answer. The model comes
from a server on loopback, so what it costs to load it from the internet is not in the time."""
import http.server
import os
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TMP = tempfile.TemporaryDirectory()
BUILT = os.environ.get("MOAT") or os.path.join(HERE, "..", "..", "build", "moat")
begun = time.monotonic()
installed = subprocess.run(["make", "--no-print-directory", "BUILD=" + os.path.dirname(BUILT), "DESTDIR=" + TMP.name, "PREFIX=/usr", "install"],
                           cwd=os.path.join(HERE, "..", ".."), capture_output=True, text=True,
                           env={k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")})
os.environ["MOAT"] = os.path.join(TMP.name, "usr", "bin", "moat")  # what is tested from here on
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
from tap import *  # noqa: E402,F403
from serving import *  # noqa: E402,F403
import browser  # noqa: E402

if not os.path.exists(SMOLLM2) or browser.missing():
    skip("the first five minutes", browser.missing() or f"no {SMOLLM2}: scripts/fetch-model --tests brings it")
    done()
STORE = {"MOAT_HOME": os.path.join(TMP.name, "store")}


class Files(http.server.SimpleHTTPRequestHandler):
    def __init__(self, *a):
        super().__init__(*a, directory=MODELS)

    def log_message(self, *_):
        pass


def first_answer(server, b):
    p = browser.Page(b, server.port).open()
    ok(p.sees(".model-name", "smollm2:135m") and p.sees(".welcome-model", "MiB"), "the page says which model answers, and how large it is")
    p.page.locator(".ideas button").first.click()
    ok("hash table" in p.page.locator(".write").input_value(), "an idea is put into the field, not sent")
    p.send("What is the capital of France?")
    answer = p.answered()
    ok("Paris" in answer.inner_text(), "and the first question is answered", answer.inner_text())
    p.quiet("the first page")
    p.close()


ok(installed.returncode == 0 and moat("--version").status == 0, "make install: the program runs from where it was put", installed.stderr)
with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files) as files:
    threading.Thread(target=files.serve_forever, daemon=True).start()
    r = moat("pull", f"http://127.0.0.1:{files.server_address[1]}/smollm2.gguf", "--name", "smollm2:135m", env=STORE)
    files.shutdown()
ok(r.status == 0 and "smollm2:135m" in moat("list", env=STORE).out, "moat pull: the model is in the store", r)
with Server("smollm2:135m", "--temperature", "0", "--max-tokens", "40", env=STORE) as s, browser.browser() as b:
    first_answer(s, b)
spent = time.monotonic() - begun
ok(spent < 300, f"from make install to the first answer: {spent:.1f} s")
done()
