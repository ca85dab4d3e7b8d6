#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Which Host and Origin a server answers, and what it lets pages read: a table, over real sockets; DNS rebinding and CORS."""
import os
import shutil
import socket
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403
from serving import *  # noqa: E402,F403
from certs import *  # noqa: E402,F403

if not os.path.exists(SMOLLM2) or not shutil.which("openssl"):
    skip("origins", f"{SMOLLM2} or openssl is not there: scripts/fetch-model --tests and scripts/setup test bring them")
    done()
PAGE, EVIL = "https://chat.example.org", "https://evil.example"
# Host ("@": 127.0.0.1 and the server's port), Origin, may it ask, may a page of that origin read the answer
PLAIN = [
    ("@", None, True, False),
    ("localhost", None, True, False),
    ("LocalHost:1", None, True, False),
    ("a.localhost:9", None, True, False),
    ("[::1]:8080", None, True, False),
    ("127.3.2.1", None, True, False),
    (None, None, True, False),  # HTTP/1.0
    ("moat.lan", None, True, False),  # --allow-host
    ("MOAT.lan:8080", None, True, False),
    ("evil.example", None, False, False),  # DNS rebinding
    ("evil.example:@", None, False, False),
    ("localhost.evil.example", None, False, False),
    ("evil.example.localhost.", None, False, False),
    ("127.0.0.1.evil.example", None, False, False),
    ("evil-moat.lan", None, False, False),
    ("x.moat.lan", None, False, False),
    ("10.0.0.1", None, False, False),
    ("0.0.0.0:@", None, False, False),
    ("[::]:80", None, False, False),
    ("[::ffff:127.0.0.1]", None, False, False),
    ("2130706433", None, False, False),
    ("127.1", None, False, False),
    ("0x7f.1", None, False, False),
    ("localhost:99999", None, False, False),
    ("@", "http://@", True, False),  # its own page
    ("@", "http://localhost:3000", True, False),  # a page of this machine: it may ask, not read
    ("@", "https://127.0.0.1:3000", True, False),
    ("@", "vscode-webview://1abc", True, False),
    ("@", PAGE, True, True),  # --allow-origin
    ("@", "HTTPS://Chat.Example.org", True, True),
    ("@", PAGE + ":8443", False, False),
    ("@", "http://chat.example.org", False, False),
    ("@", PAGE + ".evil.example", False, False),
    ("@", EVIL, False, False),
    ("@", "null", False, False),
    ("@", "http://localhost.evil.example", False, False),
    ("@", "http://evil.example#@localhost", False, False),
    ("@", "http://localhost@evil.example", False, False),
    ("@", "ftp://localhost", False, False),
    ("@", "localhost", False, False),
    ("moat.lan", "http://moat.lan", True, False),
    ("moat.lan", "https://moat.lan", True, False),  # a proxy before it has the TLS
    ("moat.lan", "http://localhost:3000", False, False),  # a page of another machine than the server's
    ("moat.lan", "vscode-webview://1abc", False, False),
    ("moat.lan", PAGE, True, True),
    ("evil.example", "http://evil.example", False, False),  # rebound, its own page
    ("evil.example", PAGE, False, False),
]
# the same at an address with TLS, whose certificate is for moat.example.org, *.lab.example.org and 10.9.8.7
TLS = [
    ("localhost:@", None, True, False),
    ("127.0.0.1:@", None, True, False),
    ("moat.example.org", None, True, False),
    ("Moat.Example.org:8443", None, True, False),
    ("a.lab.example.org", None, True, False),
    ("10.9.8.7:1", None, True, False),
    ("a.b.lab.example.org", None, False, False),
    ("10.9.8.8", None, False, False),
    ("evil.example", None, False, False),
    ("example.org", None, False, False),
    ("moat.example.org", "https://moat.example.org", True, False),
    ("moat.example.org", "http://moat.example.org", False, False),  # whoever is on the way can change such a page
    ("moat.example.org", "https://moat.example.org:1", False, False),
    ("moat.example.org", "http://localhost:3000", False, False),
    ("moat.example.org", EVIL, False, False),
    ("moat.example.org", PAGE, True, True),
]


def send(s, method, path, host, headers=(), body=b""):
    c = socket.create_connection(("127.0.0.1", s.port), timeout=10)
    if s.tls:
        c = s.tls.wrap_socket(c, server_hostname="localhost")
    lines = [f"{method} {path} HTTP/1.{0 if host is None else 1}"] + ([f"Host: {host}"] if host else []) + list(headers) + ["Connection: close", "", ""]
    c.sendall("\r\n".join(lines).encode() + body)
    got = b""
    while True:
        piece = c.recv(65536)
        if not piece:
            break
        got += piece
    c.close()
    head, _, rest = got.partition(b"\r\n\r\n")
    fields = {}
    for line in head.decode().split("\r\n")[1:]:
        fields.setdefault(line.split(":", 1)[0].lower(), line.split(":", 1)[1].strip())
    return int(head.split()[1]), fields, rest


def table(s, rows, what):
    for host, origin, asks, reads in rows:
        host = f"127.0.0.1:{s.port}" if host == "@" else host and host.replace(":@", f":{s.port}")
        origin = origin and origin.replace("://@", f"://127.0.0.1:{s.port}")
        headers = ([f"Origin: {origin}"] if origin else []) + ([f"Authorization: Bearer {s.key}"] if s.key else [])
        status, fields, body = send(s, "GET", "/v1/models", host, headers)
        cors = fields.get("access-control-allow-origin")
        right = (status == 200) == asks and status in (200, 403) and cors == (origin if reads else None) and \
            "access-control-allow-credentials" not in fields and cors != "*" and (asks or b"--allow-" in body)
        ok(right, f"{what}: Host {host}, Origin {origin}: {'answered' if asks else 'refused'}{', and may be read' if reads else ''}", (status, fields, body[:300]))


def preflights(s):
    def ask(origin, path="/v1/chat/completions", *more):
        return send(s, "OPTIONS", path, f"127.0.0.1:{s.port}", [f"Origin: {origin}", "Access-Control-Request-Method: POST", *more])
    wanted = "authorization,content-type,x-stainless-os"
    status, fields, body = ask(PAGE, "/v1/chat/completions", f"Access-Control-Request-Headers: {wanted}")
    ok(status == 204 and fields["access-control-allow-origin"] == PAGE and "POST" in fields["access-control-allow-methods"] and
       fields["access-control-allow-headers"] == wanted and "origin" in fields["vary"].lower() and "access-control-allow-credentials" not in fields and body == b"",
       "a preflight of a page that may", (status, fields, body))
    status, fields, _ = ask(PAGE, "/v1/chat/completions", "Access-Control-Request-Headers: a\\b<script>")
    ok(status == 204 and "access-control-allow-headers" not in fields, "names that are none are not said again", fields)
    for origin in (EVIL, "null"):
        status, fields, _ = ask(origin)
        ok(status == 403 and "access-control-allow-origin" not in fields, f"a preflight of {origin}", (status, fields))
    status, fields, _ = ask("http://localhost:3000")
    ok(status == 405 and "access-control-allow-origin" not in fields, "one of a page of this machine, which nobody has allowed", (status, fields))
    status, fields, _ = send(s, "OPTIONS", "/v1/models", f"127.0.0.1:{s.port}")
    ok(status == 405, "OPTIONS that is no preflight", (status, fields))


def reads(s):
    """A page that may read: an answer, a stream, an error, a refusal all say so."""
    body = b'{"model":"smollm2","messages":[{"role":"user","content":"Hi"}],"max_tokens":2%s}'
    for more, path, wanted in ((b"", "/v1/chat/completions", 200), (b',"stream":true', "/v1/chat/completions", 200), (b',"top_p":9', "/v1/chat/completions", 400),
                               (b"", "/nothing", 404)):
        data = body % more
        status, fields, rest = send(s, "POST", path, "localhost", [f"Origin: {PAGE}", "Content-Type: application/json", f"Content-Length: {len(data)}"], data)
        ok(status == wanted and fields.get("access-control-allow-origin") == PAGE and "X-Request-Id" in fields["access-control-expose-headers"] and
           "origin" in fields["vary"].lower(), f"{path} {more.decode()}: {wanted}, and may be read", (status, fields, rest[:200]))
    status, fields, rest = send(s, "POST", "/v1/chat/completions", "localhost", ["Content-Type: application/json", f"Origin: {EVIL}", "Content-Length: 99999"])
    ok(status == 403 and "access-control-allow-origin" not in fields, "a page that may not is refused before its body", (status, fields))
    status, fields, rest = send(s, "POST", "/tokenize", "localhost", ["Content-Type: text/plain", "Content-Length: 15"], b'{"content":"a"}')
    ok(status == 415, "what a form or a page can send without a preflight is no JSON", status)


def refused():
    for options, words in ((("--allow-origin", "*"), "every web page"), (("--allow-origin", "null"), "every web page"), (("--allow-host", "*"), "rebinding"),
                           (("--allow-origin", "http://10.0.0.1"), "https://"), (("--allow-origin", "https://a/b"), "path"), (("--allow-host", "a:80"), "port")):
        r = moat("serve", "--model", SMOLLM2, "--listen", "127.0.0.1:0", *options, limit=20)
        ok(r.status in (2, 8) and words in r.err, f"{' '.join(options)} is refused", r)


refused()
ALLOWED = ("--allow-host", "moat.lan", "--allow-origin", PAGE, "--allow-origin", "http://localhost:5173")
with Server(SMOLLM2, "--context", "1024", *ALLOWED) as s:
    table(s, PLAIN, "plain")
    preflights(s)
    reads(s)
    answer = s.raw(b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nOrigin: " + PAGE.encode() + b"\r\n\r\nGET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    ok(answer.count(b"200 OK") == 2 and answer.count(b"Access-Control-Allow-Origin") == 1, "the next request of a connection is judged anew", answer)
with tempfile.TemporaryDirectory() as d:
    store = {"MOAT_HOME": os.path.join(d, "moat")}
    ca = Authority(d, "ca")
    pair = ca.certificate("server", names="DNS:localhost,DNS:moat.example.org,DNS:*.lab.example.org,IP:127.0.0.1,IP:10.9.8.7")
    key = moat("key", "add", "page", env=store).out.strip()
    with Server(SMOLLM2, "--context", "1024", "--allow-origin", PAGE, *pair, env=store, listen=("https://127.0.0.1:0",), tls=ca.context(), key=key) as s:
        table(s, TLS, "TLS")
        status, fields, _ = send(s, "OPTIONS", "/v1/models", "moat.example.org", [f"Origin: {PAGE}", "Access-Control-Request-Method: GET"])
        ok(status == 204 and fields["access-control-allow-origin"] == PAGE, "a preflight needs no key", (status, fields))
        status, fields, _ = send(s, "GET", "/v1/models", "moat.example.org", [f"Origin: {PAGE}"])
        ok(status == 401 and fields["access-control-allow-origin"] == PAGE, "the request does, and the page may read why", (status, fields))
done()
