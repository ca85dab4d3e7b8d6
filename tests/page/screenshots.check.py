#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The six pictures of the page in docs/: made here from a real server, each below 200 kB. They are kept in a temporary folder
and compared in size with those of docs/; --update puts them there (then look at them)."""
import os
import shutil
import struct
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403
from serving import *  # noqa: E402,F403
import browser  # noqa: E402

if not os.path.exists(SMOLLM2) or browser.missing():
    skip("screenshots", browser.missing() or f"no {SMOLLM2}: scripts/fetch-model --tests brings it")
    done()
HOME = tempfile.TemporaryDirectory()
STORE = {"MOAT_HOME": os.path.join(HOME.name, "moat")}
MOST = 200_000
ASK = {"messages": [{"role": "user", "content": "Tell me of the sea."}], "max_tokens": 90}
FIELDS = ("Temperature", "Top P", "Top K", "Min P", "Repeat penalty", "Most tokens", "Seed")
NOTES = """Meeting of the garden club, Tuesday. Twelve members came. The old greenhouse needs new glass before winter; Ann asks three firms for
prices. The spring market is moved to the second Saturday of May, because the square is closed on the first. Tom looks for people who help.
"""
NAMES = ("chat", "code", "dashboard", "keys", "phone", "chinese")


def shoot(p, name, over=None):
    if over:
        p.page.locator(over).first.hover(position={"x": 300, "y": 60})
    else:
        p.page.mouse.move(1, 1)
    p.page.wait_for_timeout(400)
    p.page.screenshot(path=os.path.join(HOME.name, f"page-{name}.png"), animations="disabled")


def settle(p, seed, system="", warmth="0.3", penalty="1.1"):
    """The same pictures again: a fixed seed."""
    page = p.page
    page.keyboard.press("Alt+KeyS")
    page.locator(".drawer textarea").first.fill(system)
    for name, value in (("Temperature", warmth), ("Repeat penalty", penalty), ("Most tokens", "420"), ("Seed", str(seed))):
        page.locator(".drawer .field.row input").nth(FIELDS.index(name)).fill(value)
    page.keyboard.press("Escape")


def talks(b, port):
    p = browser.Page(b, port).open()
    for question in ("What is the capital of Iceland?", "Plan a week of walking in the Alps.", "Give me three tips for writing clear e-mails, as a numbered list."):
        p.fresh()
        settle(p, 1, warmth="0", penalty="1.05")
        p.send(question)
        p.answered()
    p.page.set_input_files("input[type=file][multiple]", [{"name": "notes.txt", "mimeType": "text/plain", "buffer": NOTES.encode()}])
    p.sees(".composer .chip", "notes.txt")
    p.send("Summarize these notes in two sentences.")
    p.answered()
    shoot(p, "chat")
    p.fresh()
    settle(p, 5, penalty="1.05")
    p.send("What are the main differences between a list and a tuple in Python? Use bullet points and a short example.")
    p.answered()
    shoot(p, "code")
    p.close()


def dashboard(b, server):
    p = browser.Page(b, server.port, height=900).open("#/status")
    end = threading.Event()

    def work(i):
        while not end.wait(0.4 * i):
            server.post("/v1/chat/completions", ASK)
    load = threading.Thread(target=together, args=(5, work))
    load.start()
    p.page.wait_for_timeout(45000)
    shoot(p, "dashboard", ".plot")
    end.set()
    load.join()
    p.close()


def keys(b):
    texts = [moat("key", "add", name, *options, env=STORE) for name, options in (
        ("anna", ("--requests-per-minute", "30", "--tokens-per-minute", "20000")), ("build server", ("--concurrent", "2", "--tenant", "ci", "--expires", "90d")),
        ("olga", ("--operator", "--requests-per-minute", "120")))]
    key = next(w for w in (texts[-1].out + texts[-1].err).split() if w.startswith("moat_"))
    with Server(SMOLLM2, "--require-key", "true", env=STORE) as server:
        p = browser.Page(b, server.port)
        p.context.add_init_script(f"sessionStorage.setItem('moat.key', {json.dumps(key)})")
        p.open("#/keys")
        p.page.wait_for_selector(".facts dd")
        for i in range(3):
            server.post("/v1/chat/completions", dict(ASK, max_tokens=20), headers={"Authorization": "Bearer " + key})
        p.page.get_by_role("link", name="Server").click()
        p.page.get_by_role("link", name="Keys and limits").click()
        p.sees("tbody", "olga")
        shoot(p, "keys")
        p.close()


def phone(b, port):
    p = browser.Page(b, port, 390, 780, dark=True, device_scale_factor=1.5).open()
    settle(p, 5)
    p.send("Write a short poem about a castle by the water.")
    p.answered()
    shoot(p, "phone")
    p.close()


def chinese(b, port):
    p = browser.Page(b, port, language="zh").open()
    settle(p, 7, "你是一个乐于助人的助手。")
    p.page.keyboard.press("Alt+KeyS")
    p.send("What is the capital of France?")
    p.answered()
    shoot(p, "chinese")
    p.close()


def size_of(path):
    with open(path, "rb") as f:
        head = f.read(24)
    return struct.unpack(">II", head[16:24]) if head[:8] == b"\x89PNG\r\n\x1a\n" else None


with browser.browser() as b:
    with Server(SMOLLM2) as server:
        talks(b, server.port)
        dashboard(b, server)
        phone(b, server.port)
        chinese(b, server.port)
    keys(b)
for name in NAMES:
    made, kept = os.path.join(HOME.name, f"page-{name}.png"), os.path.join(ROOT, "docs", f"page-{name}.png")
    if "--update" in sys.argv:
        shutil.copyfile(made, kept)
    ok(os.path.exists(kept) and size_of(kept) == size_of(made) and os.path.getsize(made) < MOST and os.path.getsize(kept) < MOST,
       f"docs/page-{name}.png is there, as large as the one made now ({os.path.getsize(made)} bytes)")
done()
