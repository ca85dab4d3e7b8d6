# SPDX-License-Identifier: Apache-2.0
"""T5 and T6 over the front of a server: each allocation and each call of the system that it makes fails in turn, once and from then on,
while it starts and while it answers. It never dies of it and never hangs: a request is answered, refused or cut, and when the fault is over
all is well again; a front that cannot start says why and ends the server."""
import errno
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import faults  # noqa: E402
import tap  # noqa: E402
from serving import Server  # noqa: E402

MODEL = os.path.join(tap.DATA, "arch", "llama.gguf")
OPTIONS = ("--threads", "1", "--parallel", "2", "--head-seconds", "3")
ASK = {"model": "llama", "prompt": "a b", "max_tokens": 3, "temperature": 0}
KINDS = [(faults.ALLOCATION, errno.ENOMEM, once) for once in (True, False)] + [
    (faults.CALL, errno.EIO, True), (faults.CALL, errno.ENOMEM, True), (faults.CALL, errno.EMFILE, True), (faults.CALL, errno.EINTR, True),
    (faults.CALL, errno.EAGAIN, True)]


def named(kind, error, once, nth, n):
    what = "allocation" if kind == faults.ALLOCATION else f"call ({errno.errorcode[error]})"
    return f"{what} {nth} of {n}{'' if once else ' and all after it'}"


def ask(server, method, path, body):
    """(status, body), or why there was no answer; "hang" where nothing came."""
    try:
        r = server.ask(method, path, body, limit=8)
        return r.status, r.body
    except TimeoutError:
        return "hang", b""
    except (OSError, http.client.HTTPException) as e:
        return type(e).__name__, b""


REQUESTS = [("POST", "/v1/completions", ASK), ("POST", "/v1/completions", dict(ASK, stream=True)), ("GET", "/v1/models", None),
            ("POST", "/v1/completions", b'{"prompt": ["a long text with \\n an escape", '), ("GET", "/metrics", None), ("GET", "/", None)]


def died(detail):
    """Of a signal; one that gave up in good order (signal 0) is replaced, which is as it should be."""
    return not detail.startswith("signal 0;")


def text_of(body):
    try:
        return json.loads(body)["choices"][0]["text"]
    except (ValueError, LookupError):
        return None


class Answering:
    """Faults while it answers: one server for all of them."""

    def __init__(self, server, control, step):
        self.server, self.control, self.step = server, control, step
        self.wrong, self.runs = [], 0
        self.clean = text_of(ask(server, *REQUESTS[0])[1])

    def judge(self, found):
        if any(status == "hang" for status, _ in found):
            return f"no answer to {[REQUESTS[i][1] for i, f in enumerate(found) if f[0] == 'hang']}"
        status, body = found[0]
        if status == 200 and text_of(body) != self.clean:
            return f"another answer: {body[-400:]}"
        if self.server.process.poll() is not None:
            return f"the server ended: {self.server.process.returncode}"
        if any(died(e["detail"]) for e in self.server.events("front-fell")):
            return "the front fell"
        for _ in range(40):  # what was cut may still be on its way out
            after = ask(self.server, *REQUESTS[0])
            if after[0] == 200 and text_of(after[1]) == self.clean:
                return None
            time.sleep(0.05)
        return f"afterwards: {after}"

    def one(self, kind, error, once, nth):
        self.control.arm(kind, nth, error, once)
        found = [ask(self.server, *r) for r in REQUESTS]
        n, hits = self.control.disarm()
        self.runs += 1
        why = self.judge(found)
        if why:
            self.wrong.append(f"{named(kind, error, once, nth, n)}: {why}: {[f[0] for f in found]} {self.server.log()[-300:]}")
        return hits

    def all(self):
        counts = []
        for kind, error, once in KINDS:
            nth = 1
            while not self.wrong and self.one(kind, error, once, nth):
                nth += self.step
            counts.append(nth)
        return counts


class Starting:
    """Faults from its first step on: a server for each of them."""

    def __init__(self, folder, control, step):
        self.folder, self.control, self.step = folder, control, step
        self.wrong, self.runs = [], 0

    def start(self):
        """(exit status or None, its log, whether it answered)"""
        log = os.path.join(self.folder, "log")
        env = dict(os.environ, **self.control.env, XDG_CONFIG_HOME=self.folder, MOAT_HOME=os.path.join(self.folder, "home"))
        with open(log, "wb") as f:
            p = subprocess.Popen([tap.MOAT, "serve", "--model", MODEL, "--listen", "unix:" + os.path.join(self.folder, "s"), *OPTIONS],
                                 stdin=subprocess.DEVNULL, stdout=f, stderr=f, env=env)
        answered, end = False, time.monotonic() + 10
        while p.poll() is None and time.monotonic() < end and not answered:
            answered = self.is_ready()
            time.sleep(0.01)
        before = p.poll()
        if before is None:
            self.control.map[:4] = bytes(4)
            end = time.monotonic() + 5
            while not answered and p.poll() is None and time.monotonic() < end:
                answered = self.is_ready()
                time.sleep(0.02)
            p.send_signal(signal.SIGTERM)
            try:
                p.wait(15)
            except subprocess.TimeoutExpired:
                p.kill()
                before = -9
        return before, open(log, errors="replace").read(), answered

    def is_ready(self):
        import socket
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(2)
        try:
            s.connect(os.path.join(self.folder, "s"))
            s.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return s.recv(100).startswith(b"HTTP/1.1 200")
        except OSError:
            return False
        finally:
            s.close()

    def judge(self, status, log, answered):
        if any(died(detail) for detail in re.findall(r'"front-fell","detail":"([^"]*)"', log)):
            return "the front fell"
        if status is not None and status < 0:
            return f"signal or no end: {status}"
        if status == 0 or (status and '"event":"front-ended"' not in log):
            return f"it ended with {status} and did not say why"
        return None if status or answered else "it was up and did not answer"

    def all(self):
        counts = []
        for kind, error, once in KINDS[:2] + [(faults.CALL, errno.EIO, True), (faults.CALL, errno.EIO, False)]:
            nth, hits = 1, 1
            while hits and len(self.wrong) < 5:
                self.control.arm(kind, nth, error, once)
                found = self.start()
                n, hits = self.control.disarm()
                self.runs += 1
                why = self.judge(*found)
                if why:
                    self.wrong.append(f"{named(kind, error, once, nth, n)}: {why}: {found[1][-500:]}")
                nth += self.step
            counts.append(nth)
        return counts


def answering(step):
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # the front has a user of its own
        control = faults.Faults(folder, "moat:front")
        with Server(MODEL, *OPTIONS, env=dict(control.env, MOAT_HOME=os.path.join(folder, "home"))) as s:
            a = Answering(s, control, step)
            counts = a.all()
        no_client_comes(folder)
    tap.ok(not a.wrong and min(counts) > 3, f"answering: {a.runs} runs, up to {max(counts)} allocations or calls", "\n".join(a.wrong))


def starting(step):
    with tempfile.TemporaryDirectory() as folder:
        s = Starting(folder, faults.Faults(folder, "moat:front"), step)
        status, log, answered = s.start()
        tap.ok(status is None and answered, "it starts", log)
        counts = s.all()
        tap.ok(not s.wrong and min(counts) > 3, f"starting: {s.runs} servers, up to {max(counts)} allocations or calls", "\n".join(s.wrong))


def no_client_comes(folder):
    """The kernel that gives no connection for good: it ends, and says so, rather than ask for ever."""
    control = faults.Faults(folder, "moat:front")
    with Server(MODEL, *OPTIONS, env=dict(control.env, MOAT_HOME=os.path.join(folder, "home"))) as s:
        control.arm(faults.CALL, 1, errno.ENOMEM, once=False)
        ask(s, "GET", "/health", None)
        end = time.monotonic() + 10
        while s.process.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        tap.ok(s.process.poll() == 11 and control.n < 1000, "a front that can take nobody ends with an error", f"{s.process.poll()} {control.n} {s.log()[-300:]}")


def test(step_answering, step_starting):
    if not faults.works():
        return tap.skip("the front under faults", "not with AddressSanitizer")
    answering(step_answering)
    starting(step_starting)
