#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Models of random shapes, keys, formats and weights: the program against the NumPy reference, relative to the largest logit.

Needs numpy and gguf in the interpreter that runs it; skips without. MOAT_SEED picks other models, MOAT_MODELS how many.
"""
import os
import random
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib"), os.path.join(HERE, "..", "reference")]
from tap import *  # noqa: E402,F403

try:
    import gguf
    import numpy as np
    from gguf import GGMLQuantizationType as T
    import families
    import make_fixtures as fx
    import reference
except ImportError as e:
    skip("random models agree with the reference", str(e))
    done()

SEED, N_MODELS = int(os.environ.get("MOAT_SEED", "0")), int(os.environ.get("MOAT_MODELS", "150"))
BAR = 1e-4
PLAIN = [T.F16, T.BF16, T.F32]
SHORT = [T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1, T.Q8_0, T.IQ4_NL, T.MXFP4]
LONG = [k for k in fx.BLOCKS if gguf.GGML_QUANT_SIZES[k][0] == 256]


class Shape:
    """Sizes and keys of one random model."""

    def __init__(self, rnd):
        pick = rnd.choice
        self.rnd, self.arch = rnd, pick(["llama", "llama", "qwen2", "qwen3", "qwen3moe", "gemma3"])
        self.experts = self.arch == "qwen3moe" or self.arch == "llama" and rnd.random() < 0.5
        self.n_head_kv = pick([1, 2, 3])
        self.n_head = self.n_head_kv * pick([1, 2, 3, 5])
        self.d_head = pick([2, 6, 8, 14, 16, 24, 32, 40, 64, 80])
        self.d_head_v = self.d_head if rnd.random() < 0.6 else pick([4, 8, 10, 32, 48])
        self.d_model = pick([8, 24, 32, 64, 72, 96, 160, 256])
        self.d_ff = self.d_ff_expert = pick([6, 8, 32, 50, 64, 96, 256, 512])
        self.n_layer, self.n_vocab, self.n_expert = pick([1, 2, 3, 8]), pick([5, 33, 101]), pick([1, 2, 4, 7])
        self.n_rot = rnd.randrange(2, self.d_head + 1, 2)
        self.keys = dict(context_length=pick([256, 300, 1000]), embedding_length=self.d_model, block_count=self.n_layer,
                         feed_forward_length=self.d_ff, attention__head_count=self.n_head, attention__head_count_kv=self.n_head_kv,
                         attention__layer_norm_rms_epsilon=pick([1e-6, 1e-5, 1e-3]), attention__key_length=self.d_head,
                         attention__value_length=self.d_head_v)
        if rnd.random() < 0.5:
            self.keys["rope__dimension_count"] = self.n_rot
        else:
            self.n_rot = self.d_head
        self.maybe(0.5, rope__freq_base=[500.0, 1e5, 1e6])
        self.maybe(0.3, attention__scale=[0.05, 0.3])
        self.maybe(0.3, final_logit_softcapping=[0.2, 3.0])
        self.scaling()
        if self.experts:
            self.keys.update(expert_count=self.n_expert, expert_used_count=rnd.randint(1, self.n_expert))
            self.maybe(0.3, expert_weights_scale=[2.5])
        if self.arch == "qwen3moe":
            self.d_ff_expert = self.keys["expert_feed_forward_length"] = pick([6, 16, 32, 40])
        if self.arch == "gemma3":
            self.windows()

    def maybe(self, chance, **options):
        for key, values in options.items():
            if self.rnd.random() < chance:
                self.keys[key] = self.rnd.choice(values)

    def scaling(self):
        kind = self.rnd.choice([None, "none", "linear", "yarn"])
        if kind:
            self.keys.update(rope__scaling__type=kind, rope__scaling__factor=self.rnd.choice([1.0, 2.0, 3.5]))
            self.maybe(0.4, rope__scaling__original_context_length=[16, 128, 4096], rope__scaling__attn_factor=[0.5, 1.2],
                       rope__scaling__yarn_beta_fast=[8.0], rope__scaling__yarn_beta_slow=[0.5])

    def windows(self):
        pattern = self.rnd.choice([None, 0, 1, 2, 3, [self.rnd.random() < 0.5 for _ in range(self.n_layer)]])
        self.maybe(0.8, attention__sliding_window=[1, 2, 5, 16, 17, 33, 1000])
        self.maybe(0.5, rope__freq_base_swa=[3000.0], attn_logit_softcapping=[1.0, 20.0])
        if pattern is not None:
            self.keys["attention__sliding_window_pattern"] = pattern

    def format(self, cols):
        """A weight format whose blocks divide a row."""
        if cols % 256 == 0 and self.rnd.random() < 0.6:
            return self.rnd.choice(LONG)
        return self.rnd.choice(SHORT + PLAIN if cols % 32 == 0 else PLAIN)


def write_layer(f, s, il):
    blk, biases = f"blk.{il}.", s.arch in ("llama", "qwen2")
    rows = {"q": s.n_head * s.d_head, "k": s.n_head_kv * s.d_head, "v": s.n_head_kv * s.d_head_v}
    f.vector(blk + "attn_norm.weight", s.d_model, 1.0, 0.2)
    for c in "qkv":
        f.put(f"{blk}attn_{c}.weight", s.format(s.d_model), (rows[c], s.d_model), 1.2 / s.d_model**0.5)
        if biases and s.rnd.random() < 0.4:
            f.vector(f"{blk}attn_{c}.bias", rows[c], 0.0, 0.3)
    width = s.n_head * s.d_head_v
    f.put(blk + "attn_output.weight", s.format(width), (s.d_model, width), 0.8 / width**0.5)
    if biases and s.rnd.random() < 0.4:
        f.vector(blk + "attn_output.bias", s.d_model, 0.0, 0.1)
    if not biases:
        f.vector(blk + "attn_q_norm.weight", s.d_head, 1.2, 0.2)
        f.vector(blk + "attn_k_norm.weight", s.d_head, 1.2, 0.2)
    if s.arch == "gemma3":
        f.vector(blk + "post_attention_norm.weight", s.d_model, 0.8, 0.2)
        f.vector(blk + "post_ffw_norm.weight", s.d_model, 0.8, 0.2)
    if s.experts:
        f.experts(il, (s.format(s.d_model), s.format(s.d_model), s.format(s.d_ff_expert)), s.d_model, s.d_ff_expert, s.n_expert)
    else:
        f.feed_forward(il, (s.format(s.d_model), s.format(s.d_model), s.format(s.d_ff)), s.d_model, s.d_ff,
                       biases=s.arch == "llama" and s.rnd.random() < 0.5)


def write_model(path, s, seed):
    f = fx.Writer(path, s.arch, seed, **s.keys)
    fx.add_no_vocabulary(f, s.n_vocab)
    output = None if s.rnd.random() < 0.5 else s.format(s.d_model)
    f.ends(s.format(s.d_model), s.n_vocab, s.d_model, output=output, bias=s.arch in ("llama", "qwen2") and s.rnd.random() < 0.4)
    if s.arch == "llama" and s.rnd.random() < 0.5:
        f.w.add_tensor("rope_freqs.weight", np.geomspace(1, 5, s.n_rot // 2).astype(np.float32))
    for il in range(s.n_layer):
        write_layer(f, s, il)
    f.close()


FAMILIES = [a for a in reference.NEOX + reference.NEIGHBOURS if a not in ("llama", "qwen2", "qwen3", "qwen3moe", "gemma3")]
WINDOWED = "gemma2 cohere2 olmo2 exaone4 phi3".split()
OPTIONAL = ["one matrix", "qkv biases", "output biases", "output", "second norm", "freqs", "long factors"]


def family_keys(rnd, arch):
    """Keys that change what this architecture computes."""
    pick, maybe = rnd.choice, lambda **k: {n: rnd.choice(v) for n, v in k.items() if rnd.random() < 0.5}
    keys = maybe(rope__freq_base=[500.0, 1e5], attention__scale=[0.3] if arch == "granite" else [0.0])
    if rnd.random() < 0.4:
        keys.update(rope__scaling__type=pick(["none", "linear", "yarn", "yarn"]), rope__scaling__factor=pick([1.0, 2.0, 4.0, 0.5]))
        keys.update(maybe(rope__scaling__original_context_length=[16, 128], rope__scaling__attn_factor=[0.8, 1.2]))
    if arch in WINDOWED:
        keys.update(maybe(attention__sliding_window=[3, 16, 33], attention__sliding_window_pattern=[0, 1, 2, 3]))
    if arch == "gemma2":
        keys.update(maybe(rope__freq_base_swa=[3000.0], attn_logit_softcapping=[5.0], final_logit_softcapping=[0.5]))
    if arch in ("granite", "cohere2"):
        keys["logit_scale"] = pick([1.0, 4.0])
    if arch == "cohere2":
        keys.setdefault("attention__sliding_window", 7)
    if arch == "granite":
        keys.update(maybe(residual_scale=[0.3, 0.0], embedding_scale=[5.0], rope__scaling__finetuned=[True, False]))
    if arch == "mistral3":
        keys.update(maybe(attention__temperature_scale=[0.2], rope__scaling__yarn_log_multiplier=[1.0, 0.7]))
    if arch == "glm4":
        keys.update(maybe(rope__dimension_sections=[[2, 1, 1, 1], [2, 2, 2, 0], [3, 0, 0, 0]]))
    if arch == "qwen2moe" or arch in ("granite", "mistral3") and rnd.random() < 0.4:
        keys.update(expert_count=5, expert_used_count=rnd.randint(1, 5))
        keys.update(maybe(expert_shared_feed_forward_length=[32, 20]) if arch != "mistral3" else {})
        keys.update(maybe(expert_feed_forward_length=[16, 30]) if arch == "qwen2moe" else {})
    return keys


def write_family(path, rnd, seed):
    arch, pick = rnd.choice(FAMILIES), rnd.choice
    n_head_kv, d_head = pick([1, 2, 3]), pick([8, 16, 32, 40])
    n_head = n_head_kv * pick([1, 2, 3])
    epsilon = "attention__layer_norm_epsilon" if arch in reference.LAYER_NORM else "attention__layer_norm_rms_epsilon"
    keys = dict(context_length=pick([256, 400]), embedding_length=pick([n_head * d_head, 32, 72]), block_count=pick([1, 2, 5]),
                feed_forward_length=pick([32, 50, 96]), attention__head_count=n_head, attention__head_count_kv=n_head_kv,
                attention__key_length=d_head, attention__value_length=d_head)
    keys[epsilon] = pick([1e-6, 1e-3])
    if rnd.random() < 0.3:
        keys["rope__dimension_count"] = pick([4, 8])
    keys.update(family_keys(rnd, arch))
    s = families.Shape(arch, pick([5, 33, 101]), [o for o in OPTIONAL if rnd.random() < 0.5], [(32, SHORT), (1, PLAIN)], **keys)
    f = fx.Writer(path, arch, seed, **keys)
    fx.add_no_vocabulary(f, s.n_vocab)
    families.model(f, s)
    f.close()
    return s


def check(seed, path):
    """(relative difference, description)"""
    rnd = random.Random(seed)
    if seed % 2:
        s = write_family(path, rnd, seed)
    else:
        s = Shape(rnd)
        write_model(path, s, seed)
    ids = [rnd.randrange(s.n_vocab) for _ in range(rnd.choice([1, 3, 17, 60, 130, 200]))]
    options = ["--kv", "f32", "--exact", "--batch", rnd.choice([1, 2, 5, 16, 33, 512]), "--threads", rnd.choice([1, 2, 3])]
    wanted = reference.logits_of(path, ids).astype(np.float32).ravel()
    got, r = logits(path, ids, *options)
    described = f"seed {seed}: {s.arch}, {len(ids)} tokens, {options}, {s.keys}"
    if got is None or len(got) != len(wanted):
        return float("inf"), f"{described}: {r}"
    return float(np.abs(np.frombuffer(got, np.float32) - wanted).max() / max(1e-3, np.abs(wanted).max())), described


worst, faults = 0.0, []
with tempfile.TemporaryDirectory() as folder, np.errstate(all="ignore"):
    for seed in range(SEED * N_MODELS, (SEED + 1) * N_MODELS):
        difference_here, described = check(seed, os.path.join(folder, "m.gguf"))
        worst = max(worst, difference_here)
        if not difference_here <= BAR:
            faults.append(f"{difference_here:.1e} {described}")
ok(not faults, f"{N_MODELS} random models agree with the reference to {worst:.1e} of the largest logit (bar {BAR:g})", "\n".join(faults))
done()
