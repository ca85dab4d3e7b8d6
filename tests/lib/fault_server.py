# SPDX-License-Identifier: Apache-2.0
"""A web server on loopback that serves one file and misbehaves on order: what tests of downloads talk to.

    with FaultServer(data, behave) as s: ... s.url ... s.requests ... s.sent

behave(n, request) is asked for every request (n counts from 0) and returns a dict; {} is a sound server.
    status, headers     another status, further headers
    body                bytes sent instead of the file (for small documents)
    etag                the ETag ("" for none)
    whole               answers 200 with everything, whatever was asked
    no_length           no Content-Length
    shift               sends bytes from elsewhere, and says so in Content-Range
    lie                 sends bytes from elsewhere, and does not say so
    flip                a set of file offsets whose bytes are wrong
    stop_after, how     after so many bytes of the body: "reset", "close" or "stall"
    drip                (bytes, seconds): so slowly
Standard library only."""
import http.server
import re
import socket
import struct
import threading
import time


class Request:
    def __init__(self, path, headers):
        self.path, self.headers = path, headers
        m = re.fullmatch(r"bytes=(\d+)-(\d*)", headers.get("Range", ""))
        self.range = (int(m[1]), int(m[2]) if m[2] else None) if m else None


class FaultServer:
    def __init__(self, data, behave=lambda n, r: {}, tls=None):
        self.data, self.behave, self.requests, self.sent, self.lock = data, behave, [], 0, threading.Lock()
        outer = self
        self.stopping = threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                try:
                    outer.answer(self)
                except OSError:
                    self.close_connection = True

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}/model.gguf"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()

    def answer(self, h):
        request = Request(h.path, h.headers)
        with self.lock:
            n = len(self.requests)
            self.requests.append(request)
        b = self.behave(n, request)
        status = b.get("status")
        if status or "body" in b:
            body = b.get("body", b"" if status and 300 <= status < 400 else b"not the file you wanted\n")
            h.send_response(status or 200)
            for k, v in b.get("headers", {}).items():
                h.send_header(k, v)
            h.send_header("Content-Length", str(len(body)))
            h.end_headers()
            h.wfile.write(body)
            return
        self.send_file(h, request, b)

    def send_file(self, h, request, b):
        data = self.data
        etag = b.get("etag", '"one"')
        asked_if = request.headers.get("If-Range")
        partial = request.range and not b.get("whole") and (asked_if is None or asked_if == etag)
        first, last = 0, len(data) - 1
        if partial:
            first = request.range[0]
            last = min(last, request.range[1] if request.range[1] is not None else last)
            if first >= len(data):
                h.send_response(416)
                h.send_header("Content-Length", "0")
                h.end_headers()
                return
        first += b.get("shift", 0)
        last = min(last + b.get("shift", 0), len(data) - 1)
        h.send_response(206 if partial else 200)
        if partial:
            h.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        if b.get("no_length"):
            h.send_header("Connection", "close")
            h.close_connection = True
        else:
            h.send_header("Content-Length", str(last - first + 1))
        if etag:
            h.send_header("ETag", etag)
        for k, v in b.get("headers", {}).items():
            h.send_header(k, v)
        h.end_headers()
        at = first + b.get("lie", 0)
        body = bytearray(data[at:at + last - first + 1])
        body += bytes(last - first + 1 - len(body))
        for off in b.get("flip", ()):
            if first <= off <= last:
                body[off - first] ^= 0x55
        self.send_body(h, bytes(body), b)

    def send_body(self, h, body, b):
        stop = b.get("stop_after")
        step, pause = b.get("drip", (65536, 0))
        at = 0
        while at < len(body):
            end = min(at + step, len(body)) if stop is None else min(at + step, stop, len(body))
            h.wfile.write(body[at:end])
            with self.lock:
                self.sent += end - at
            at = end
            if stop is not None and at >= stop and at < len(body):
                return self.break_off(h, b["how"])
            if pause and self.stopping.wait(pause):
                return

    def break_off(self, h, how):
        h.close_connection = True
        if how == "stall":
            self.stopping.wait(60)
        elif how == "reset":
            h.wfile.flush()
            h.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            h.connection.close()


def free_port():
    """A port of loopback nobody listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
