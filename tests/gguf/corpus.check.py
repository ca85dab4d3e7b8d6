#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""All damaged files of test_corpus, over 100,000; and some of them each given to `moat show` itself: time and memory of every process are measured.

A file named -ok must be shown, a file named -bad refused with one line and the right exit status, each within 100 ms
of processor time and 64 MiB.
"""
import os
import subprocess
import sys
import tempfile

BUILD, MOAT = os.environ["MOAT_BUILD"], os.environ["MOAT"]
SANITIZED = "MOAT_SANITIZED" in os.environ
work = tempfile.TemporaryDirectory()


def show(path):
    """(exit status, bytes on stdout, stderr, seconds of processor time, MiB)"""
    out, err = os.path.join(work.name, "out"), os.path.join(work.name, "err")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    child = os.posix_spawn(MOAT, [MOAT, "show", path], os.environ,
                           file_actions=[(os.POSIX_SPAWN_OPEN, 1, out, flags, 0o600),
                                         (os.POSIX_SPAWN_OPEN, 2, err, flags, 0o600)])
    _, status, used = os.wait4(child, 0)
    with open(err, "rb") as f:
        text = f.read()
    return (os.waitstatus_to_exitcode(status), os.path.getsize(out), text, used.ru_utime + used.ru_stime,
            used.ru_maxrss / 1024)


def fault(name, status, out, err, seconds, mib):
    if name.endswith("-ok.gguf"):
        if status != 0 or err or not out:
            return f"exit status {status}, {out} bytes shown"
    elif status not in (2, 4, 5, 6) or out or err.count(b"\n") != 1 or not err.startswith(b"moat: "):
        return f"exit status {status}, {out} bytes shown"
    if not SANITIZED and (seconds > 0.1 or mib > 64):
        return f"{seconds * 1000:.0f} ms, {mib:.0f} MiB"
    return ""


def all_of_them():
    p = subprocess.run([os.path.join(BUILD, "tests", "gguf", "test_corpus")], env=dict(os.environ, MOAT_CORPUS="1"), stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True)
    count = ([line for line in p.stdout.splitlines() if "refused" in line] or ["# none"])[-1]
    print(count if count.startswith("#") else "# " + count)
    if p.returncode:
        print("\n".join("# " + line for line in p.stdout.splitlines()[-20:]))
    print(f"{'not ok' if p.returncode else 'ok'} 3 - over 100,000 damaged files are refused, and what is valid is read")


def main():
    files = os.path.join(work.name, "files")
    os.mkdir(files)
    subprocess.run([os.path.join(BUILD, "tests", "gguf", "test_corpus"), "--dump", files], check=True,
                   stdout=subprocess.DEVNULL)
    faults, slowest, largest, refused = [], 0, 0, 0
    names = sorted(os.listdir(files))
    for name in names:
        path = os.path.join(files, name)
        result = show(path)
        why = fault(name, *result)
        if why:
            faults.append(f"{name}: {why}: {result[2].decode(errors='replace').strip()}")
        refused += result[0] != 0
        slowest, largest = max(slowest, result[3]), max(largest, result[4])
        os.unlink(path)
    print(f"# {len(names)} files, {refused} refused; slowest {slowest * 1000:.0f} ms, largest {largest:.1f} MiB")
    print("\n".join("# " + f for f in faults[:20]))
    print(f"{'not ok' if faults else 'ok'} 1 - every file is shown or refused cleanly by moat show")
    print(f"{'ok' if refused >= 5000 else 'not ok'} 2 - at least 5,000 are refused")
    all_of_them()
    print("1..3")


main()
