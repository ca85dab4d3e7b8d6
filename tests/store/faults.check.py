#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The store under faults: kill -9 at every system call that changes something, every such call failing (ENOSPC, EIO), and
a disk that is full. After each of them all that is named is whole, nothing else stays after moat gc, and the same command
then succeeds."""
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import DATA, MOAT, done, file, moat, ok, skip

WORK = tempfile.mkdtemp(prefix="moat-faults-")
HOME = os.environ["MOAT_HOME"] = os.path.join(WORK, "home")
os.environ["HOME"] = WORK
A, B = os.path.join(DATA, "arch", "llama.gguf"), os.path.join(DATA, "arch", "gemma3.gguf")
OUT = os.path.join(WORK, "out.gguf")
CALLS = ("openat", "mkdir", "rename", "unlink", "unlinkat", "rmdir", "fsync", "fchmod", "fallocate", "ftruncate", "linkat", "pwrite64", "write", "flock")
MODELFILE = file(WORK, "Modelfile", "FROM m:1\nPARAMETER temperature 0.5\nSYSTEM x\n")
BASE = os.path.join(WORK, "base")


def sha(path):
    return hashlib.sha256(open(path, "rb").read()).hexdigest()


def prepare(verb=""):
    """A store with a model of two names, and an orphan."""
    shutil.rmtree(HOME, ignore_errors=True)
    shutil.copytree(BASE, HOME)
    if verb == "pack --restore":
        moat("pack", "m:1", "--only")
    if os.path.exists(OUT):
        os.remove(OUT)


def whole():
    """What is wrong with the store as it lies there, before anybody mends it."""
    for name in os.listdir(os.path.join(HOME, "blobs")):
        path = os.path.join(HOME, "blobs", name)
        if ".tmp-" not in name and name not in ("sha256-" + "0" * 64, "sha256-" + sha(path)):
            return f"{name} is not what it is called"
    if os.path.exists(OUT) and sha(OUT) != sha(A):
        return "a file was exported in part"
    r = moat("verify")
    return "" if r.status == 0 and "m:1 is intact" in r.out else str(r)


def clean():
    """After gc nothing is there that nobody names."""
    r = moat("gc")
    names = os.listdir(os.path.join(HOME, "blobs"))
    named = {sha(A), sha(B)}
    if r.status or any(n[7:] not in named for n in names):
        return f"{r} {names}"
    left = [f for _, _, files in os.walk(os.path.join(HOME, "manifests")) for f in files if not f.endswith(".json")]
    return f"left over: {left}" if left else ""


COMMANDS = {
    "import": ["import", B, "--name", "n:1"],
    "import again": ["import", B, "--name", "m:1"],
    "create": ["create", "c:1", "-f", MODELFILE],
    "cp": ["cp", "m:1", "k:1"],
    "rm": ["rm", "o:1"],
    "gc": ["gc"],
    "export": ["export", "m:1", OUT],
    "pack --only": ["pack", "m:1", "--only"],
    "pack --restore": ["pack", "m:1", "--restore"],
    "catalog": ["catalog", "remove", "built-in"],
}


def calls_of_the_loader(call):
    """How many such calls a program makes before it has begun; those are not ours."""
    log = os.path.join(WORK, "trace")
    subprocess.run(["strace", "-qq", "-o", log, "-e", f"trace={call}", MOAT, "version"], capture_output=True)
    return sum(line.startswith(call) for line in open(log))


def inject(verb, how):
    """(steps, what broke): the command once for every call it makes."""
    args, broken, steps = COMMANDS[verb], [], 0
    for call in CALLS:
        first = calls_of_the_loader(call) + 1
        for n in range(first, first + 60):
            prepare(verb)
            p = subprocess.run(["strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:{how}:when={n}", MOAT, *args],
                               capture_output=True, timeout=60)
            steps += 1
            problem = whole()
            if p.returncode not in (0, -9, 137, 4, 8, 11) and how.startswith("error") and call != "openat":
                problem = problem or f"exit {p.returncode}: {p.stderr.decode()[:200]}"
            if not problem and verb != "rm":  # a removed name is not there a second time
                r = moat(*args)
                problem = "" if r.status == 0 else f"the command afterwards: {r}"
            problem = problem or whole() or (clean() if verb != "import again" else "")
            if problem:
                broken.append(f"{call} {n}: {problem}")
            if p.returncode == 0 or how.startswith("error") and n >= first + 25:
                break
    return steps, broken


def full_disk():
    """Every size of a small disk from too small to large enough."""
    script = file(WORK, "full.sh", f"""
size=$1
mount -t tmpfs -o size=${{size}}k none /mnt || exit 99
export MOAT_HOME=/mnt/h
for c in "import {A} --name m:1" "import {B} --name n:1" "create c -f {MODELFILE}" "export m:1 /mnt/out.gguf" "catalog remove built-in" "gc"; do
    {MOAT} $c >/dev/null 2>>/mnt/err || {{ s=$?; [ $s = 11 ] || [ $s = 3 ] || echo "$c at $size KiB: $s $(tail -n 1 /mnt/err)"; }}
done
{MOAT} verify >/dev/null 2>/mnt/err || echo "verify at $size KiB: $(cat /mnt/err)"
for b in /mnt/h/blobs/sha256-*; do [ ! -e $b ] || [ "sha256-$(sha256sum <$b | cut -d' ' -f1)" = $(basename $b) ] || echo "$b"; done
[ ! -e /mnt/out.gguf ] || cmp -s /mnt/out.gguf {A} || echo "a part was exported at $size KiB"
umount /mnt
""")
    enter = ["unshare", "-m"] if os.getuid() == 0 else ["unshare", "-rm"]
    if subprocess.run(enter + ["mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True).returncode:
        skip("a full disk", "this user may not mount a file system")
        return
    said = ""
    sizes = [4, 8, 16, 40, 100] + list(range(200, 2400, 150))
    for size in sizes:
        said += subprocess.run(enter + ["bash", script, str(size)], capture_output=True, text=True).stdout
    ok(not said, f"disks of {len(sizes)} sizes: what does not fit is an error, and all that is there is whole", said)


def prepare_base():
    moat("import", A, "--name", "m:1")
    moat("import", A, "--name", "o:1")
    file(os.path.join(HOME, "blobs"), "sha256-" + "0" * 64, b"orphan")
    shutil.copytree(HOME, BASE)


ONLY = sys.argv[1:]  # verbs, for a part of it
prepare_base()
if not ONLY:
    full_disk()
if shutil.which("strace"):
    for verb in ONLY or COMMANDS:
        steps, broken = inject(verb, "signal=KILL")
        ok(not broken, f"{verb}, killed at {steps} steps: all that is named is whole, and the same command then succeeds", "\n".join(broken[:5]))
    for verb in ONLY or ("import", "create", "export", "gc", "pack --only"):
        for error in ("ENOSPC", "EIO"):
            steps, broken = inject(verb, f"error={error}")
            ok(not broken, f"{verb}, {steps} calls failing with {error}: the same", "\n".join(broken[:5]))
else:
    skip("kills and failures at every step", "no strace")
shutil.rmtree(WORK, ignore_errors=True)
done()
