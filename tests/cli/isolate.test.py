#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Commands that read what comes from outside are in a sandbox before they open it: strace shows the filter of system calls, the files that can
be reached and the empty network before the first look at the file; and it writes only what it is there for."""
import functools
import http.server
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403

WORK = tempfile.mkdtemp(prefix="moat-isolate-")
HOME = os.path.join(WORK, "home")
MODEL = shutil.copy(os.path.join(DATA, "arch", "llama.gguf"), os.path.join(WORK, "outside.gguf"))
TEXT = file(WORK, "outside.txt", "{{ messages }} {# a b c #}")
MODELFILE = file(WORK, "outside.modelfile", f"FROM {MODEL}\nPARAMETER temperature 0\n")
LAYERS = {"network": r"unshare\(CLONE_NEW(NET|USER\|CLONE_NEWNET)\b", "files": r"landlock_restrict_self\(", "calls": r"seccomp\(SECCOMP_SET_MODE_FILTER"}


def traced(*args):
    """(exit status, {process: [its calls]}, what it said)"""
    log = os.path.join(WORK, "strace")
    p = subprocess.run(["strace", "-f", "-qq", "-s", "300", "-o", log, "-e", "trace=open,openat,unshare,landlock_restrict_self,seccomp,socket,connect,execve",
                        MOAT, *args], capture_output=True, text=True, stdin=subprocess.DEVNULL, env=dict(os.environ, MOAT_HOME=HOME), timeout=120)
    calls = {}
    for line in open(log, errors="replace"):
        pid, rest = line.split(maxsplit=1)
        calls.setdefault(pid, []).append(rest.strip())
    return p.returncode, calls, p.stdout + p.stderr


def layers_before(calls, name):
    """For each process that opened a file of that name: the layers it had entered by then."""
    found = []
    for of in calls.values():
        opened = [i for i, c in enumerate(of) if c.startswith("open") and name in c and not c.endswith(")")]
        if opened:
            found.append({layer for layer, words in LAYERS.items() if any(re.match(words, c) for c in of[:opened[0]])})
    return found


def isolated(what, *args, name="outside"):
    status, calls, said = traced(*args)
    found = layers_before(calls, name)
    ok(status == 0 and found and all(f == set(LAYERS) for f in found), f"{what}: in its sandbox before it opens {name}", f"exit {status} {found}\n{said}")
    return calls


def commands():
    isolated("import", "import", MODEL, "--name", "m:1")
    isolated("create from a file", "create", "m:2", "-f", MODELFILE)
    isolated("create", "create", "m:3", "-f", file(WORK, "outside.two", "FROM m:1\nSYSTEM x\n"))
    isolated("pack", "pack", MODEL)
    isolated("pack --only", "pack", "m:1", "--only", name="home/blobs")
    isolated("pack --restore", "pack", "m:1", "--restore", name="home/thin")
    isolated("export", "export", "m:1", os.path.join(WORK, "copy.gguf"), name="home/blobs")
    isolated("template", "template", TEXT)
    isolated("template test", "template", "test", MODEL)
    isolated("doctor", "doctor", MODEL, "--no-measure")
    isolated("doctor of the store", "doctor", "--no-measure", name="home/blobs")
    isolated("show", "show", MODEL)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def pull():
    """The fetch role dials, and no other process; the one that reads the file cannot."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=WORK))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    calls = isolated("pull", "pull", f"http://127.0.0.1:{server.server_port}/outside.gguf", "--name", "p:1", name="home/partial")
    server.shutdown()
    dialled = [p for p, of in calls.items() if any(re.match(r"(socket|connect)\(AF_INET|connect\(.*AF_INET", c) for c in of)]
    fetches = [p for p, of in calls.items() if any(c.startswith("execve(\"/proc/self/exe\"") for c in of)]
    ok(fetches and set(dialled) <= set(fetches), "only the fetch role has sockets", f"{dialled} {fetches}")


def writes():
    """Landlock says where: what a hostile file could make import do elsewhere fails."""
    r = moat("export", "m:1", os.path.join(WORK, "sub", "copy.gguf"), env={"MOAT_HOME": HOME})
    ok(r.status != 0 and r.err.count("\n") == 1, "a folder that is not there is one error", r)
    r = moat("doctor", os.path.join(WORK, "none.gguf"), "--no-measure", env={"MOAT_HOME": HOME})
    ok(r.status == 3 and "none.gguf" in r.err and r.err.count("\n") == 1, "the process apart hands its error over", r)
    r = moat("doctor", TEXT, "--no-measure", env={"MOAT_HOME": HOME})
    ok(r.status == 5 and r.err.count("\n") == 1, "and what kind it is", r)


if os.environ.get("MOAT_SANITIZED"):
    skip("isolation", "an instrumented build has no sandbox")
elif not shutil.which("strace") or os.geteuid() != 0:
    skip("isolation", "needs root and strace: scripts/setup all")
else:
    commands()
    pull()
    writes()
shutil.rmtree(WORK)
done()
