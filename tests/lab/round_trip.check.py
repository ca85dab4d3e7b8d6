#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""round_trip.test.py with the two real models: SmolLM2 135M and Gemma 3 270M, in F16."""
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from round_trip import *  # noqa: E402,F403

for name in ("smollm2", "gemma3"):
    path = os.path.join(MODELS, name + ".gguf")
    if not os.path.exists(path):
        skip(name, "no test models")
        continue
    with tempfile.TemporaryDirectory() as folder:
        before, after = check(name, path, folder, "F16")
        if before:
            ok(tokens(before) == tokens(after) and isinstance(tokens(after), list), f"{name}: token ids", f"{tokens(before)}\n{tokens(after)}")
done()
