#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat show: tables, one key, JSON, hostile names and values, exit statuses."""
import json, os, struct, subprocess, sys, tempfile

MOAT = os.environ.get("MOAT", "build/moat")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
U32, F32, BOOL, STRING, ARRAY, U64 = 4, 6, 7, 8, 9, 10
count = 0


def ok(condition, name, seen=""):
    global count
    count += 1
    print(f"{'ok' if condition else 'not ok'} {count} - {name}")
    if not condition:
        print("#", repr(seen)[:2000])


def string(s):
    s = s.encode() if isinstance(s, str) else s
    return struct.pack("<Q", len(s)) + s


def kv(key, kind, value):
    return string(key) + struct.pack("<I", kind) + value


def array(elem, items):
    return struct.pack("<IQ", elem, len(items)) + b"".join(items)


def tensor(name, ne, kind, offset):
    return string(name) + struct.pack(f"<I{len(ne)}QIQ", len(ne), *ne, kind, offset)


def model(kvs, tensors=(), data=0):
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(kvs)) + b"".join(kvs) + b"".join(tensors)
    return head + bytes(-len(head) % 32) + bytes(data)


def run(*args):
    p = subprocess.run([MOAT, *args], capture_output=True)
    return p.returncode, p.stdout.decode(), p.stderr.decode()


def main():
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "m.gguf")
        with open(path, "wb") as f:
            f.write(model([
                kv("general.architecture", STRING, string("llama")),
                kv("big", U64, struct.pack("<Q", 2**64 - 1)),
                kv("tenth", F32, struct.pack("<f", 0.1)),
                kv("nan", F32, b"\0\0\xc0\x7f"),
                kv("yes", BOOL, b"\1"),
                kv("escape", STRING, string(b"a\x1b[2Jb\xc2\x9bc\xe2\x80\xaed\xff\n\"e\\")),
                kv("none", ARRAY, array(U32, [])),
                kv("tokens", ARRAY, array(STRING, [string(f"token {i}") for i in range(5000)])),
                kv("types", ARRAY, array(U32, [struct.pack("<I", i) for i in range(5000)])),
                kv("\u952e\u540d", STRING, string("\u5bbd" * 300)),
            ], [tensor("tok.weight", [64, 3], 2, 0), tensor("norm", [4], 0, 128)], 160))

        code, out, err = run("show", path)
        lines = out.splitlines()
        ok(code == 0 and not err, "succeeds", err)
        ok("GGUF version 3" in lines[0] and "10 metadata entries, 2 tensors, 196 weights" in lines[0], "says what the file is", lines[0])
        ok(any(l.split() == ["general.architecture", "string", "llama"] for l in lines), "metadata row", out)
        ok(any(l.startswith("tokens ") and "string[5000]" in l and l.endswith(", ...]") for l in lines), "long array is cut", out)
        ok(any(l.split()[:3] == ["big", "u64", str(2**64 - 1)] for l in lines), "largest u64", out)
        ok(any(l.split() == ["tenth", "f32", "0.1"] for l in lines), "shortest float", out)
        ok(all(len(l) < 200 for l in lines), "no line is long", max(lines, key=len))
        ok(not any(ord(c) < 32 or 127 <= ord(c) < 160 or c == "\u202e" for l in lines for c in l), "no control characters", out)
        ok(any(l.split() == ["total", "2", "196", "124", "B", "5.06"] for l in lines), "totals", lines[-5:])
        ok("tok.weight" not in out, "tensors only when asked for")

        code, out, err = run("show", path, "--tensors")
        ok(any(l.split() == ["tok.weight", "Q4_0", "64", "x", "3", "108", "B"] for l in out.splitlines()), "tensor row", out)

        code, out, err = run("show", "--json", path)
        j = json.loads(out)
        m = j["metadata"]
        ok(list(m) == ["general.architecture", "big", "tenth", "nan", "yes", "escape", "none", "tokens", "types", "\u952e\u540d"], "JSON keys in file order", list(m))
        ok(m["big"] == 2**64 - 1 and m["tenth"] == 0.1 and m["nan"] is None and m["yes"] is True and m["none"] == [], "JSON numbers", m["big"])
        ok(m["escape"] == "a\x1b[2Jb\x9bc\u202ed\ufffd\n\"e\\", "JSON string, bad bytes replaced", m["escape"])
        ok("\x1b" not in out and "\u202e" not in out, "JSON is safe on a terminal")
        ok(m["tokens"] == [f"token {i}" for i in range(5000)] and m["types"] == list(range(5000)), "JSON arrays are whole")
        ok(j["tensors"][0] == {"name": "tok.weight", "type": "Q4_0", "shape": [64, 3], "bytes": 108, "part": 1,
                               "offset": os.path.getsize(path) - 160}, "JSON tensor", j["tensors"][0])
        ok(j["bytes"] == os.path.getsize(path) and j["version"] == 3 and j["parts"] == 1, "JSON file facts")

        code, out, err = run("show", path, "--key", "tokens")
        ok(out.splitlines() == [f"token {i}" for i in range(5000)], "--key of an array", out[:100])
        code, out, err = run("show", path, "--key", "\u952e\u540d")
        ok(out == "\u5bbd" * 300 + "\n", "--key prints the whole value", out)
        code, out, err = run("show", path, "--key", "tenth", "--json")
        ok(json.loads(out) == 0.1, "--key --json", out)
        code, out, err = run("show", path, "--key", "tokenz")
        ok(code == 3 and "did you mean tokens" in err and not out, "a wrong key is answered with the nearest", err)

        code, out, err = run("show", os.path.join(d, "absent.gguf"))
        ok(code == 3 and not out and err.count("\n") == 1, "a missing file", err)
        with open(path, "r+b") as f:
            f.truncate(os.path.getsize(path) - 40)
        code, out, err = run("show", path)
        ok(code == 4 and "truncated" in err and "download it again" in err and not out, "a truncated file", err)
        code, out, err = run("show", path, "b", "c", "d", "e", "f", "g")
        ok(code == 2 and 'unexpected argument "b"' in err, "too many arguments", err)
        code, out, err = run("show", sys.executable)
        ok(code == 5 and "not a GGUF model" in err, "another kind of file", err)
        with open(path, "wb") as f:
            f.write(model([]))
        code, out, err = run("show", path)
        ok(code == 0 and "0 tensors" in out, "an empty model", out + err)
        ok(json.loads(run("show", path, "--json")[1])["metadata"] == {}, "an empty model as JSON")

    arch = os.path.join(ROOT, "tests", "data", "arch")
    for name in sorted(n for n in os.listdir(arch) if n.endswith(".gguf")):
        j = json.loads(run("show", "--json", os.path.join(arch, name))[1])
        ok(j["tensors"] and "general.architecture" in j["metadata"], f"{name} as JSON")
    print(f"1..{count}")


main()
