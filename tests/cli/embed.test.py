#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat embed: where texts come from, what is printed, poolings, refusals."""
import json
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403
import gguf_mini  # noqa: E402

BERT = os.path.join(DATA, "embed", "bert.gguf")
LLAMA = os.path.join(DATA, "arch", "llama.gguf")
FOX = "the quick brown fox"


def embed(*args, **named):
    return moat("embed", *args, **named)


def lines(r):
    return [[float(x) for x in line.split()] for line in r.out.splitlines()]


def refused(name, status, part, *args, **named):
    r = embed(*args, **named)
    ok(r.status == status and part in r.err and r.out == "" and r.err.startswith("moat: ") and r.err.count("\n") == 1, name, r)


a = embed(BERT, FOX, "a dog")
ok(a.status == 0 and not a.err and [len(v) for v in lines(a)] == [64, 64], "a line of numbers for each text", a)
ok(all(abs(sum(x * x for x in v) - 1) < 1e-5 for v in lines(a)), "vectors have length 1", a)
b = embed(BERT, stdin=f"{FOX}\r\na dog".encode())
ok(a.out == b.out, "lines of standard input are the same texts", b)
with tempfile.TemporaryDirectory() as d:
    path = os.path.join(d, "texts")
    open(path, "w").write(f"{FOX}\na dog\n")
    c = embed(BERT, "--file", path)
    ok(a.out == c.out, "and those of a file", c)
many = embed(BERT, stdin=f"{FOX}\n".encode() * 70)
ok(many.out == a.out.splitlines(True)[0] * 70, "70 lines, 70 times the same vector", many)
j = json.loads(embed(BERT, FOX, "--json").out)
ok(set(j) == {"embedding", "tokens"} and j["embedding"] == lines(a)[0] and j["tokens"] == 6, "--json", j)
raw = lines(embed(BERT, FOX, "--raw"))[0]
length = sum(x * x for x in raw)**0.5
ok(abs(length - 1) > 0.1 and max(abs(x / length - y) for x, y in zip(raw, lines(a)[0])) < 1e-5, "--raw leaves the length", raw)
none = embed(BERT, FOX, "--pooling", "none", "--raw")
ok([len(v) for v in lines(none)] == [64] * 6, "--pooling none: a vector for each token", none)
ok(lines(none)[0] == lines(embed(BERT, FOX, "--pooling", "cls", "--raw"))[0], "the first is that of cls", none)
ok(lines(none)[5] == lines(embed(BERT, FOX, "--pooling", "last", "--raw"))[0], "the last is that of last", none)
score = embed(BERT, "a dog\ta fox", "--pooling", "rank")
ok(score.status == 0 and [len(v) for v in lines(score)] == [1], "--pooling rank: one number", score)
empty = embed(BERT, stdin=b"")
ok(empty.status == 0 and empty.out == "", "no text, no output", empty)

last, mean = embed(LLAMA, "hello there", "--pooling", "last"), embed(LLAMA, "hello there", "--pooling", "mean")
ok(len(lines(last)[0]) == 96 and len(lines(mean)[0]) == 96 and last.out != mean.out, "a model that writes embeds when told how", f"{last}\n{mean}")
with tempfile.TemporaryDirectory() as d:
    f = gguf_mini.File(LLAMA)
    f.set("llama.context_length", gguf_mini.U32, 1024)
    path, words = f.write(os.path.join(d, "m.gguf")), "the " * 597
    long = lines(embed(path, "--pooling", "none", words))
    start = lines(embed(path, "--pooling", "none", words[: 4 * 100]))
    ok(len(long) > 512 and long[:100] == start[:100], "a text longer than a pass: its start has the same vectors alone", len(long))
    whole = lines(embed(path, "--pooling", "last", words))
    ok(whole[0] == long[-1], "and its last vector is that of the text", whole)

refused("one that is not told is refused", 5, "not an embedding model", LLAMA, "hello")
refused("a text that is too long is refused", 6, "more than the 128 that fit", BERT, "a dog " * 100)
refused("a context beyond the trained one is refused", 6, "more than the 128", BERT, "a dog", "--context", 200)
r = embed(BERT, "a dog", "--memory", "1M")
ok(r.status == 6 and "more than the 1.0 MiB of --memory" in r.err and "budget" in r.err and not r.out, "a model beyond --memory", r)
refused("texts and a file", 2, "either texts or --file", BERT, "a dog", "--file", "-")
refused("an unknown pooling", 2, "is no pooling", BERT, "a dog", "--pooling", "max")
refused("rank without a tab", 2, "a tab", BERT, "a dog", "--pooling", "rank")
refused("rank without a classifier", 5, "classifier", os.path.join(DATA, "embed", "nomic-bert.gguf"), "a\tb", "--pooling", "rank")
r = moat("run", BERT, "hello", stdin=b"")
ok(r.status == 5 and "use moat embed" in r.err, "moat run refuses a model that only embeds", r)
r = moat("bench", BERT)
ok(r.status == 5 and "use moat embed" in r.err, "and so does moat bench", r)
done()
