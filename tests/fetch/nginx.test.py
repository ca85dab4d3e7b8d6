#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat pull from a real web server, nginx: ranges, limits on connections and rate, a mirror that goes down and comes back."""
import time

from pull_lib import *
from nginx_server import NGINX, Nginx
from tap import done, ok, skip

FILE = model(40)
SUM = sha256(FILE)
ROOT, _ = tree(FILE)

def main():
    plain, fussy, slow = Nginx(FILE), Nginx(FILE, "limit_conn c 2; limit_conn_status 503; limit_rate 8m;"), Nginx(FILE, "limit_rate 1m;")
    try:
        r = pull(plain.url, "--name", "t:1", "--sha256", SUM, "--json")
        ok(r.status == 0 and stored(FILE) and result(r)["received"] == len(FILE), "ranges over several connections, not a byte twice", r)
        ok(all(line.startswith("206 ") for line in plain.log()), "every answer is a part")
        fresh()
        r = pull(fussy.url, "--name", "t:1", "--sha256", SUM)
        refused = sum(line.startswith("503 ") for line in fussy.log())
        ok(r.status == 0 and stored(FILE) and refused, f"a server that bears two connections (refused {refused})", r)
        fresh()
        t0 = time.monotonic()
        r = pull(slow.url, "--name", "t:1", "--sha256", SUM)
        one = len(FILE) / MIB
        ok(r.status == 0 and stored(FILE) and time.monotonic() - t0 < one / 2,
           f"1 MiB/s a connection: {one / (time.monotonic() - t0):.1f} MiB/s with as many as help", r)
        fresh()
        r = pull(slow.url, "--mirror", plain.url, "--name", "t:1", "--tree", ROOT)
        ok(r.status == 0 and stored(FILE) and r.seconds < one / 3, f"a slow source and a fast mirror, with the tree: {r.seconds:.1f} s", r)
        fresh()
        p = start(slow.url, "--name", "t:1", "--sha256", SUM)
        time.sleep(1.5)
        slow.stop()
        time.sleep(1)
        ok(p.poll() is None, "a server that goes down is waited for")
        slow.start()
        out, err = p.communicate(timeout=40)
        ok(p.returncode == 0 and stored(FILE), "and the pull goes on when it is back", err.decode())
    finally:
        for server in (plain, fussy, slow):
            server.stop()

if NGINX:
    main()
else:
    skip("nginx", "nginx is not installed (scripts/setup test)")
cleanup()
done()
