#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The long tests of moat pull: 200 kills during 1 GiB, a kill at every step of the store's path, speed against aria2.

What must not be fetched again is read from the journal by a reader of its own, and compared with the ranges nginx was
asked for. The speed test runs in a network namespace with a token bucket of 1 Gbit/s on its loopback, then without."""
import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import time

from pull_lib import *
from nginx_server import NGINX, Nginx
from tap import done, note, ok, skip

KILLS = int(os.environ.get("MOAT_KILLS", "200"))


def journal_pieces():
    """The pieces that journals in the store say are there."""
    found = set()
    for name in partials():
        if not name.endswith(".journal"):
            continue
        b, at = open(os.path.join(HOME, "partial", name), "rb").read(), 0
        while at + 12 <= len(b):
            kind, n = struct.unpack_from("<HH", b, at)
            body = b[at + 4:at + 4 + n]
            if len(b) < at + 12 + n or hashlib.sha256(b[at:at + 4 + n]).digest()[:8] != b[at + 4 + n:at + 12 + n]:
                break
            if kind == 4:
                found.add(struct.unpack_from("<Q", body)[0])
            elif kind == 5:
                found.discard(struct.unpack_from("<Q", body)[0])
            at += 12 + n
    return found


def asked(lines):
    pieces = set()
    for line in lines:
        m = re.search(r'"bytes=(\d+)-(\d+)"', line)
        if m:
            pieces |= set(range(int(m[1]) >> 20, (int(m[2]) >> 20) + 1))
    return pieces


def kills(data):
    fresh()
    random.seed(88)
    server = Nginx(data, "limit_rate 8m;")
    digest, again, alive = sha256(data), [], 0
    args = (server.url, "--name", "t:1", "--sha256", digest, "--connections", "4")
    for i in range(KILLS):
        there, seen = journal_pieces(), len(server.log())
        p = start(*args)
        time.sleep(random.uniform(0.02, 0.2))
        alive += p.poll() is None
        p.kill()
        p.communicate()
        time.sleep(0.01)  # nginx writes a line when the connection has gone
        again += sorted(there & asked(server.log()[seen:]))
    r = pull(*args, limit=200)
    server.stop()
    ok(r.status == 0 and stored(data) and partials() == [], f"after {KILLS} kills ({alive} hit a pull) the file is right", r)
    ok(not again, "no piece that was there was asked for again: a kill costs the unfinished piece of each connection", again[:20])


def kill_at_each_step(data):
    """kill -9 at each system call that makes a name, moves or removes one, or puts bytes on the disk."""
    if not shutil.which("strace"):
        skip("a kill at each step", "no strace")
        return
    server = Nginx(data)
    digest, broken, steps = sha256(data), [], 0
    args = ["pull", server.url, "--name", "t:1", "--sha256", digest]
    for call in ("openat", "mkdir", "rename", "unlink", "fsync", "fdatasync", "fchmod", "fallocate", "ftruncate", "linkat", "pwrite64", "write"):
        for n in range(1, 40):
            fresh()
            p = subprocess.run(["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"inject={call}:signal=KILL:when={n}", "-e", f"trace={call}", MOAT, *args],
                               capture_output=True, timeout=60)
            steps += 1
            clean = store_is_clean()
            r = pull(server.url, "--name", "t:1", "--sha256", digest)
            if not clean or r.status != 0 or not stored(data) or moat("verify").status != 0:
                broken.append(f"{call} {n}: {r}")
            if p.returncode == 0:
                break
    server.stop()
    ok(not broken, f"killed at {steps} steps: only whole blobs, and the next pull succeeds", "\n".join(broken[:5]))


def speed(data):
    """Turn by turn in one namespace; the ratio of the best of each."""
    if not (shutil.which("aria2c") and shutil.which("tc") and os.geteuid() == 0):
        skip("speed against aria2", "needs aria2, iproute2 and root")
        return
    for limit, least in (("1gbit", 0.95), (None, 0.8)):
        p = subprocess.run(["unshare", "-n", sys.executable, __file__, "--speed", limit or "none", os.path.join(WORK, "data")],
                           capture_output=True, text=True, timeout=400)
        times = json.loads(p.stdout.strip().splitlines()[-1]) if p.returncode == 0 and p.stdout.strip() else None
        if not times:
            ok(False, f"speed at {limit}", p.stderr)
            continue
        best = {k: len(data) / min(v) / 1e6 for k, v in times.items()}
        ratio = best["moat"] / best["aria2"]
        ok(ratio >= least, f"{limit or 'unthrottled'}: {best['moat']:.0f} MB/s, aria2 {best['aria2']:.0f} MB/s, ratio {ratio:.2f}", times)


def speed_inside(limit, path):
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    if limit != "none":
        subprocess.run(["tc", "qdisc", "add", "dev", "lo", "root", "tbf", "rate", limit, "burst", "256kb", "latency", "50ms"], check=True)
    data = open(path, "rb").read()
    server, digest, times = Nginx(data), sha256(data), {"moat": [], "aria2": []}
    out = os.path.join(WORK, "aria2")
    for _ in range(3):
        for who in times:
            fresh()
            shutil.rmtree(out, ignore_errors=True)
            t0 = time.monotonic()
            if who == "moat":
                r = pull(server.url, "--name", "t:1", "--sha256", digest, limit=100)
                good = r.status == 0
            else:
                r = subprocess.run(["aria2c", "-q", "-x16", "-s16", "--no-conf", f"--checksum=sha-256={digest}", "-d", out, server.url], capture_output=True)
                good = r.returncode == 0
            if not good:
                raise SystemExit(f"{who}: {r}")
            times[who].append(time.monotonic() - t0)
    server.stop()
    print(json.dumps(times))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--speed"]:
        speed_inside(*sys.argv[2:4])
    elif not NGINX:
        skip("the long tests of moat pull", "nginx is not installed (scripts/setup test)")
        done()
    else:
        big = model(1000)
        with open(os.path.join(WORK, "data"), "wb") as f:
            f.write(big)
        kills(big)
        speed(big)
        kill_at_each_step(model(3))
        cleanup()
        done()
