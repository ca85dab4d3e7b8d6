#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run every test and print one closing line: N passed, N failed, N skipped.

usage: tests/run.py [--build build] [--only SUBSTRING] [--list] [--long]
A test is a cmocka program build/tests/ROOM/test_x, or an executable tests/ROOM/*.test.py / *.test.sh. Every one
writes TAP: "ok N - name", "not ok N - name", "ok N - name # SKIP why". A program that dies, or that runs no
test at all, counts as one failure. Scripts get MOAT (the program), MOAT_BUILD, MOAT_SHARED (evaluation data,
default ../shared), MOAT_TEST_MODELS (folder of
smollm2.gguf and gemma3.gguf, brought by scripts/fetch-model --tests) and a private MOAT_HOME. With CI=true and the data present, a skip is a failure. --long also runs *.check.py
and *.check.sh, the tests of `make check`.
"""
import argparse, glob, os, re, signal, subprocess, sys, tempfile, time

TAP = re.compile(r"^\s*(not ok|ok) \d+(?: - (.*?))?(?:\s*# (SKIP|skip)\S*\s*(.*))?$")
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def tests(build, long):
    found = [p for p in glob.glob(os.path.join(build, "tests", "*", "test_*")) if os.access(p, os.X_OK) and not p.endswith(".d")]
    for kind in ["test"] + (["check"] if long else []):
        found += glob.glob(os.path.join(ROOT, "tests", "*", f"*.{kind}.py")) + glob.glob(os.path.join(ROOT, "tests", "*", f"*.{kind}.sh"))
    return sorted(found)


def run_one(path, env, limit):
    """(passed, failed, [skip reasons], text)"""
    command = [sys.executable, path] if path.endswith(".py") else ["bash", path] if path.endswith(".sh") else [path]
    with tempfile.TemporaryDirectory() as home:
        p = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                             cwd=ROOT, env=dict(env, MOAT_HOME=os.path.join(home, "moat")), start_new_session=True)
        try:
            out = p.communicate(timeout=limit)[0].decode("utf-8", "replace")
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, signal.SIGKILL)
            out = p.communicate()[0].decode("utf-8", "replace") + f"\nnot ok 1 - no end after {limit} s\n"
    passed = failed = 0
    skips = []
    for line in out.splitlines():
        m = TAP.match(line)
        if not m:
            continue
        if m[3]:
            skips.append(m[4] or m[2])
        elif m[1] == "ok":
            passed += 1
        else:
            failed += 1
    if p.returncode != 0 and failed == 0 or passed + failed + len(skips) == 0:
        failed += 1
        out += f"\n(exit status {p.returncode})\n"
    return passed, failed, skips, out


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--build", default="build"); ap.add_argument("--only", default="")
    ap.add_argument("--list", action="store_true"); ap.add_argument("--long", action="store_true")
    ap.add_argument("--limit", type=int, default=900)
    o = ap.parse_args()
    build = os.path.abspath(o.build)
    shared = os.environ.get("MOAT_SHARED", os.path.join(os.path.dirname(ROOT), "shared"))
    strict = os.environ.get("CI") == "true" and os.path.isdir(shared)
    env = dict(os.environ, MOAT=os.path.join(build, "moat"), MOAT_BUILD=build, MOAT_SHARED=shared,
               MOAT_TEST_MODELS=os.environ.get("MOAT_TEST_MODELS", os.path.join(
                   os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "moat", "test-models")),
               XDG_DATA_HOME=os.path.join(build, "test-data"),  # packs of test models stay out of the user's store
               MOAT_LOCALEDIR=os.path.join(build, "locale"), CMOCKA_MESSAGE_OUTPUT="TAP", LC_ALL="C.UTF-8")
    total = [0, 0, 0]
    for path in tests(build, o.long):
        name = os.path.relpath(path, ROOT if path.startswith(os.path.join(ROOT, "tests")) else build)
        if o.only not in name:
            continue
        if o.list:
            print(name)
            continue
        t0 = time.time()
        passed, failed, skips, out = run_one(path, env, o.limit)
        if strict and skips:
            failed += len(skips)
        verdict = "FAIL" if failed else "skip" if not passed else "ok"
        print(f"{verdict:4} {name:52} {passed:4} passed {time.time() - t0:6.1f} s" + "".join(f"\n       skipped: {s}" for s in skips), flush=True)
        if failed:
            print("\n".join("       | " + line for line in out.splitlines()[-60:]), flush=True)
        total = [total[0] + passed, total[1] + failed, total[2] + (0 if strict else len(skips))]
    if not o.list:
        print(f"{total[0]} passed, {total[1]} failed, {total[2]} skipped")
        sys.exit(1 if total[1] or not total[0] else 0)


main()
