# SPDX-License-Identifier: Apache-2.0
"""A registry on loopback that follows the OCI distribution specification, in memory: what tests of moat push talk to.

    with Registry() as r: ... r.name ... r.blobs ... r.manifests ... r.got
Standard library only."""
import hashlib
import http.server
import json
import re
import threading


class Registry:
    """Blobs and manifests in memory; fault(method, path, n) may return (status, headers, body)."""

    def __init__(self, fault=lambda *_: None, token=None):
        self.blobs, self.manifests, self.log, self.fault, self.token, self.got = {}, {}, [], fault, token, 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def reply(self, status, headers=(), body=b""):
                self.send_response(status)
                for k, v in dict(headers).items():
                    self.send_header(k, v)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def handle_all(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.log.append((self.command, self.path, self.headers.get("Authorization"), self.headers.get("Content-Type")))
                wrong = outer.fault(self.command, self.path, len(outer.log))
                if wrong:
                    return self.reply(*wrong)
                if self.path.startswith("/token"):
                    return self.reply(200, {}, json.dumps({"token": outer.token}).encode())
                if outer.token and self.headers.get("Authorization") != "Bearer " + outer.token:
                    return self.reply(401, {"WWW-Authenticate": f'Bearer realm="http://127.0.0.1:{outer.port}/token",service="r",scope="repository:o/m:pull,push"'})
                m = re.fullmatch(r"/v2/(.+)/(blobs|manifests)/([^?]*)(?:\?.*)?", self.path)
                if not m:
                    return self.reply(404)
                repo, kind, ref = m.groups()
                if self.command == "POST" and kind == "blobs" and ref == "uploads/":
                    return self.reply(202, {"Location": f"/v2/{repo}/blobs/uploads/77?state=x"})
                if self.command == "PUT" and kind == "blobs":
                    digest = re.search(r"digest=(sha256:[0-9a-f]{64})$", self.path)[1]
                    if "sha256:" + hashlib.sha256(body).hexdigest() != digest:
                        return self.reply(400, {}, b'{"errors": [{"code": "DIGEST_INVALID", "message": "provided digest did not match"}]}')
                    outer.blobs[digest] = body
                    outer.got += len(body)
                    return self.reply(201, {"Location": f"/v2/{repo}/blobs/{digest}"})
                if self.command == "PUT":
                    j = json.loads(body)
                    if any(x["digest"] not in outer.blobs for x in j["layers"] + [j["config"]]):
                        return self.reply(400, {}, b'{"errors": [{"code": "MANIFEST_BLOB_UNKNOWN", "message": "blob unknown"}]}')
                    outer.manifests[repo, ref] = body
                    return self.reply(201)
                data = outer.blobs.get(ref) if kind == "blobs" else outer.manifests.get((repo, ref))
                if data is None:
                    return self.reply(404)
                span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")) if kind == "blobs" else None
                if not span:
                    return self.reply(200, {}, data)
                first, last = int(span[1]), min(int(span[2] or len(data) - 1), len(data) - 1)
                self.reply(206, {"Content-Range": f"bytes {first}-{last}/{len(data)}"}, data[first:last + 1])

            do_GET = do_HEAD = do_POST = do_PUT = handle_all

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.name = f"oci:http://127.0.0.1:{self.port}/o/m:q4"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
