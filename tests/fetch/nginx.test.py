#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat pull from a real web server, nginx: ranges, limits on connections and rate, a mirror that goes down and comes back."""
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from pull_lib import *
from fault_server import free_port, wait_for
from tap import done, ok, skip

NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
FILE = model(40)
SUM = sha256(FILE)
ROOT, LEAVES = tree(FILE)

class Nginx:
    def __init__(self, settings="", port=None):
        self.port, self.folder = port or free_port(), tempfile.mkdtemp(dir=WORK)
        os.chmod(WORK, 0o755)
        os.chmod(self.folder, 0o755)
        with open(os.path.join(self.folder, "model.gguf"), "wb") as f:
            f.write(FILE)
        with open(os.path.join(self.folder, "model.gguf.leaves"), "wb") as f:
            f.write(LEAVES)
        conf = os.path.join(self.folder, "conf")
        with open(conf, "w") as f:
            f.write(f"""daemon off; master_process off; pid {self.folder}/pid; error_log {self.folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log {self.folder}/access.log; sendfile on; limit_conn_zone $server_port zone=c:1m;
  client_body_temp_path {self.folder}/a; proxy_temp_path {self.folder}/b; fastcgi_temp_path {self.folder}/c;
  uwsgi_temp_path {self.folder}/d; scgi_temp_path {self.folder}/e;
  server {{ listen 127.0.0.1:{self.port}; root {self.folder}; {settings} }}
}}
""")
        self.conf, self.process = conf, None
        self.url = f"http://127.0.0.1:{self.port}/model.gguf"
        self.start()

    def start(self):
        self.process = subprocess.Popen([NGINX, "-p", self.folder, "-c", self.conf], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def listens():
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return True
        if not wait_for(listens):
            raise SystemExit("nginx does not start: " + open(os.path.join(self.folder, "error.log")).read())

    def stop(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def log(self):
        return open(os.path.join(self.folder, "access.log")).read().splitlines()

def main():
    plain, fussy, slow = Nginx(), Nginx("limit_conn c 2; limit_conn_status 503; limit_rate 8m;"), Nginx("limit_rate 1m;")
    try:
        r = pull(plain.url, "--name", "t:1", "--sha256", SUM, "--json")
        ok(r.status == 0 and stored(FILE) and result(r)["received"] == len(FILE), "ranges over several connections, not a byte twice", r)
        ok(all(" 206 " in line for line in plain.log()), "every answer is a part")
        fresh()
        r = pull(fussy.url, "--name", "t:1", "--sha256", SUM)
        refused = sum(" 503 " in line for line in fussy.log())
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
