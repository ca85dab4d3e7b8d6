#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The page of moat serve in Debian's Chromium, on the real server with SmolLM2: what a user does in a chat. The keyboard
alone, both languages and themes and a phone's width are in faces.check.py."""
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403
from serving import *  # noqa: E402,F403
import browser  # noqa: E402

if not os.path.exists(SMOLLM2) or browser.missing():
    skip("the page", browser.missing() or f"no {SMOLLM2}: scripts/fetch-model --tests brings it")
    done()
HOME = tempfile.TemporaryDirectory()
SECOND = os.path.join(HOME.name, "second.gguf")  # the other test model has no chat template
os.symlink(SMOLLM2, SECOND)
ASKED = "**/v1/chat/completions"
LIST = "#side .chat-row"
# What the model wrote last, as it is kept.
WRITTEN = """async () => { const store = await import('/web/store.js'); const c = await store.load(location.hash.split('/')[2]); return c.nodes[c.leaf].content; }"""


def first_chat(p):
    page = p.open().page
    ok(p.sees(".model-name", "smollm2") and p.sees(".welcome-model", "MiB"), "the first page says which model answers")
    p.send("What is the capital of France? Answer in one sentence.")
    answer = p.answered()
    ok("Paris" in answer.inner_text(), "first chat: an answer", answer.inner_text())
    stats = answer.locator(".stats").inner_text()
    ok(all(word in stats for word in ("tokens", "tok/s", "first after", "smollm2")), "and its tokens and speed", stats)
    ok(p.sees(LIST, "capital of France") and page.locator(LIST).count() == 1 and "#/chat/" in page.url, "the list has the conversation")
    page.wait_for_selector(".composer-remark meter")
    page.reload()
    ok(p.sees(".message.assistant .markdown p", "Paris"), "it is there after a reload")


def branches(p):
    page = p.page
    user = page.locator(".message.user").first
    user.hover()
    user.get_by_role("button", name="Edit").click()
    user.locator("textarea").fill("What is the capital of Italy? Answer in one sentence.")
    user.get_by_role("button", name="Send").click()
    answer = p.answered()
    ok("Rome" in answer.inner_text() and page.locator(".message.user .branches").inner_text() == "2 / 2", "edit: another branch", answer.inner_text())
    page.locator(".message.user").first.hover()
    page.get_by_role("button", name="Previous version").click()
    ok(p.sees(".message.user", "France") and p.sees(".message.assistant", "Paris"), "the one before is still there")
    page.locator(".message.assistant").hover()
    page.get_by_role("button", name="Answer again", exact=True).click()
    answer = p.answered()
    ok(p.sees(answer.locator(".branches"), "2 / 2"), "answer again: a second answer beside the first")
    answer.get_by_role("button", name="Go on in a new conversation from here").click()
    ok(p.sees(LIST + " a[aria-current]", "(branch)") and page.locator(LIST).count() == 2, "branch: a conversation of its own")


def stop(p):
    """Then more of the same answer: its start stays, and what follows joins it."""
    page = p.page
    p.fresh()
    page.route(ASKED, lambda r: r.continue_(post_data=json.dumps(dict(r.request.post_data_json, max_tokens=6000))))
    p.send("Write a very long story about a river, with many chapters.")
    p.wait("document.querySelector('.message.assistant .markdown')?.textContent.length > 40")
    page.get_by_role("button", name="Stop").click()
    answer = p.answered()
    page.unroute(ASKED)
    ok("You stopped this answer." in answer.inner_text(), "stop: the answer ends, and says so", answer.inner_text())
    start, tokens = page.evaluate(WRITTEN), answer.locator(".stats").inner_text()
    answer.get_by_role("button", name="Go on", exact=True).click()
    p.last = None
    answer = p.answered()
    whole = page.evaluate(WRITTEN)
    ok(whole.startswith(start) and len(whole) > len(start) and int(answer.locator(".stats").inner_text().split()[0]) > int(tokens.split()[0]),
       "go on: the answer is continued in its place", (start, whole))


def files(p):
    page = p.page
    p.fresh()
    page.set_input_files("input[type=file][multiple]", [
        {"name": "secret.txt", "mimeType": "text/plain", "buffer": b"The password is HEDGEHOG.\n```\ncode\n```\n"},
        {"name": "a.bin", "mimeType": "application/octet-stream", "buffer": b"\xff\x00\xfe"}])
    ok(p.sees(".notice", "not text") and page.locator(".composer .chip").count() == 1, "files: text is taken, the rest refused with the reason")
    page.locator(".composer .chip-open").click()
    ok(p.sees("dialog .file-text", "HEDGEHOG"), "a click shows what is in it")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="detached")
    with page.expect_request(ASKED) as asked:
        p.send("What is the password in the file?")
    sent = asked.value.post_data_json["messages"][-1]["content"]
    ok("secret.txt:\n````\nThe password is HEDGEHOG." in sent and sent.endswith("What is the password in the file?"), "and reaches the model between fences of its own", sent)
    ok(p.answered().locator(".problem").count() == 0, "which answers")


def schema(p):
    page = p.page
    p.fresh()
    page.keyboard.press("Alt+KeyS")
    page.get_by_label("System prompt").fill("You answer in JSON.")
    page.get_by_text("JSON Schema", exact=True).click()
    field = page.get_by_role("textbox", name="JSON Schema")
    field.fill("{")
    ok(p.sees(".field-problem", "not valid JSON"), "schema: a bad one is said at once")
    p.send("Hello")
    ok("not valid JSON" in p.answered().locator(".problem").inner_text(), "and nothing is sent with it")
    field.fill('{"type":"object","properties":{"city":{"type":"string","maxLength":20},"people":{"type":"integer"}},"required":["city","people"],"additionalProperties":false}')
    page.get_by_label("Most tokens").fill("60")
    page.get_by_label("Temperature").fill("0")
    p.send("Paris and its people")
    code = p.answered().locator("pre code")
    value = json.loads(code.text_content())
    ok(set(value) == {"city", "people"}, "with a good one the answer is the JSON it allows", value)
    page.keyboard.press("Alt+KeyS")
    p.fresh()
    page.keyboard.press("Alt+KeyS")
    page.wait_for_selector(".drawer textarea")
    ok(page.get_by_label("System prompt").input_value() == "" and page.get_by_label("Most tokens").input_value() == "", "settings are the conversation's own")
    page.keyboard.press("Escape")
    page.wait_for_selector(".drawer", state="hidden")


def models(p):
    page = p.page
    page.locator(".model").click()
    page.get_by_role("menuitemradio", name="second").click()
    ok(p.sees(".model-name", "second"), "the other model is chosen")
    with page.expect_request(ASKED) as asked:
        p.send("Say hello.")
    answer = p.answered()
    ok(asked.value.post_data_json["model"] == "second" and "second" in answer.locator(".stats").inner_text(), "model switch: it answers", answer.inner_text())
    answer.get_by_role("button", name="Answer again with another model").click()
    page.get_by_role("menuitem", name="smollm2").click()
    answer = p.answered()
    ok(answer.locator(".stats").inner_text().endswith("smollm2") and answer.locator(".branches").inner_text() == "2 / 2", "again with another model: beside it")
    page.locator(".model").click()
    p.wait("[...document.querySelectorAll('.menu-item')].every((m) => m.textContent.includes('in memory'))")
    page.get_by_role("menuitem", name="Unload second").click()
    page.get_by_role("menuitem", name="Load second").wait_for()
    ok(p.sees(page.get_by_role("menuitemradio", name="second"), "loaded when asked"), "the list of models unloads one, and says so")
    page.keyboard.press("Escape")


def listed(p):
    """Found by what was said in it; renamed; out as Markdown and JSON; in again."""
    page = p.page
    page.get_by_role("searchbox").fill("xyzzy")
    ok(p.sees(".chats", "Nothing found"), "search: what nobody said is not found")
    page.get_by_role("searchbox").fill("paris.")
    ok(p.sees(LIST + " small", "Paris"), "search: the words of an answer are found, with their place")
    page.get_by_role("searchbox").fill("")
    row = page.locator(LIST, has_text="river")
    row.hover()
    row.get_by_role("button").click()
    page.get_by_role("menuitem", name="Rename").click()
    page.get_by_role("textbox", name="Rename").fill("A story")
    page.keyboard.press("Enter")
    row = page.locator(LIST, has_text="A story")
    row.hover()
    with page.expect_download() as saved:
        row.get_by_role("button").click()
        page.get_by_role("menuitem", name="Save as Markdown").click()
    with open(saved.value.path(), encoding="utf-8") as f:
        text = f.read()
    ok(saved.value.suggested_filename == "A story.md" and text.startswith("# A story\n") and "## You\n\nWrite a very long story" in text, "out as Markdown", text)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Import, export, delete all").click()
        page.get_by_role("menuitem", name="Export all").click()
    n, kept = page.locator(LIST).count(), saved.value.path()
    with open(kept, encoding="utf-8") as f:
        ok(len(json.load(f)["conversations"]) == n, f"all {n} as JSON")
    page.set_input_files("input[accept='.json']", kept)
    p.wait("(n) => document.querySelectorAll('#side .chat-row').length === n", 2 * n)
    page.locator(LIST + " a", has_text="A story").last.click()
    ok(p.sees(".message.user", "very long story") and page.locator(".message").count() == 2, "and in again")
    odd = [{"chat": {"title": "From elsewhere", "history": {"currentId": "b", "messages": {
        "a": {"id": "a", "parentId": None, "role": "user", "content": "Who?", "timestamp": 1}, "b": {"id": "b", "parentId": "a", "role": "assistant", "content": "Me."},
        "c": {"id": "c", "parentId": "c", "role": "user", "content": "a loop"}}}}}, {"nodes": {"x": {"id": "x", "parent": "x"}}}, 7, None]
    page.set_input_files("input[accept='.json']", [{"name": "odd.json", "mimeType": "application/json", "buffer": json.dumps(odd).encode()}])
    page.locator(LIST + " a", has_text="From elsewhere").click()
    ok(p.sees(".message.assistant", "Me.") and page.locator(".message").count() == 2, "an export of Open WebUI too; what hangs on nothing is left out")
    page.set_input_files("input[accept='.json']", [{"name": "bad.json", "mimeType": "application/json", "buffer": b"[[["}])
    page.locator(".notice", has_text="has no conversations").wait_for()
    ok(True, "and what is none is refused")
    page.get_by_role("button", name="Import, export, delete all").click()
    page.get_by_role("menuitem", name="Delete all").click()
    page.locator("dialog").get_by_role("button", name="Delete all").click()
    ok(p.sees(".chats", "will be listed here") and page.locator(".welcome").count() == 1, "all are deleted when that is confirmed")


# Answers of so small a model may be about anything: always the likeliest words, of which the text above is known.
DRAWN = os.path.join(HOME.name, "config.json")
with open(DRAWN, "w") as f:
    json.dump({"models": {name: {"temperature": 0, "max_tokens": 48} for name in ("smollm2", "second")}}, f)
with Server([SMOLLM2, SECOND], "--config", DRAWN) as server, browser.browser() as b:
    p = browser.Page(b, server.port)
    for part in (first_chat, branches, stop, files, schema, models, listed):
        begun = time.monotonic()
        part(p)
        note(f"{part.__name__}: {time.monotonic() - begun:.1f} s")
    p.quiet("the chat")
    p.close()
done()
