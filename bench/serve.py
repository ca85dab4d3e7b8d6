#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measure what moat serve makes of the engine's speed, and write the part of bench/RESULTS.md about it.

usage: bench/serve.py [--rounds 3] [--only SUBSTRING] [--peers DIR] [--models DIR] [--dry]
Through HTTP, turn by turn with `moat bench` or the peer: one stream against `moat bench` decode (greedy, and with
temperature 0.8, top_k 40, top_p 0.95), both without guessing ahead; eight streams at once against llama.cpp's decode of eight sequences; the second
turn over a history of 4,000 tokens; a cancel amid a long prompt; the wait of a newcomer behind one. --dry, --only: prints only.
Tokens are counted from the first event of a stream to its last. Run it on a machine that does nothing else.
"""
import argparse, json, os, re, select, selectors, socket, statistics, subprocess, sys, time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "moat")
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
from serving import Server, SMOLLM2  # noqa: E402

MADE = "qwen2.5-1.5b-q4_k_m.gguf"
SAMPLED = {"temperature": 0.8, "top_k": 40, "top_p": 0.95, "seed": 7}
STORY = "Once upon a time, in a land far away, there lived an old clockmaker who"
BEGIN, END = "<!-- bench/serve.py -->", "<!-- end of bench/serve.py -->"


def request(path, body):
    data = json.dumps(body).encode()
    return (f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n"
            f"Connection: close\r\n\r\n").encode() + data


class Stream:
    """A streamed answer: when its events came, and how many tokens they say it has."""

    def __init__(self, port, body):
        self.s = socket.create_connection(("127.0.0.1", port))
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.at, self.got, self.sent = [], [], time.perf_counter()
        self.s.sendall(request("/completion", dict(body, stream=True)))

    def read(self):
        """False: it has ended."""
        piece = self.s.recv(65536)
        self.got.append(piece)
        n = piece.count(b"data: ")
        self.at += [time.perf_counter()] * n
        return bool(piece)

    def tokens(self):
        last = re.findall(rb"data: (\{.*\})", b"".join(self.got))[-1]
        return json.loads(last)["tokens_predicted"]

    def tps(self, n):
        made = self.tokens()
        if made != n:
            sys.exit(f"bench/serve.py: an answer has {made} tokens in place of {n}")
        return (made - 1) / (self.at[-1] - self.at[0])


def one_stream(s, body, n):
    stream = Stream(s.port, dict(body, n_predict=n))
    while stream.read():
        pass
    return stream.tps(n)


def many_streams(s, bodies, n):
    """All tokens a second, from when each has begun until the first has ended."""
    poll, streams = selectors.DefaultSelector(), [Stream(s.port, dict(b, n_predict=n)) for b in bodies]
    for x in streams:
        poll.register(x.s, selectors.EVENT_READ, x)
    open_ones = len(streams)
    while open_ones:
        for key, _ in poll.select():
            if not key.data.read():
                poll.unregister(key.fileobj)
                open_ones -= 1
    if any(x.tokens() != n for x in streams):
        sys.exit("bench/serve.py: an answer ended early")
    a, b = max(x.at[0] for x in streams), min(x.at[-1] for x in streams)
    return sum(sum(a < t <= b for t in x.at) for x in streams) / (b - a)


def last_json(command):
    r = subprocess.run(command, capture_output=True, text=True)
    lines = [line for line in r.stdout.splitlines() if line.startswith("{")]
    return json.loads(lines[-1]) if lines else sys.exit(f"{command[0]}: no result\n{r.stderr[-600:]}")


def bench(path, n, depth, sequences=1):
    r = last_json([f"{ROOT}/build/moat", "bench", path, "-p", "0", "-n", str(n), "-d", str(depth), "-b", str(sequences), "-r", "3", "--json"])
    return max(r["decode_tps"])


def row(o, what, pairs):
    """pairs: (ours, the other) of each round."""
    ratios = [a / b for a, b in pairs]
    ours, other = (statistics.median(x) for x in zip(*pairs))
    line = f"| {what} | {ours:.1f} | {other:.1f} | {statistics.median(ratios):.3f} | {min(ratios):.3f} |"
    print(line, flush=True)
    return line


def single(o, label, path, n, bodies):
    lines = []
    with Server(path, "--context", 1024, "--parallel", 8, "--speculation", "off") as s:
        for kind, body in bodies:
            one_stream(s, body, 16)
            depth = s.post("/completion", dict(body, n_predict=1)).json()["tokens_evaluated"]
            pairs = []
            for _ in range(o.rounds):
                b = bench(path, n, depth)
                pairs.append((max(one_stream(s, body, n + 1) for _ in range(3)), b))
            lines.append(row(o, f"{label}, one stream, {kind}; `moat bench`", pairs))
    return lines


def eight(o):
    pairs, own = [], []
    bodies = [{"prompt": STORY + f" said {i}", "temperature": 0, "logit_bias": {"2": -100}} for i in range(8)]
    with Server(SMOLLM2, "--context", 512, "--parallel", 8, "--speculation", "off") as s:
        many_streams(s, bodies, 16)
        for _ in range(o.rounds):
            r = last_json([os.path.join(o.peers, "bin", "python"), os.path.join(ROOT, "bench", "peer_batch.py"), SMOLLM2, "-b", "8", "-n", "96", "-d", "18"])
            ours = max(many_streams(s, bodies, 97) for _ in range(3))
            pairs.append((ours, max(r["decode_tps"])))
            own.append((ours, bench(SMOLLM2, 96, 18, 8)))
    return [row(o, "SmolLM2, eight streams; llama.cpp, eight sequences", pairs), row(o, "SmolLM2, eight streams; `moat bench -b 8`", own)]


def long_text(n_words, mark):
    return " ".join(f"{mark}{i * 37 % 1000}" for i in range(n_words))


def first_token_ms(s, path, body):
    """Milliseconds from the request to the first piece of its stream with an event, and the whole stream."""
    c = socket.create_connection(("127.0.0.1", s.port))
    t0, took, got = time.perf_counter(), None, b""
    c.sendall(request(path, dict(body, stream=True)))
    while piece := c.recv(65536):
        got += piece
        if took is None and b"data: " in got:
            took = (time.perf_counter() - t0) * 1e3
    return took, got


def second_turn(o):
    """The second turn of a chat over a history of about 4,000 tokens."""
    shares, times = [], []
    with Server(SMOLLM2, "--context", 8192) as s:
        for turn in range(o.rounds):
            talk = [{"role": "user", "content": f"Note {turn}. " + long_text(1000, "w") + " What do you see?"}]
            ask = {"model": "smollm2", "max_tokens": 24, "temperature": 0}
            first = s.post("/v1/chat/completions", dict(ask, messages=talk)).json()
            talk += [first["choices"][0]["message"], {"role": "user", "content": "And?"}]
            ms, got = first_token_ms(s, "/v1/chat/completions", dict(ask, messages=talk, stream_options={"include_usage": True}))
            usage = json.loads(re.findall(rb'data: (\{.*"usage":\{.*\})', got)[-1])["usage"]
            shares.append((usage["prompt_tokens_details"]["cached_tokens"], usage["prompt_tokens"], first["usage"]["prompt_tokens"]))
            times.append(ms)
    cached, of, before = min(shares, key=lambda x: x[0] / x[1])
    return [say(f"- A second turn over a first of {before} tokens: {cached} of its {of} tokens were there already ({100 * cached / of:.2f} %), "
                f"first token after {statistics.median(times):.0f} ms (at worst {max(times):.0f}).")]


def busy(s):
    return any(slot["is_processing"] for slot in s.get("/slots").json())


def long_prompt(s, mark):
    c = socket.create_connection(("127.0.0.1", s.port))
    c.sendall(request("/completion", {"prompt": long_text(1100, mark), "n_predict": 1, "stream": True}))
    while not busy(s):
        if select.select([c], [], [], 0)[0]:
            sys.exit(f"bench/serve.py: the long prompt was not read on: {c.recv(400)!r}")
    return c


def interruptions(o):
    """A client that goes away amid its prompt of about 6,000 tokens, and one that comes meanwhile."""
    cancels, waits = [], []
    with Server(SMOLLM2, "--context", 8192) as s:
        for i in range(8 * o.rounds):
            c = long_prompt(s, f"a{i}x")
            time.sleep(0.05 + 0.037 * (i % 8))
            t0 = time.perf_counter()
            c.close()
            while busy(s):
                pass
            cancels.append((time.perf_counter() - t0) * 1e3)
        for i in range(4 * o.rounds):
            c = long_prompt(s, f"b{i}x")
            time.sleep(0.05 + 0.037 * (i % 8))
            waits.append(first_token_ms(s, "/completion", {"prompt": f"Hello {i}", "n_predict": 1})[0])
            c.close()
            while busy(s):
                pass
    return [say(f"- A client that goes away amid a prompt of thousands of tokens: its slot is free after {statistics.median(cancels):.0f} ms "
                f"(at worst {max(cancels):.0f} of {len(cancels)})."),
            say(f"- A short request that comes amid such a prompt has its first token after {statistics.median(waits):.0f} ms (at worst {max(waits):.0f} of {len(waits)}).")]


def say(line):
    print(line, flush=True)
    return line


def part(o, table, notes):
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    cpu = re.search(r"model name\s*: (.*)", open("/proc/cpuinfo").read())[1]
    return (f"{BEGIN}\n## `moat serve`\n\nWritten by `bench/serve.py` on {time.strftime('%Y-%m-%d')} at {commit}: {cpu}, {len(os.sched_getaffinity(0))} CPUs, "
            f"{o.rounds} interleaved rounds, the best of three runs in each; tokens/s.\nThe client and the front share the CPUs with the engine.\n\n"
            "| work; compared with | moat serve | the other | ratio | worst |\n|---|---|---|---|---|\n" + "\n".join(table) + "\n\n" + "\n".join(notes) + f"\n{END}\n")


def write_part(path, text):
    """In the place of the old part, else at the end."""
    old = open(path).read() if os.path.exists(path) else ""
    found = re.search(re.escape(BEGIN) + ".*" + re.escape(END) + "\n", old, re.S)
    with open(path, "w") as f:
        f.write(old[:found.start()] + text + old[found.end():] if found else old.rstrip("\n") + "\n\n" + text)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--rounds", type=int, default=3); ap.add_argument("--only", default=""); ap.add_argument("--dry", action="store_true")
    ap.add_argument("--peers", default=os.path.join(CACHE, "bench", "peers")); ap.add_argument("--models", default=os.path.join(CACHE, "bench", "models"))
    ap.add_argument("--out", default=os.path.join(ROOT, "bench", "RESULTS.md"))
    o = ap.parse_args()
    story, sampled = {"prompt": STORY, "temperature": 0}, dict(SAMPLED, prompt=STORY, logit_bias={"2": -100})
    table = {"smollm2": lambda: single(o, "SmolLM2 135M Q4_1", SMOLLM2, 192, (("greedy", story), ("sampled", sampled))),
             "made": lambda: single(o, "1.5B Q4_K_M", os.path.join(o.models, MADE), 48,
                                    (("greedy", {"prompt": [11, 12], "temperature": 0}), ("sampled", dict(SAMPLED, prompt=[11, 12])))),
             "eight": lambda: eight(o)}
    notes = {"turn": lambda: second_turn(o), "interrupt": lambda: interruptions(o)}
    rows, lines = ([line for name, work in works.items() if o.only in name for line in work()] for works in (table, notes))
    rows, lines = list(rows), list(lines)
    if not o.dry and not o.only:
        write_part(o.out, part(o, rows, lines))


main()
