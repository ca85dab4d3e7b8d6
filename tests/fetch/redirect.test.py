#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A source on the internet cannot send moat pull into a private network. Runs in a network namespace of its own, where an
address of the internet (203.0.113.1, for documentation) is put on the loopback."""
import os
import shutil
import subprocess
import sys

from pull_lib import *
from fault_server import FaultServer
from tap import done, ok, skip

FILE = model(3)


def inside():
    with FaultServer(FILE) as inner:
        away = lambda to: lambda n, q: {"status": 302, "headers": {"Location": to}}
        with FaultServer(FILE, away(inner.url), host="203.0.113.1") as s:
            r = pull(s.url, "--name", "t:1")
            ok(r.status == 8 and "into a private network" in r.err and not inner.requests, "from outside to inside: refused, not even asked", r)
            good = pull(s.url, "--mirror", inner.url, "--name", "t:1")
            ok(good.status == 0 and stored(FILE), "another source is then taken", good)
        fresh()
        with FaultServer(FILE, host="203.0.113.1") as s:
            inner.behave = away(s.url)
            r = pull(inner.url, "--name", "t:1")
            ok(r.status == 0 and stored(FILE), "from inside to outside: followed", r)
            inner.behave = lambda n, q: {}
            fresh()
            r = pull(inner.url, "--name", "t:1")
            ok(r.status == 0 and stored(FILE), "a source that is inside is no redirect", r)
        documents()


def documents():
    """The same for what is asked before the file: a pointer that redirects, and a place for tokens."""
    fresh()
    with FaultServer(FILE, lambda n, q: {"body": b'{"token": "x", "sha": "x"}'}) as inner:
        for name, behave in (("a redirect", lambda n, q: {"status": 302, "headers": {"Location": inner.url}}),
                             ("a realm", lambda n, q: {"status": 401, "headers": {"WWW-Authenticate": f'Bearer realm="{inner.url}"'}})):
            with FaultServer(FILE, behave, host="203.0.113.1") as s:
                r = pull(f"oci:http://203.0.113.1:{s.port}/o/m:1")
                ok(r.status == 8 and "into a private network" in r.err and not inner.requests, f"a manifest outside, {name} inside: refused, not even asked", r)


if sys.argv[1:] == ["--inside"]:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "addr", "add", "203.0.113.1/24", "dev", "lo"], check=True)
    inside()
    cleanup()
    done()
elif not shutil.which("ip") or subprocess.run(["unshare", "-rn", "true"], capture_output=True).returncode:
    skip("redirects into private networks", "needs network namespaces and iproute2")
    done()
else:
    os.execvp("unshare", ["unshare", "-rn", sys.executable, os.path.abspath(__file__), "--inside"])
