# SPDX-License-Identifier: Apache-2.0
"""Debian's Chromium, driven by Playwright, on the page of a moat serve; what a test of the page asks of every run: no
message on the console, nothing asked of another place, no serious finding of axe-core."""
import contextlib
import json
import os
import shutil
import sys
import time
from urllib.parse import urlsplit

from serving import clients
from tap import note, ok

CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
FOLDER = clients("clients-page.txt")


def missing():
    """What is not there, in words, or None."""
    if not CHROMIUM:
        return "no Chromium: scripts/setup test brings it"
    return None if FOLDER else "Playwright is not there: scripts/fetch-clients"


@contextlib.contextmanager
def browser():
    sys.path.insert(0, FOLDER)
    from playwright.sync_api import sync_playwright
    with sync_playwright() as p:
        b = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield b
        finally:
            b.close()


class Page:
    """One window on the page: p.page is Playwright's; p.quiet() says whether it kept the rules."""

    def __init__(self, b, port, width=1280, height=800, dark=False, language="en", scheme="http", **options):
        self.context = b.new_context(viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light",
                                     locale="zh-CN" if language == "zh" else "en-US", **options)
        self.page, self.base, self.noise, self.asked = self.context.new_page(), f"{scheme}://127.0.0.1:{port}/", [], []
        self.last = None  # the id of the answer that answered() returned
        self.page.set_default_timeout(60000)
        self.page.on("console", self.heard)
        self.page.on("pageerror", lambda e: self.noise.append(f"exception: {e}"))
        self.page.on("dialog", lambda d: (self.noise.append(f"dialog: {d.message}"), d.dismiss()))
        self.page.on("request", lambda r: self.asked.append(r.url))
        self.context.on("page", lambda p: p is not self.page and self.noise.append(f"a window: {p.url}"))

    def heard(self, m):
        """A path that not every server has is asked for once."""
        if m.type in ("error", "warning") and not m.location.get("url", "").endswith("/ready"):
            self.noise.append(f"{m.type}: {m.text} {m.location.get('url', '')}")

    def open(self, where=""):
        self.page.goto(self.base + where)
        self.page.wait_for_selector("#side .new", state="attached")
        return self

    def wait(self, expression, arg=None, limit=60):
        """Until it is true. Playwright's own wait needs eval in the page, which its policy forbids."""
        end = time.monotonic() + limit
        while not self.page.evaluate(expression, arg):
            if time.monotonic() > end:
                raise TimeoutError(f"not within {limit} s: {expression}")
            time.sleep(0.03)

    def drawn(self):
        """Until a frame has been drawn of what the page has now: before it, messages that the browser has not yet found to be
        in sight (content-visibility) have no text for inner_text()."""
        self.page.evaluate("new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)))")

    def sees(self, what, words, limit=30):
        """Does the first of what the selector names come to have these words?"""
        end = time.monotonic() + limit
        there = self.page.locator(what).first if isinstance(what, str) else what
        while time.monotonic() < end:
            if there.count() and words in (there.text_content() or ""):
                return True
            time.sleep(0.03)
        note(f"not there: {words!r}; but: {there.text_content()[:600]!r}" if there.count() else f"nothing there for {words!r}")
        return False

    def fresh(self):
        """A new conversation, as its button makes it."""
        self.page.locator("#side .new").click()
        self.page.wait_for_selector(".welcome")

    def send(self, text):
        self.page.fill("textarea.write", text)
        self.page.keyboard.press("Enter")

    def answered(self):
        """The last answer, once it has ended; not the one that was returned before."""
        self.wait("""(last) => { const m = document.querySelector('.message.assistant:last-child');
            return Boolean(m && m.dataset.id !== last && !m.classList.contains('live') && !document.querySelector('.composer .stop:not([hidden])')); }""", self.last)
        self.last = self.page.locator(".message.assistant").last.get_attribute("data-id")
        self.drawn()
        return self.page.locator(".message.assistant").last

    def foreign(self):
        host = urlsplit(self.base).netloc
        return [u for u in self.asked if urlsplit(u).netloc != host and not u.startswith(("data:", "blob:"))]

    def quiet(self, name):
        """No error on the console, no window, and nothing asked of another place."""
        ok(not self.noise and not self.foreign(), f"{name}: nothing on the console, nothing from elsewhere",
           "\n".join(self.noise + self.foreign()))

    def accessible(self, name):
        """axe-core finds nothing serious. It is put in by the debugger, which the page's policy does not bind."""
        with open(os.path.join(FOLDER, "axe_playwright_python", "axe.min.js"), encoding="utf-8") as f:
            self.page.evaluate(f.read() + "; 0")
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        bad = [v for v in found if v["impact"] in ("serious", "critical")]
        for v in bad:
            note(f"{v['id']}: {v['help']}: " + json.dumps([n["html"][:160] + " " + n.get("failureSummary", "")[:200] for n in v["nodes"][:3]]))
        ok(not bad, f"{name}: axe-core has no serious finding")

    def fits(self, name):
        """Nothing is wider than the window."""
        over = self.page.evaluate("""() => { const scrolls = (e) => e && (/auto|scroll/.test(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
            return [...document.querySelectorAll('body *')].filter((e) => e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 1
              && e.getBoundingClientRect().left < innerWidth && !scrolls(e.parentElement)).map((e) => `${e.tagName}.${e.className}`).slice(0, 5)
              .concat([...document.querySelectorAll('html, .scroll, .panel, .drawer')].filter((e) => e.scrollWidth > e.clientWidth).map((e) => e.className || 'the document')); }""")
        ok(not over, f"{name}: nothing is wider than the window", over)

    def close(self):
        self.context.close()
