#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat ps and moat stop: over the Unix socket, over HTTP with and without a key, found by the configuration; what is no server."""
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403
from serving import *  # noqa: E402,F403

if not os.path.exists(SMOLLM2):
    skip("ps", f"no {SMOLLM2}: scripts/fetch-model --tests brings it")
    done()
FOLDER = tempfile.TemporaryDirectory()
HERE = FOLDER.name
A, B = (os.path.join(HERE, f"{name}.gguf") for name in "ab")
for link in (A, B):
    os.symlink(SMOLLM2, link)
SOCKET = os.path.join(HERE, "moat.sock")


def moat(*words, **env):
    base = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": HERE, "MOAT_HOME": os.path.join(HERE, "home")}
    return subprocess.run([MOAT, *words], capture_output=True, text=True, timeout=60, env=dict(base, **env))


def wait(what, limit=10.0):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.02)
    return False


def rows(*words, **env):
    r = moat("ps", *words, **env)
    return {line.split()[0]: line.split()[1:] for line in r.stdout.splitlines()[1:]} if r.returncode == 0 else r


def states(s):
    return {m["model"]: m["state"] for m in s.get("/ready").json()["models"]}


with Server([A, B], "--context", 512, listen=("127.0.0.1:0", f"unix:{SOCKET}")) as s:
    url = f"http://127.0.0.1:{s.port}"
    s.post("/api/generate", {"model": "a"})
    got = rows(XDG_RUNTIME_DIR=HERE)
    ok(isinstance(got, dict) and got["a"][0] == "ready" and got["b"][0] == "unloaded", "the socket of the usual place is found", got)
    ok(got["a"][-2:] == ["5", "min"] and got["a"][1:3] != ["0", "B"] and "%" in got["a"], "memory, cache and time are told", got)
    ok(rows("--at", url) == rows("--at", f"unix:{SOCKET}") == got or "s" in rows("--at", url)["a"], "over HTTP the same", rows("--at", url))
    j = json.loads(moat("ps", "--json", "--at", f"unix:{SOCKET}").stdout)
    ok(j["status"] == "ok" and [m["model"] for m in j["models"]] == ["a", "b"] and j["server"] == f"unix:{SOCKET}", "--json", j)
    config = os.path.join(HERE, "config.json")
    with open(config, "w") as f:
        json.dump({"listen": [f"127.0.0.1:{s.port}"]}, f)
    ok("a" in rows("--config", config), "the configuration says where")
    r = moat("ps", "--at", url, http_proxy="http://127.0.0.1:1", all_proxy="http://127.0.0.1:1")
    ok(r.returncode == 0, "what is for this machine goes through no proxy", r.stderr)
    r = moat("ps", XDG_RUNTIME_DIR=HERE, LANG="zh_CN.UTF-8", MOAT_LOCALEDIR=os.path.join(ROOT, "build", "locale"))
    ok(r.returncode == 0, "in another language too", r.stderr)
    r = moat("stop", "a", XDG_RUNTIME_DIR=HERE)
    ok(r.returncode == 0 and wait(lambda: states(s)["a"] == "unloaded"), "moat stop MODEL unloads it", r.stdout + r.stderr)
    ok(moat("stop", "b", "--at", url).returncode == 0 and states(s)["b"] == "unloaded", "one that is not loaded may be stopped as well")
    r = moat("stop", "c", "--at", url)
    ok(r.returncode == 3 and "c" in r.stderr, "one that is not served may not", r.stderr)
    r = moat("stop", "--server", "--at", url)
    ok(r.returncode == 8 and "unix:" in r.stderr and s.process.poll() is None, "the server is not ended over HTTP", r.stderr)
    ok(b'"pid"' not in s.get("/ready").body, "where its process is no client's affair")
    got = []
    t = threading.Thread(target=lambda: got.append(s.post("/v1/chat/completions", {
        "model": "a", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 60, "logit_bias": {"2": -100}})))
    t.start()
    wait(lambda: "moat_jobs_live 1" in s.get("/metrics").body.decode())
    r = moat("stop", "--server", XDG_RUNTIME_DIR=HERE)
    t.join(30)
    ok(r.returncode == 0 and s.process.wait(20) == 0, "moat stop --server ends it over its socket", r.stderr)
    ok(got and got[0].status == 200 and got[0].json()["usage"]["completion_tokens"] == 60, "when its work is finished", got and got[0].body)
r = moat("ps", "--at", f"unix:{SOCKET}")
ok(r.returncode == 10 and "is moat serve running?" in r.stderr, "then nobody answers", r.stderr)

r = moat("key", "add", "anna", "--json")
key = json.loads(r.stdout)["key"]
with open(os.path.join(HERE, "key"), "w") as f:
    f.write(key + "\n")
with Server(A, "--context", 512, "--require-key", "true", env={"MOAT_HOME": os.path.join(HERE, "home")}, listen=("127.0.0.1:0", f"unix:{SOCKET}")) as s:
    url = f"http://127.0.0.1:{s.port}"
    r = moat("ps", "--at", url)
    ok(r.returncode == 9 and "--token-file" in r.stderr, "where keys are asked for one is needed", r.stderr)
    r = moat("stop", "a", "--at", url)
    ok(r.returncode == 9, "to stop a model as well", r.stderr)
    ok("a" in rows("--at", url, "--token-file", os.path.join(HERE, "key")), "from a file")
    ok("a" in rows("--at", f"unix:{SOCKET}"), "but not over the socket")


class Stranger(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>hello</html>")

    def log_message(self, *_):
        pass


stranger = http.server.HTTPServer(("127.0.0.1", 0), Stranger)
threading.Thread(target=stranger.serve_forever, daemon=True).start()
r = moat("ps", "--at", f"http://127.0.0.1:{stranger.server_port}/")
ok(r.returncode == 10 and "no moat serve" in r.stderr, "another kind of server is told from it", r.stderr)
stranger.shutdown()


def told(answer):
    """What moat ps makes of this answer."""
    path = os.path.join(HERE, "odd.sock")
    if os.path.exists(path):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(1)

    def serve():
        c, _ = listener.accept()
        c.recv(4096)
        try:
            c.sendall(answer)
        except OSError:
            pass
        c.close()
    t = threading.Thread(target=serve)
    t.start()
    r = moat("ps", "--at", f"unix:{path}")
    t.join()
    listener.close()
    return r


for answer in (b"", b"hello\r\n\r\n{}", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n[]", b"HTTP/1.1 abc OK\r\n\r\n{}", b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 100000):
    r = told(answer)
    ok(r.returncode == 10 and len(r.stderr) < 400, f"a socket that says {answer[:30]!r} is none of ours", r.stderr)
loads = {"status": "loading", "models": [{"model": "big", "state": "loading", "progress": 0.42}, {"model": "small", "state": "loading", "progress": None}]}
r = told(b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n\r\n" + json.dumps(loads).encode())
ok(re.search(r"^big +loading 42 %", r.stdout, re.M) and re.search(r"^small +loading *$", r.stdout.replace("0", " "), re.M), "how far loading is stands beside it, where it is known", r.stdout + r.stderr)
done()
