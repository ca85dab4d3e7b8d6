#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The page's views of the server: the dashboard while work is done, a server that asks for keys, one that loads, busy and
gone ones; each error says what to do."""
import os
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403
from serving import *  # noqa: E402,F403
import browser  # noqa: E402

if not os.path.exists(SMOLLM2) or browser.missing():
    skip("the page", browser.missing() or f"no {SMOLLM2}: scripts/fetch-model --tests brings it")
    done()
HOME = tempfile.TemporaryDirectory()
STORE = {"MOAT_HOME": os.path.join(HOME.name, "moat")}
ASK = {"messages": [{"role": "user", "content": "Count to one hundred."}], "max_tokens": 60}


def dashboard(b, server):
    load = threading.Thread(target=lambda: together(3, lambda i: [server.post("/v1/chat/completions", ASK) for _ in range(8)]))
    p = browser.Page(b, server.port).open("#/status")
    page = p.page
    load.start()
    p.wait("parseInt(document.querySelector('.card .figure').textContent) > 0")
    ok(page.locator(".card svg .line-0").count() >= 3, "dashboard: lines are drawn while work is done")
    load.join()
    p.wait("[...document.querySelectorAll('.tile')].some((t) => t.textContent.includes('Tokens written') && /[1-9]/.test(t.textContent))")
    tiles = page.locator(".tiles").inner_text()
    written = sum(int(line.split()[-1]) for line in server.get("/metrics").body.decode().splitlines()
                  if line.startswith(("moat_tokens_predicted_total", "moat_tokens_generated_total")))
    p.wait("(n) => document.querySelector('.tiles').textContent.replaceAll(',', '').includes(n)", str(written))
    ok("ready" in tiles, f"and its figures are the server's: {written} tokens written", tiles)
    ok(page.locator(".card tbody tr").count() == 1 and "smollm2" in page.locator(".card tbody").inner_text(), "the models are listed")
    page.locator(".plot").first.hover()
    ok(page.locator(".tip").first.is_visible(), "a point shows its numbers")
    p.accessible("dashboard")
    page.set_viewport_size({"width": 360, "height": 740})
    p.fits("dashboard, 360 wide")
    p.quiet("dashboard")
    p.close()


def make_key(name, *options):
    r = moat("key", "add", name, *options, env=STORE)
    return next(word for word in (r.out + r.err).split() if word.startswith("moat_"))


def keys(b):
    key, operator = make_key("anna"), make_key("olga", "--operator")
    with Server(SMOLLM2, "--require-key", "true", "--max-tokens", "40", env=STORE) as server:
        p = browser.Page(b, server.port).open()
        page = p.page
        page.wait_for_selector(".banner .primary")
        ok("key" in page.locator(".banner").inner_text() and "moat key add" in page.locator(".banner").inner_text(), "keys: the page asks for one, and says where it comes from")
        p.send("Say hello.")
        problem = p.answered().locator(".problem")
        ok("asks for a key" in problem.inner_text(), "an answer without one says the same", problem.inner_text())
        problem.get_by_role("button", name="Enter a key").click()
        page.get_by_label("Key", exact=True).fill("moat_wrong")
        page.keyboard.press("Enter")
        page.wait_for_selector(".banner .primary")
        page.locator(".banner").get_by_role("button", name="Enter a key").click()
        page.get_by_label("Key", exact=True).fill(key)
        p.accessible("keys, the window")
        page.keyboard.press("Enter")
        page.wait_for_selector(".banner", state="hidden")
        page.get_by_role("button", name="Try again").click()
        ok(p.answered().locator(".problem").count() == 0, "with a key it answers")
        page.get_by_role("link", name="Keys and limits").click()
        page.wait_for_selector(".facts dd")
        text = page.locator(".panel").inner_text()
        ok("takes this key" in text and key[5:13] in text and key not in page.content() and "until this tab is closed" in text, "the view says which key, not the key itself", text)
        page.get_by_role("button", name="Use another key").click()
        page.get_by_label("Key", exact=True).fill(operator)
        page.get_by_label("Keep it in this browser").check()
        page.keyboard.press("Enter")
        p.wait("document.querySelector('.panel').textContent.includes('until it is forgotten')")
        listed = server.get("/moat/keys", headers={"Authorization": "Bearer " + operator}).status == 200
        page.wait_for_selector("td code" if listed else ".command")
        text = page.locator(".panel").inner_text()
        ok(("anna" in text and "olga" in text) if listed else "moat key revoke" in text, "an operator sees what the server tells of all keys", text)
        p.accessible("keys")
        page.get_by_role("button", name="Forget it").click()
        p.wait("document.querySelector('.panel').textContent.includes('asks for a key')")
        ok(page.evaluate("Object.values(localStorage).concat(Object.values(sessionStorage)).every((v) => !v.includes('moat_'))"), "a key that is forgotten is gone")
        p.noise = [n for n in p.noise if "status of 401" not in n and "status of 403" not in n and "status of 404" not in n]
        p.quiet("keys")
        p.close()


def allowance(b):
    """A key that may little, and one that may use no model that is served."""
    few, none = make_key("carl", "--requests-per-minute", "2"), make_key("dora", "--model", "other")
    with Server(SMOLLM2, "--require-key", "true", "--max-tokens", "8", env=STORE) as server:
        p = browser.Page(b, server.port)
        p.context.add_init_script(f"sessionStorage.setItem('moat.key', {json.dumps(few)})")
        page = p.open().page
        p.sees(".model-name", "smollm2")
        for i in range(3):
            p.send("Hello")
            answer = p.answered()
        text = answer.locator(".problem").inner_text()
        ok("2 requests a minute" in text and "limit of your key" in text and "--requests-per-minute" in text and "Try again (in" in text, "a quota that is used up: said, with when to try again", text)
        page.get_by_role("link", name="Keys and limits").click()
        ok(p.sees(".facts", "Requests left this minute") and p.sees(".facts", "of 2"), "the view of keys says what is left")
        p.noise = [n for n in p.noise if "status of 429" not in n and "status of 403" not in n]
        p.quiet("quota")
        p.close()
        p = browser.Page(b, server.port)
        p.context.add_init_script(f"sessionStorage.setItem('moat.key', {json.dumps(none)})")
        p.open().page.locator(".model").click()
        ok(p.sees(".model-name", "No model") and p.sees(".menu-empty", "Another key"), "a key without a model: said, with what to do")
        p.quiet("no model")
        p.close()


def empty(b):
    """A server of a store without models, in which one is put while the page looks on."""
    store = {"MOAT_HOME": os.path.join(HOME.name, "empty")}
    with Server((), "--max-tokens", "8", env=store) as server:
        p = browser.Page(b, server.port).open()
        ok(p.sees(".welcome-model", "moat pull NAME") and p.sees(".model-name", "No model"), "no model: said, with what to do")
        r = moat("import", SMOLLM2, "--name", "small", env=store)
        ok(r.status == 0 and p.sees(".model-name", "small:latest") and p.sees(".welcome-model", "MiB"), "and one that comes is there without a reload", r)
        p.send("Hello")
        ok(p.answered().locator(".problem").count() == 0, "and answers")
        p.quiet("an empty server")
        p.close()


def broken(p, server):
    """The engine falls in the middle of an answer, and then all of the server."""
    page = p.page
    page.get_by_label("Most tokens").fill("4000")
    for what, words, remedy in (("its engine falls", "has fallen", "is kept"), ("the server is gone", "broke off", "moat serve")):
        p.send("Write a very long story about a castle, with many chapters.")
        p.wait("document.querySelector('.message.assistant:last-child .markdown')?.textContent.length > 20")
        for pid in [server.engine()] if what.startswith("its") else server.children() + [server.process.pid]:
            os.kill(pid, 9)
        answer = p.answered()
        text = answer.locator(".problem").inner_text()
        ok(words in text and remedy in text and len(answer.locator(".markdown").inner_text()) > 10, f"in the middle of an answer {what}: said, what came is kept", answer.inner_text())
        if what.startswith("its"):
            server.wait_ready()


def trouble(b):
    with Server(SMOLLM2, "--max-tokens", "40") as server:
        p = browser.Page(b, server.port).open()
        page = p.page
        p.wait("document.querySelector('.model-name').textContent === 'smollm2'")
        page.route("**/v1/chat/completions", lambda r: r.fulfill(status=429, headers={"Retry-After": "3"}, json={"error": {"message": "all slots are taken"}}))
        p.send("Hello")
        text = p.answered().locator(".problem").inner_text()
        ok("All slots are taken" in text and "Try again in a moment" in text, "busy: said, with what to do", text)
        page.unroute("**/v1/chat/completions")
        page.get_by_role("button", name="Try again").click()
        ok(p.answered().locator(".problem").count() == 0 and page.locator(".branches").count() == 0, "trying again puts the answer in its place")
        page.click(".to-settings")
        page.get_by_label("Most tokens").fill("3")
        p.send("Count to one hundred.")
        ok("was cut here" in p.answered().inner_text(), "an answer that was cut says so")
        broken(p, server)
        p.send("Are you there?")
        text = p.answered().locator(".problem").inner_text()
        ok("cannot be reached" in text and "moat serve" in text, "gone: said, with what to do", text)
        p.close()


with browser.browser() as b:
    with Server(SMOLLM2) as server:
        dashboard(b, server)
    keys(b)
    allowance(b)
    empty(b)
    trouble(b)
done()
