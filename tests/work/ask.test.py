#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat ask: passages with the lines they are on, an index that follows the files, and nothing without a source."""
import gzip
import json
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403

work = tempfile.TemporaryDirectory()
docs = os.path.join(work.name, "docs")
os.makedirs(os.path.join(docs, "deep", "er"))
os.makedirs(os.path.join(docs, ".hidden"))
index = os.path.join(work.name, "index.db")
ENV = {"MOAT_HOME": os.path.join(work.name, "home")}
MARKDOWN = "# Fruit\nPlenty of it.\n\n## Apples\nApples are green.\nThey keep thirty days.\n\n## Bananas\nBananas are yellow.\n"
MANUAL = '.TH PEEL 1 "2026" "Kitchen"\n.SH NAME\npeel \\- takes the skin off\n.SH OPTIONS\n.IP "\\fB\\-\\-spiral\\fR" 4\nIn one long piece.\n'
file(docs, "fruit.md", MARKDOWN)
file(docs, "peel.1.gz", gzip.compress(MANUAL.encode()))
file(os.path.join(docs, "deep", "er"), "code.c", "/* cut an orange */\nint orange(void)\n{\n    return 8;\n}\n")
file(docs, "picture.png", b"\x89PNG\0\0apples apples apples")
file(os.path.join(docs, ".hidden"), "secret.md", "apples of the hidden folder\n")
os.symlink(os.path.join(docs, "fruit.md"), os.path.join(docs, "link.md"))


def ask(question, *options, docs=docs, index=index):
    r = moat("ask", "--docs", docs, "--index", index, "--json", question, *options, env=ENV)
    return (json.loads(r.out) if r.status == 0 else None), r


def place(p):
    return f"{os.path.relpath(p['file'], docs)}:{p['first']}-{p['last']}"


def finds(question, where, title, label):
    j, r = ask(question)
    first = j["passages"][0] if j and j["passages"] else None
    ok(first and place(first) == where and first["title"] == title, label, r)
    return j


j = finds("How long do apples keep?", "fruit.md:4-7", "fruit.md > Fruit > Apples", "Markdown: the section, with its lines")
ok(j and j["index"] == {"files": 4, "read": 4, "gone": 0, "left_out": 0}, "files that are text are read, others, hidden ones and links are not", j)
ok(j and not any("hidden" in p["text"] or "PNG" in p["text"] for p in j["passages"]), "and nothing of them is found")
finds("spiral option", "peel.1.gz:4-6", "peel.1.gz > peel(1) > OPTIONS", "a compressed manual page, by its source's lines")
finds("orange function", "deep/er/code.c:1-5", "code.c", "source code in a folder below")

# The index follows the files.
j, r = ask("bananas")
ok(j and j["index"]["read"] == 0, "nothing is read again that has not changed", r)
file(docs, "fruit.md", MARKDOWN.replace("Bananas are yellow.", "Bananas are blue."))
os.utime(os.path.join(docs, "fruit.md"), ns=(1, 1))
os.unlink(os.path.join(docs, "deep", "er", "code.c"))
j, r = ask("colour of bananas")
ok(j and j["index"] == {"files": 3, "read": 1, "gone": 1, "left_out": 0} and "blue" in j["passages"][0]["text"], "what has changed is, what is gone goes", r)
os.utime(os.path.join(docs, "fruit.md"), ns=(2, 2))
j, r = ask("colour of bananas")
ok(j and j["index"]["read"] == 0, "another time with the same content is no change", r)
ok(os.stat(index).st_mode & 0o777 == 0o600, "the index is its user's alone")

# Words.
r = moat("ask", "--docs", docs, "--index", index, "apples", env=ENV)
ok(r.status == 0 and "fruit.md:4-7" in r.out and "Apples are green." in r.out, "without --json the passages are shown", r)
for question in ('"quotes" AND ( NEAR', "?!", "苹果", "a b c " * 200):
    j, r = ask(question)
    ok(j is not None, f"a question of {question[:20]!r} is no syntax error", r)

# One of --docs may be a file, there may be several; without --index the index is with the models.
r = moat("ask", "--docs", os.path.join(docs, "fruit.md"), "--docs", os.path.join(docs, "peel.1.gz"), "--json", "skin", env=ENV)
ok(r.status == 0 and [place(p) for p in json.loads(r.out)["passages"]] == ["peel.1.gz:2-3"], "files instead of folders", r)
ok(len(os.listdir(os.path.join(ENV["MOAT_HOME"], "docs"))) == 1, "and an index of its own")

# By meaning too: the vectors of a model with random weights are no help, but they are made once.
MODEL = os.path.join(DATA, "embed", "bert.gguf")
j, r = ask("How long do apples keep?", "--embedding", MODEL)
ok(j and place(j["passages"][0]) == "fruit.md:4-7", "with an embedding model", r)
j, r = ask("bananas", "--embedding", os.path.join(DATA, "arch", "llama.gguf"))
ok(r.status == 5 and "--embedding" in r.err, "a model that does not embed is refused", r)

# A model whose weights are random says nothing that is in the passages.
j, r = ask("How long do apples keep?", "--model", os.path.join(DATA, "arch", "llama.gguf"), "--max-tokens", 40, "--temperature", 1, "--seed", 1)
ok(j and j["answer"] == [] and j["dropped"] >= 1 and j["passages"], "an answer without sources is dropped", r)
r = moat("ask", "--docs", docs, "--index", index, "apples", "--model", os.path.join(DATA, "arch", "llama.gguf"), "--max-tokens", 20, env=ENV)
ok(r.status == 0 and "fruit.md:4-7" in r.out and "dropped" in r.err, "and the passages are shown instead", r)

# What is refused.
for label, options, status, word in (("no folder", ("x",), 2, "--docs"), ("a folder that is not there", ("--docs", docs + "x", "x"), 3, "docsx"),
                                     ("an empty question", ("--docs", docs, " "), 2, "question")):
    r = moat("ask", *options, env=ENV)
    ok(r.status == status and word in r.err and len(r.err.strip().splitlines()) == 1, f"{label} is refused", r)
for label, data in (("text", b"hello"), ("half an index", open(index, "rb").read()[:5000])):
    bad = file(work.name, "bad.db", data)
    j, r = ask("apples", index=bad)
    ok(r.status == 4 and "bad.db" in r.err and len(r.err.strip().splitlines()) == 1, f"{label} instead of an index is refused", r)
os.makedirs(os.path.join(work.name, "empty"))
j, r = ask("apples", docs=os.path.join(work.name, "empty"), index=os.path.join(work.name, "e.db"))
ok(j and j["passages"] == [], "a folder without documents has no passages", r)
done()
