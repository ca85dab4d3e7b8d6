#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat ask on this project's own documents and on Debian's manual pages: 30 questions whose source line is known.

Counts for how many the passage with that line is among the first five, by words alone and, where $MOAT_TEST_MODELS has
minilm.gguf (tests/lib/minilm.py), by meaning too; and, where it has smollm2.gguf, how many sentences of answers are
shown without a source. The line is found by a text that only it has, so that the documents may change.
"""
import gzip
import json
import os
import re
import shutil
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403

OURS = [  # question, document, a text of the line that answers it
    ("How long does a model stay in memory when nobody uses it?", "docs/SERVING.md", "for ever where the model was loaded at the start"),
    ("What happens when too many requests come at once?", "docs/SERVING.md", "get 429 at once"),
    ("Which error do I get while the model is still being loaded?", "docs/SERVING.md", "answers 503 until it is there"),
    ("How can a request choose the strength of an adapter?", "docs/API.md", "Requests with different scales are worked on together"),
    ("What does the server do with a field it does not understand?", "docs/API.md", "A field that a route does not know is passed over"),
    ("How do I bring models to a machine that has no network?", "docs/BUNDLE.md", "moat bundle install"),
    ("How do I check what a bundle contains before installing?", "docs/BUNDLE.md", "## What is checked"),
    ("How can I see whether a policy lets a model run?", "docs/POLICY.md", "moat policy check MODEL"),
    ("Must a draft model be approved as well?", "docs/POLICY.md", "A draft model (`--draft`) must be listed"),
    ("What happens when a download breaks off?", "docs/PULL.md", "## What breaks, and what happens then"),
    ("How do I make a catalogue of my own?", "docs/CATALOG.md", "## Making one"),
    ("Which keywords of JSON Schema are only annotations?", "docs/SCHEMA.md", "* Annotations, as the draft says"),
    ("How do I find the lines of a log that matter?", "docs/LOGS.md", "## find: the lines that matter"),
    ("What is a tombstone in the audit log?", "docs/AUDIT-FORMAT.md", "## 8. Tombstones"),
    ("How many lines may a function have?", "CONTRIBUTING.md", "functions of 60 lines at most"),
]
MANUALS = [
    ("How do I leave files out of an archive by a pattern?", "tar.1", r"Exclude files matching \fIPATTERN\fR, a"),
    ("How do I stop searching a file after some matching lines?", "grep.1", "Stop reading a file after"),
    ("How do I run several processes at a time?", "xargs.1", "Run up to"),
    ("How do I sort sizes such as 2K and 1G?", "sort.1", "compare human readable numbers"),
    ("How do I kill a command that ignores the first signal of timeout?", "timeout.1", "also send a KILL signal if COMMAND is still running"),
    ("How can I fail instead of waiting for a lock?", "flock.1", "Fail rather than wait if the lock"),
    ("How do I split a file into a number of pieces?", "split.1", "generate CHUNKS output files"),
    ("How many times does shred overwrite a file?", "shred.1", "overwrite N times instead of the default"),
    ("How do I create the home directory of a new user?", "useradd.8", "home directory if it does not exist"),
    ("How do I follow a log file that does not exist yet?", "tail.1", "keep trying to open a file if it is inaccessible"),
    ("How do I see how many inodes are used?", "df.1", "list inode information instead of block usage"),
    ("How do I find empty files and directories?", "find.1", "File is empty and is either a regular file or a directory"),
    ("Which capability lets a program bind ports below 1024?", "capabilities.7", "Bind a socket to Internet domain privileged ports"),
    ("How do I let a program use the disk only when no other does?", "ionice.1", "will only get disk time when no other program"),
    ("Which priority has a swap device when none is given?", "swapon.8", "When no priority is defined, it defaults to"),
]
OTHERS = ("ls.1 chmod.1 dd.1 curl.1 wget.1 git-log.1 git-stash.1 make.1 fstab.5 passwd.5 ps.1 mount.8 head.1 uniq.1 cut.1 mawk.1 top.1 xz.1 gzip.1 "
          "zstd.1 less.1 login.1 ssh.1 nice.1 taskset.1 stat.1 touch.1 tee.1 tr.1 base64.1 sha256sum.1 join.1 paste.1 comm.1 diff.1 patch.1 "
          "unshare.1 nsenter.1 shadow.5 login.defs.5 fsck.8 mkswap.8 du.1 sed.1").split()
work = tempfile.TemporaryDirectory()
ENV = {"MOAT_HOME": os.path.join(work.name, "home")}


def manual(name):
    return f"/usr/share/man/man{name[-1]}/{name}.gz"


def line_of(path, text):
    data = open(path, "rb").read()
    data = gzip.decompress(data) if path.endswith(".gz") else data
    found = [i for i, line in enumerate(data.decode("utf-8", "replace").split("\n"), 1) if text in line]
    assert found, (path, text)
    return found[0]


def make_folder():
    """Copies: what is asked about is all that is there."""
    docs = os.path.join(work.name, "docs")
    os.makedirs(os.path.join(docs, "docs"))
    os.makedirs(os.path.join(docs, "man"))
    for name in ["README.md", "DESIGN.md", "CONTRIBUTING.md", "CHANGELOG.md"] + [f"docs/{n}" for n in os.listdir(os.path.join(ROOT, "docs")) if n.endswith(".md")]:
        shutil.copy(os.path.join(ROOT, name), os.path.join(docs, name))
    for name in sorted({q[1] for q in MANUALS} | set(OTHERS)):
        if os.path.exists(manual(name)):
            shutil.copy(manual(name), os.path.join(docs, "man", name + ".gz"))
    return docs


def ask(question, *options):
    r = moat("ask", "--docs", DOCS, "--json", question, *options, env=ENV, limit=1200)
    return json.loads(r.out) if r.status == 0 else None, r


def count(label, *options):
    """Among the first five, the passage with the line."""
    hits, missed = 0, []
    for question, name, text in OURS + MANUALS:
        path = os.path.join(DOCS, name if "/" in name or name.endswith(".md") else f"man/{name}.gz")
        if not os.path.exists(path):
            continue
        line = line_of(path, text)
        j, r = ask(question, *options)
        hit = j and any(os.path.samefile(p["file"], path) and p["first"] <= line <= p["last"] for p in j["passages"][:5])
        hits += bool(hit)
        if not hit:
            missed.append(f"{question} ({name}:{line})")
    return hits, missed


DOCS = make_folder()
present = [q for q in MANUALS if os.path.exists(os.path.join(DOCS, "man", q[1] + ".gz"))]
total = len(OURS) + len(present)
if len(present) < len(MANUALS):
    note(f"{len(MANUALS) - len(present)} manual pages are not on this machine")
t0 = time.monotonic()
j, r = ask("anything")
ok(j is not None, f"{j and j['index']['files']} documents are indexed in {time.monotonic() - t0:.1f} s", r)
hits, missed = count("words")
ok(hits >= total - 6, f"by words alone the right passage is among the first five for {hits} of {total}", "\n".join(missed))
minilm = os.path.join(MODELS, "minilm.gguf")
if os.path.exists(minilm):
    t0 = time.monotonic()
    ask("anything", "--embedding", minilm)
    note(f"vectors in {time.monotonic() - t0:.1f} s")
    hits, missed = count("meaning", "--embedding", minilm)
    ok(hits >= total - 3, f"by words and meaning for {hits} of {total}", "\n".join(missed))
else:
    skip("by words and meaning", "no minilm.gguf (MOAT_TEST_MODELS)")

smollm2 = os.path.join(MODELS, "smollm2.gguf")
if os.path.exists(smollm2):
    shown = dropped = uncited = 0
    for question, _, _ in (OURS + present)[::3]:
        j, r = ask(question, "--model", smollm2, "--temperature", 0, "--max-tokens", 80, "--top", 3)
        if not ok(j is not None, f"an answer to: {question}", r):
            continue
        places = {(p["file"], p["first"]) for p in j["passages"]}
        for s in j["answer"]:
            shown += 1
            for c in s["citations"]:
                m = re.fullmatch(r"(.*):(\d+)(?:-\d+)?", c)
                uncited += not (m and any(f.endswith(os.path.basename(m[1])) and n == int(m[2]) for f, n in places))
            uncited += not s["citations"]
        dropped += j["dropped"]
    ok(uncited == 0, f"{shown} sentences are shown, {dropped} were dropped, {uncited} have no source among the passages")
else:
    skip("answers", "no smollm2.gguf (MOAT_TEST_MODELS)")
done()
