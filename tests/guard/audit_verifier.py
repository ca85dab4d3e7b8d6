#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An independent verifier of moat's audit log, written from docs/AUDIT-FORMAT.md and nothing else. Standard library only.

usage: audit_verifier.py DIR [--witness FILE]...    exit 0: whole; 1: damaged; one line of JSON
"""
import base64, hashlib, json, os, re, struct, sys

P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493  # RFC 8032
D = -121665 * pow(121666, P - 2, P) % P


def H(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


# --- Ed25519 ---------------------------------------------------------------------------------------
def x_of(y, sign):
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - x2) % P or (x == 0 and sign):
        return None
    return P - x if x % 2 != sign else x


def point(b):
    y = int.from_bytes(b, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    x = x_of(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(n, p):
    q = (0, 1, 1, 0)
    while n:
        if n & 1:
            q = add(q, p)
        p, n = add(p, p), n >> 1
    return q


BY = 4 * pow(5, P - 2, P) % P
BASE = (x_of(BY, 0), BY, 1, x_of(BY, 0) * BY % P)


def signed(key, text, signature):
    a, r, s = point(key), point(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + text).digest(), "little") % L
    p, q = times(s, BASE), add(r, times(h, a))
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0


# --- the log ---------------------------------------------------------------------------------------
class Damage(Exception):
    pass


class State:
    """What is known behind a frame."""

    def __init__(self, log, key, leaves=0, records=0, epoch=0, peaks=(), number=0):
        self.log, self.key, self.leaves, self.records, self.epoch, self.number = log, key, leaves, records, epoch, number
        self.peaks = list(peaks)  # (height, hash), largest first

    def copy(self):
        return State(self.log, self.key, self.leaves, self.records, self.epoch, self.peaks, self.number)

    def add(self, frame):
        h, height = H(b"\0", frame), 0
        while self.peaks and self.peaks[-1][0] == height:
            h, height = H(b"\1", self.peaks.pop()[1], h), height + 1
        self.peaks.append((height, h))
        self.leaves += 1

    def root(self):
        r = None
        for _, p in reversed(self.peaks):
            r = p if r is None else H(b"\1", p, r)
        return r or H()


def frame_at(data, at):
    """(type, end, body) or None"""
    if len(data) - at < 8:
        return None
    n, kind, zero = struct.unpack_from("<IB3s", data, at)
    if not 1 <= n <= 1 << 20 or not 1 <= kind <= 4 or zero != b"\0\0\0" or at + 8 + n > len(data):
        return None
    return kind, at + 8 + n, data[at + 8:at + 8 + n]


def segment_head(data, number):
    f = frame_at(data, 0)
    if not f or f[0] != 1 or len(f[2]) < 160:
        raise Damage(f"segment {number} does not begin as one")
    b = f[2]
    magic, version, profile, own, log, leaves, records, end, tail, _, epoch, key, n = struct.unpack_from("<8sHHI32sQQQ32sQQ32sQ", b)
    bits = [i for i in range(63, -1, -1) if leaves >> i & 1]
    if magic != b"MOATAUDT" or version != 1 or profile != 1 or own != number or len(b) != 160 + 32 * len(bits) + n:
        raise Damage(f"the head of segment {number} is wrong")
    peaks = [(bit, b[160 + 32 * i:192 + 32 * i]) for i, bit in enumerate(bits)]
    return State(log, key, leaves, records, epoch, peaks, number), end, tail


def good(state, body, check):
    """The epoch's next key (b"" for none) and the flags of a good checkpoint, else None."""
    if len(body) != 200 or body[:8] != b"MOATSIGN":
        return None
    epoch, leaves, records, _, _, number, flags = struct.unpack_from("<QQQQQII", body, 8)
    root, following = body[56:88], body[88:120]
    if (epoch, leaves, records, number, root) != (state.epoch, state.leaves, state.records, state.number, state.root()) or flags > 3:
        return None
    if bool(flags & 1) != (following != bytes(32)):
        return None
    if (check or flags) and not signed(state.key, b"moat audit checkpoint 1\n" + state.log + body[:136], body[136:]):
        return None
    return (following if flags & 1 else b""), flags


def read_segment(data, state, roots):
    """(end, state there, flags) behind the last good checkpoint; its signature is checked by whoever decides."""
    points, at, sessions, s = [], 0, set(), state.copy()
    while at < len(data) and not (points and points[-1][2] & 2):
        f = frame_at(data, at)
        if not f or (f[0] == 1) != (at == 0):
            break
        kind, end, body = f
        if kind == 2:
            if len(body) < 42 or struct.unpack_from("<Q", body)[0] != s.leaves or len(body) != 42 + 88 * struct.unpack_from("<H", body, 40)[0] or len(body) == 42:
                break
            sessions.add(s.leaves)
        if kind == 3:
            if len(body) < 41 or struct.unpack_from("<Q", body)[0] != s.records + 1 or struct.unpack_from("<Q", body, 8)[0] not in sessions \
                    or not 1 <= struct.unpack_from("<Q", body, 16)[0] <= 4:
                break
            s.records += 1
        if kind == 4:
            g = good(s, body, False)
            if g is None:
                break
            signer = s.copy()
            roots[s.leaves] = body[56:88]
            s.add(data[at:end])
            if g[0]:
                s.key, s.epoch = g[0], s.epoch + 1
            points.append((end, s.copy(), g[1], signer, body))
        else:
            s.add(data[at:end])
        at = end
    return points


def is_tail(tail):
    at = 0
    while (f := frame_at(tail, at)):
        if f[0] == 4 and f[1] < len(tail):
            return False
        at = f[1]
    return all(m.start() + 200 >= len(tail) for m in re.finditer(b"(?=MOATSIGN)", tail))


def tombstone(folder, state):
    """Fields only: whose signatures count is for the reader of the page to say."""
    path = os.path.join(folder, f"{state.number - 1:08}.gone")
    if not os.path.exists(path) or not os.path.exists(path + ".sig"):
        raise Damage("old segments are gone, and there is no tombstone")
    t = json.load(open(path))
    want = {"log": state.log.hex(), "segments": state.number - 1, "leaves": state.leaves, "records": state.records,
            "root": state.root().hex(), "epoch": state.epoch, "key": state.key.hex()}
    kind = b"application/vnd.moat.tombstone+json"
    body = open(path, "rb").read()
    text = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(body), body)
    f = frame_at(open(os.path.join(folder, f"{state.number:08}.log"), "rb").read(), 0)[2]
    keys = json.loads(f[160 + 32 * len(state.peaks):])["removers"]
    raw = {H(k)[:8].hex(): k for k in (base64.b64decode(r.split(":")[1].split()[0]) for r in keys)}
    signers = {s["keyid"] for s in json.load(open(path + ".sig"))["signatures"]
               if s["keyid"] in raw and signed(raw[s["keyid"]], text, base64.b64decode(s["sig"]))}
    if any(t.get(k) != v for k, v in want.items()) or len(signers) < 2:
        raise Damage("the tombstone does not fit what is left")


def verify(folder, witnesses=()):
    numbers = sorted(int(n[:8]) for n in os.listdir(folder) if re.fullmatch(r"\d{8}\.log", n))
    if not numbers or numbers != list(range(numbers[0], numbers[-1] + 1)):
        raise Damage("segments are missing")
    files = [open(os.path.join(folder, f"{n:08}.log"), "rb").read() for n in numbers]
    heads = [segment_head(data, n) for data, n in zip(files, numbers)]
    state, roots, tail_bytes = heads[0][0].copy(), {}, 0
    if numbers[0] > 1:
        tombstone(folder, state)
    elif state.leaves or state.records or state.epoch or heads[0][1] or state.log != H(b"moat audit log 1\n", state.key):
        raise Damage("segment 1 is not the beginning of a log")
    begins = state.leaves
    for i, (data, (head, _, _)) in enumerate(zip(files, heads)):
        if i and (head.leaves, head.records, head.epoch, head.key, head.log, head.root()) != \
                (state.leaves, state.records, state.epoch, state.key, state.log, state.root()):
            raise Damage(f"segment {head.number} does not go on where the one before ended")
        last = i == len(files) - 1
        end = None if last else heads[i + 1][1]
        if not last and end > len(data):
            raise Damage(f"the end of segment {head.number} is gone")
        points = read_segment(data if last else data[:end], head, roots)
        if last and points and not good(points[-1][3], points[-1][4], True):
            points.pop()  # it belongs to the tail, or is damage: is_tail says
        if not points or not good(points[-1][3], points[-1][4], True):
            raise Damage(f"segment {head.number} has no good checkpoint where one must be")
        at, state, flags = points[-1][:3]
        rest = data[at:]
        if last:
            tail_bytes = len(rest)
            if rest and (flags & 2 or not is_tail(rest)):
                raise Damage(f"segment {head.number} is damaged behind byte {at}")
        elif at != end or (flags & 2 and rest) or heads[i + 1][2] not in (bytes(32), H(rest)):
            raise Damage(f"segment {head.number} is damaged behind byte {at}")
    witnessed = 0
    for path in witnesses:
        for m in re.finditer(r"moat-audit-1 ([0-9a-f]{64}) (\d+) (\d+) ([0-9a-f]{64}) (\d+)", open(path).read()):
            if m[1] == state.log.hex() and int(m[2]) >= begins:
                if roots.get(int(m[2]), b"").hex() != m[4]:
                    raise Damage(f"record {m[3]} was witnessed, and is not there so")
                witnessed = max(witnessed, int(m[3]))
    return {"ok": True, "log": state.log.hex(), "records": state.records, "leaves": state.leaves, "segments": len(files),
            "epochs": state.epoch + 1, "tail_bytes": tail_bytes, "witnessed": witnessed}


if __name__ == "__main__":
    try:
        print(json.dumps(verify(sys.argv[1], [a for a in sys.argv[2:] if a != "--witness"])))
    except Damage as why:
        print(json.dumps({"ok": False, "why": str(why)}))
        sys.exit(1)
