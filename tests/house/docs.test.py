#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the documents say of the tree is true: links lead somewhere, make targets exist, the two READMEs agree, the
journey table is what run/generate.c and run/schedule.c do, the tree is the tree, and every claim has its row."""
import os, re
from source import check, files, read, ROOT, tap

DOCUMENTS = [p for p in files(".", ends=(".md",)) if not p.startswith(("build", "tests/"))]
KINDS = ("real", "synthetic", "not measurable", "not built yet")


def links():
    for path in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", read(path)):
            if not os.path.exists(os.path.join(ROOT, os.path.dirname(path), target)):
                yield f"{path}: {target} does not exist"


def targets():
    known = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.M))
    for path in DOCUMENTS:
        for line in re.findall(r"^    make .*|`make [^`]*`", read(path), re.M):
            for word in re.findall(r"make ([a-z-]+)", line):
                if word not in known:
                    yield f"{path}: there is no target {word}"


def journey(path):
    """(call, file) of each row of the journey table"""
    rows = re.findall(r"^\| [^|]+ \| (`\w+`|[^|]*`forward`[^|]*) \| ([^|]+) \|", read(path), re.M)
    return [(re.search(r"`(\w+)`", call)[1], re.findall(r"`([\w./]+)`", where)) for call, where in rows]


def commands(path):
    return [re.sub(r'\s+#.*|"[^"]*"', "", line) for line in re.findall(r"^    ((?:make|moat) .*)", read(path), re.M)]


def twins():
    a, b = "README.md", "README.zh-CN.md"
    for name, of in [("headings", lambda p: len(re.findall("^#+ ", read(p), re.M))), ("journey tables", journey), ("commands", commands),
                     ("bullets", lambda p: len(re.findall(r"^\* ", read(p), re.M)))]:
        if of(a) != of(b):
            yield f"the {name} of {a} and {b} differ: {of(a)} and {of(b)}"


def journey_is_true():
    rows = journey("README.md")
    body = "".join(read(f"src/{p}.c") for p in ("cli/talk", "run/loaded", "run/generate", "run/schedule", "run/completion", "engine/timeline"))
    if len(rows) != 7:
        yield f"the table has {len(rows)} rows"
    for call, where in rows:
        if not re.search(rf"\b{call}\(", body):
            yield f"nobody calls {call}"
        for name in where:
            if "/" in name and not os.path.exists(os.path.join(ROOT, "src", name)):
                yield f"src/{name} does not exist"


def architectures():
    names = [n for p in files("src/engine/arch", ends=(".c",)) for n in re.findall(r'\.name = "([^"]+)"', read(p))]
    for path in ("README.md", "README.zh-CN.md"):
        for name in names:
            if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", read(path)):
                yield f"{path} does not name the architecture {name}"


def tree():
    """Each module that DESIGN's tree names before "later" is there."""
    for room, modules in re.findall(r"^    ([a-z]+)/ +(.*)$", read("DESIGN.md"), re.M):
        now = re.sub(r"\([^)]*\)", " ", re.split(r"\blater\b", modules)[0])
        for name in re.findall(r"(?<![\w])([a-z0-9_]+/?)(?=[\s;,]|$)", now.split(", a ")[0]):
            path = os.path.join(ROOT, "src", room, name)
            if not (os.path.isdir(path) if name.endswith("/") else os.path.exists(path + ".c") or os.path.exists(path + ".h")):
                yield f"DESIGN.md: src/{room}/{name} does not exist"


def claims():
    rows = re.findall(r"^\| (\d+) \|(.*)\|$", read("docs/CLAIMS.md"), re.M)
    if [int(n) for n, _ in rows] != list(range(1, 23)):
        yield "the rows are not 1 to 22"
    for n, rest in rows:
        cells = [c.strip() for c in rest.split(" | ")]
        if len(cells) != 5 or not cells[-1].startswith(KINDS):
            yield f"row {n}: five cells, the last beginning with {', '.join(KINDS)}"


check("links lead somewhere", links())
check("make targets named in documents exist", targets())
check("the two READMEs agree", twins())
check("the journey table is what generate.c does", journey_is_true() if os.path.exists(os.path.join(ROOT, "src/run/generate.c")) else ["src/run/generate.c is missing"])
check("both READMEs name every architecture", architectures())
check("the tree in DESIGN.md is the tree", tree())
check("every claim of the guide has its row", claims())
tap.done()
