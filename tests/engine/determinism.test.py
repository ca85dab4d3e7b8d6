#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The same tokens give the same numbers, however the work is divided: threads, batches, a prompt cut in pieces."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403

NAMES = "llama llama-moe qwen2 qwen3 qwen3moe gemma3 granite cohere2 phi3 gpt2 olmo2 deepseek2 deepseek2-heads gpt-oss lfm2 lfm2moe qwen3next qwen35 mamba2 falcon-h1 baichuan-13b nemotron glm4moe".split()
SPLITS = (1, 2, 7, 16)

for name in NAMES:
    base = os.path.join(DATA, "arch", name)
    ids = (read_ids(base + ".tokens") * 3)[:90]  # longer than gemma3's window and a block of the KV cache many times over
    for mode in ((), ("--fast",), ("--exact",), ("--kv", "q8")):
        label = f"{name} {' '.join(mode)}".strip()
        whole, r = logits(base + ".gguf", ids, "--threads", 1, *mode)
        if not ok(whole is not None, f"{label} runs", r):
            continue
        width = len(whole) // len(ids)
        again, _ = logits(base + ".gguf", ids, "--threads", 1, *mode)
        ok(again == whole, f"{label}: twice the same bits")
        for threads in (2, 3):
            other, r = logits(base + ".gguf", ids, "--threads", threads, *mode)
            ok(other == whole, f"{label}: {threads} threads give the bits of 1", r)
        for n in SPLITS:
            part, r = logits(base + ".gguf", ids, "--threads", 1, "--batch", n, *mode)
            ok(part == whole, f"{label}: batches of {n} give the bits of one", f"largest difference {difference(part, whole):.1e}; {r}")
        short, r = logits(base + ".gguf", ids[:11], "--threads", 1, *mode)
        ok(short == whole[:11 * width], f"{label}: later tokens do not change the bits of earlier logits", r)
done()
