#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The doors between the rooms (DESIGN section 2), read from the #include lines.

A room may include itself and what DOORS opens for it, transitively. A library's header may be included only in the
rooms that LIBRARIES names. Every include of ours is path-qualified and exists."""
import os, re
from source import check, files, read, ROOT, tap

DOORS = {
    "base": [], "gguf": ["base"], "compute": ["gguf"], "text": ["gguf"], "engine": ["compute"], "run": ["engine", "text"],
    "fetch": ["base"], "store": ["gguf", "fetch", "guard"], "guard": ["base"], "lab": ["run"], "serve": ["run", "text", "store", "guard", "lab"],
    "work": ["run", "text", "store", "guard", "lab"], "ops": ["run", "text", "store", "guard", "lab"],
    "cli": ["serve", "work", "ops"],
}
LIBRARIES = {
    r"jansson\.h": None, r"pcre2\.h": ["text"], r"utf8proc\.h": ["text", "cli"], r"(histedit|editline/.*)\.h": ["cli"],
    r"archive(_entry)?\.h": ["store", "work"], r"curl/.*": ["fetch"], r"uv\.h|llhttp\.h": ["serve"], r"openssl/.*": ["base", "store", "guard", "serve"], r"locale\.h": ["base", "cli"],
    r"sqlite3\.h": ["work"], r"sodium\.h": ["guard"], r"seccomp\.h": ["guard"],
    r"(immintrin|x86intrin|arm_neon|cpuid)\.h": ["compute"], r"pthread\.h|threads\.h": ["base", "run", "serve", "text"],
    r"sys/mman\.h|linux/.*": ["base", "guard"],  # guard: the kernel's interfaces of the sandbox
    r"sys/syscall\.h": ["base", "compute", "guard"],  # compute: leave to use AMX tiles
    r"libintl\.h": ["base", "run", "ops", "cli"],  # run: the lines of the memory sum; ops: what a machine lacks
}


def reach(room, doors):
    seen, todo = {room}, list(doors[room])
    while todo:
        r = todo.pop()
        if r not in seen:
            seen.add(r)
            todo += doors[r]
    return seen


def includes(text):
    """(line number, '"' or '<', what)"""
    return [(text.count("\n", 0, m.start()) + 1, m[1], m[2]) for m in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', text, re.M)]


def door_problem(room, kind, what, exists=lambda what: os.path.isfile(os.path.join(ROOT, "src", what))):
    if kind == "<":
        for pattern, rooms in LIBRARIES.items():
            if re.fullmatch(pattern, what) and rooms is not None and room not in rooms:
                return f"<{what}> belongs to {', '.join(rooms)}"
        return None
    if "/" not in what:
        return f'"{what}" is not path-qualified'
    if not exists(what):
        return f'"{what}" does not exist under src'
    target = what.split("/")[0]
    return None if target in reach(room, DOORS) else f"{room} has no door to {target} (\"{what}\")"


def cycle(doors):
    return [r for r in doors if any(r in reach(t, doors) for t in doors[r])]


def house():
    for path in files("src"):
        room = path.split("/")[1]
        if room not in DOORS:
            yield f"{path}: the plan knows no room {room}"
            continue
        for line, kind, what in includes(read(path)):
            problem = door_problem(room, kind, what)
            if problem:
                yield f"{path}:{line}: {problem}"


def self_test():
    """The test itself: what must be refused is."""
    yes = lambda what: True
    for room, kind, what in [("engine", '"', "text/vocab.h"), ("text", '"', "engine/kv.h"), ("run", '"', "store/blob.h"),
                             ("base", '"', "gguf/gguf.h"), ("engine", '"', "kv.h"), ("run", "<", "archive.h"), ("base", '"', "base/nothing.h")]:
        if not door_problem(room, kind, what, yes if what != "base/nothing.h" else lambda what: False):
            yield f"{room} including {what} was let pass"
    for room, kind, what in [("engine", '"', "gguf/gguf.h"), ("run", '"', "base/err.h"), ("cli", '"', "store/blob.h"), ("text", "<", "pcre2.h")]:
        if door_problem(room, kind, what, yes):
            yield f"{room} including {what} was refused"
    if includes('#include "a/b.h"\n // #include "x"\n  # include <c.h>\n') != [(1, '"', "a/b.h"), (3, "<", "c.h")]:
        yield "include lines are not read rightly"


check("the door test refuses what it must", self_test())
check("the doors form no circle", cycle(DOORS))
check("every #include goes through a door", house())
tap.done()
