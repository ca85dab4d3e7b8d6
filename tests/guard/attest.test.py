#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat attest: nothing gets out of any role's sandbox, as who runs the test, as nobody, and inside a root of its own; what the system refuses
is said. moat serve tries the same when it starts, and its roles are what attest says."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from serving import SMOLLM2, Server  # noqa: E402
from tap import *  # noqa: E402,F403

LAST = re.compile(r"attest: (\d+) channels x (\d+) roles, (\d+) reached, (\d+) not applied")
ROLES = {"supervisor", "front", "engine", "keeper", "auditor", "starter", "fetch", "command", "import", "loading"}


def last(text):
    """The numbers of the last line, or None."""
    m = LAST.fullmatch(text.strip().splitlines()[-1] if text.strip() else "")
    return tuple(map(int, m.groups())) if m else None


def here():
    r = moat("attest")
    found = last(r.out)
    ok(r.status == 0 and found and found[:3] == (31, 10, 0), "nothing is reached", r.out + r.err)
    r = moat("attest", "--json")
    j = json.loads(r.out)
    ok(set(j["layers"]) == ROLES and j["reached"] == 0 and j["not_applied"] == found[3], "--json says the same", r.out[:400])
    by = {c["channel"]: c["by"] for c in j["channels"]}
    ok(by["TCP connection"]["none"]["outcome"] == "reached" and by["TCP connection"]["fetch"]["outcome"] == "allowed", "without a sandbox, and as fetch, it connects")
    ok(all(by[c]["none"]["outcome"] == "reached" for c in ("UDP", "Unix socket of a path", "listener turned round", "writing a foreign file", "signal to a process")),
       "the control reaches what it can", r.out[:400])
    ok(by["TCP connection"]["engine"].get("signal") == 31, "and ends an engine that tries")
    r = moat("attest", "--airgap")
    ok(r.status == 0 and last(r.out)[:3] == (31, 8, 0), "the air-gap profile has no fetch roles", r.out[-300:] + r.err)


def as_nobody():
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        return skip("as nobody", "needs root and setpriv")
    with tempfile.TemporaryDirectory() as home:
        os.chown(home, 65534, 65534)
        p = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", MOAT, "attest"], capture_output=True, text=True,
                           env=dict(os.environ, MOAT_HOME=os.path.join(home, "m"), HOME=home), timeout=60)
    found = last(p.stdout)
    ok(p.returncode == 0 and found and found[2] == 0 and found[3] >= 3, "as nobody nothing is reached, and what is refused is counted", p.stdout + p.stderr)
    ok('refuses the layer "user" to the role engine' in p.stdout, "and named", p.stdout)


def in_a_container():
    """No user namespaces to be made, no capability, a root of its own: what a container leaves."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "-p", "--fork", "true"], capture_output=True).returncode:
        return skip("inside a container", "needs root and namespaces")
    can = subprocess.run(["unshare", "-m", "sh", "-c", "mount --bind / /mnt"], capture_output=True).returncode == 0
    if not can:
        return skip("inside a container", "this system does not mount")
    inner = f"cd / && exec setpriv --bounding-set=-all --inh-caps=-all --no-new-privs {MOAT} attest"
    outer = ("mount --rbind / /mnt && mount -t proc proc /mnt/proc && echo 0 >/proc/sys/user/max_user_namespaces && "
             f"exec chroot /mnt sh -c '{inner}'")
    # a user namespace, so that its limit of user namespaces is of it alone
    p = subprocess.run(["unshare", "-U", "--map-root-user", "-m", "-p", "--fork", "sh", "-c", outer], capture_output=True, text=True, timeout=60,
                       env=dict(os.environ, HOME="/tmp", MOAT_HOME="/tmp/moat-attest-home"))
    found = last(p.stdout)
    if not found and not p.stdout:
        return skip("inside a container", (p.stderr.strip().splitlines() or ["it does not start"])[-1])
    ok(p.returncode == 0 and found and found[2] == 0, "inside a container nothing is reached", p.stdout + p.stderr)
    ok(found and found[3] > 3 and 'refuses the layer "network"' in p.stdout, "and that it has no network namespace is said", p.stdout[-900:])


def status_of(pid):
    return dict(line.split(":", 1) for line in open(f"/proc/{pid}/status") if ":" in line)


def served():
    if not os.path.exists(SMOLLM2):
        return skip("moat serve", "the model is not here")
    with Server() as s:
        end = time.monotonic() + 20
        while not s.events("attest") and time.monotonic() < end:
            time.sleep(0.05)
        said = s.events("attest")
        ok(len(said) == 1 and last("attest: " + said[0]["detail"])[2] == 0, "moat serve has tried it", s.log())
        engine = status_of(s.engine())
        ok(engine["NoNewPrivs"].strip() == "1" and engine["Seccomp"].strip() == "2" and int(engine["CapEff"], 16) == 0, "the engine has a filter and no capability", engine)
        if os.geteuid() == 0:
            ok(engine["Uid"].split()[1] == "65522", "and a user of its own", engine["Uid"])
            ns = {os.readlink(f"/proc/{p}/ns/net") for p in s.children() + [s.process.pid]}
            ok(len(ns) == 1 and ns != {os.readlink("/proc/self/ns/net")}, "all but the starter are in one network, which is not this one", ns)
            dev = open(f"/proc/{s.engine()}/net/dev").read().splitlines()[2:]
            ok(len(dev) == 1 and dev[0].split()[0] == "lo:", "it has no interface but lo", dev)
        r = s.post("/v1/chat/completions", {"model": "smollm2", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4})
        ok(r.status == 200, "and answers", r)
    with Server(SMOLLM2, "--airgap", "true") as s:
        r = s.post("/v1/completions", {"model": "smollm2", "prompt": "1 2 3", "max_tokens": 4})
        ok(r.status == 200 and len(s.children()) == 2, "the air-gap profile answers too", r)
    r = moat("mirror", "--airgap", "true", "--upstream-hf", "https://example.org", "--listen", "127.0.0.1:0", limit=20)
    ok(r.status == 2 and "fetches nothing" in r.err, "but has no upstream", r)


if os.environ.get("MOAT_SANITIZED"):
    skip("attest", "an instrumented build has no sandbox")
else:
    here()
    as_nobody()
    in_a_container()
    served()
done()
