# SPDX-License-Identifier: Apache-2.0
"""What the house tests share: the files of the tree, C source without comments and strings."""
import os, re, subprocess, sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
import tap


def files(*folders, ends=(".c", ".h")):
    """Paths relative to the root, sorted, of the files under the folders whose name ends so."""
    found = []
    for folder in folders:
        for where, subfolders, names in os.walk(os.path.join(ROOT, folder)):
            subfolders[:] = [s for s in subfolders if s != "__pycache__"]
            found += [os.path.relpath(os.path.join(where, n), ROOT) for n in names if n.endswith(ends)]
    return sorted(found)


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def code(text):
    """C text with comments, strings and characters blanked; lines keep their numbers."""
    return TOKEN.sub(lambda m: '""' if m[0][0] == '"' else "''" if m[0][0] == "'" else re.sub(r"[^\n]", " ", m[0]), text)


def functions(text):
    """(name, first line number, lines of the body with its braces) of each function of clang-formatted C."""
    lines = code(text).split("\n")
    found, start = [], None
    for i, line in enumerate(lines):
        if line.startswith("{") and not line.startswith("{ "):
            start = i
        elif line.startswith("}") and start is not None:
            head = " ".join(lines[max(0, start - 6):start])
            names = re.findall(r"([A-Za-z_]\w*)\s*\(", head)
            found.append((names_of(head, names), start + 1, lines[start:i + 1]))
            start = None
    return found


def names_of(head, names):
    """The function's own name: the first call-like word of the last declaration in `head`."""
    last = re.split(r"[;}]", head)[-1]
    m = re.search(r"([A-Za-z_]\w*)\s*\(", re.sub(r"__attribute__\s*\(\(.*?\)\)", "", last))
    return m[1] if m else names[-1] if names else "?"


def check(name, problems):
    """One test point, with a line for every problem."""
    problems = list(problems)
    tap.ok(not problems, name, "\n".join(problems))


def output(*command, **options):
    """(exit status, stdout and stderr together)"""
    p = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    return p.returncode, p.stdout
