# SPDX-License-Identifier: Apache-2.0
"""What the tests of moat pull share: a model file of some MiB, a store of their own, one call."""
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import gguf_mini as g
from hash_tree import leaves, root
from tap import DATA, MOAT, moat

MIB = 1 << 20
WORK = tempfile.mkdtemp(prefix="moat-pull-")
HOME = os.environ["MOAT_HOME"] = os.path.join(WORK, "home")
for variable in ("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
    os.environ.pop(variable, None)
os.environ["no_proxy"] = "127.0.0.1"


def model(mib, seed=1):
    """The bytes of a sound GGUF file, mib MiB of random tensor and a little more."""
    f = g.File(os.path.join(DATA, "arch", "llama.gguf"))
    data = random.Random(seed).randbytes(mib * MIB)
    f.tensors.append(g.Tensor("ballast", [len(data) // 4], 0, data))
    return f.bytes()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def fresh():
    shutil.rmtree(HOME, ignore_errors=True)


def pull(*args, limit=25, env=None):
    return moat("pull", *args, limit=limit, env=env)


def start(*args):
    return subprocess.Popen([MOAT, "pull", *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)


def result(r):
    """The last JSON line of moat pull --json; {} where there is none."""
    lines = r.out.strip().splitlines()
    return json.loads(lines[-1]) if lines else {}


def blob(data):
    return os.path.join(HOME, "blobs", "sha256-" + sha256(data))


def stored(data):
    """Is exactly this file among the blobs?"""
    try:
        with open(blob(data), "rb") as f:
            return f.read() == data
    except OSError:
        return False


def store_is_clean():
    """Nothing but whole blobs under their digest, and no partial files."""
    blobs = os.path.join(HOME, "blobs")
    names = os.listdir(blobs) if os.path.isdir(blobs) else []
    for name in names:
        with open(os.path.join(blobs, name), "rb") as f:
            if name != "sha256-" + sha256(f.read()):
                return False
    return True


def partials():
    folder = os.path.join(HOME, "partial")
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def tree(data):
    """(root in hex, the bytes of FILE.leaves)"""
    hashes = leaves(data)
    return root(hashes).hex(), b"".join(hashes)


def cleanup():
    shutil.rmtree(WORK, ignore_errors=True)
