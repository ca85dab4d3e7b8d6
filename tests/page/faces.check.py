#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The page of moat serve in Debian's Chromium, on the real server with SmolLM2: a chat with the keyboard alone; both languages
and themes, on a desk and on a phone, with axe-core in each."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403
from serving import *  # noqa: E402,F403
import browser  # noqa: E402

if not os.path.exists(SMOLLM2) or browser.missing():
    skip("the page", browser.missing() or f"no {SMOLLM2}: scripts/fetch-model --tests brings it")
    done()


# What is wider than a phone, and scrolls by itself.
WIDE = "".join(f"data: {json.dumps({'choices': [{'index': 0, 'delta': {'content': part}}]})}\n\n" for part in (
    "Here:\n\n```c\n" + "int a = 1; " * 30 + "\n```\n\n", "| " + " | ".join("a column of a table " * 3 for _ in range(3)) + " |\n|---|---|---|\n| 1 | 2 | 3 |\n\n",
    "`" + "a" * 200 + "` and " + "b" * 200)) + "data: [DONE]\n\n"


def keyboard(b, port):
    p = browser.Page(b, port).open()
    page = p.page
    p.wait("document.activeElement.matches('textarea.write')")
    page.keyboard.type("Write a very long story about a castle.")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("It has many chapters.")
    page.keyboard.press("Enter")
    page.wait_for_selector(".message.assistant.live")
    page.keyboard.press("Escape")
    p.answered()
    ok(page.locator(".message.user .words").inner_text() == "Write a very long story about a castle.\nIt has many chapters.", "keyboard: written in two lines, sent, stopped")
    page.keyboard.press("ArrowUp")
    page.wait_for_selector(".edit textarea")
    page.keyboard.press("Escape")
    page.keyboard.press("Alt+KeyR")
    page.wait_for_selector(".message.assistant.live")
    page.keyboard.press("Escape")
    p.answered()
    page.keyboard.press("Alt+KeyM")
    page.wait_for_selector(".menu [role=menuitemradio]:focus")
    page.keyboard.press("Escape")
    ok(page.evaluate("document.activeElement.matches('.model')"), "edited, asked again, the models opened and closed")
    page.keyboard.press("?")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="detached")
    reach = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reach.add(page.evaluate("(document.activeElement.ariaLabel || document.activeElement.textContent).trim().slice(0, 40)"))
    wanted = {"New conversation", "Search conversations", "Server", "Keys and limits", "Settings of this conversation", "Write a message", "Attach files as text"}
    ok(wanted <= reach, "and Tab comes to everything", wanted - reach)
    p.quiet("keyboard")
    p.close()


def faces(b, port):
    for language, dark, width, height in (("en", True, 1280, 800), ("zh", False, 1280, 800), ("zh", True, 360, 740), ("en", False, 360, 740)):
        name = f"{'Chinese' if language == 'zh' else 'English'}, {'dark' if dark else 'light'}, {width} wide"
        p = browser.Page(b, port, width, height, dark, language).open()
        page = p.page
        page.wait_for_selector(".welcome")
        word = page.locator(".write").get_attribute("placeholder")
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        ok(word == ("输入消息" if language == "zh" else "Write a message") and (ground == "rgb(23, 25, 27)") == dark, f"{name}: words and colours", word + ground)
        p.send("Say hi in five words.")
        p.answered()
        page.route("**/v1/chat/completions", lambda r: r.fulfill(status=200, content_type="text/event-stream", body=WIDE))
        p.send("And now something wide.")
        ok(p.answered().locator("pre, td").count() == 4, f"{name}: code and a table")
        p.fits(name)
        p.accessible(name)
        page.locator(".model").click()
        p.accessible(name + ", the models")
        page.keyboard.press("Escape")
        page.locator(".to-settings").click()
        page.wait_for_selector(".drawer h2")
        p.accessible(name + ", settings")
        page.keyboard.press("Escape")
        if width == 360:
            page.locator(".top .only-narrow").click()
            p.wait("document.querySelector('#side').getBoundingClientRect().left === 0")
            p.accessible(name + ", the list")
            page.keyboard.press("Escape")
        p.quiet(name)
        p.close()


with Server(SMOLLM2) as server, browser.browser() as b:
    keyboard(b, server.port)
    faces(b, server.port)
done()
