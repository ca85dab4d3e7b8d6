#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Conversations that a server's memory has no more room for, with --spill: they come back from disk, to their own tenant only, sooner than they could be
computed again, and nothing of them can be read there; without it they are computed again."""
import glob
import json
import os
import statistics
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403
from serving import *  # noqa: E402,F403

if not os.path.exists(SMOLLM2):
    skip("spill", f"no {SMOLLM2}: scripts/fetch-model --tests brings it")
    done()
FOLDER = tempfile.TemporaryDirectory()
ENV = {"MOAT_HOME": os.path.join(FOLDER.name, "moat")}
WORDS = "tide lamp river stone cloud paper honey wheel copper garden signal winter anchor violet market saddle".split()
TALKS, LENGTH = 13, 900  # more than the places for finished sequences; words
LOST = (1, 2, 3)  # all begin like the first, which is kept for that
OPTIONS = ("--context", 2048, "--parallel", 1)


def talk(s, n, key=None):
    """(seconds to the end of an answer of one token, tokens that were there, the answer)"""
    text = " ".join(WORDS[(i * (2 * n + 1) + i // 16 * n + n) % 16] for i in range(LENGTH))
    t0 = time.monotonic()
    r = s.post("/v1/chat/completions", {"model": "smollm2", "messages": [{"role": "user", "content": text}], "max_tokens": 1, "temperature": 0},
               headers={"Authorization": "Bearer " + key} if key else None)
    took = time.monotonic() - t0
    assert r.status == 200, r
    j = r.json()
    return took, j["usage"]["prompt_tokens_details"]["cached_tokens"], j["choices"][0]["message"]["content"]


def metric(s, name):
    text = s.get("/metrics").body.decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name + "{"))


def twice(s):
    first = [talk(s, n) for n in range(TALKS)]
    time.sleep(0.5)  # what waits to be written is
    return first, [talk(s, n) for n in LOST]


with Server(SMOLLM2, *OPTIONS, env=ENV) as s:
    first, again = twice(s)
    ok(all(c < 64 for _, c, _ in again), "without --spill the first ones are computed again", again)
    anew = statistics.median(t for t, _, _ in again)
    ok(metric(s, "moat_spill_bytes") == 0, "and nothing is on disk")
with Server(SMOLLM2, *OPTIONS, "--spill", "512M", env=ENV) as s:
    first, again = twice(s)
    ok(all(c > LENGTH for _, c, _ in again), "with --spill they come back", again)
    back = statistics.median(t for t, _, _ in again)
    ok(back < anew / 2, f"the first token after {back * 1e3:.0f} ms instead of {anew * 1e3:.0f} ms ({anew / back:.1f} times as soon)")
    ok([a[2] for a in again] == [first[n][2] for n in LOST], "with the same answers")
    ok(0 < metric(s, "moat_spill_bytes") <= 512 << 20 and metric(s, "moat_spill_tokens_read_total") > 3 * LENGTH and metric(s, "moat_spill_failures_total") == 0, "as the figures say")
    files = [os.readlink(f) for f in glob.glob(f"/proc/{s.engine()}/fd/*")]
    ok(sum("(deleted)" in f and ENV["MOAT_HOME"] in f for f in files) == 1, "the file has no name", files)
    size = next(os.stat(f).st_size for f in glob.glob(f"/proc/{s.engine()}/fd/*") if "(deleted)" in os.readlink(f) and ENV["MOAT_HOME"] in os.readlink(f))
    ok(1 << 20 < size <= 512 << 20, f"{size >> 20} MiB long", size)

keys = [json.loads(moat("key", "add", name, "--json", env=ENV).out)["key"] for name in ("anna", "bert")]
with Server(SMOLLM2, *OPTIONS, "--spill", "512M", "--require-key", "true", env=ENV, key=keys[0]) as s:
    for n in range(TALKS):
        talk(s, n, keys[0])
    time.sleep(0.5)
    ok(talk(s, LOST[0], keys[1])[1] < 64, "another tenant has nothing of it", s.log())
    ok(talk(s, LOST[0], keys[0])[1] > LENGTH, "whose it is has")
r = moat("serve", "--model", SMOLLM2, "--airgap", "true", "--spill", "1G", "--listen", "127.0.0.1:0", env=ENV)
ok(r.status == 2 and "spill" in r.err, "not in the air-gap profile", r)
FOLDER.cleanup()
done()
