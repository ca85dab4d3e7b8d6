#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Malformed and ambiguous requests to paths that are served: each is refused with one well-formed answer, or closed, and
nothing behind it is taken for another request. The first 16 are the probes of the threat model."""
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403
from serving import *  # noqa: E402,F403

if not os.path.exists(SMOLLM2):
    skip("probes", f"no {SMOLLM2}: scripts/fetch-model --tests brings it")
    done()

H = b"Host: localhost\r\n"
POST = b"POST /tokenize HTTP/1.1\r\n" + H + b"Content-Type: application/json\r\n"
BODY = b'{"content":"a"}'
SMUGGLED = b"GET /health HTTP/1.1\r\n" + H + b"\r\n"
PROBES = {
    "two Content-Lengths that differ": POST + b"Content-Length: 15\r\nContent-Length: 30\r\n\r\n" + BODY + SMUGGLED,
    "two Content-Lengths that agree": POST + b"Content-Length: 15\r\nContent-Length: 15\r\n\r\n" + BODY,
    "Content-Length and Transfer-Encoding": POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "a blank before the colon": POST + b"Content-Length : 15\r\n\r\n" + BODY,
    "a folded header": b"GET /health HTTP/1.1\r\n" + H + b"X: a\r\n b\r\n\r\n",
    "a bare LF": b"GET /health HTTP/1.1\n" + H + b"\r\n",
    "two Hosts": b"GET /health HTTP/1.1\r\n" + H + b"Host: other\r\n\r\n",
    "no Host": b"GET /health HTTP/1.1\r\n\r\n",
    "a NUL in a value": b"GET /health HTTP/1.1\r\n" + H + b"X: a\0b\r\n\r\n",
    "two blanks in the request line": b"GET  /health HTTP/1.1\r\n" + H + b"\r\n",
    "a header of 70 kB": b"GET /health HTTP/1.1\r\n" + H + b"X: " + b"a" * 70000 + b"\r\n\r\n",
    "a path of 20 kB": b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n" + H + b"\r\n",
    "a signed Content-Length": POST + b"Content-Length: +15\r\n\r\n" + BODY,
    "an unknown Transfer-Encoding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a chunk size that is none": POST + b"Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
    "HTTP/0.9": b"GET /health\r\n\r\n",
    "the absolute form": b"GET http://localhost/health HTTP/1.1\r\n" + H + b"\r\n",
    "the asterisk": b"OPTIONS * HTTP/1.1\r\n" + H + b"\r\n",
    "CONNECT": b"CONNECT localhost:80 HTTP/1.1\r\n" + H + b"\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "half a percent encoding": b"GET /health%2 HTTP/1.1\r\n" + H + b"\r\n",
    "an encoded NUL": b"GET /health%00 HTTP/1.1\r\n" + H + b"\r\n",
    "a trailer": POST + b"Transfer-Encoding: chunked\r\n\r\nf\r\n" + BODY + b"\r\n0\r\nX: y\r\n\r\n",
    "a chunk extension": POST + b"Transfer-Encoding: chunked\r\n\r\nf;a=b\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a chunk with a bare LF": POST + b"Transfer-Encoding: chunked\r\n\r\nf\n" + BODY + b"\r\n0\r\n\r\n",
    "101 headers": b"GET /health HTTP/1.1\r\n" + H + b"X: a\r\n" * 101 + b"\r\n",
    "a foreign Host": b"GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    "a Host that only begins like ours": b"GET /health HTTP/1.1\r\nHost: localhost.evil.example\r\n\r\n",
    "a foreign Origin": b"GET /health HTTP/1.1\r\n" + H + b"Origin: https://evil.example\r\n\r\n",
    "the null Origin": b"GET /health HTTP/1.1\r\n" + H + b"Origin: null\r\n\r\n",
    "a body that is a form's": b"POST /tokenize HTTP/1.1\r\n" + H + b"Content-Type: text/plain\r\nContent-Length: 15\r\n\r\n" + BODY,
    "a body beyond the limit": POST + b"Content-Length: 99999999999\r\n\r\n",
    "an Expect that cannot be met": POST + b"Expect: tea\r\nContent-Length: 15\r\n\r\n" + BODY,
    "binary noise": bytes(range(256)) * 4,
    "TLS": bytes.fromhex("16030100a5010000a10303") + b"\x11" * 160,
}


def refused(reply):
    """One answer of 4xx or 5xx that is whole, after which the connection ended; nothing was answered twice."""
    m = re.match(rb"HTTP/1\.1 ([45]\d\d) [^\r\n]+\r\n", reply)
    head, _, body = reply.partition(b"\r\n\r\n")
    length = re.search(rb"\r\nContent-Length: (\d+)", head)
    return bool(m and length and int(length[1]) == len(body) and reply.count(b"HTTP/1.1 ") == 1 and b"error" in body)


with Server() as s:
    first = list(PROBES)[:16]
    took = time.monotonic()
    for name, data in PROBES.items():
        reply = s.raw(data, limit=8)
        ok(refused(reply), f"refused: {name}", repr(reply[:300]))
    took = time.monotonic() - took
    ok(took < 60, f"{len(PROBES)} probes ({len(first)} of them the threat model's) took {took:.1f} s")
    good = s.raw(b"GET /health HTTP/1.1\r\n" + H + b"\r\n" + SMUGGLED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    ok(good.count(b"HTTP/1.1 200 OK") == 2, "two requests in one piece get two answers", repr(good))
    good = s.raw(POST + b"Expect: 100-continue\r\nConnection: close\r\nContent-Length: 15\r\n\r\n" + BODY)
    ok(good.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK"), "Expect: 100-continue is met", repr(good))
    ok(s.raw(b"GET /health HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200"), "HTTP/1.0 is answered")
    for host in (b"127.0.0.1:80", b"[::1]:9", b"localhost", b"a.localhost:1"):
        ok(b" 200 OK" in s.raw(b"GET /health HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n"), f"Host {host.decode()}")
    ok(b" 200 OK" in s.raw(b"GET /health HTTP/1.1\r\n" + H + b"Origin: http://localhost:3000\r\nConnection: close\r\n\r\n"), "a local Origin")
    ok(s.process.poll() is None and s.get("/health").status == 200, "the server stands")
done()
