# SPDX-License-Identifier: Apache-2.0
"""What the tests of moat convert share: a GGUF, written back as a folder of Hugging Face (hf_folder.py), is converted, and must be
what it was."""
import array
import json
import os

import hf_folder
from gguf_mini import File
from tap import *  # noqa: F403

TEXT = "The licence, 12345 words:\n\n  it's \u4f60\u597d caf\u00e9 <|im_start|>user\n\tdef f(x): return x**2 </s>"


def decoded(path, kind, folder):
    """The model with all matrices in F32 or F16, without factors of positions that a config.json cannot say."""
    out = os.path.join(folder, "before.gguf")
    r = moat("quantize", path, out, "--type", kind, "--requantize", "--force")
    if r.status:
        return None, r
    f = File(out)
    f.tensors = [t for t in f.tensors if t.name != "rope_freqs.weight"]
    f.write(out)
    return out, r


def near(a, b):
    """Norms of Gemma lose a bit where one is taken off and added again."""
    return len(a) == len(b) and all(abs(x - y) <= 1e-6 * max(1, abs(x)) for x, y in zip(array.array("f", a), array.array("f", b)))


def tokens(path):
    r = moat("tokenize", path, "--file", "-", "--json", stdin=TEXT.encode())
    return json.loads(r.out)["tokens"] if r.status == 0 else (r.status, r.err)


def check(name, path, folder, kind="F32"):
    """The two files, or (None, None)."""
    before, r = decoded(path, kind, folder)
    if not ok(before, f"{name}: decoded", r):
        return None, None
    after = os.path.join(folder, "after.gguf")
    r = moat("convert", hf_folder.write(File(before), os.path.join(folder, "hf")), "-o", after, "--force")
    if not ok(r.status == 0, f"{name}: converted", r):
        return None, None
    old, new = ({t.name: t for t in File(p).tensors} for p in (before, after))
    wrong = [n for n, t in old.items() if n not in new or new[n].shape != t.shape or (new[n].data != t.data and not (t.kind == 0 and "norm" in n and near(t.data, new[n].data)))]
    ok(not wrong and set(old) == set(new), f"{name}: all {len(old)} tensors are what they were", f"{wrong[:5]} {set(old) ^ set(new)}")
    return before, after
