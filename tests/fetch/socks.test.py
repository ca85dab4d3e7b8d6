#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat pull through a real SOCKS5 proxy (microsocks): by address, by a name that the proxy looks up, with a password, and without one that works."""
import os
import shutil
import subprocess
import time

from pull_lib import *
from fault_server import FaultServer, free_port
from tap import done, ok, skip

FILE = model(6)
NO_EXCEPTIONS = {"no_proxy": "", "NO_PROXY": ""}


class Socks:
    """microsocks on a free port of loopback; log() is what it says of each connection."""

    def __init__(self, *options):
        self.port, self.path = free_port(), os.path.join(WORK, f"socks{time.monotonic_ns()}")
        with open(self.path, "wb") as log:
            self.process = subprocess.Popen(["microsocks", "-i", "127.0.0.1", "-p", str(self.port), *options], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def log(self):
        with open(self.path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def __enter__(self):
        time.sleep(0.2)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def get(socks, s, scheme, host="127.0.0.1", user=""):
    fresh()
    return pull(f"http://{host}:{s.port}/model.gguf", "--name", "t:1", "--sha256", sha256(FILE), "--proxy", f"{scheme}://{user}127.0.0.1:{socks.port}", env=NO_EXCEPTIONS)


if not shutil.which("microsocks"):
    skip("a SOCKS proxy", "no microsocks: scripts/setup test")
    done()
with FaultServer(FILE) as s:
    with Socks() as socks:
        r = get(socks, s, "socks5")
        ok(r.status == 0 and stored(FILE) and f"127.0.0.1:{s.port}" in socks.log(), "socks5: every connection goes through it", r)
        r = get(socks, s, "socks5h", host="localhost")
        ok(r.status == 0 and stored(FILE) and f"localhost:{s.port}" in socks.log(), "socks5h: it looks the name up", r)
        fresh()
        r = pull(s.url, "--name", "t:1", "--sha256", sha256(FILE), env=dict(NO_EXCEPTIONS, all_proxy=f"socks5h://127.0.0.1:{socks.port}"))
        ok(r.status == 0 and stored(FILE), "all_proxy", r)
        fresh()
        before = socks.log().count("connected")
        r = pull(s.url, "--name", "t:1", "--sha256", sha256(FILE), "--proxy", f"socks5://127.0.0.1:{socks.port}", env={"no_proxy": "127.0.0.1"})
        ok(r.status == 0 and socks.log().count("connected") == before, "no_proxy names hosts that are asked directly", r)
    with Socks("-u", "me", "-P", "secret") as socks:
        r = get(socks, s, "socks5", user="me:secret@")
        ok(r.status == 0 and stored(FILE), "with a user and a password", r)
        requests = len(s.requests)
        fresh()
        r = pull(s.url, "--name", "t:1", "--retries", "1", "--proxy", f"socks5://me:wrong@127.0.0.1:{socks.port}", env=NO_EXCEPTIONS)
        ok(r.status == 10 and len(s.requests) == requests and "wrong" not in r.err, "a wrong password: an error that does not repeat it", r)
r = pull("http://127.0.0.1:9/x.gguf", "--name", "t:1", "--retries", "1", "--proxy", f"socks5://127.0.0.1:{free_port()}", env=NO_EXCEPTIONS)
ok(r.status == 10, "no proxy there", r)
cleanup()
done()
