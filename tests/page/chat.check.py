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


def first_chat(p):
    page = p.open().page
    p.wait("document.querySelector('.model-name').textContent === 'smollm2'")
    p.send("What is the capital of France? Answer in one sentence.")
    answer = p.answered()
    ok("Paris" in answer.inner_text(), "first chat: an answer", answer.inner_text())
    stats = answer.locator(".stats").inner_text()
    ok(all(word in stats for word in ("tokens", "tok/s", "first after", "smollm2")), "and its tokens and speed", stats)
    ok(page.locator("#side .chat-row a").count() == 1 and "#/chat/" in page.url, "the list has the conversation")
    page.wait_for_selector(".composer-remark meter")
    page.reload()
    page.wait_for_selector(".message.assistant .markdown p")
    ok("Paris" in page.locator(".message.assistant").inner_text(), "it is there after a reload")


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
    page.locator(".message.assistant", has_text="Paris").wait_for()  # it is drawn after the click
    ok("France" in page.locator(".message.user").inner_text() and "Paris" in page.locator(".message.assistant").inner_text(), "the one before is still there",
       page.locator(".message.user").inner_text() + "|" + page.locator(".message.assistant").inner_text())
    page.locator(".message.assistant").hover()
    page.get_by_role("button", name="Answer again").click()
    answer = p.answered()
    ok("2 / 2" in answer.locator(".branches").inner_text(), "answer again: a second answer beside the first")
    answer.get_by_role("button", name="Go on in a new conversation from here").click()
    p.wait("document.querySelectorAll('#side .chat-row').length === 2")
    ok("(branch)" in page.locator("#side .chat-row a[aria-current]").inner_text(), "branch: a conversation of its own")


def stop(p):
    page = p.page
    page.locator("#side .new").click()
    p.send("Write a very long story about a river, with many chapters.")
    p.wait("document.querySelector('.message.assistant .markdown')?.textContent.length > 40")
    page.get_by_role("button", name="Stop").click()
    answer = p.answered()
    ok("You stopped this answer." in answer.inner_text(), "stop: the answer ends, and says so", answer.inner_text())


def files(p, server):
    page = p.page
    page.locator("#side .new").click()
    page.set_input_files("input[type=file]", [{"name": "secret.txt", "mimeType": "text/plain", "buffer": b"The password is HEDGEHOG.\n```\ncode\n```\n"},
                                              {"name": "a.bin", "mimeType": "application/octet-stream", "buffer": b"\xff\x00\xfe"}])
    page.wait_for_selector(".composer .chip")
    ok(page.locator(".composer .chip").count() == 1 and "not text" in page.locator(".notice").inner_text(), "files: text is taken, the rest refused with the reason")
    with page.expect_request("**/v1/chat/completions") as asked:
        p.send("What is the password in the file?")
    sent = asked.value.post_data_json["messages"][-1]["content"]
    ok("secret.txt:\n````\nThe password is HEDGEHOG." in sent and sent.endswith("What is the password in the file?"), "and reaches the model between fences of its own", sent)
    ok(p.answered().locator(".problem").count() == 0, "which answers")


def schema(p):
    page = p.page
    page.locator("#side .new").click()
    page.keyboard.press("Alt+KeyS")
    page.get_by_label("System prompt").fill("You answer in JSON.")
    page.get_by_text("JSON Schema", exact=True).click()
    field = page.get_by_role("textbox", name="JSON Schema")
    field.fill("{")
    ok("not valid JSON" in page.locator(".field-problem").inner_text(), "schema: a bad one is said at once")
    p.send("Hello")
    ok("not valid JSON" in p.answered().locator(".problem").inner_text(), "and nothing is sent with it")
    field.fill('{"type":"object","properties":{"city":{"type":"string","maxLength":20},"people":{"type":"integer"}},"required":["city","people"],"additionalProperties":false}')
    page.get_by_label("Most tokens").fill("60")
    page.get_by_label("Temperature").fill("0")
    p.send("Paris and its people")
    code = p.answered().locator("pre code")
    value = json.loads(code.inner_text())
    ok(set(value) == {"city", "people"}, "with a good one the answer is the JSON it allows", value)
    page.keyboard.press("Alt+KeyS")
    page.locator("#side .new").click()
    page.keyboard.press("Alt+KeyS")
    page.wait_for_timeout(300)  # it is drawn after the key
    ok(page.get_by_label("System prompt").input_value() == "" and page.get_by_label("Most tokens").input_value() == "", "settings are the conversation's own")
    page.keyboard.press("Escape")


def models(p):
    page = p.page
    page.locator(".model").click()
    page.get_by_role("menuitemradio", name="second").click()
    with page.expect_request("**/v1/chat/completions") as asked:
        p.send("Say hello.")
    answer = p.answered()
    ok(asked.value.post_data_json["model"] == "second" and "tok/s" in answer.locator(".stats").inner_text(), "model switch: the other one answers",
       f"{asked.value.post_data} {answer.inner_text()}")


# Answers of so small a model may be about anything: always the same draws, of which the text below is known.
DRAWN = os.path.join(tempfile.mkdtemp(prefix="moat-page-"), "config.json")
with open(DRAWN, "w") as f:
    json.dump({"models": {"smollm2": {"seed": 3}, "second": {"seed": 3}}}, f)
with Server([SMOLLM2, SECOND], "--config", DRAWN) as server, browser.browser() as b:
    p = browser.Page(b, server.port)
    first_chat(p)
    branches(p)
    stop(p)
    files(p, server)
    schema(p)
    models(p)
    p.quiet("the chat")
    p.close()
done()
