# SPDX-License-Identifier: Apache-2.0
"""What every test script needs: TAP lines, running the program, reading what it writes. Standard library only."""
import array
import os
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MOAT = os.environ.get("MOAT", os.path.join(ROOT, "build", "moat"))
SHARED = os.environ.get("MOAT_SHARED", os.path.join(os.path.dirname(ROOT), "shared"))
DATA = os.path.join(ROOT, "tests", "data")
MODELS = os.environ.get("MOAT_TEST_MODELS") or os.path.join(
    os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "moat", "test-models")
_count = _failed = 0


def ok(passed, name, detail=""):
    """One test point. detail is shown where it failed."""
    global _count, _failed
    _count += 1
    _failed += not passed
    print(f"{'ok' if passed else 'not ok'} {_count} - {name}", flush=True)
    if not passed and detail:
        note(detail)
    return passed


def note(text):
    lines = str(text).strip().splitlines()
    for line in lines[:20]:
        print(f"# {line[:400]}", flush=True)
    if len(lines) > 20:
        print(f"# ... and {len(lines) - 20} lines more", flush=True)


def skip(name, why):
    global _count
    _count += 1
    print(f"ok {_count} - {name} # SKIP {why}", flush=True)


def done():
    print(f"1..{_count}")
    sys.exit(1 if _failed else 0)


class Result:
    """status, out and err (text), seconds of one run of the program; a signal is a negative status."""

    def __init__(self, status, out, err, seconds):
        self.status, self.out, self.err, self.seconds = status, out, err, seconds

    def __str__(self):
        return f"exit {self.status} after {self.seconds:.2f} s\n{self.err}{self.out[:400]}"


def moat(*args, limit=300, stdin=None, env=None):
    t0 = time.monotonic()
    try:
        p = subprocess.run([MOAT, *map(str, args)], input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=limit, env=dict(os.environ, **env) if env else None)
    except subprocess.TimeoutExpired:
        return Result(-9, "", f"no end after {limit} s", limit)
    return Result(p.returncode, p.stdout.decode("utf-8", "replace"), p.stderr.decode("utf-8", "replace"), time.monotonic() - t0)


def file(folder, name, data):
    """Writes text or bytes; the path."""
    path = os.path.join(folder, name)
    with open(path, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())
    return path


def floats(path):
    a = array.array("f")
    with open(path, "rb") as f:
        a.frombytes(f.read())
    if sys.byteorder == "big":
        a.byteswap()
    return a


def read_ids(path):
    return [int(x) for x in open(path).read().split()]


def logits(model, ids, *options, limit=300, env=None):
    """(array('f') of [n_tok][n_vocab], or None where the program failed; Result)"""
    with tempfile.TemporaryDirectory() as d:
        tokens, out = os.path.join(d, "tokens"), os.path.join(d, "out.f32")
        with open(tokens, "w") as f:
            f.write(" ".join(map(str, ids)) + "\n")
        r = moat("logits", model, "--tokens", tokens, "--out", out, *options, limit=limit, env=env)
        return (floats(out) if r.status == 0 and os.path.exists(out) else None), r


def difference(a, b):
    """The largest absolute difference; infinite where the lengths differ or a number is missing (NaN)."""
    if a is None or b is None or len(a) != len(b):
        return float("inf")
    worst = 0.0
    for x, y in zip(a, b):
        d = abs(x - y)
        if not d <= worst:
            worst = d if d == d else float("inf")
    return worst
