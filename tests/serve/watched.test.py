#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What ends a service by itself: a sandbox that is open, found at the start or, in the air-gap profile, while it runs; a front that never stays up."""
import os
import signal
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import faults  # noqa: E402
from serving import Server  # noqa: E402
from tap import *  # noqa: E402,F403

MODEL = os.path.join(DATA, "arch", "llama.gguf")
ASK = {"prompt": "a b", "max_tokens": 3, "temperature": 0}


def until(true, seconds):
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    return true()


def server(folder, control, *options):
    return Server(MODEL, "--threads", "1", *options, env=dict(control.env if control else {}, MOAT_HOME=os.path.join(folder, "home")), wait=False)


def open_from_the_start(folder):
    """seccomp_load does nothing: that is seen, and nothing turns it off."""
    control = faults.Faults(folder)
    control.arm(faults.FILTER, 1, once=False)
    with server(folder, control) as s:
        ended = until(lambda: s.process.poll() is not None, 20)
        ok(ended and s.process.returncode == 8 and "got out of it" in s.events("attest-failed")[0]["detail"],
           "moat serve ends where a sandbox is open", f"{s.process.returncode} {s.log()}")


def opens_later(folder):
    control = faults.Faults(folder)
    with server(folder, control, "--airgap", "true", "--attest-seconds", "1") as s:
        s.wait_ready()
        ok(until(lambda: len(s.events("attest")) >= 2, 20), "the air-gap profile tries it again while it runs", s.log())
        ok(s.post("/v1/completions", ASK).status == 200, "and serves")
        control.arm(faults.FILTER, 1, once=False)
        ended = until(lambda: s.process.poll() is not None, 20)
        ok(ended and s.process.returncode == 8 and s.events("attest-failed"), "it ends when one is open later", f"{s.process.returncode} {s.log()}")
    with server(folder, None, "--airgap", "true", "--attest-seconds", "1") as s:
        s.wait_ready()
        helper = of(s, "moat:attest")
        os.kill(helper, signal.SIGKILL)
        ended = until(lambda: s.process.poll() is not None, 20)
        ok(ended and s.process.returncode == 8, "and when the process that tries is ended", f"{s.process.returncode} {s.log()}")
    with server(folder, None, "--airgap", "true") as s:
        s.wait_ready()
        helper = of(s, "moat:attest")
        s.process.kill()
        ok(until(lambda: not os.path.exists(f"/proc/{helper}"), 10), "which does not outlive the service")


def of(s, name):
    """The child of that name, or None."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            stat = open(f"/proc/{pid}/stat").read()
        except OSError:
            continue
        state, parent = stat.rsplit(")", 1)[1].split()[:2]
        if f"({name})" in stat and state != "Z" and int(parent) == s.process.pid:
            return int(pid)
    return None


def falls(folder):
    with server(folder, None) as s:
        s.wait_ready()
        for _ in range(3):
            front = of(s, "moat:front")
            os.kill(front, signal.SIGKILL)
            until(lambda: of(s, "moat:front") not in (None, front), 5)
        s.wait_ready()
        ok(s.post("/v1/completions", ASK).status == 200, "a front that falls three times is there again", s.log())
        pauses, t = [], time.monotonic()
        while s.process.poll() is None and len(pauses) < 20:
            front = of(s, "moat:front")
            if front:
                pauses.append(time.monotonic() - t)
                os.kill(front, signal.SIGKILL)
                t = time.monotonic()
                until(lambda: of(s, "moat:front") != front or s.process.poll() is not None, 5)
            time.sleep(0.005)
        ok(s.process.poll() == 70 and len(s.events("front-fell")) == 7 and "fallen 8 times" in s.events("given-up")[0]["detail"],
           "one that never stays up ends the server, and that is said", f"{s.process.poll()} {s.log()}")
        ok(max(pauses) > 1 and sum(pauses) < 15, "after pauses that grow", pauses)


with tempfile.TemporaryDirectory() as d:
    os.chmod(d, 0o755)
    if not faults.works():
        skip("an open sandbox", "an instrumented build has none")
    else:
        open_from_the_start(d)
        opens_later(d)
    falls(d)
done()
