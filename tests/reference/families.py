# SPDX-License-Identifier: Apache-2.0
"""Random weights for the architectures that reference.py lists by their parts: the tensors each has, by its sizes.

A Shape says the sizes and keys, which format a matrix has (format(cols)), and which optional tensors are there
(chance(what)). make_fixtures.py uses it with chosen shapes, tests/engine/random.check.py with random ones.
"""
import numpy as np
from gguf import GGMLQuantizationType as T

import reference as r

TIED = "gemma gemma2 cohere2 command-r".split()  # the output matrix is the embedding, always
UNTIED = "qwen2moe phi2 olmo2 internlm2 stablelm olmoe baichuan nemotron".split()  # never
ONE_MATRIX = "falcon gpt2 starcoder phi3".split()  # q, k and v
WITH_BIASES = "phi2 starcoder2 gpt2 starcoder".split()
MAY_HAVE_BIASES = "llama granite minicpm mistral3 nemotron".split()  # of the output of a block
NORMS_WITHOUT_BIAS = "cohere2 command-r".split()
OF_FILE = "feed_forward_length context_length embedding_length block_count".split()


class Shape:
    """Sizes of one model from its keys; n_vocab, and what of the optional there is, beside."""

    def __init__(self, arch, n_vocab, optional, formats, **keys):
        self.arch, self.n_vocab, self.optional, self.formats, self.keys = arch, n_vocab, optional, formats, keys
        self.d_ff, self.n_ctx, self.d_model, self.n_layer = (keys[k] for k in OF_FILE)
        self.n_head = keys["attention__head_count"]
        self.n_head_kv = keys.get("attention__head_count_kv", self.n_head)
        self.d_head = keys.get("attention__key_length", self.d_model // self.n_head)
        self.d_head_v = keys.get("attention__value_length", self.d_model // self.n_head)
        self.n_rot = keys.get("rope__dimension_count", self.d_head)
        self.n_expert = keys.get("expert_count", 0)
        self.d_ff_expert, self.d_ff_shared = self.d_ff, keys.get("expert_shared_feed_forward_length", 0)
        self.n_dense = keys.get("leading_dense_block_count", 0)
        self.expert_step = keys.get("interleave_moe_layer_step", 1)
        if arch == "qwen2moe":
            self.d_ff_expert = keys.get("expert_feed_forward_length", self.d_ff // keys["expert_used_count"])
            self.d_ff_shared = self.d_ff_shared or self.d_ff
        elif arch in "deepseek dots1 glm4moe ernie4_5-moe".split():
            self.d_ff_expert = keys["expert_feed_forward_length"]
            self.d_ff_shared = self.d_ff_shared or self.d_ff_expert * keys["expert_shared_count"]
        self.turn, self.gain = 0, {64: 0.05, 40: 0.03}.get(self.n_layer, 0.1)  # which format is next; how large logits are
        if arch == "minicpm" and "logit_scale" not in keys:
            self.gain *= self.d_model / 256

    def chance(self, what):
        return what in self.optional

    def format(self, cols):
        """The next format that fits."""
        fitting = [k for size, kinds in self.formats if cols % size == 0 for k in kinds]
        self.turn += 1
        return fitting[self.turn % len(fitting)]


def matrix(f, s, name, rows, cols, gain=1.0):
    f.put(name + ".weight", s.format(cols), (rows, cols), gain / cols**0.5)


def norm(f, s, name, n=None, bias=False):
    f.vector(name + ".weight", n or s.d_model, 1.0, 0.2)
    if bias:
        f.vector(name + ".bias", s.d_model, 0.0, 0.2)


def attention(f, s, blk):
    rows = {"q": s.n_head * s.d_head, "k": s.n_head_kv * s.d_head, "v": s.n_head_kv * s.d_head_v}
    biases = s.arch in r.LEARNED or s.arch != "falcon" and s.chance("qkv biases")
    if s.arch in ONE_MATRIX or s.chance("one matrix"):
        matrix(f, s, blk + "attn_qkv", sum(rows.values()), s.d_model, 1.2)
        rows = {"qkv": sum(rows.values())}
    else:
        for c, n in rows.items():
            matrix(f, s, f"{blk}attn_{c}", n, s.d_model, 1.2)
    for c, n in rows.items() if biases else ():
        f.vector(f"{blk}attn_{c}.bias", n, 0.0, 0.3)
    matrix(f, s, blk + "attn_output", s.d_model, s.n_head * s.d_head_v)
    if s.arch in WITH_BIASES or s.arch in MAY_HAVE_BIASES and s.chance("output biases"):
        f.vector(blk + "attn_output.bias", s.d_model, 0.0, 0.2)
    whole = s.arch in r.WHOLE_NORM
    if s.arch in r.OWN_NORM and s.chance("head norms"):
        for c, n in (("q", s.n_head), ("k", s.n_head_kv)):
            weight = 1.0 + f.rng.standard_normal((n, s.d_head)) * 0.2
            f.w.add_tensor(f"{blk}attn_{c}_norm.weight", weight.astype(np.float32))
    elif whole or s.arch in r.LATE_NORM or s.arch in r.HEAD_NORM and (s.arch != "glm4moe" or s.chance("head norms")):
        norm(f, s, blk + "attn_q_norm", s.n_head * s.d_head if whole else s.d_head)
        norm(f, s, blk + "attn_k_norm", s.n_head_kv * s.d_head if whole else s.d_head)


def feed_forward(f, s, blk):
    if s.arch not in r.UNGATED + r.FUSED_FFN:
        matrix(f, s, blk + "ffn_gate", s.d_ff, s.d_model)
    matrix(f, s, blk + "ffn_up", s.d_ff * (2 if s.arch in r.FUSED_FFN else 1), s.d_model)
    matrix(f, s, blk + "ffn_down", s.d_model, s.d_ff)
    if s.arch in WITH_BIASES or s.arch in MAY_HAVE_BIASES and s.chance("output biases"):
        for c, n in (("gate", s.d_ff), ("up", s.d_ff), ("down", s.d_model))[s.arch in r.UNGATED:]:
            f.vector(f"{blk}ffn_{c}.bias", n, 0.0, 0.2)


def experts(f, s, blk):
    f.put(blk + "ffn_gate_inp.weight", T.F32, (s.n_expert, s.d_model), 2.0 / s.d_model**0.5)
    for c, rows, cols in (("gate", s.d_ff_expert, s.d_model), ("up", s.d_ff_expert, s.d_model), ("down", s.d_model, s.d_ff_expert)):
        f.put(f"{blk}ffn_{c}_exps.weight", s.format(cols), (s.n_expert, rows, cols), 1.2 / cols**0.5)
    for c, rows, cols in (("gate", s.d_ff_shared, s.d_model), ("up", s.d_ff_shared, s.d_model), ("down", s.d_model, s.d_ff_shared)):
        if s.d_ff_shared:
            matrix(f, s, f"{blk}ffn_{c}_shexp", rows, cols)
    if s.arch == "qwen2moe":
        f.vector(blk + "ffn_gate_inp_shexp.weight", s.d_model, 0.0, 0.3)
    if s.arch in "dots1 glm4moe ernie4_5-moe".split():
        f.vector(blk + "exp_probs_b.bias", s.n_expert, 0.0, 0.3)


def layer(f, s, il):
    blk, biased = f"blk.{il}.", s.arch in r.LAYER_NORM and s.arch not in NORMS_WITHOUT_BIAS
    if s.arch not in r.NO_PRE_NORM:
        norm(f, s, blk + "attn_norm", bias=biased)
    if s.arch == "falcon" and s.chance("second norm"):
        norm(f, s, blk + "attn_norm_2", bias=True)
    attention(f, s, blk)
    if s.arch in r.POST_NORM:
        norm(f, s, blk + "post_attention_norm")
        norm(f, s, blk + "post_ffw_norm")
    if s.arch not in r.NO_PRE_NORM + r.PARALLEL and not (s.arch == "stablelm" and s.chance("parallel")):
        norm(f, s, blk + r.SECOND_NORM.get(s.arch, "ffn_norm"), bias=biased)
    (experts if s.n_expert and il >= s.n_dense and (il + 1) % s.expert_step == 0 else feed_forward)(f, s, blk)


def model(f, s):
    untied = s.arch not in TIED and (s.arch in UNTIED or s.chance("output"))
    f.put("token_embd.weight", s.format(s.d_model), (s.n_vocab, s.d_model), 1.0 if untied else s.gain / s.d_model**0.5)
    norm(f, s, "output_norm", bias=s.arch in r.LAYER_NORM and s.arch not in NORMS_WITHOUT_BIAS)
    if untied:
        matrix(f, s, "output", s.n_vocab, s.d_model, s.gain)
    if s.arch == "phi2":
        f.vector("output.bias", s.n_vocab, 0.0, 0.1)
    if s.arch in r.LEARNED:
        f.put("position_embd.weight", s.format(s.d_model), (s.n_ctx, s.d_model), 0.5)
    if s.arch in r.ROPE_FACTORS and s.chance("freqs"):
        f.w.add_tensor("rope_freqs.weight", np.geomspace(1, 8, s.n_rot // 2).astype(np.float32))
    elif s.arch in r.ROPE_FACTORS and s.arch != "exaone4" and s.chance("long factors"):
        f.w.add_tensor("rope_factors_long.weight", np.geomspace(1, 20, s.n_rot // 2).astype(np.float32))
        f.w.add_tensor("rope_factors_short.weight", np.geomspace(1, 1.5, s.n_rot // 2).astype(np.float32))
    for il in range(s.n_layer):
        layer(f, s, il)
    if s.keys.get("nextn_predict_layers"):
        blk = f"blk.{s.n_layer - 1}.nextn."
        matrix(f, s, blk + "eh_proj", s.d_model, 2 * s.d_model)
        norm(f, s, blk + "enorm")
        norm(f, s, blk + "hnorm")
