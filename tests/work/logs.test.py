#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat logs parse: events of small logs, CSV in and out, any number of threads, hostile bytes, and the scores on LogHub."""
import csv
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403

WORK = tempfile.TemporaryDirectory()


def path(name, data):
    full = os.path.join(WORK.name, name)
    with open(full, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())
    return full


def moat(*args):
    return subprocess.run([MOAT, "logs", "parse", *args], capture_output=True, timeout=120)


def rows(data, *args):
    """The structured lines of a log."""
    p = moat(path("in.log", data), "--csv", "-", *args)
    return list(csv.DictReader(io.StringIO(p.stdout.decode("utf-8", "replace"), newline="")))


def templates(data, *args):
    return [r["EventTemplate"] for r in rows(data, *args)]


# --- what an event is ---
users = ["alice", "bob", "carol", "dave", "erin", "frank"]
log = "".join(f"user {u} logged in from 10.0.0.{i}\n" for i, u in enumerate(users))
log += "disk sda1 full\nservice web started\nservice web stopped\n"
got = templates(log)
ok(got[:6] == ["user <*> logged in from <*>"] * 6, "many words in one place are a variable", got)
ok(got[6:] == ["disk sda1 full", "service web started", "service web stopped"], "two words are two events", got)
ok(templates("a\nb\nc\nd\ne\nf\ng\n") == list("abcdefg"), "lines of one word are never one variable")
got = templates("stop blk_1\nstop blk_1 blk_2\nstop blk_3 blk_4 blk_5\n")
ok(got == ["stop <*>"] * 3, "lists of any length are one event", got)
first = rows("user 7 in\n")[0]
ok(first["Types"] == "number" and first["EventId"] == rows("x\nuser 9 in\n")[1]["EventId"], "types, and ids that stay the same", first)

# --- CSV ---
table = 'Id,Content\n1,"say ""hi"", 5"\n2,plain 6\n3,"two\nlines 7"\n4\n'
got = rows(table, "--content-column", "Content")
ok([r["Content"] for r in got] == ['say "hi", 5', "plain 6", "two\nlines 7", ""], "quotes, commas and newlines in fields", got)
ok([r["LineId"] for r in got] == ["1", "2", "3", "4"], "a row for each row")
p = moat(path("in.csv", table), "--content-column", "Text")
ok(p.returncode == 3 and b"Id, Content" in p.stderr, "a column that is not there is named with those that are", p.stderr)
ok(templates("a 1\r\nb 2\r\n") == ["a <*>", "b <*>"], "lines may end in CR LF")
p = moat(path("in.log", "x 1\nx 2\ny\n"), "--json")
ok([(e["template"], e["lines"]) for e in json.loads(p.stdout)["events"]] == [("x <*>", 2), ("y", 1)], "--json", p.stdout)
p = moat(path("in.log", "x 1\nx 2\ny\n"), "--templates", "-")
ok(p.stdout.decode().splitlines()[1].endswith(",x <*>,2,1,number"), "--templates", p.stdout)

# --- threads ---
rng = random.Random(5)
words = ["disk", "net", "user", "job", "queue", "cache", "lock", "page", "node", "task"]
big = "".join(f"{rng.choice(words)} {rng.choice(words)} {rng.randrange(10**6)} is {rng.choice(words)}-{rng.randrange(99)}\n" for _ in range(160000))
one, two, five = (moat(path("big.log", big), "--csv", "-", "--threads", t).stdout for t in "125")
ok(len(one) > 5 << 20 and one == two == five, "the same bytes for any number of threads")

# --- hostile input ---
noise = bytes(rng.randrange(256) for _ in range(1 << 18))
for name, data in [("random bytes", noise), ("nothing", b""), ("NULs", b"\0" * 100000), ("one line of 20 MB", b"word 17 " * 2500000),
                   ("invalid UTF-8", b"caf\xe9 \xff\xfe 12\n" * 100), ("only newlines", b"\n" * 100000), ("only quotes", b'"' * 100001 + b"\n"),
                   ("GB18030", "用户 张三 登录 17\n".encode("gb18030") * 50), ("UTF-16", "user 17 in\n".encode("utf-16") * 50)]:
    want = data.count(b"\n") + (data[-1:] not in (b"", b"\n"))
    for column in ([], ["--content-column", "Content"]):
        file = path("hostile", (b"Content\n" if column else b"") + data)
        p = moat(file, "--csv", os.path.join(WORK.name, "out.csv"), *column)
        good = p.returncode == 0
        if good and not column:
            with open(os.path.join(WORK.name, "out.csv"), encoding="utf-8", errors="replace", newline="") as f:
                csv.field_size_limit(1 << 30)
                good = sum(1 for _ in f) >= want
        ok(good, f"{name}{' as CSV' if column else ''}", p.stderr)
p = subprocess.run([MOAT, "logs", "parse", "-", "--csv", "-"], input=b"from 1 pipe\n", capture_output=True)
ok(b"from <*> pipe" in p.stdout, "a pipe", p.stderr)
kinds = "".join(f"{''.join(rng.choice('abcdefghij') for _ in range(8))}{'.,;:'[i % 4] * (i % 97)} go\n" for i in range(400000))
p = moat(path("kinds.log", kinds), "--json")
ok(p.returncode == 0 and sum(e["lines"] for e in json.loads(p.stdout)["events"]) == 400000, "more kinds of lines than are kept", p.stderr)

# --- unpacking ---
import gzip  # noqa: E402
import bz2  # noqa: E402
import lzma  # noqa: E402

plain = "".join(f"user {i} logged in\n" for i in range(300))
for name, data in [("gzip", gzip.compress(plain.encode())), ("xz", lzma.compress(plain.encode())), ("bzip2", bz2.compress(plain.encode())), ("UTF-16", plain.encode("utf-16")),
                   ("UTF-16 in gzip", gzip.compress(b"\xfe\xff" + plain.encode("utf-16-be"))), ("UTF-16 without its mark", plain.encode("utf-16-le"))]:
    ok(templates(data) == ["user <*> logged in"] * 300, f"a log in {name}", templates(data)[:2])
journal = "".join(json.dumps({"__REALTIME_TIMESTAMP": str(1704164645000000 + i * 1000000), "PRIORITY": "3", "SYSLOG_IDENTIFIER": "sshd", "_PID": str(i), "MESSAGE": m}) + "\n"
                  for i, m in enumerate(["user 7 in", "user 8 in", list(b"raw 9"), "two\nlines", "last 5", "user 9 in"]))
got = rows(journal + "not JSON\n")
ok([r["Content"] for r in got] == ["user 7 in", "user 8 in", "raw 9", "two lines", "last 5", "user 9 in", "not JSON"] and got[1]["Time"] == "2024-01-02 03:04:06" and
   got[1]["Level"] == "ERROR" and got[1]["Component"] == "sshd" and got[1]["Pid"] == "1", "the journal as JSON", got)
p = moat(path("in.gz", gzip.compress(plain.encode())[:60]), "--csv", "-")
ok(p.returncode == 4 and b"cannot be unpacked" in p.stderr, "a truncated gzip is an error", p.stderr)

chinese = "".join(f"2024-01-02 03:04:{i % 60:02d} INFO 用户 张三{i} 登录成功\n" for i in range(300))
for name, data in [("GB18030", chinese.encode("gb18030")), ("GB18030 in gzip", gzip.compress(chinese.encode("gb18030"))), ("UTF-16", chinese.encode("utf-16"))]:
    got = rows(data)
    ok(got == rows(chinese) and got[7]["EventTemplate"] == "用户 <*> 登录成功", f"Chinese in {name} is read as in UTF-8", got[7])
got = rows(chinese.encode("gb18030") + b"\xff\xff broken\n")
ok(len(got) == 301 and got[299]["Content"].startswith("用户") and "broken" in got[300]["Content"], "and what cannot be decoded costs no more than itself", got[-1])

# --- headers and secrets ---
raw = "".join(f"2024-01-02 03:04:{i:02d},123 INFO [main] web.Pool: took {i} ms\n" for i in range(50)) + "  at java.lang.Thread.run\n"
got = rows(raw)
ok(got[3]["EventTemplate"] == "took <*> ms" and got[3]["Time"] == "2024-01-02 03:04:03" and got[3]["Component"] == "web.Pool", "a header is found", got[3])
got = rows("x;7;one\n" * 9, "--format", "<Component>;<Pid>;<Content>")
ok(got[0]["Content"] == "one" and got[0]["Pid"] == "7", "a header is described", got[0])
ok(moat(path("in.log", "x\n"), "--format", "<Date>").returncode == 2, "a description without its message is refused")
secret = "login user=bob password=hunter2\n"
ok(rows(secret)[0]["Content"] == "login user=bob password=***" and "hunter2" not in templates(secret)[0], "secrets are masked", rows(secret))
ok("hunter2" in rows(secret, "--no-mask")[0]["Content"], "--no-mask")

# --- finding ---
import logs_incident  # noqa: E402


def find(*args):
    return subprocess.run([MOAT, "logs", "find", *args], capture_output=True, timeout=120)


for variant in (0, 5, 9, 17):
    paths, (name, line), text = logs_incident.write(WORK.name, variant, 20000)
    p = find(*paths, "--json")
    found = json.loads(p.stdout)["suspects"][:3] if p.returncode == 0 else []
    ok(any(os.path.basename(s["file"]) == name and s["line"] == line for s in found), f"the cause is among the first three: {text}", p.stderr or found)
table = find(*paths).stdout.decode()
ok("The trouble begins at" in table and f"{name}:{line}" in table, "the table names the line", table)
ok(find(*paths, "--check").returncode == 1, "--check: 1 where trouble begins")
quiet = "".join(f"2024-01-02 03:{i // 60 % 60:02d}:{i % 60:02d} INFO job {i} done\n" for i in range(1200))
ok(find(path("quiet.log", quiet), "--check").returncode == 0, "--check: 0 in a quiet log")
page = os.path.join(WORK.name, "report.html")
ok(find(path("evil.log", quiet + "2024-01-02 03:30:00 ERROR </script><script>alert(1)</script> password=hunter2\n"), "--html", page).returncode == 0, "--html")
html = open(page).read()
ok("<script>alert" not in html and "hunter2" not in html and "alert(1)" in html and "https:" not in html, "text of a log is no part of the page", html[-300:])


def sessions(count, broken=()):
    out = []
    for i in range(count):
        steps = ["opened", "read", "read", "written", "closed"]
        if i in broken:
            steps = [["opened", "read", "read", "written"], ["opened", "read", "read", "closed", "written"]][i % 2]
        out += [f"2024-01-02 03:04:05 INFO request req_{1000 + i} {s} in {i % 7} ms\n" for s in steps]
    return "".join(out)


base = os.path.join(WORK.name, "base.json")
p = find(path("good.log", sessions(500)), "--save-baseline", base)
ok(p.returncode == 0 and json.load(open(base))["sessions"] == 500, "a baseline is saved", p.stderr)
p = find(path("new.log", sessions(400, (20, 33))), "--baseline", base, "--json")
got = json.loads(p.stdout)["sessions"][0]
ok(got["kind"] == "req" and [b["id"] for b in got["broken"]] == ["req_1020", "req_1033"], "broken sessions are found by their id", got)
ok(find(path("bad.json", "{}"), "--save-baseline", base, "--baseline", base).returncode == 2, "--baseline and --save-baseline")
ok(find(path("new.log", quiet), "--baseline", path("bad.json", '{"format":1}')).returncode == 4, "a broken baseline is refused")
for name, data in [("random bytes", noise), ("nothing", b""), ("NULs", b"\0" * 5000), ("clock jumps", "".join(
        f"20{24 + (i % 50 == 7) * 70}-01-02 03:04:{i % 60:02d} INFO x {i}\n" for i in range(500)).encode())]:
    p = find(path("hostile", data), "--json", "--html", page)
    ok(p.returncode == 0 and "suspects" in json.loads(p.stdout), f"finding in {name}", p.stderr)

# --- a line of many megabytes is written in pieces, and is masked where they meet
csv.field_size_limit(1 << 30)
filler = "word 17 \"of\" a line, "
wide = (filler * ((4 << 20) // len(filler) + 1))[:(4 << 20) - 13] + " password: hunter2 and " + filler * 800000
long = path("long.log", "user 1 in\n" + wide + "\nuser 2 in\n")
got = list(csv.DictReader(io.StringIO(moat(long, "--csv", "-", "--no-mask").stdout.decode(), newline="")))
ok(len(got) == 3 and got[1]["Content"] == wide and got[2]["Content"] == "user 2 in", f"a line of {len(wide) >> 20} MiB comes out whole", [len(r["Content"]) for r in got])
got = list(csv.DictReader(io.StringIO(moat(long, "--csv", "-").stdout.decode(), newline="")))
ok(len(got) == 3 and "hunter2" not in got[1]["Content"] and abs(len(got[1]["Content"]) - len(wide)) < 20 and got[1]["Content"].endswith(filler * 3), "and masked, where its pieces meet too",
   got[1]["Content"][(4 << 20) - 60:(4 << 20) + 60])
os.unlink(long)

# --- going on: a state, with what was read and what was known ---
state = os.path.join(WORK.name, "parse.state")
whole = "".join(f"2024-01-02 03:04:{i % 60:02d} INFO {['user %d in', 'disk %d full', 'job %d done'][i % 3] % i}\n" for i in range(3000))
grown = path("grown.log", whole[:70001])  # in the middle of a line
runs = [moat(grown, "--state", state, "--csv", "-").stdout.decode()]
for end in (120000, 120000, len(whole)):
    path("grown.log", whole[:end])
    runs.append(moat(grown, "--state", state, "--csv", "-").stdout.decode())
parts = [r for text in runs for r in csv.DictReader(io.StringIO(text, newline=""))]
ok([(r["LineId"], r["Content"], r["EventTemplate"]) for r in parts] == [(r["LineId"], r["Content"], r["EventTemplate"]) for r in rows(whole)] and len(runs[2].splitlines()) == 1,
   "a log that grew is read on, each line once, and none that is not finished", f"{len(parts)} {parts[-1:]}")
ok(os.stat(state).st_mode & 0o777 == 0o600 and os.path.getsize(state) < 4000, "the state is small, and its owner's")
last = json.loads(moat(grown, "--state", state, "--json").stdout)
ok(last == json.loads(moat(path("in.log", whole), "--json").stdout), "the events are those of the whole log", last)
p = moat(path("grown.log", "user 1 in\nfan 7 stopped\n"), "--state", state, "--json")
ok(p.returncode == 0 and b"cut short" in p.stderr and json.loads(p.stdout)["lines"] == 3002, "one that was cut short is read from its start", p)
p = moat(grown, "--state", path("not.state", "my thesis"))
ok(p.returncode == 4 and open(os.path.join(WORK.name, "not.state")).read() == "my thesis", "another file is no state, and stays as it is", p.stderr)
broken = bytearray(open(state, "rb").read())
broken[len(broken) // 2] ^= 1
ok(moat(grown, "--state", path("broken.state", bytes(broken))).returncode == 4 and moat(grown, "--state", state, "--content-column", "x").returncode == 2, "nor one that was altered")
huge = path("huge.log", "".join(f"word{i % 50} of {i} things in a long line that takes its time {i * 7} {i * 11}\n" for i in range(1500000)))
state = os.path.join(WORK.name, "stopped.state")
p = subprocess.Popen([MOAT, "logs", "parse", huge, "--state", state, "--json", "-t", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
time.sleep(.15)
p.send_signal(2)
out, err = p.communicate(timeout=60)
first = json.loads(out)["lines"] if out else 0
second = json.loads(moat(huge, "--state", state, "--json").stdout)
ok((p.returncode, first < 1500000) in ((130, True), (0, False)) and second["lines"] == 1500000 and second["events"] == json.loads(moat(huge, "--json").stdout)["events"],
   f"Ctrl-C stops it after {first} lines, and the same command ends what it began", err)
os.unlink(huge)

# --- telling an address of trouble ---
import http.server  # noqa: E402
import socket  # noqa: E402
import threading  # noqa: E402

told, answer = [], [200]


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        told.append((self.path, self.headers.get("Content-Type"), self.headers.get("Authorization"), json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
        self.send_response(answer[0])
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


hook = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
threading.Thread(target=hook.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{hook.server_port}/alert"
token = path("token", "hooktoken\n")
p = find(*paths, "--webhook", url, "--token-file", token, "--check")
ok(p.returncode == 1 and len(told) == 1 and told[0][:3] == ("/alert", "application/json", "Bearer hooktoken") and told[0][3]["alert"] == "moat logs find" and
   any(s["line"] == line for s in told[0][3]["suspects"]), "trouble is told to a webhook", f"{p.stderr} {told}")
ok(find(path("quiet.log", quiet), "--webhook", url).returncode == 0 and len(told) == 1, "and a quiet log is not")
answer[0] = 302
p = find(*paths, "--webhook", url)
ok(p.returncode == 10 and b"302" in p.stderr and len(told) == 2, "a redirect is not followed, and is an error", p.stderr)
answer[0] = 200
for outside in ("http://192.0.2.1/x", "http://8.8.8.8:81/", "http://134744072/x", "http://[2001:db8::1]/x", "http://[::ffff:8.8.8.8]/", "http://1.1.1.1.:80/"):
    t = time.monotonic()
    p = subprocess.run([MOAT, "logs", "find", *paths, "--webhook", outside], capture_output=True, timeout=60,
                       env=dict(os.environ, http_proxy=url, HTTP_PROXY=url, ALL_PROXY=url, all_proxy=url))
    ok(p.returncode in (8, 10) and time.monotonic() - t < 5 and len(told) == 2 and (b"outside this machine" in p.stderr or b"1.1.1.1." in outside.encode()),
       f"nothing is sent outside: {outside}", p.stderr)
# names: what they resolve to counts (a hosts file of the test's own, where it may mount one)
hosts = path("hosts", "8.8.8.8 outside.example\n127.0.0.1 inside.example\n8.8.4.4 both.example\n127.0.0.1 both.example\n")
named = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', hosts]
if subprocess.run([*named, "true"], capture_output=True).returncode == 0:
    for name, status, n in (("outside", 8, 2), ("inside", 0, 3), ("both", 0, 4)):
        p = subprocess.run([*named, MOAT, "logs", "find", *paths, "--webhook", f"http://{name}.example:{hook.server_port}/alert"], capture_output=True, timeout=60)
        ok(p.returncode == status and len(told) == n and (status == 0 or b"outside this machine" in p.stderr), f"a name that leads {name}", p.stderr)
else:
    skip("a name that leads outside", "no file can be mounted here")
s = socket.socket()
s.bind(("127.0.0.1", 0))
p = find(*paths, "--webhook", f"http://127.0.0.1:{s.getsockname()[1]}/")
ok(p.returncode == 10 and p.stdout, "a webhook that is away is an error after the findings", p.stderr)
s.close()
ok(find(*paths, "--webhook", "ftp://127.0.0.1/").returncode == 2, "and one that is no address is one before")

# --- following ---
live = path("live.log", "".join(f"user {i} logged in\n" for i in range(20)))
p = subprocess.Popen([MOAT, "logs", "follow", live, "--for", "2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
p.stderr.readline()  # it has read what there is


def append(text, mode="a"):
    with open(live, mode, encoding="utf-8") as f:
        f.write(text)
    time.sleep(.6)


append("user 99 logged in\ndisk sda1 is fu")
append("ll\nuser 100 logged in\n")
os.rename(live, live + ".1")
with open(live + ".1", "a") as f:
    f.write("last words before rotation\n")
append("user 101 logged in\nfan 3 stopped, password=hunter2\n", "w")
append("cut\nshort now\n", "w")
out, err = p.communicate(timeout=60)
got = [line.split("  ", 1)[1] for line in out.splitlines()]
ok(got == ["disk sda1 is full", "last words before rotation", "fan 3 stopped, password=***", "cut", "short now"], "new kinds of lines, over rotation and a cut", out + err)

live = path("told.log", "user 1 in\nuser 2 in\n")
state = os.path.join(WORK.name, "follow.state")
told.clear()


def follow(*args):
    p = subprocess.Popen([MOAT, "logs", "follow", live, "--state", state, "--webhook", url, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    p.stderr.readline()
    return p


def lines_told():
    return [x["text"] for t in told for x in t[3]["lines"]]


p = follow()
append("fan 3 stopped, password=hunter2\nuser 3 in\nnot finis")
time.sleep(.4)
p.send_signal(2)
out, err = p.communicate(timeout=20)
ok(p.returncode == 0 and lines_told() == ["fan 3 stopped, password=***"] and told[0][3]["alert"] == "moat logs follow", "new kinds of lines are told, masked", f"{told} {out} {err}")
append("hed\nfan 4 stopped, password=x\n")
p = follow("--for", "1")
out, err = p.communicate(timeout=20)
ok([line.split("  ", 1)[1] for line in out.splitlines()] == ["not finished"] and lines_told()[1:] == ["not finished"], "what came while nobody followed is seen by the next, once", f"{out} {err}")
os.rename(live, live + ".1")
path("told.log", "user 9 in\nroof 1 leaks\n")
answer[0] = 503
p = follow("--for", "1")
out, err = p.communicate(timeout=30)
ok([line.split("  ", 1) for line in out.splitlines()] == [["2", "roof 1 leaks"]] and "503" in err, "after a rotation the new file is new, and a hook that fails stops nothing", f"{out} {err}")
hook.shutdown()
live = path("gb.log", "用户 1 登录\n用户 2 登录\n".encode("gb18030"))
p = subprocess.Popen([MOAT, "logs", "follow", live, "--for", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
p.stderr.readline()
with open(live, "ab") as f:
    f.write("用户 3 登录\n磁盘 已满\n".encode("gb18030"))
out, err = p.communicate(timeout=20)
ok([line.split("  ", 1)[1] for line in out.splitlines()] == ["磁盘 已满"], "GB18030 is followed too", out + err)
p = subprocess.run([MOAT, "logs", "follow", path("u16.log", "a b\n".encode("utf-16")), "--for", "1"], capture_output=True)
ok(p.returncode == 5 and b"UTF-16" in p.stderr, "and UTF-16 is refused in a sentence", p.stderr)

# --- scores ---
scorer = os.path.join(SHARED, "bench", "logscore.py")
systems = "Android Apache BGL HDFS Hadoop Mac OpenSSH Proxifier Spark Windows".split()
for label, ga, pa, fga, fta in [("A", .975, 0, .93, 0), ("C", .93, .70, .91, .60)]:
    name = f"LogHub, labelling {label}: GA {ga}, FGA {fga}" + (f", PA {pa}, FTA {fta}" if pa else "")
    if not os.path.exists(scorer) or not os.path.isdir(os.path.join(SHARED, "data", "loghub2k-corrected")):
        skip(name, "the evaluation data is not there")
        continue
    p = subprocess.run([sys.executable, scorer, MOAT, label, *systems], capture_output=True, text=True)
    mean = p.stdout.strip().splitlines()[-1].split()
    mean = dict(zip(mean[2::2], map(float, mean[3::2])))
    ok(mean["GA"] >= ga and mean["FGA"] >= fga and mean["PA"] >= pa and mean["FTA"] >= fta, name, p.stdout + p.stderr)

done()
