#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat mirror with 50 clients and half a GiB each way: byte for byte, by ranges and by HTTP/1.1 and TLS, little memory, one
download from upstream; and a disk that stalls holds up nobody who does not read from it."""
import hashlib
import http.client
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib"), os.path.join(HERE, "..", "fetch")]
import gguf_mini as g  # noqa: E402
from fault_server import FaultServer  # noqa: E402
from pull_lib import HOME, MIB, fresh, sha256  # noqa: E402
from serving import Mirror, together  # noqa: E402
from tap import *  # noqa: E402,F403

SIZE = int(os.environ.get("MIRROR_CHECK_MIB", "512"))
WORK = os.path.dirname(HOME)


def large(seed):
    """A sound GGUF file of SIZE MiB whose blocks all differ, made fast."""
    f = g.File(os.path.join(DATA, "arch", "llama.gguf"))
    block = os.urandom(MIB)
    data = bytearray()
    for i in range(SIZE):
        data += hashlib.sha256(f"{seed} {i}".encode()).digest() + block[32:]
    f.tensors.append(g.Tensor("ballast", [len(data) // 4], 0, bytes(data)))
    return f.bytes()


def digest_of(port, path, first=0, end="", tls=None, key=None):
    """SHA-256 of what comes, read in pieces; and how many bytes."""
    c = http.client.HTTPSConnection("localhost", port, timeout=300, context=tls) if tls else http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    headers = {"Authorization": "Bearer " + key} if key else {}
    c.request("GET", path, headers=dict(headers, Range=f"bytes={first}-{end}") if first or end else headers)
    r = c.getresponse()
    h, n = hashlib.sha256(), 0
    while True:
        piece = r.read(1 << 18)
        if not piece:
            break
        h.update(piece)
        n += len(piece)
    c.close()
    return h.hexdigest(), n


def front_rss(m):
    return m.get("/stats").json()["resident_bytes"] / MIB


def fifty(m, data, path):
    whole = hashlib.sha256(data).hexdigest()
    half = len(data) // 2
    tail = hashlib.sha256(data[half:]).hexdigest()
    before = front_rss(m)
    t0 = time.monotonic()
    got = together(50, lambda i: digest_of(m.port, path, half if i % 10 == 0 else 0))
    took = time.monotonic() - t0
    good = [x == ((tail, len(data) - half) if i % 10 == 0 else (whole, len(data))) for i, x in enumerate(got)]
    total = sum(x[1] for x in got if isinstance(x, tuple))
    ok(all(good), f"50 clients, {total / MIB:.0f} MiB in {took:.1f} s ({total / MIB / took:.0f} MiB/s, clients included)", [x for x in got if not isinstance(x, tuple)][:2])
    ok(front_rss(m) - before < 50, f"the front has grown by {front_rss(m) - before:.1f} MiB")


def one_fast(m, path, data):
    t0 = time.monotonic()
    r = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{size_download}", f"http://127.0.0.1:{m.port}{path}"], capture_output=True, text=True)
    took = time.monotonic() - t0
    ok(r.stdout == str(len(data)), f"curl alone: {len(data) / MIB / took:.0f} MiB/s")


def slow_disk(m):
    """Every read of the front's threads takes a second (strace says so): whoever needs none is answered at once."""
    if not shutil.which("strace"):
        skip("a slow disk", "no strace: scripts/setup all")
        return
    front = next(p for p in m.children() if p != m.keeper())
    tracer = subprocess.Popen(["strace", "-f", "-qq", "-o", "/dev/null", "-p", str(front), "-e", "trace=pread64,preadv", "-e", "inject=pread64,preadv:delay_enter=1000000"],
                              stderr=subprocess.DEVNULL)
    time.sleep(1)
    readers = []
    for _ in range(3):
        c = http.client.HTTPConnection("127.0.0.1", m.port, timeout=60)
        c.request("GET", "/models/large/latest.gguf")
        readers.append(c)
    time.sleep(0.2)
    slowest = 0
    for _ in range(20):
        t0 = time.monotonic()
        m.get("/health")
        m.ask("HEAD", "/models/large/latest.gguf")
        slowest = max(slowest, time.monotonic() - t0)
    t0 = time.monotonic()
    first = readers[0].getresponse().read(200000)
    ok(len(first) == 200000 and time.monotonic() - t0 > 0.2 and slowest < 0.5, f"reads that take a second: others are answered within {slowest * 1000:.0f} ms")
    for c in readers:
        c.close()
    tracer.terminate()
    tracer.wait()


def through():
    fresh()
    data = large(2)
    commit = "0123456789abcdef0123456789abcdef01234567"
    info = b'{"sha": "%s", "siblings": [{"rfilename": "a.gguf", "lfs": {"sha256": "%s", "size": %d}}]}' % (commit.encode(), sha256(data).encode(), len(data))
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256(data)}\nsize {len(data)}\n".encode()
    with FaultServer(data, lambda n, q: {"body": info} if "/api/" in q.path else {"body": pointer} if "/raw/" in q.path else {}) as hub:
        with Mirror("--upstream-hf", f"http://127.0.0.1:{hub.port}", home=HOME) as m:
            got = together(50, lambda i: digest_of(m.port, "/o/r/resolve/main/a.gguf"))
            ok(all(x == (sha256(data), len(data)) for x in got), "50 clients through the mirror, byte for byte", [x for x in got if not isinstance(x, tuple)][:2])
            ok(hub.sent <= 1.05 * len(data), f"upstream sent {hub.sent / MIB:.0f} MiB of {len(data) / MIB:.0f}")


def encrypted(data):
    cert, private = os.path.join(WORK, "cert.pem"), os.path.join(WORK, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", private, "-out", cert, "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    os.chmod(private, 0o600)
    key = moat("key", "add", "check").out.strip()
    context = ssl.create_default_context(cafile=cert)
    with Mirror("--tls-certificate", cert, "--tls-key", private, home=HOME, listen=("https://127.0.0.1:0",), tls=context, key=key) as m:
        got = together(10, lambda i: digest_of(m.port, "/models/large/latest.gguf", tls=context, key=key))
        ok(all(x == (sha256(data), len(data)) for x in got), "10 clients over TLS, byte for byte", [x for x in got if not isinstance(x, tuple)][:2])


fresh()
data = large(1)
with tempfile.NamedTemporaryFile(dir=WORK, suffix=".gguf") as f:
    f.write(data)
    f.flush()
    moat("import", f.name, "--name", "large")
with Mirror(home=HOME) as m:
    one_fast(m, "/models/large/latest.gguf", data)
    fifty(m, data, "/models/large/latest.gguf")
    slow_disk(m)
encrypted(data)
through()
done()
