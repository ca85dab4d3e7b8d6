#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat convert undoes what makes a folder of Hugging Face of a GGUF: tensors, token ids and logits of the fixtures of five
architectures are what they were. round_trip.check.py does the same with whole models."""
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from round_trip import *  # noqa: E402,F403

for name in ("llama", "qwen2", "qwen3", "gemma3", "phi3"):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(DATA, "arch", name + ".gguf")
        if name == "qwen2":  # the family has no bias of the output
            path = File(path).drop_tensor("output.bias").write(os.path.join(folder, "qwen2.gguf"))
        before, after = check(name, path, folder)
        if not before:
            continue
        if name in ("llama", "gemma3"):
            ok(tokens(before) == tokens(after) and isinstance(tokens(after), list), f"{name}: token ids", f"{tokens(before)}\n{tokens(after)}")
        ids = read_ids(os.path.join(DATA, "arch", name + ".tokens"))
        a, r = logits(before, ids, "--exact", "--kv", "f32")
        b, r = logits(after, ids, "--exact", "--kv", "f32")
        ok(difference(a, b) <= (1e-4 if name == "gemma3" else 0), f"{name}: logits differ by {difference(a, b):.1e}", r)
done()
