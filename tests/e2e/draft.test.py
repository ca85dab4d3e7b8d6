#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A server that guesses ahead, from the text and by a draft model: the same answers as one that does not; it says how many held."""
import json
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403
from serving import SMOLLM2, Server  # noqa: E402

if not os.path.exists(SMOLLM2):
    skip("guesses on a server", f"no {SMOLLM2}: scripts/fetch-model --tests brings it")
    done()
    sys.exit()
CODE = "def add(a, b):\n    return a + b\n\n\ndef sub(a, b):\n    return a - b\n\n\n" * 4


def answers(settings):
    with tempfile.TemporaryDirectory() as folder:
        config = file(folder, "config.json", json.dumps({"models": {"smollm2": settings}}).encode())
        with Server(env={"MOAT_CONFIG": config}) as s:
            found = [s.post("/completion", {"prompt": p, "n_predict": 60, "temperature": t, "seed": 3}).json()
                     for p in (CODE, "The lighthouse keeper") for t in (0, 1)]
            return found, s.get("/metrics").body.decode()


off, _ = answers({"speculation": "off"})
on, metrics = answers({})
draft, _ = answers({"draft": SMOLLM2})
text = lambda found: [a["content"] for a in found]
ok(text(off) == text(on), "guesses of the text change no answer", f"{text(off)}\n{text(on)}")
ok(text(off) == text(draft), "nor do those of a draft model", f"{text(off)}\n{text(draft)}")
ok(on[0]["timings"]["draft_n"] >= on[0]["timings"]["draft_n_accepted"] > 10 and "draft_n" not in off[0]["timings"],
   "the timings say how many held", on[0]["timings"])
ok("moat_tokens_guessed_right_total" in metrics, "and so do the metrics", metrics)
with tempfile.TemporaryDirectory() as folder:
    for what, value, words in (("a draft model that is not there", "/nowhere.gguf", "/nowhere.gguf"), ("one that is no name", 7, "expected the name of a model")):
        config = file(folder, "config.json", json.dumps({"models": {"smollm2": {"draft": value}}}).encode())
        r = moat("serve", "--model", SMOLLM2, "--listen", "127.0.0.1:0", env={"MOAT_CONFIG": config})
        ok(r.status != 0 and words in r.err, what + " is named", r)
done()
