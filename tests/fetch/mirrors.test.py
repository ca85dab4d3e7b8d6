#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat pull from several sources, some of them slow, broken or lying; with and without the hash tree."""
import contextlib
import os
import time

from pull_lib import *
from fault_server import FaultServer, free_port
from tap import done, note, ok

FILE = model(23)
SUM = sha256(FILE)
ROOT, LEAVES = tree(FILE)
FLIPPED = {5 * MIB + 77}


def serve(stack, behave=lambda n, q: {}, leaves=LEAVES, data=FILE):
    """A server of the file and its leaves (None: it has none)."""
    def all_of_it(n, q):
        if q.path.endswith(".leaves"):
            return {"body": leaves} if leaves is not None else {"status": 404}
        return behave(n, q)
    return stack.enter_context(FaultServer(data, all_of_it))


def pull_all(servers, *args):
    fresh()
    args = list(args)
    for s in servers[1:]:
        args += ["--mirror", s if isinstance(s, str) else s.url]
    first = servers[0]
    return pull(first if isinstance(first, str) else first.url, "--name", "t:1", *args)


def sent(servers):
    return sum(s.sent for s in servers if not isinstance(s, str))


def files_asked(s):
    return [q for q in s.requests if not q.path.endswith(".leaves")]


def failover():
    with contextlib.ExitStack() as stack:
        good = serve(stack)
        dead = f"http://127.0.0.1:{free_port()}/model.gguf"
        gone = serve(stack, lambda n, q: {"status": 404})
        r = pull_all([dead, gone, good], "--sha256", SUM)
        ok(r.status == 0 and stored(FILE), "two dead sources, one sound", r)
        ok(f"{gone.url}: there is no such file" in r.err, "the one without the file is named", r)
        dying = serve(stack, lambda n, q: {"status": 500} if n > 2 else {})
        r = pull_all([dying, good], "--sha256", SUM, "--connections", "2")
        ok(r.status == 0 and stored(FILE) and files_asked(good), "a source that dies in the middle", r)
        other = serve(stack, data=FILE + b"x")
        r = pull_all([good, other], "--sha256", SUM)
        ok(r.status == 0 and stored(FILE), "a mirror with a file of another size", r)
        silent = serve(stack, lambda n, q: {"stop_after": 0, "how": "stall"})
        t0 = time.monotonic()
        r = pull_all([silent, good], "--sha256", SUM)
        ok(r.status == 0 and time.monotonic() - t0 < 10, f"a first source that says nothing costs little ({time.monotonic() - t0:.1f} s)", r)
        r = pull_all([gone, dead], "--sha256", SUM, "--retries", "2")
        ok(r.status in (3, 10) and "none of the 2 sources" in r.err, "no sound source at all", r)


def without_a_tree():
    with contextlib.ExitStack() as stack:
        good = serve(stack)
        liar = serve(stack, lambda n, q: {"flip": FLIPPED})
        r = pull_all([liar, good], "--sha256", SUM)
        ok(r.status == 0 and stored(FILE) and "not the one wanted" in r.err and liar.url in r.err,
           "without a tree the whole comes from another source, and the wrong one is named", r)
        r = pull_all([liar, liar.url.replace("127.0.0.1", "localhost")], "--sha256", SUM)
        ok(r.status == 4 and not os.path.exists(blob(FILE)) and partials() == [], "two wrong sources: an error, nothing kept", r)
        # nothing known at all: never a mixture of two sources
        half = serve(stack, lambda n, q: {} if n < 3 else {"status": 404})
        another = model(23, seed=9)
        second = serve(stack, data=another)
        r = pull_all([half, second], "--connections", "1")
        ok(r.status == 0 and (stored(FILE) or stored(another)), "without any digest the file is of one source", r)


def with_the_tree():
    with contextlib.ExitStack() as stack:
        good = serve(stack)
        bad_once = []

        def once(n, q):
            if q.range and q.range[0] <= min(FLIPPED) <= q.range[1] and not bad_once:
                bad_once.append(n)
                return {"flip": FLIPPED}
            return {}
        sly = serve(stack, once)
        r = pull_all([sly], "--tree", ROOT)
        ok(r.status == 0 and stored(FILE) and "damaged" in r.err, "a corrupt piece is fetched again", r)
        ok(sly.sent - len(FILE) <= 8 * MIB, f"it costs {(sly.sent - len(FILE)) / MIB:.1f} MiB")
        liar = serve(stack, lambda n, q: {"flip": set(range(0, len(FILE), 100000))}, leaves=None)
        r = pull_all([liar, good], "--tree", ROOT, "--sha256", SUM)
        ok(r.status == 0 and stored(FILE) and sent([liar, good]) - len(FILE) <= 24 * MIB, "a source that only lies is given up", r)
        fake = serve(stack, lambda n, q: {"flip": FLIPPED}, leaves=tree(model(23, seed=4))[1])
        r = pull_all([fake, good], "--tree", ROOT)
        ok(r.status == 0 and stored(FILE) and "leaves of the hash tree are damaged" in r.err, "leaves of another file are refused", r)
        plain = serve(stack, leaves=None)
        r = pull_all([plain], "--tree", ROOT)
        ok(r.status == 0 and stored(FILE), "without leaves the root is checked at the end", r)
        wrong = serve(stack, lambda n, q: {"flip": FLIPPED}, leaves=None)
        r = pull_all([wrong], "--tree", ROOT)
        ok(r.status == 4 and not os.path.exists(blob(FILE)), "and a wrong file is refused", r)
        r = pull_all([wrong, plain], "--tree", ROOT)
        ok(r.status == 0 and stored(FILE), "or comes from another source", r)


def five_mirrors():
    """Of five, three are broken or corrupt: the pull completes and names them."""
    with contextlib.ExitStack() as stack:
        slow = lambda n, q: {"drip": (65536, 0.03)}
        corrupt = serve(stack, lambda n, q: {"flip": set(range(0, len(FILE), MIB // 3))})
        broken = serve(stack, lambda n, q: {"status": 404})
        ranges = serve(stack, lambda n, q: {"shift": 7, **slow(n, q)})
        sound, other = serve(stack, slow), serve(stack, slow)
        for known in (("--tree", ROOT), ("--sha256", SUM)):
            mirrors = [corrupt, broken, ranges, sound, other]
            for s in mirrors:
                s.requests.clear()
            r = pull_all(mirrors, *known, "--connections", "4")
            named = [s.url in r.err for s in mirrors]
            asked = [bool(files_asked(s)) for s in mirrors]
            ok(r.status == 0 and stored(FILE), f"five mirrors, three broken, {known[0]}: the file arrives", r)
            ok(all(n for n, a in zip(named[:3], asked) if a) and named[0] and not any(named[3:]),
               f"those that were found out are named, {known[0]}", f"{named} {asked}\n{r}")
            if known[0] == "--tree":
                ok(all(named[:3]), "with the tree all three are found out", r)
                ok(files_asked(sound) and files_asked(other), "and both sound ones are used side by side")


def slow_ones():
    with contextlib.ExitStack() as stack:
        fast = serve(stack)
        crawl = serve(stack, lambda n, q: {"drip": (8192, 0.1)})
        t0 = time.monotonic()
        r = pull_all([crawl, fast], "--tree", ROOT)
        ok(r.status == 0 and time.monotonic() - t0 < 12, f"with the tree a slow first source is left ({time.monotonic() - t0:.1f} s)", r)
        t0 = time.monotonic()
        r = pull_all([crawl, fast], "--sha256", SUM)
        ok(r.status == 0 and time.monotonic() - t0 < 20, f"without it too ({time.monotonic() - t0:.1f} s)", r)
        one_slow = []

        def sometimes(n, q):
            if n == 2:
                one_slow.append(n)
                return {"drip": (4096, 0.2)}
            return {}
        mixed = serve(stack, sometimes)
        t0 = time.monotonic()
        r = pull_all([mixed], "--sha256", SUM)
        ok(r.status == 0 and one_slow and time.monotonic() - t0 < 10, f"one slow connection is overtaken ({time.monotonic() - t0:.1f} s)", r)


failover()
without_a_tree()
with_the_tree()
five_mirrors()
slow_ones()
cleanup()
done()
