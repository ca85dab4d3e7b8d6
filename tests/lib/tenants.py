# SPDX-License-Identifier: Apache-2.0
"""Tenants of one server, each with texts that hold a word of its own (a canary): requests of all of them by turns, and whether any of one's words, or a
trace of its having been there, comes to another. For tests/e2e/tenants.test.py and tenants.check.py."""
import json
import os
import random
import re
import sys
import tempfile
import threading

from serving import SMOLLM2, Server
from tap import moat, note, ok

TENANTS = 16
WORDS = "amber birch cedar delta ember fjord grove haven inlet jolly knoll lunar maple noble ocean pearl".split()


def canary(t):
    return f"CANARY{WORDS[t].upper()}{t:02d}"


def shared():
    """What all begin with, so that there is much to be reused by mistake: more tokens than a reuse needs."""
    return "You are a careful assistant of a large company. " * 4


def request(t, rng):
    """(path, body, kind of the answer)"""
    c, n = canary(t), rng.randrange(4)
    question = f"The password of {WORDS[t]} is {c}. " + rng.choice(["Repeat it.", "What is it?", "Say it again.", f"Note number {n}."])
    messages = [{"role": "system", "content": shared()}, {"role": "user", "content": question}]
    few = {"model": "smollm2", "max_tokens": rng.randrange(1, 5), "temperature": rng.choice([0, 1])}
    kind = rng.randrange(9)
    if kind < 3:
        return "/v1/chat/completions", dict(few, messages=messages)
    if kind == 3:
        return "/v1/chat/completions", dict(few, messages=messages, stream=True, stream_options={"include_usage": True})
    if kind == 4:
        return "/v1/messages", dict(few, system=shared(), messages=messages[1:])
    if kind == 5:
        return "/completion", {"prompt": shared() + question, "n_predict": few["max_tokens"], "temperature": 0}
    if kind == 6:
        return "/v1/chat/completions", dict(few, messages=messages, top_p=9)  # an error
    if kind == 7:
        return "/v1/chat/completions", dict(few, messages=messages, response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": {"const": c}}}, max_tokens=2)
    return "/v1/chat/completions", dict(few, messages=messages + [{"role": "user", "content": "word " * 1200}])  # too long: both counts


def cached(answer):
    found = re.findall(r'"(?:cached_tokens|cache_read_input_tokens|cache_n|tokens_cached)":\s*(\d+)', answer)
    return max(map(int, found), default=0)


class Tenants:
    """run(n): n requests of 16 keys by turns, over 16 threads; then what was seen."""

    def __init__(self):
        self.home = tempfile.TemporaryDirectory()
        self.env = {"MOAT_HOME": os.path.join(self.home.name, "moat")}
        # two keys of each of the first two tenants' names; the others are tenants of their own
        self.keys = [self.key(f"user{t}") for t in range(TENANTS)]
        self.team = [self.key(f"team{i}", "--tenant", "team") for i in range(2)]
        self.boss = self.key("boss", "--operator")
        self.crossed, self.first, self.lock = [], {}, threading.Lock()
        self.statuses = {}

    def key(self, name, *options):
        return json.loads(moat("key", "add", name, "--json", *options, env=self.env).out)["key"]

    def one(self, s, t, rng):
        path, body = request(t, rng)
        r = s.post(path, body, headers={"Authorization": "Bearer " + self.keys[t]})
        text = r.body.decode("utf-8", "replace") + str(r.headers)
        others = [w for u in range(TENANTS) if u != t for w in (canary(u),) if w in text]
        with self.lock:
            self.statuses[r.status] = self.statuses.get(r.status, 0) + 1
            if others:
                self.crossed.append((t, others, text[:300]))
            if r.status == 200 and (t, path) not in self.first:
                self.first[t, path] = None
        return r

    def run(self, s, n, threads=16):
        order = [i % TENANTS for i in range(n)]
        random.Random(5).shuffle(order)

        def work(part):
            rng = random.Random(part)
            for i in range(part, n, threads):
                self.one(s, order[i], rng)
        all_threads = [threading.Thread(target=work, args=(i,)) for i in range(threads)]
        for t in all_threads:
            t.start()
        for t in all_threads:
            t.join()
        asked = sum(self.statuses.values())
        ok(asked == n and self.statuses.get(200, 0) > n / 2 and not set(self.statuses) - {200, 400, 429}, f"{asked} requests of {TENANTS} tenants: {self.statuses}", self.statuses)
        ok(not self.crossed, "no word of one came to another", self.crossed[:3])

    def traces(self, s):
        """A prompt that another has asked is as new as one that nobody has; of one's own tenant it is not."""
        def ask(key, text, **more):
            r = s.post("/v1/chat/completions", dict({"model": "smollm2", "messages": [{"role": "user", "content": text}], "max_tokens": 1, "temperature": 0}, **more),
                       headers={"Authorization": "Bearer " + key})
            return cached(r.body.decode()) if r.status == 200 else None
        text = "The secret plan of the first tenant is to open a shop by the sea. " * 6
        again = [ask(self.keys[0], text), ask(self.keys[0], text)]
        ok(again[1] and again[1] > 32, f"a tenant's own prompt is there the second time ({again[1]} tokens)", again)
        got = [ask(k, text) for k in self.keys[1:4]]
        usual = [ask(k, "Something else that begins like no other, and goes on for a while. " * 6) for k in self.keys[4:7]]
        ok(max(got) == max(usual) == 0 or max(got) <= max(usual), f"to others it is as new as any: {got} against {usual}", (got, usual))
        team = [ask(self.team[0], text), ask(self.team[1], text)]
        ok(team[0] <= max(usual) and team[1] > 32, f"two keys of one tenant share: {team}", team)
        r = s.post("/v1/chat/completions", {"model": "smollm2", "messages": [{"role": "user", "content": text}], "max_tokens": 1}, headers={"Authorization": "Bearer " + self.team[1]})
        ok(cached(r.body.decode()) > 32, "and again", r)

    def elsewhere(self, s):
        """What the server tells its operators and its log."""
        seen = []
        for path in ("/metrics", "/slots", "/props", "/v1/models", "/moat/keys", "/api/ps", "/api/tags", "/health"):
            r = s.get(path, headers={"Authorization": "Bearer " + self.boss})
            seen += [(path, canary(t)) for t in range(TENANTS) if canary(t) in r.body.decode()]
        ok(not seen, "no word stands in the state of the server", seen)
        log = s.log()
        ok(not any(canary(t) in log for t in range(TENANTS)) and "password" not in log, "nor in its log")
        ok(not any(k in log for k in self.keys), "and no key does")


def server(t):
    return Server(SMOLLM2, "--require-key", "true", "--parallel", "8", "--context", "1024", "--queue", "64", env=t.env)
