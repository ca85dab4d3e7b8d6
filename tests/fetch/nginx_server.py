# SPDX-License-Identifier: Apache-2.0
"""A real nginx on loopback that serves model.gguf and model.gguf.leaves; it writes the ranges asked for into its log."""
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile

from pull_lib import WORK, tree
from fault_server import free_port, wait_for

NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")


class Nginx:
    def __init__(self, data, settings=""):
        self.port, self.folder = free_port(), tempfile.mkdtemp(dir=WORK)
        os.chmod(WORK, 0o755)
        os.chmod(self.folder, 0o755)
        with open(os.path.join(self.folder, "model.gguf"), "wb") as f:
            f.write(data)
        with open(os.path.join(self.folder, "model.gguf.leaves"), "wb") as f:
            f.write(tree(data)[1])
        self.conf, self.process = os.path.join(self.folder, "conf"), None
        with open(self.conf, "w") as f:
            f.write(f"""daemon off; master_process off; pid {self.folder}/pid; error_log {self.folder}/error.log;
events {{ worker_connections 256; }}
http {{
  log_format asked '$status $body_bytes_sent "$http_range"';
  access_log {self.folder}/access.log asked; sendfile on; limit_conn_zone $server_port zone=c:1m;
  client_body_temp_path {self.folder}/a; proxy_temp_path {self.folder}/b; fastcgi_temp_path {self.folder}/c;
  uwsgi_temp_path {self.folder}/d; scgi_temp_path {self.folder}/e;
  server {{ listen 127.0.0.1:{self.port}; root {self.folder}; {settings} }}
}}
""")
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
        with open(os.path.join(self.folder, "access.log")) as f:
            return f.read().splitlines()
