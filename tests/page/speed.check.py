#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How smooth the page is: 2,000 tokens at 300 a second without a frame above 50 ms, and a conversation of 200 messages that
opens within 200 ms. The tokens come from a server of the test's own behind the same address as the page."""
import http.server
import json
import os
import sys
import threading
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403
from serving import *  # noqa: E402,F403
import browser  # noqa: E402

if not os.path.exists(SMOLLM2) or browser.missing():
    skip("speed of the page", browser.missing() or f"no {SMOLLM2}: scripts/fetch-model --tests brings it")
    done()
N_TOKENS, RATE, FRAME_MS, OPEN_MS = 2000, 300, 50, 200
TEXT = """## A heading

Words of a paragraph with **strong** and `code` ones, a [link](https://example.org/) and some more of them to fill it.

- one point of a list
- another one that is longer, with *emphasis*

```python
def add(a, b):
    # the sum of both
    return a + b  # so easy
```

| name | value |
|------|-------|
| one  | 1     |

"""
tokens = [TEXT[i:i + 4] for i in range(0, len(TEXT), 4)]
sent = {}


class Front(http.server.ThreadingHTTPServer):
    daemon_threads = True


class Handler(http.server.BaseHTTPRequestHandler):
    """moat serve, but for its answers, which come at a fixed rate."""
    protocol_version = "HTTP/1.0"

    def log_message(self, *_):
        pass

    def do_GET(self):
        request = urllib.request.Request(f"http://127.0.0.1:{self.server.moat}{self.path}", headers={"Accept": self.headers.get("Accept", "")})
        try:
            r = urllib.request.urlopen(request)
        except urllib.error.HTTPError as e:
            r = e
        body = r.read()
        self.send_response(r.status)
        for name, value in r.headers.items():
            if name.lower() not in ("connection", "transfer-encoding", "date"):
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        begun = time.monotonic()
        for i in range(N_TOKENS):
            time.sleep(max(0, begun + i / RATE - time.monotonic()))
            part = {"choices": [{"index": 0, "delta": {"content": tokens[i % len(tokens)]}}]}
            self.wfile.write(f"data: {json.dumps(part)}\n\n".encode())
            self.wfile.flush()
        sent["seconds"] = time.monotonic() - begun
        self.wfile.write(b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n')


FRAMES = """() => { window.frames_ = []; let last = performance.now();
  const next = (now) => { frames_.push(now - last); last = now; window.watch_ = requestAnimationFrame(next); };
  requestAnimationFrame((now) => { last = now; next(now); }); }"""
LONG = """async (n) => { const { newConversation, add } = await import('/web/tree.js'); const store = await import('/web/store.js'); await store.open();
  const c = newConversation({ system: '', format: 'text', schema: '', params: {} }); c.title = 'two hundred';
  for (let i = 0; i < n / 2; i++) { add(c, c.leaf, { role: 'user', content: 'Question ' + i }); add(c, c.leaf, { role: 'assistant', content: %s, finish: 'stop', tokens: 99 }); }
  await store.save(c); return c.id; }""" % json.dumps(TEXT * 2)
OPEN = """(id) => new Promise((go) => { const before = performance.now(); location.hash = '#/chat/' + id;
  const look = () => { const all = document.querySelectorAll('.message');
    if (all.length === 200 && all[199].querySelector('h2')) requestAnimationFrame(() => setTimeout(() => go(performance.now() - before))); else requestAnimationFrame(look); };
  look(); })"""


def streaming(p):
    page = p.page
    page.evaluate(FRAMES)
    p.send("Go")
    p.answered()
    frames = sorted(page.evaluate("(cancelAnimationFrame(watch_), frames_.slice(2))"))
    ok(sent["seconds"] < 1.1 * N_TOKENS / RATE, f"{N_TOKENS} tokens were sent in {sent['seconds']:.1f} s")
    ok(len(frames) > 100 and frames[-1] <= FRAME_MS, f"{len(frames)} frames, the longest {frames[-1]:.0f} ms ({FRAME_MS} at most), "
       f"median {frames[len(frames) // 2]:.1f}, 99 % {frames[len(frames) * 99 // 100]:.1f}", [round(f) for f in frames[-10:]])
    ok(page.locator(".message.assistant h2").count() == -(-N_TOKENS // len(tokens)), "and all of it is read")


def opening(p):
    page = p.page
    identity = page.evaluate(LONG, 200)
    page.reload()
    page.wait_for_selector("#side .chat-row")
    spent = page.evaluate(OPEN, identity)
    ok(spent < OPEN_MS, f"a conversation of 200 messages opens in {spent:.0f} ms ({OPEN_MS} at most)")
    p.wait("document.querySelectorAll('.message.assistant h2').length === 200")
    ok(True, "and the rest of it is read while there is time")


with Server(SMOLLM2) as server, browser.browser() as b:
    front = Front(("127.0.0.1", 0), Handler)
    front.moat = server.port
    threading.Thread(target=front.serve_forever, daemon=True).start()
    p = browser.Page(b, front.server_address[1]).open()
    p.wait("document.querySelector('.model-name').textContent === 'smollm2'")
    streaming(p)
    opening(p)
    p.quiet("speed")
    p.close()
    front.shutdown()
done()
