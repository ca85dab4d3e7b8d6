#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The rules of DESIGN section 5 that a program can check: sizes, licence lines, file comments, banned calls, names."""
import os, re
from source import check, code, files, functions, read, tap

FILE, HEADER, COLUMNS, FUNCTION, FLAT = 800, 150, 100, 60, 100
TABLES = {"src/compute/quant/codebooks.c"}  # constants of the formats: data, not code to read
BODIES = "src/compute/kernel/"  # its headers are code, inlined into each instruction set's file
BANNED = "strcpy strcat sprintf vsprintf strtok strtok_r gets atoi atol atoll atof assert abort alloca system popen rand srand tmpnam " \
         "mktemp localtime gmtime asctime ctime longjmp setjmp scanf sscanf fscanf".split()
ALLOWED = {"src/base/err.c": ["abort"], "src/base/os_linux.c": ["sscanf", "fscanf"]}  # must_failed; /proc
ALLOCATION = "malloc calloc realloc aligned_alloc posix_memalign".split()
SCRIPTS = (".py", ".sh", ".js", ".mjs", ".css")


def length_problem(path, line, name, body):
    """A flat switch or table: at least a fourth of its lines are cases or rows."""
    n = len(body)
    flat = sum(bool(re.match(r"\s*(case\b|default:|\{.*\},?$|\[\w+\] = )", s)) for s in body) * 4 >= n
    if n > (FLAT if flat else FUNCTION):
        return f"{path}:{line}: {name} has {n} lines, {FLAT if flat else FUNCTION} are allowed"
    return None


def functions_too_long(paths):
    for path in paths:
        for name, line, body in functions(read(path)):
            problem = length_problem(path, line, name, body)
            if problem:
                yield problem


def files_too_long(paths):
    for path in paths:
        interface = path.endswith(".h") and not path.startswith(BODIES)
        n, most = read(path).count("\n"), HEADER if interface else FILE
        if n > most and path not in TABLES:
            yield f"{path}: {n} lines, {most} are allowed"


def lines_too_long(paths):
    for path in paths:
        if path in TABLES:
            continue
        for i, line in enumerate(read(path).split("\n"), 1):
            if len(line) > COLUMNS:
                yield f"{path}:{i}: {len(line)} columns"


def licence(paths):
    for path in paths:
        if "SPDX-License-Identifier: Apache-2.0" not in "\n".join(read(path).split("\n")[:2]):
            yield f"{path}: no SPDX line at the top"


def file_comment(paths):
    for path in paths:
        lines = read(path).split("\n")
        if len(lines) < 2 or not lines[1].startswith("/* "):
            yield f"{path}: the second line does not begin the file comment"


def calls(paths, words, allowed={}):
    pattern = re.compile(r"(?<![\w.>])(%s)\s*\(" % "|".join(words))
    for path in paths:
        text = code(read(path))
        for m in pattern.finditer(text):
            if m[1] in allowed.get(path, []):
                continue
            yield f"{path}:{text.count(chr(10), 0, m.start()) + 1}: {m[1]}() is banned"


def typedefs(paths):
    for path in paths:
        text = code(read(path))
        for m in re.finditer(r"^\s*typedef\s+(struct|union)\b", text, re.M):
            yield f"{path}:{text.count(chr(10), 0, m.start()) + 1}: typedef of a {m[1]}"


def guards(paths):
    for path in paths:
        want = "MOAT_" + re.sub(r"[^A-Z0-9]", "_", path[len("src/"):].upper())
        if f"#ifndef {want}\n#define {want}\n" not in read(path):
            yield f"{path}: the include guard is not {want}"


def self_test():
    long = "int f(void)\n{\n" + "    g();\n" * 70 + "}\n"
    flat = "int f(int x)\n{\n" + "    case 1:\n        return 2;\n" * 40 + "}\n"
    if not length_problem("x.c", *[functions(long)[0][i] for i in (1, 0, 2)]):
        yield "a function of 72 lines was let pass"
    if length_problem("x.c", *[functions(flat)[0][i] for i in (1, 0, 2)]):
        yield "a flat switch of 82 lines was refused"
    if functions(long)[0][0] != "f":
        yield "a function's name is not read rightly"
    if "strcpy" in code('/* strcpy(a, b) */ x("strcpy(")'):
        yield "comments or strings count as code"


c, h, tests = files("src", ends=(".c",)), files("src", ends=(".h",)), files("tests")
scripts = files("tests", "scripts", "bench", "web", ends=SCRIPTS)
extensionless = [p for p in files("scripts", ends=("",)) + [".ci/run"] if "." not in os.path.basename(p)]
check("the style test refuses what it must", self_test())
check(f"functions have {FUNCTION} lines at most, flat ones {FLAT}", functions_too_long(c))
check(f"files have {FILE} lines at most, headers {HEADER}", files_too_long(c + h + tests + scripts))
check(f"lines have {COLUMNS} columns at most", lines_too_long(c + h + tests))
check("every file has its SPDX line", licence(c + h + tests + scripts + extensionless + ["Makefile"]))
check("every source file says what it is", file_comment(c + h))
check("no banned function is called", calls(c + h, BANNED, ALLOWED))
check("memory comes from base/mem", calls([p for p in c if not p.startswith("src/base/")], ALLOCATION))
check("no typedef hides a struct", typedefs(c + h))
check("include guards are named after the file", guards(h))
tap.done()
