#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a model thinks, in the page: SmolLM2 with a template that opens <think>, as reasoning models have it, and shows how to
close it, so that the real server tells thoughts from the answer. Then a model that is loaded: how far it is."""
import os
import re
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403
from serving import *  # noqa: E402,F403
import browser  # noqa: E402
import gguf_mini  # noqa: E402

if not os.path.exists(SMOLLM2) or browser.missing():
    skip("thinking", browser.missing() or f"no {SMOLLM2}: scripts/fetch-model --tests brings it")
    done()
HOME = tempfile.TemporaryDirectory()
# SmolLM2 was not taught to think; what was said before, of which the template always begins with this, shows it how.
SHOWN = [("What is two and two?", "The user wants the sum of two numbers. Two and two make four, so I say four.", "It is four."),
         ("Is fire hot or cold?", "The user asks how warm a fire is. A fire burns, so it is hot, and I say hot.", "It is hot."),
         ("What color is grass?", "The user asks for a color. Grass in a meadow is green, so I say green.", "It is green.")]
TEMPLATE = ("".join(f"<|im_start|>user\n{q}<|im_end|>\n<|im_start|>assistant\n<think>{w}</think>{a}<|im_end|>\n" for q, w, a in SHOWN) +
            "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n"
            "{% if enable_thinking is defined and not enable_thinking %}<think></think>{% else %}<think>{% endif %}")
ASKED = "**/v1/chat/completions"
# Every state that the thoughts of the last message are seen in: [classes, open, words, length of the answer beside them]
WATCH = """() => { window.seen_ = []; new MutationObserver(() => { const m = document.querySelector('.message:last-child'), d = m?.querySelector('.think:not([hidden])');
    if (d) seen_.push([d.className, d.open, d.querySelector('summary').textContent, m.querySelector('.markdown').textContent.length]); })
    .observe(document.querySelector('.log'), { subtree: true, childList: true, characterData: true, attributes: true }); }"""


def model():
    f = gguf_mini.File(SMOLLM2)
    f.set("tokenizer.chat_template", gguf_mini.STR, TEMPLATE)
    return f.write(os.path.join(HOME.name, "thinker.gguf"))


def thinks(p):
    page = p.page
    page.evaluate(WATCH)
    p.send("What color is the sky?")
    answer = p.answered()
    states = page.evaluate("seen_")
    live = [s for s in states if "open-thought" in s[0]]
    ok(live and all(s[2].startswith("Thinking…") and not s[1] for s in live) and live[0][3] == 0, "while it thinks that is said, folded", (answer.inner_text(), states[:3], states[-3:]))
    times = [float(re.search(r"[\d.]+", s[2])[0]) for s in live]
    ok(times == sorted(times) and times and times[-1] > 0, f"and for how long: {times[:1]} to {times[-1:]} s")
    summary, words = answer.locator(".think summary").inner_text(), answer.locator(".markdown").inner_text()
    spent = float(re.fullmatch(r"Thought for ([\d.]+) s", summary)[1])
    ok(spent > 0 and words.strip() and "think>" not in words, f"then the answer: {summary}: {words}")
    answer.locator("summary").click()
    thought = answer.locator(".thought").inner_text()
    ok(len(thought) > 20 and "think>" not in answer.inner_text(), f"a click shows the thoughts, without their marks: {thought}")
    page.reload()
    ok(p.sees(".think summary", summary) and p.sees(".message.assistant .markdown", words), "after a reload the same")
    return words


def goes_on(p, words):
    """Thoughts are not sent back; without thinking there is nothing to fold."""
    page = p.page
    page.keyboard.press("Alt+KeyS")
    page.get_by_label("Thinking").select_option("none")
    page.keyboard.press("Escape")
    with page.expect_request(ASKED) as asked:
        p.send("What color is snow?")
    sent = asked.value.post_data_json
    answer = p.answered()
    ok(sent["reasoning_effort"] == "none" and sent["messages"][1]["content"].strip() == words.strip(), "the next question takes the answer along, not the thoughts", sent)
    ok(not answer.locator(".think").is_visible() and answer.locator(".markdown").inner_text().strip(), "without thinking nothing is folded", answer.inner_text())


def inside(p):
    """From a model whose thoughts the server passes on as text: taken out by the page."""
    page = p.page
    page.unroute(ASKED)
    parts = ["<th", "ink>so ", "it is", "</thi", "nk>\n\nBlue."]
    body = "".join(f"data: {json.dumps({'choices': [{'index': 0, 'delta': {'content': w}}]})}\n\n" for w in parts)
    page.route(ASKED, lambda r: r.fulfill(status=200, content_type="text/event-stream", body=body + "data: [DONE]\n\n"))
    p.send("Say it.")
    answer = p.answered()
    ok(answer.locator(".markdown").inner_text().strip() == "Blue." and answer.locator(".thought").text_content() == "so it is", "thoughts inside of the answer are folded too", answer.inner_text())


def sight(p):
    """The end of an answer is in sight when it has come; what a reader unfolds there stays under the pointer."""
    page = p.page
    for words, name in (("a line of the answer\n\n" * 60, "long"), ("Yes.", "short")):
        body = f"data: {json.dumps({'choices': [{'index': 0, 'delta': {'content': '<think>' + 'a thought' + chr(10) * 2 + 'and more' * 300 + '</think>' + words}}]})}\n\ndata: [DONE]\n\n"
        page.unroute(ASKED)
        page.route(ASKED, lambda r, _, body=body: r.fulfill(status=200, content_type="text/event-stream", body=body))
        p.send("Say it.")
        answer = p.answered()
        left = page.evaluate("(() => { const s = document.querySelector('.scroll'); return s.scrollHeight - s.scrollTop - s.clientHeight; })()")
        ok(left < 60, f"the end of a {name} answer is in sight", f"{left} pixels below")
    ok(re.fullmatch(r"Thought for 0\.\d s", answer.locator("summary").inner_text()), "thoughts that come at once take no time", answer.locator("summary").inner_text())
    answer.locator("summary").click()
    p.drawn()
    top, bottom = answer.locator("summary").bounding_box()["y"], page.locator(".composer").bounding_box()["y"]
    ok(answer.locator(".thought").bounding_box()["height"] > 100 and 0 < top < bottom, "what is unfolded there does not push itself out of sight", (top, bottom))


def packing(s):
    """What the server says of a model that it loads for the first time."""
    said = []
    load = threading.Thread(target=s.post, args=("/api/generate", {"model": "smollm2", "stream": False}))
    load.start()
    while not said or said[-1]["state"] == "loading" or (said[-1]["state"] == "unloaded" and load.is_alive()):
        said.append(s.get("/ready").json()["models"][0])
    load.join()
    values = [m["progress"] for m in said if m["progress"] is not None]
    ok(values and values == sorted(values) and 0 < values[0] <= values[-1] <= 1 and said[-1]["progress"] is None and said[-1]["state"] == "ready",
       f"while a model is packed /ready says how far that is ({len(values)} looks, {values[:1]} to {values[-1:]})", said[-3:])
    s.post("/api/generate", {"model": "smollm2", "stream": False, "keep_alive": 0})


def loading(b):
    """The server's own numbers, and what the page makes of them."""
    with Server([SMOLLM2], "--preload", "false", env={"MOAT_HOME": os.path.join(HOME.name, "home")}) as s:
        p = browser.Page(b, s.port).open()
        told = s.get("/ready").json()
        ok(told["models"][0]["state"] == "unloaded" and told["models"][0]["progress"] is None, "a model that is not loaded has no progress", told)
        packing(s)
        told["status"], told["models"][0]["state"], told["models"][0]["progress"] = "loading", "loading", 0.42
        p.page.route("**/ready", lambda r: r.fulfill(status=503, json=told))
        p.page.locator(".model").click()
        ok(p.sees(".menu-item", "loading, 42 %"), "a model that is loaded: how far it is, in words")
        bars = p.page.evaluate("[...document.querySelectorAll('.model progress, .menu progress')].map((b) => b.value)")
        ok(bars == [0.42, 0.42], "and as a bar", bars)
        p.page.keyboard.press("Escape")
        p.page.unroute("**/ready")
        p.send("Say hello.")
        ok(p.answered().locator(".problem").count() == 0 and p.sees(".model-name", "smollm2"), "a question loads it, and is answered")
        p.wait("document.querySelector('.model progress').hidden")
        p.quiet("loading")
        p.close()


with browser.browser() as b:
    with Server(model(), "--context", "1024", "--temperature", "0", "--max-tokens", "80") as server:
        p = browser.Page(b, server.port).open()
        p.sees(".model-name", "thinker")
        goes_on(p, thinks(p))
        inside(p)
        sight(p)
        p.quiet("thinking")
        p.close()
    loading(b)
done()
