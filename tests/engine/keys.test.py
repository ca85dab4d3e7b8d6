#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A key's default is what writing it out gives, to the bit; and what a file may change without changing the numbers."""
import math
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403
import gguf_mini as g  # noqa: E402

work = tempfile.TemporaryDirectory()
plain = {}  # name -> logits of the fixture as it is


def fixture(name):
    return g.File(os.path.join(DATA, "arch", name + ".gguf"))


def values(name, f):
    got, r = logits(f.write(os.path.join(work.name, "m.gguf")), read_ids(os.path.join(DATA, "arch", name + ".tokens")), "--kv", "f32")
    return got if got is not None else str(r)


def same(label, name, f):
    if name not in plain:
        plain[name] = values(name, fixture(name))
    got = values(name, f)
    ok(got == plain[name], f"{name}: {label} changes nothing", got if isinstance(got, str) else f"by {difference(got, plain[name]):.2e}")


def differs(label, name, f):
    got = values(name, f)
    ok(not isinstance(got, str) and difference(got, plain[name]) > 1e-3, f"{name}: {label} counts", got if isinstance(got, str) else "")


DEFAULTS = {
    "llama": [("attention.key_length", g.U32, 32), ("attention.value_length", g.U32, 32), ("rope.dimension_count", g.U32, 32),
              ("rope.freq_base", g.F32, 10000.0), ("rope.scaling.type", g.STR, "none"), ("rope.scaling.type", g.STR, "linear"),
              ("rope.scaling.factor", g.F32, 0.0), ("rope.scaling.factor", g.F32, 1.0), ("rope.scale_linear", g.F32, 1.0),
              ("attention.scale", g.F32, 0.0), ("attention.scale", g.F32, 1 / math.sqrt(32)), ("expert_count", g.U32, 0),
              ("expert_used_count", g.U32, 0), ("vocab_size", g.U32, 401), ("attention.causal", g.BOOL, True)],
    "llama-moe": [("expert_weights_scale", g.F32, 1.0), ("expert_weights_scale", g.F32, 0.0)],
    "qwen2": [("rope.scaling.yarn_beta_fast", g.F32, 32.0), ("rope.scaling.yarn_beta_slow", g.F32, 1.0), ("rope.scaling.attn_factor", g.F32, 1.0)],
    "gemma3": [("attention.sliding_window_pattern", g.U32, 6), ("attention.sliding_window_pattern", g.ARR, (g.BOOL, [True] * 5 + [False, True])),
               ("attention.sliding_window_pattern", g.ARR, (g.U32, [1] * 5 + [0, 1])), ("rope.freq_base_swa", g.F32, 10000.0),
               ("final_logit_softcapping", g.F32, 0.0), ("attn_logit_softcapping", g.F32, 0.0)],
}
for name, rows in DEFAULTS.items():
    for key, kind, value in rows:
        same(f"{key} = {value if not isinstance(value, tuple) else 'an array'}", name, fixture(name).set(f"{name.split('-')[0]}.{key}", kind, value))

for name, key, kind, value in (("llama", "rope.freq_base", g.F32, 20000.0), ("llama", "attention.scale", g.F32, 0.3), ("llama", "rope.scaling.factor", g.F32, 2.0),
                               ("llama-moe", "expert_weights_scale", g.F32, 2.0), ("llama-moe", "expert_used_count", g.U32, 3),
                               ("qwen2", "rope.scaling.yarn_beta_slow", g.F32, 2.0), ("qwen2", "rope.scaling.attn_factor", g.F32, 0.5),
                               ("gemma3", "attention.sliding_window", g.U32, 9), ("gemma3", "attention.sliding_window_pattern", g.U32, 3),
                               ("gemma3", "rope.freq_base_swa", g.F32, 1000.0), ("gemma3", "attn_logit_softcapping", g.F32, 1.0)):
    differs(f"{key} = {value}", name, fixture(name).set(f"{name.split('-')[0]}.{key}", kind, value))

# The old name of the scaling factor.
f = fixture("llama-moe")
same("rope.scale_linear instead of rope.scaling.factor", "llama-moe", f.set("llama.rope.scale_linear", g.F32, f.get("llama.rope.scaling.factor")).drop("llama.rope.scaling.factor"))

# Tensors that say what their absence means.
f = fixture("llama")
embd = f.tensor("token_embd.weight")
f.tensors.append(g.Tensor("output.weight", embd.shape, embd.kind, embd.data))
same("an output matrix that is the embedding", "llama", f)
for name, tensor, n, value in (("qwen3", None, 0, b""), ("llama-moe", "output.bias", 422, b"\0\0\0\0"), ("llama-moe", "rope_freqs.weight", 8, b"\0\0\x80\x3f"),
                               ("llama", "blk.1.attn_q.bias", 96, b"\0\0\0\0"), ("qwen2", "blk.0.attn_output.bias", 72, b"\0\0\0\0")):
    if tensor:
        f = fixture(name)
        f.tensors.append(g.Tensor(tensor, [n], 0, value * n))
        same(f"{tensor} of {'ones' if 'freqs' in tensor else 'zeros'}", name, f)

# The file's own form.
f = fixture("qwen3")
f.tensors.reverse(); f.kv.reverse()
same("another order of keys and tensors", "qwen3", f)
f = fixture("qwen3")
f.version = 2
same("GGUF version 2", "qwen3", f)
same("an unknown key", "qwen3", fixture("qwen3").set("qwen3.something.new", g.ARR, (g.STR, ["a", "b"])))

# The final soft cap is c * tanh(l / c) of each logit.
cap = 0.25
got = values("gemma3", fixture("gemma3").set("gemma3.final_logit_softcapping", g.F32, cap))
wanted = [cap * math.tanh(x / cap) for x in plain["gemma3"]]
worst = difference(got, wanted) if not isinstance(got, str) else float("inf")
ok(worst < 1e-6, f"gemma3: the final soft cap is c tanh(l/c), to {worst:.1e}", got if isinstance(got, str) else "")
done()
