#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""16 tenants, 10,000 requests by turns: no word of one comes to another; and the time to the first token does not tell one what another has asked."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403
from tenants import *  # noqa: E402,F403

REQUESTS, PAIRS = int(os.environ.get("MOAT_TENANT_REQUESTS", "10000")), 200


def p_value(a, b):
    """Kolmogorov and Smirnov: how likely such a difference is where there is none."""
    import math
    points = sorted(set(a) | set(b))
    d = max(abs(sum(x <= p for x in a) / len(a) - sum(x <= p for x in b) / len(b)) for p in points)
    n = len(a) * len(b) / (len(a) + len(b))
    x = (math.sqrt(n) + 0.12 + 0.11 / math.sqrt(n)) * d
    return min(1.0, max(0.0, 2 * sum((-1) ** (k - 1) * math.exp(-2 * k * k * x * x) for k in range(1, 101))))


def times(t, s):
    """A prompt that another tenant has just asked, and one that nobody has, by turns; and one's own the second time, which must be quicker."""
    def ask(key, text):
        t0 = time.monotonic()
        r = s.post("/v1/chat/completions", {"model": "smollm2", "messages": [{"role": "user", "content": text}], "max_tokens": 1, "temperature": 0},
                   headers={"Authorization": "Bearer " + key})
        return time.monotonic() - t0 if r.status == 200 else None

    def text(kind, i):
        return f"{kind} {i:04d} " + "is what somebody has asked about the weather on the coast in spring. " * 6
    known, new, own = [], [], []
    for i in range(PAIRS):
        ask(t.keys[0], text("Question", 2 * i))
        for j in (0, 1) if i % 2 else (1, 0):
            (known, new)[j].append(ask(t.keys[1], text("Question", 2 * i + j)))
        own.append(ask(t.keys[1], text("Question", 2 * i + i % 2)))
    p = p_value(known, new)
    middle = [sorted(x)[PAIRS // 2] * 1e3 for x in (known, new, own)]
    ok(p > 0.01, f"what another has asked takes as long as what nobody has: p = {p:.3f}, {middle[0]:.2f} and {middle[1]:.2f} ms in the middle")
    ok(middle[2] < 0.8 * middle[1], f"one's own does not, so the test can tell: {middle[2]:.2f} ms")


if not os.path.exists(SMOLLM2):
    skip("tenants", f"no {SMOLLM2}: scripts/fetch-model --tests brings it")
    done()
t = Tenants()
with server(t) as s:
    times(t, s)
    begun = time.monotonic()
    t.run(s, REQUESTS)
    note(f"{REQUESTS / (time.monotonic() - begun):.1f} requests a second")
    t.traces(s)
    t.elsewhere(s)
done()
