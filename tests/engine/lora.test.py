#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""LoRA adapters: the model beside them gives the logits of the model they are merged into, W + s alpha / rank B A.

The merging is done here, in plain Python, on the one fixture whose weights are all plain; then adapters that are nearly
right, each of which is refused cleanly.
"""
import os
import random
import struct
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403
import gguf_mini as g  # noqa: E402

F32, F16, BF16 = 0, 1, 30
work = tempfile.TemporaryDirectory()
IDS = read_ids(os.path.join(DATA, "arch", "qwen2.tokens"))
rnd = random.Random(7)


def path(name):
    return os.path.join(work.name, name)


def pack(values):
    return struct.pack(f"<{len(values)}f", *values)


def values(t):
    """Of a plain tensor, flat."""
    if t.kind == F32:
        return list(struct.unpack(f"<{len(t.data) // 4}f", t.data))
    if t.kind == F16:
        return list(struct.unpack(f"<{len(t.data) // 2}e", t.data))
    assert t.kind == BF16
    return [struct.unpack("<f", b"\0\0" + t.data[i:i + 2])[0] for i in range(0, len(t.data), 2)]


def base():
    """qwen2 with F32 weights."""
    f = g.File(os.path.join(DATA, "arch", "qwen2.gguf"))
    for t in f.tensors:
        t.data, t.kind = pack(values(t)), F32
    return f


def fuse(f):
    """q, k and v of every layer in one matrix."""
    for il in range(2):
        for end in ("weight", "bias"):
            parts = [f.tensor(f"blk.{il}.attn_{c}.{end}") for c in "qkv"]
            rows = sum(p.shape[-1] for p in parts)
            f.tensors.append(g.Tensor(f"blk.{il}.attn_qkv.{end}", [*parts[0].shape[:-1], rows], F32, b"".join(p.data for p in parts)))
            for p in parts:
                f.drop_tensor(p.name)
    return f


class Adapter:
    """Random A and B for these weights of a model."""

    def __init__(self, model, names, rank, alpha, kind=F32):
        self.rank, self.alpha, self.pairs = rank, alpha, {}
        for name in names:
            cols, rows = model.tensor(name).shape
            a = [rnd.gauss(0, 1 / cols**0.5) for _ in range(rank * cols)]
            b = [rnd.gauss(0, 1 / rank**0.5) for _ in range(rows * rank)]
            if kind == F16:
                a, b = (list(struct.unpack(f"<{len(x)}e", struct.pack(f"<{len(x)}e", *x))) for x in (a, b))
            self.pairs[name] = (cols, rows, a, b)
        self.kind = kind

    def file(self):
        f = g.File(os.path.join(DATA, "arch", "qwen2.gguf"))
        f.tensors, f.kv = [], [["general.architecture", g.STR, "qwen2"], ["general.type", g.STR, "adapter"], ["adapter.type", g.STR, "lora"],
                               ["adapter.lora.alpha", g.F32, self.alpha]]
        form = "f" if self.kind == F32 else "e"
        for name, (cols, rows, a, b) in self.pairs.items():
            f.tensors.append(g.Tensor(name + ".lora_a", [cols, self.rank], self.kind, struct.pack(f"<{len(a)}{form}", *a)))
            f.tensors.append(g.Tensor(name + ".lora_b", [self.rank, rows], self.kind, struct.pack(f"<{len(b)}{form}", *b)))
        return f

    def write(self, name):
        return self.file().write(path(name))

    def merge(self, model, scale):
        s = scale * (self.alpha / self.rank if self.alpha else 1.0)
        for name, (cols, rows, a, b) in self.pairs.items():
            t = model.tensor(name)
            w = values(t)
            for r in range(rows):
                for j in range(self.rank):
                    by = s * b[r * self.rank + j]
                    at = a[j * cols:(j + 1) * cols]
                    row = w[r * cols:(r + 1) * cols]
                    w[r * cols:(r + 1) * cols] = [x + by * y for x, y in zip(row, at)]
            t.data = pack(w)
        return model


def same(label, model, adapters, options=(), bar=2e-5):
    """adapters: [(Adapter, scale)]; beside the model and merged into it. bar: of what they move the logits by."""
    plain = path("base.gguf")
    model().write(plain)
    merged = model()
    flags = []
    for i, (a, scale) in enumerate(adapters):
        file = a.write(f"{i}.gguf")
        flags += ["--lora", file if scale == 1 else f"{file}={scale}"]
        a.merge(merged, scale)
    merged.write(path("merged.gguf"))
    wanted, r = logits(path("merged.gguf"), IDS, "--exact", *options)
    got, r2 = logits(plain, IDS, "--exact", *options, *flags)
    without, _ = logits(plain, IDS, "--exact", *options)
    worst, moved = difference(got, wanted), difference(without, wanted)
    ok(worst <= bar * moved and moved > 0.1, f"{label}: beside the model {worst:.1e} from merged, without {moved:.1e}", r2 if got is None else r)
    return plain, flags


ATTENTION = [f"blk.{il}.attn_{c}.weight" for il in range(2) for c in ("q", "v")]
ALL = [f"blk.{il}.{n}.weight" for il in range(2) for n in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")]
one = Adapter(base(), ATTENTION, 4, 8.0)
two = Adapter(base(), ALL + ["output.weight"], 3, 0.0, F16)
same("q and v, rank 4", base, [(one, 1)])
same("all matrices and the output, no alpha", base, [(two, 1)])
same("both at scales of their own", base, [(one, 0.5), (two, -0.25)])
same("both, token by token", base, [(one, 0.5), (two, 2)], ("--batch", 1))
same("both, three threads", base, [(one, 1.5), (two, 1)], ("--threads", 3))
fused = Adapter(fuse(base()), ["blk.0.attn_qkv.weight", "blk.1.attn_qkv.weight"], 2, 2.0)
plain, flags = same("q, k and v in one matrix", lambda: fuse(base()), [(fused, 1)])

# In the default mode weights and inputs are rounded, the adapter's sums are not.
base().write(path("base.gguf"))
one.merge(base(), 1).write(path("merged.gguf"))
wanted, _ = logits(path("merged.gguf"), IDS)
got, r = logits(path("base.gguf"), IDS, "--lora", one.write("0.gguf"))
ok(difference(got, wanted) <= 2e-2, f"default mode: {difference(got, wanted):.1e} from merged", r)
none, r = logits(path("base.gguf"), IDS, "--lora", path("0.gguf") + "=0")
alone, _ = logits(path("base.gguf"), IDS)
ok(none == alone, "a scale of 0 leaves every bit as it is", r)

# --- what is refused -------------------------------------------------------------------------------


def refused(label, f, *words, status=(4, 5)):
    f.write(path("bad.gguf"))
    r = moat("logits", path("base.gguf"), "--tokens", path("ids"), "--out", path("out"), "--lora", path("bad.gguf"))
    ok(r.status in status and len(r.err.strip().splitlines()) == 1 and all(w in r.err for w in words), f"{label} is refused", r)


open(path("ids"), "w").write("1 2 3")
refused("a model instead of an adapter", base(), "not a LoRA adapter")
refused("an adapter of another kind", one.file().set("adapter.type", g.STR, "control_vector"), "adapter.type")
refused("an adapter of another architecture", one.file().set("general.architecture", g.STR, "llama"), "qwen2", "llama")
refused("one that begins at a token", one.file().set("adapter.alora.invocation_tokens", g.ARR, (g.U32, [1])), "aLoRA")
refused("an infinite alpha", one.file().set("adapter.lora.alpha", g.F32, float("inf")), "adapter.lora.alpha")
refused("an A without B", one.file().drop_tensor("blk.0.attn_q.weight.lora_b"), "blk.0.attn_q.weight.lora_b")
refused("a B without A", one.file().drop_tensor("blk.1.attn_v.weight.lora_a"), "blk.1.attn_v.weight.lora_a")
f = one.file()
f.tensor("blk.0.attn_q.weight.lora_b").resize([4, 70])
refused("a B of other rows", f, "blk.0.attn_q.weight", "70")
f = one.file()
f.tensor("blk.0.attn_q.weight.lora_a").resize([72, 5])
refused("ranks that differ", f, "blk.0.attn_q.weight")
for name in ("token_embd.weight", "blk.7.attn_q.weight", "blk.0.attn_norm.weight", "blk.0.nothing.weight"):
    f = one.file()
    f.tensors += [g.Tensor(name + ".lora_a", [72, 1], F32, bytes(288)), g.Tensor(name + ".lora_b", [1, 72], F32, bytes(288))]
    refused(f"a change of {name}", f, name, "merge")
f = one.file()
f.tensors.append(g.Tensor("blk.0.attn_q.weight", [72, 1], F32, bytes(288)))
refused("a tensor that is neither A nor B", f, "blk.0.attn_q.weight")
r = moat("logits", path("base.gguf"), "--tokens", path("ids"), "--out", path("out"), *["--lora", path("0.gguf")] * 17)
ok(r.status == 2 and "16" in r.err, "more than 16 adapters are refused", r)
done()
