# SPDX-License-Identifier: Apache-2.0
"""A moat serve of a test's own: started on a free port, asked, stopped; its log and its processes. Standard library only."""
import glob
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time

from tap import MOAT, MODELS, ROOT

SMOLLM2 = os.path.join(MODELS, "smollm2.gguf")


def clients(name="clients.txt"):
    """The folder of the packages that scripts/fetch-clients put there, or None."""
    import hashlib
    text = open(os.path.join(ROOT, "scripts", name), "rb").read()
    cache = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "moat")
    folder = os.path.join(cache, "clients-" + hashlib.sha256(text).hexdigest()[:12])
    return folder if os.path.isdir(folder) else None


class Server:
    """with Server(model, "--parallel", "4") as s: s.port, s.get("/health"), s.post(path, object)"""

    verb = "serve"
    tls = None  # an ssl.SSLContext: requests go to an address with TLS
    key = None  # and give this key

    def __init__(self, model=SMOLLM2, *options, wait=True, env=None, listen=("127.0.0.1:0",), tls=None, key=None):
        self.tls, self.key = tls, key
        self.folder = tempfile.TemporaryDirectory()
        self.log_path = os.path.join(self.folder.name, "log")
        base = {k: v for k, v in os.environ.items() if k not in ("XDG_RUNTIME_DIR", "MOAT_CONFIG")}
        base["XDG_CONFIG_HOME"] = self.folder.name
        models = [model] if isinstance(model, str) else model
        command = [MOAT, self.verb] + [w for m in models for w in ("--model", m)] + [w for a in listen for w in ("--listen", a)]
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(command + list(map(str, options)), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=dict(base, **(env or {})))
        self.port = self.find_port()
        if wait:
            self.wait_ready()

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def events(self, kind=None):
        found = []
        for line in self.log().splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if kind is None or event.get("event") == kind:
                found.append(event)
        return found

    def find_port(self, limit=20):
        end = time.monotonic() + limit
        while time.monotonic() < end:
            for e in self.events("listening"):
                m = re.fullmatch(r"(?:https://)?127\.0\.0\.1:(\d+)", e["detail"])
                if m:
                    return int(m[1])
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise RuntimeError(f"moat {self.verb} does not listen: " + self.log())

    def wait_ready(self, limit=120):
        end = time.monotonic() + limit
        while time.monotonic() < end:
            try:
                if self.get("/health").status == 200:
                    return
            except OSError:
                pass
            if self.process.poll() is not None:
                break
            time.sleep(0.03)
        raise RuntimeError(f"moat {self.verb} is not ready: " + self.log())

    def ask(self, method, path, body=None, headers=None, limit=120):
        c = http.client.HTTPSConnection("localhost", self.port, timeout=limit, context=self.tls) if self.tls else \
            http.client.HTTPConnection("127.0.0.1", self.port, timeout=limit)
        headers = dict({"Authorization": "Bearer " + self.key} if self.key else {}, **(headers or {}))
        try:
            data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
            c.request(method, path, data, dict({"Content-Type": "application/json"} if data is not None else {}, **headers))
            r = c.getresponse()
            return Answer(r.status, r.read(), {k.lower(): v for k, v in r.getheaders()})
        finally:
            c.close()

    def get(self, path, **options):
        return self.ask("GET", path, **options)

    def post(self, path, body, **options):
        return self.ask("POST", path, body, **options)

    def raw(self, data, limit=10):
        """What comes back for these bytes until the server closes, or the time is up."""
        s = socket.create_connection(("127.0.0.1", self.port), timeout=limit)
        got = b""
        try:
            s.sendall(data)
            while True:
                piece = s.recv(65536)
                if not piece:
                    break
                got += piece
        except (TimeoutError, ConnectionError):
            pass
        finally:
            s.close()
        return got

    def children(self):
        """The processes of the server's roles: without the supervisor, and without what it starts beside them."""
        found = []
        for path in glob.glob("/proc/[0-9]*/stat"):
            try:
                name, fields = open(path).read().rsplit(")", 1)
            except OSError:
                continue
            fields = fields.split()
            helper = name.endswith(("(moat:starter", "(moat:attest"))
            if int(fields[1]) == self.process.pid and fields[0] != "Z" and not helper:
                found.append(int(path.split("/")[2]))
        return found

    def engine(self):
        """The pid of the engine, as the newest attach event has it."""
        pids = [int(e["detail"].rsplit(" ", 1)[1]) for e in self.events("engine")]
        return pids[-1] if pids else None

    def keeper(self):
        """The pid of the keeper, as the newest event has it."""
        pids = [int(e["detail"].rsplit(" ", 1)[1]) for e in self.events("keeper")]
        return pids[-1] if pids else None

    def stop(self, signo=signal.SIGTERM, limit=40):
        if self.process.poll() is None:
            self.process.send_signal(signo)
        try:
            return self.process.wait(limit)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        self.folder.cleanup()


class Mirror(Server):
    """A moat mirror: with Mirror("--quota", "1G", home=FOLDER) as m: m.get("/models")"""

    verb = "mirror"

    def __init__(self, *options, home, env=None, **rest):
        super().__init__((), *options, env=dict(env or {}, MOAT_HOME=home), **rest)


class Client:
    """One connection that is kept for many requests."""

    def __init__(self, port, limit=60):
        self.c = http.client.HTTPConnection("127.0.0.1", port, timeout=limit)

    def post(self, path, data):
        self.c.request("POST", path, data, {"Content-Type": "application/json"})
        r = self.c.getresponse()
        return Answer(r.status, r.read(), {k.lower(): v for k, v in r.getheaders()})


class Answer:
    def __init__(self, status, body, headers):
        self.status, self.body, self.headers = status, body, headers

    def json(self):
        return json.loads(self.body)

    def events(self):
        """The values of a server-sent event stream, "[DONE]" as that text."""
        found = []
        for block in self.body.decode().split("\n\n"):
            if block.startswith("data: "):
                found.append(block[6:] if block[6:] == "[DONE]" else json.loads(block[6:]))
        return found

    def lines(self):
        return [json.loads(line) for line in self.body.decode().splitlines() if line]

    def __str__(self):
        return f"status {self.status} {self.headers} {self.body[:600]!r}"


def together(n, work):
    """work(i) in n threads at once; what they return, in order."""
    results = [None] * n

    def one(i):
        try:
            results[i] = work(i)
        except Exception as e:  # noqa: BLE001
            results[i] = e
    threads = [threading.Thread(target=one, args=(i,)) for i in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return results
