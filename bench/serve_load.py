#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat serve under load: does it hold, does it stay fair, and what does a short request wait for?

usage: bench/serve_load.py [--only streams|prefill|overload] [--seconds N] [--json] [--model FILE.gguf]
  streams   64 clients that stream answers one after another (300 s): errors, and how fast memory grows (< 1 MiB a minute)
  prefill   time to first token of short requests, alone and while one client has prompts of 8,000 tokens read (60 s each): p99 at most twice
  overload  five times the requests that can be answered, from a key that asks for most of it and four that ask for little (120 s):
            429 within 50 ms, answers a second at least 90 % of the peak, and every key gets its share; shares of a processor that the front and
            this client took
Exit status 1 where a bound is not kept. --seconds shortens every part. Clients share the processors with the server: run it on a machine that
does nothing else.
"""
import argparse, asyncio, heapq, json, os, random, re, select, socket, statistics, subprocess, sys, tempfile, time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
from serving import Server, SMOLLM2  # noqa: E402

WORDS = "tide lamp river stone cloud paper honey wheel copper garden signal winter anchor violet market saddle".split()
FOR_EVER = {"2": -100}  # no end of the answer before max_tokens (of SmolLM2)


def text(n, mark):
    pick = random.Random(mark)
    return " ".join(pick.choice(WORDS) for _ in range(n))


def percentile(values, p):
    return sorted(values)[min(len(values) - 1, int(len(values) * p / 100))] if values else float("nan")


class Reply:
    """status; seconds until its head, its first event and its end; whether a stream ended as it should."""

    def __init__(self):
        self.status, self.head, self.first, self.end, self.whole, self.tokens, self.why = 0, None, None, None, False, 0, ""


async def ask(port, body, key=None, limit=600):
    """One request over a connection of its own; streamed where the body says so."""
    r, t0, got = Reply(), time.perf_counter(), b""
    data = json.dumps(body).encode()
    head = (f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n"
            + (f"Authorization: Bearer {key}\r\n" if key else "") + "Connection: close\r\n\r\n").encode()

    async def go():
        nonlocal got
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(head + data)
            while piece := await reader.read(65536):
                now = time.perf_counter() - t0
                got += piece
                if r.head is None and b"\r\n\r\n" in got:
                    r.head, r.status = now, int(got[9:12])
                if r.first is None and b"\"delta\":{\"content\"" in got or (r.first is None and b"\"content\":\"" in got):
                    r.first = now
        finally:
            writer.close()
    try:
        await asyncio.wait_for(go(), limit)
        r.end = time.perf_counter() - t0
        r.whole = b"data: [DONE]" in got if body.get("stream") and r.status == 200 else got.rstrip().endswith(b"}")
        r.tokens = got.count(b"\"delta\":{\"content\"") if body.get("stream") else 0
    except (OSError, TimeoutError, asyncio.TimeoutError) as e:
        r.why = f"{type(e).__name__} {e}"
    if r.status == 200 and not r.whole:
        r.why = "cut: " + repr(got[-200:])
    return r


def chat(words, length, **more):
    return dict({"model": "smollm2", "messages": [{"role": "user", "content": words}], "max_tokens": length, "temperature": 0.8,
                 "logit_bias": FOR_EVER}, **more)


def rss(s):
    """MiB that the server's processes have of their own: supervisor, front, engine."""
    total = 0
    for pid in [s.process.pid] + s.children():
        try:
            with open(f"/proc/{pid}/smaps_rollup") as f:
                total += sum(int(line.split()[1]) for line in f if re.match(r"Private_(Dirty|Clean)|Pss_Anon", line) and line.startswith("Private_Dirty"))
        except OSError:
            pass
    return total / 1024


def slope(points):
    """A minute, of (seconds, value): least squares."""
    n, mx, my = len(points), statistics.mean(p[0] for p in points), statistics.mean(p[1] for p in points)
    below = sum((x - mx) ** 2 for x, _ in points)
    return 60 * sum((x - mx) * (y - my) for x, y in points) / below if n > 1 and below else 0.0


# --- the parts -----------------------------------------------------------------------------------

async def streams(o, s):
    seconds, bad, good, tokens, samples = o.seconds or 300, [], 0, 0, []
    end = time.perf_counter() + seconds

    async def client(i):
        nonlocal good, tokens
        turn = random.Random(i)
        while time.perf_counter() < end:
            r = await ask(s.port, chat(text(turn.randint(4, 60), f"{i}{turn.random()}"), turn.randint(8, 96), stream=True))
            good, tokens = good + (r.status == 200 and r.whole), tokens + r.tokens
            if r.status != 200 or not r.whole:
                bad.append(f"{r.status} {r.why}")

    async def watch():
        t0 = time.perf_counter()
        while time.perf_counter() < end:
            samples.append((time.perf_counter() - t0, rss(s)))
            await asyncio.sleep(min(1, seconds / 50))
    await asyncio.gather(watch(), *(client(i) for i in range(64)))
    late = [p for p in samples if p[0] > seconds * 0.3]  # until then caches fill
    grows = slope(late)
    return {"clients": 64, "seconds": seconds, "answers": good, "tokens_per_s": tokens / seconds, "errors": len(bad), "first_errors": bad[:3],
            "rss_mib": late[-1][1], "rss_slope_mib_per_min": grows, "ok": not bad and grows < 1}


async def short_ones(s, seconds, mark):
    """Times to first token of short requests, a new one 20 ms after the last."""
    times, end, n = [], time.perf_counter() + seconds, 0
    while time.perf_counter() < end:
        n += 1
        r = await ask(s.port, chat(text(8, f"{mark}{n}"), 2, stream=True))
        if r.status != 200 or r.first is None:
            return times, f"{r.status} {r.why}"
        times.append(r.first)
        await asyncio.sleep(0.02)
    return times, ""


async def prefill(o, s):
    seconds = o.seconds or 60
    alone, why = await short_ones(s, seconds, "alone")
    going, n = True, 0

    async def reader():
        nonlocal n
        while going:
            r = await ask(s.port, chat(text(o.prompt_words, f"long{n}"), 1, stream=True))
            if r.status != 200:
                return f"{r.status} {r.why}"
            n += 1
        return ""
    task = asyncio.create_task(reader())
    await asyncio.sleep(0.3)
    beside, why_too = await short_ones(s, seconds, "beside")
    going = False
    why = why or why_too or await task
    ratio = percentile(beside, 99) / percentile(alone, 99) if alone and beside else float("nan")
    return {"seconds": seconds, "alone": len(alone), "alone_p50_ms": 1e3 * percentile(alone, 50), "alone_p99_ms": 1e3 * percentile(alone, 99),
            "beside": len(beside), "beside_p50_ms": 1e3 * percentile(beside, 50), "beside_p99_ms": 1e3 * percentile(beside, 99), "long_prompts": n,
            "ratio_p99": ratio, "errors": why, "ok": not why and ratio <= 2}


class Arrivals:
    """Requests at these rates a second for each key, whatever becomes of those before. Plain sockets and one epoll: whoever offers five times the load
    on the server's own processors must take little of them (asyncio's streams took an eighth of one, and so much of the answers)."""

    def __init__(self, port, rates, length):
        self.port, self.length, self.live, self.poll = port, length, {}, select.epoll()
        self.replies = {k: [] for k in rates}
        self.due = [(0.0, k) for k in rates]
        self.rates, self.turn = rates, random.Random(1)
        heapq.heapify(self.due)

    def begin(self, key):
        data = json.dumps(chat(" ".join(self.turn.choices(WORDS, k=10)), self.length)).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n" \
            f"Authorization: Bearer {key}\r\nConnection: close\r\n\r\n"
        r, c = Reply(), socket.socket()
        self.replies[key].append(r)
        c.setblocking(False)
        c.connect_ex(("127.0.0.1", self.port))
        self.live[c.fileno()] = [c, r, time.perf_counter(), head.encode() + data, b""]
        self.poll.register(c.fileno(), select.EPOLLOUT)

    def go_on(self, fd):
        c, r, t0, out, got = one = self.live[fd]
        try:
            if out:
                one[3] = out[c.send(out):]
                if not one[3]:
                    self.poll.modify(fd, select.EPOLLIN)
                return
            piece = c.recv(65536)
            one[4] += piece
            if piece:
                return
            r.end, r.status, r.whole = time.perf_counter() - t0, int(got[9:12] or 0), got.rstrip().endswith(b"}")
            r.why = "" if r.whole else "cut: " + repr(got[-200:])
        except (OSError, ValueError) as e:
            r.why = f"{type(e).__name__} {e}"
        self.poll.unregister(fd)
        del self.live[fd]
        c.close()

    def run(self, seconds, patience=120):
        """{key: [Reply]}, and how many of each key were answered within the time"""
        t0 = time.perf_counter()
        while (now := time.perf_counter() - t0) < seconds:
            while self.due[0][0] <= now:
                at, key = heapq.heappop(self.due)
                self.begin(key)
                heapq.heappush(self.due, (at + self.turn.expovariate(self.rates[key]), key))
            for fd, _ in self.poll.poll(max(0, min(self.due[0][0], seconds) - now)):
                self.go_on(fd)
        counted = {k: sum(r.status == 200 for r in v) for k, v in self.replies.items()}
        while self.live and time.perf_counter() - t0 < seconds + patience:
            for fd, _ in self.poll.poll(1):
                self.go_on(fd)
        return self.replies, counted


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def peak(s, seconds, keys, length, n):
    """Answers a second where n clients ask one after another."""
    done, end = 0, time.perf_counter() + seconds

    async def client(i):
        nonlocal done
        turn = 0
        while time.perf_counter() < end:
            r = await ask(s.port, chat(text(10, f"peak{i}{turn}"), length), key=keys[i % len(keys)])
            turn += 1
            done += r.status == 200 and time.perf_counter() < end
    await asyncio.gather(*(client(i) for i in range(n)))
    return done / seconds


async def overload(o, s, keys):
    seconds, length = o.seconds or 120, 24
    await peak(s, min(3, seconds), keys, length, 8)
    best = await peak(s, max(seconds / 4, 3), keys, length, 16)
    small = best / 10  # what each of the four asks for: less than a fifth of what there is
    rates = {k: 5 * best - 4 * small if i == 0 else small for i, k in enumerate(keys)}
    front = next(p for p in s.children() if p != s.engine())
    before = cpu_seconds(front), time.process_time()
    replies, counted = Arrivals(s.port, rates, length).run(seconds)
    took = [after - then for after, then in zip((cpu_seconds(front), time.process_time()), before)]
    every = [r for v in replies.values() for r in v]
    busy = [r.end for r in every if r.status == 429 and r.end]
    odd = [f"{r.status} {r.why}" for r in every if r.status not in (200, 429)]
    goodput = sum(counted.values()) / seconds
    shares = {f"key{i}": sum(r.status == 200 for r in replies[k]) / max(1, len(replies[k])) for i, k in enumerate(keys)}
    worst = min(list(shares.values())[1:])
    return {"seconds": seconds, "peak_per_s": best, "offered_per_s": len(every) / seconds,
            "front_cpu_share": took[0] / seconds, "client_cpu_share": took[1] / seconds, "goodput_per_s": goodput, "goodput_share": goodput / best,
            "refused": len(busy), "refused_p50_ms": 1e3 * percentile(busy, 50), "refused_p99_ms": 1e3 * percentile(busy, 99),
            "refused_worst_ms": 1e3 * max(busy, default=float("nan")), "answered_share_by_key": shares, "odd": odd[:3],
            "ok": not odd and goodput >= 0.9 * best and percentile(busy, 99) <= 0.05 and worst >= 0.9}


def run(o, name):
    if name == "overload":
        with tempfile.TemporaryDirectory() as home:
            env = {"MOAT_HOME": home}
            made = [subprocess.run([os.path.join(ROOT, "build", "moat"), "key", "add", f"user{i}", "--json"], capture_output=True, text=True, check=True,
                                   env=dict(os.environ, **env)) for i in range(5)]
            keys = [json.loads(r.stdout)["key"] for r in made]
            with Server(o.model, "--context", 512, "--parallel", 8, "--queue", 32, "--require-key", "true", env=env, key=keys[0]) as s:
                return asyncio.run(overload(o, s, keys))
    context = 16384 if name == "prefill" else 2048
    context = min(context, 8192)
    with Server(o.model, "--context", context, "--parallel", 8, "--queue", 128) as s:
        return asyncio.run({"streams": streams, "prefill": prefill}[name](o, s))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--only", default=""); ap.add_argument("--seconds", type=float, default=0); ap.add_argument("--json", action="store_true")
    ap.add_argument("--model", default=SMOLLM2); ap.add_argument("--prompt-words", type=int, default=5400)
    o = ap.parse_args()
    good = True
    for name in ("streams", "prefill", "overload"):
        if o.only not in name:
            continue
        found = run(o, name)
        good &= found["ok"]
        if o.json:
            print(json.dumps({"part": name, **found}), flush=True)
        else:
            print(name + (": as it should be" if found["ok"] else ": NOT KEPT"), flush=True)
            for k, v in found.items():
                print(f"  {k:24} {v:.2f}" if isinstance(v, float) else f"  {k:24} {v}", flush=True)
    sys.exit(0 if good else 1)


main()
