#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat logs and what is large or changes under its hands: a line of 1 GB, a file that is cut short while it is read, following through many rotations."""
import json, os, random, resource, subprocess, sys, tempfile, threading, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import MOAT, done, ok

top = tempfile.TemporaryDirectory(dir=os.environ.get("MOAT_TEST_BIG"))


def run(*args, limit=300):
    """(exit status, standard output, standard error, peak memory in MiB)"""
    out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
    p = subprocess.Popen([MOAT, "logs", *args], stdout=out, stderr=err)
    timer = threading.Timer(limit, p.kill)
    timer.start()
    _, status, usage = os.wait4(p.pid, 0)
    timer.cancel()
    p.returncode = os.waitstatus_to_exitcode(status)
    out.seek(0), err.seek(0)
    return p.returncode, out.read(), err.read().decode(errors="replace"), usage.ru_maxrss / 1024


# --- a line of 1 GB, between two others
path = os.path.join(top.name, "line.log")
word = b"word 17 of a line without end " * 35000
for name, fill in (("words", word), ("NULs", bytes(len(word))), ("bytes that are no UTF-8", b"\xff\xfe\xe9 " * (len(word) // 4))):
    with open(path, "wb") as f:
        f.write(b"first 1\n")
        while f.tell() < 1 << 30:
            f.write(fill)
        f.write(b"\nlast 2\n")
    for verb in (["parse", path, "--json"], ["find", path, "--json"], ["parse", path, "--csv", os.path.join(top.name, "out.csv")], ["follow", path, "--for", "1", "--from-start"]):
        t = time.monotonic()
        status, out, err, peak = run(*verb)
        lines = json.loads(out)["lines"] if verb[0] == "parse" and "--json" in verb and status == 0 else 3
        ok(status == 0 and lines == 3 and peak < 512 + (1024 if verb[0] != "follow" else 0), f"1 GB of {name} in one line: {' '.join(verb[:1] + verb[2:3])}, {peak:.0f} MiB, {time.monotonic() - t:.1f} s",
           f"{status} {lines} {peak} {err}")
os.unlink(path)

# --- cut short while it is read: a sentence, or what was there
path = os.path.join(top.name, "cut.log")
rng = random.Random(15)
seen = {}
for i in range(25):
    with open(path, "wb") as f:
        f.write(b"".join(b"user %d did %d\n" % (k, k * 7) for k in range(600000)))
    cut = threading.Timer(rng.random() * .12, os.truncate, (path, rng.choice([0, 1000, 5000000])))
    cut.start()
    status, out, err, _ = run(*rng.choice([["parse", path, "--json"], ["find", path, "--json"], ["parse", path, "--csv", "/dev/null"]]))
    cut.join()
    seen[status] = seen.get(status, 0) + 1
    if status not in (0, 11) or (status == 11 and "cut short" not in err):
        ok(False, "a log that is cut short while it is read", f"{status} {err}")
ok(set(seen) <= {0, 11}, f"25 logs cut short while they are read: exit statuses {seen}")

# --- rotated and cut by turns while it is followed: each new kind of line is seen once
path = os.path.join(top.name, "live.log")
names = [f"{a}{b}" for a in "red blue green black white grey brown pink".split() for b in "fox owl elk cow hen ant bee eel".split()]
open(path, "w").write("start 1\n")
p = subprocess.Popen([MOAT, "logs", "follow", path, "--for", "3"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
p.stderr.readline()
for i, name in enumerate(names[:24]):
    with open(path, "a") as f:
        f.write(f"start {i}\n{name} {'x ' * (i % 5)}{'of' * (i % 3 + 1)} {'-' * i} happened\n")
    time.sleep(.7)
    if i % 3 == 0:
        os.rename(path, f"{path}.{i}")
    elif i % 3 == 1:
        os.truncate(path, 0)
        time.sleep(.6)
out, err = p.communicate(timeout=60)
got = [line.split()[1] for line in out.splitlines()]
ok(got == names[:24], "24 kinds of lines over 8 rotations and 8 cuts: each once, in order", f"{got} {err}")
top.cleanup()
done()
