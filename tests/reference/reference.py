#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Logits of a GGUF model by plain NumPy: what the C engine is measured against.

usage: reference.py MODEL.gguf TOKENS [--out F.f32] [--against F.f32] [--dtype float64|float32] [--kv float16]
                    [--set KEY=VALUE]... (a metadata key without the architecture, instead of the file's)

Takes    a GGUF of the architectures listed below (NEOX, NEIGHBOURS, and MIXED, which mixers.py computes), and a file of token ids separated by blanks.
Gives    the logits of every position, raw little-endian f32 [n_tok][n_vocab], with --out; the largest
         absolute difference to another such file with --against.
Refuses  an unknown family and any tensor in the file that the computation did not read.

Written from the papers, one function per idea, the whole sequence at once, no KV cache:
  RMSNorm   Zhang & Sennrich 2019                 RoPE     Su et al. 2021 (norm: pairs 2i, 2i+1; neox: i, i+d/2)
  SwiGLU    Shazeer 2020                          YaRN     Peng et al. 2023, section 3
  GQA       Ainslie et al. 2023                   Mixtral  Jiang et al. 2024 (softmax over the chosen experts)
  Llama     Touvron et al. 2023, Llama 3.1 card   Qwen2, Qwen3 technical reports; Gemma 1 to 3 technical reports
  LayerNorm Ba et al. 2016                        LongRoPE Ding et al. 2024
  and the reports or published code of the others: GPT-2, Falcon, Phi, StarCoder2, InternLM2, Granite, OLMo 2, GLM-4,
  Command R7B, SmolLM3, EXAONE 4, Mistral Small 3.1, StableLM 2, OLMoE, GLM-4.5, Seed-OSS, Command R, Baichuan 2, MiniCPM,
  Nemotron-4, ERNIE 4.5, StarCoder, Hunyuan, dots.llm1, DeepSeekMoE
Needs numpy and the gguf package (to open the file and to expand quantised weights); `make test` needs neither.
"""
import argparse
import math
import sys

import gguf
import numpy as np


# What each architecture is made of; where none is named, as Llama: RMS norms before a block, SwiGLU, one block after the other.
NEOX = ("qwen2 qwen2moe qwen3 qwen3moe gemma gemma2 gemma3 phi2 phi3 starcoder2 falcon olmo2 exaone4 stablelm olmoe glm4moe seed_oss "
        "nemotron hunyuan-dense dots1").split()
NEIGHBOURS = ("llama mistral3 granite granitemoe minicpm internlm2 smollm3 cohere2 glm4 command-r baichuan ernie4_5 ernie4_5-moe deepseek "
              "gpt2 starcoder").split()  # the last two turn nothing; glm4 may be of the others
MIXED = "deepseek2 gpt-oss lfm2 lfm2moe qwen3next qwen35 mamba2 falcon-h1".split()
LEARNED = "gpt2 starcoder".split()  # positions
LAYER_NORM = "phi2 starcoder2 gpt2 starcoder falcon cohere2 stablelm command-r nemotron".split()
GELU = "gemma gemma2 gemma3 phi2 starcoder2 gpt2 starcoder falcon".split()
UNGATED = "phi2 starcoder2 gpt2 starcoder falcon nemotron".split()
FUSED_FFN = "phi3 glm4".split()  # the first half of ffn_up is the gate
PARALLEL = "phi2 falcon cohere2 command-r".split()  # both blocks read the same norm; stablelm where there is one only
POST_NORM = "gemma2 gemma3 glm4 olmo2 exaone4".split()  # what a block gives is normalised
NO_PRE_NORM = "olmo2 exaone4".split()
HEAD_NORM = "qwen3 qwen3moe gemma3 exaone4 glm4moe dots1".split()  # each head of q and k, in glm4moe where the file has the weights
OWN_NORM = "stablelm command-r".split()  # each by weights of its own, where the file has them
LATE_NORM = ["hunyuan-dense"]  # each, after the rotation
WHOLE_NORM = "olmo2 olmoe".split()  # all heads at once
SECOND_NORM = {"seed_oss": "post_attention_norm", "glm4moe": "post_attention_norm"}  # what others call ffn_norm
WITHOUT_SUM = "qwen2moe olmoe deepseek".split()  # the weights of the chosen experts are used as they are
ROPE_FACTORS = "llama mistral3 granite granitemoe minicpm phi3 exaone4".split()
EMBED_ROOT = "gemma gemma2 gemma3".split()  # the embedding is multiplied by sqrt(d_model)


class Model:
    """Metadata by key, tensors by name; remembers which tensors were asked for."""

    def __init__(self, path, dtype, kv=None, keys=None):
        reader = gguf.GGUFReader(path)
        self.dtype = dtype
        self.kv = kv or dtype  # the type keys and values pass through, as a KV cache would round them
        self.meta = {k: f.contents() for k, f in reader.fields.items()}
        self.arch = self.meta["general.architecture"]
        self.meta.update({f"{self.arch}.{k}": v for k, v in (keys or {}).items()})
        self.tensors = {t.name: t for t in reader.tensors}
        self.read = set()

    def key(self, name, default=None):
        """ARCH.name, or the default of the family; no default: the key is required."""
        value = self.meta.get(f"{self.arch}.{name}", default)
        if value is None:
            raise SystemExit(f"key {self.arch}.{name} is missing")
        return value

    def has(self, name):
        return name in self.tensors

    def get(self, name):
        """[rows][cols] (GGUF writes the fastest dimension first, NumPy the slowest)."""
        if name not in self.tensors:
            raise SystemExit(f"tensor {name} is missing")
        self.read.add(name)
        t = self.tensors[name]
        return gguf.quants.dequantize(t.data, t.tensor_type).reshape([int(n) for n in t.shape[::-1]]).astype(self.dtype)

    def maybe(self, name):
        return self.get(name) if self.has(name) else None

    def unread(self):
        return sorted(set(self.tensors) - self.read)


class Hparams:
    """Sizes under the one name each has in moat, with the GGUF key and its default."""

    def __init__(self, m):
        self.arch = m.arch
        self.n_layer = m.key("block_count")
        self.d_model = m.key("embedding_length")
        self.n_head = m.key("attention.head_count") or 1  # mamba2 has none
        self.n_head_kv = m.key("attention.head_count_kv", self.n_head)
        self.d_head = m.key("attention.key_length", self.d_model // self.n_head)
        self.d_head_v = m.key("attention.value_length", self.d_model // self.n_head)
        self.eps = m.key("attention.layer_norm_epsilon" if m.arch in LAYER_NORM else "attention.layer_norm_rms_epsilon")
        self.n_expert = m.key("expert_count", 0)
        self.n_expert_used = m.key("expert_used_count", 0)
        self.expert_scale = m.key("expert_weights_scale", 0.0) or 1.0
        self.n_ctx = m.key("context_length")
        self.n_rot = m.key("rope.dimension_count", self.d_head)
        self.rope_base = m.key("rope.freq_base", 10000.0)
        self.rope_kind = m.key("rope.scaling.type", "linear")
        factor = m.key("rope.scaling.factor", m.key("rope.scale_linear", 0.0)) or 1.0
        self.rope_scale = 1.0 if self.rope_kind == "none" else 1.0 / factor
        self.n_ctx_orig = m.key("rope.scaling.original_context_length", self.n_ctx)
        self.yarn = m.key("rope.scaling.yarn_ext_factor", 1.0) if self.rope_kind == "yarn" else 0.0  # share of the ramp
        self.yarn_beta_fast = m.key("rope.scaling.yarn_beta_fast", 32.0)
        self.yarn_beta_slow = m.key("rope.scaling.yarn_beta_slow", 1.0)
        self.rope_attn_factor = m.key("rope.scaling.attn_factor", 1.0)
        self.sections = m.key("rope.dimension_sections", []) if self.arch in ("glm4", "glm4moe") else []
        self.neox = self.arch in NEOX or len(self.sections) > 1 and min(self.sections[:2]) > 0
        self.yarn_log_mul = m.key("rope.scaling.yarn_log_multiplier", 0.0) if self.arch == "mistral3" else 0.0
        self.temperature = m.key("attention.temperature_scale", 0.0) if self.arch == "mistral3" else 0.0
        self.attn_scale = m.key("attention.scale", 0.0) or 1.0 / math.sqrt(self.d_head)
        self.softcap = m.key("final_logit_softcapping", 30.0 if self.arch == "gemma2" else 0.0)
        self.attn_softcap = m.key("attn_logit_softcapping", 50.0 if self.arch == "gemma2" else 0.0)
        self.logit_scale = 1.0
        self.residual_scale = self.embed_scale = 1.0
        self.window, self.alibi, self.n_dense, self.expert_step = 0, None, 0, 1
        self.gating, self.expert_norm = 1, self.arch not in WITHOUT_SUM
        self.local, self.turns = [False] * self.n_layer, [True] * self.n_layer
        self.rope_base_local, self.local_scaled = self.rope_base, False
        if hasattr(self, self.arch.replace("-", "_")):
            getattr(self, self.arch.replace("-", "_"))(m)

    def gemma2(self, m):
        self.rope_base_local, self.local_scaled = m.key("rope.freq_base_swa", self.rope_base), True
        self.attn_scale = 1.0 / math.sqrt(self.d_model // self.n_head if self.n_layer == 46 else self.d_head)
        self.windows(m, 2, m.key("attention.sliding_window", 4096))

    def olmo2(self, m):
        self.windows(m, 4)

    def cohere2(self, m):
        self.windows(m, 4)
        self.local_scaled = True
        self.turns = self.local
        self.logit_scale = m.key("logit_scale") or 1.0

    def exaone4(self, m):
        if self.n_layer == 64:  # only the 32B is a hybrid
            self.windows(m, 4, m.key("attention.sliding_window", 4096))
            self.local_scaled = True
            self.turns = self.local

    def smollm3(self, m):
        self.turns = [(i + 1) % 4 != 0 for i in range(self.n_layer)]

    def gpt2(self, m):
        self.turns = [False] * self.n_layer

    starcoder = gpt2

    def granite(self, m):
        self.turns = [bool(m.key("rope.scaling.finetuned", True))] * self.n_layer
        self.logit_scale = 1.0 / m.key("logit_scale")
        self.residual_scale = m.key("residual_scale", 0.0) or 1.0
        self.embed_scale = m.key("embedding_scale", 0.0) or 1.0

    granitemoe = granite

    def minicpm(self, m):
        self.logit_scale = 1.0 / m.key("logit_scale", self.d_model / 256)
        self.residual_scale = m.key("residual_scale", 0.0) or 1.4 / math.sqrt(self.n_layer)
        self.embed_scale = m.key("embedding_scale", 0.0) or 12.0

    def command_r(self, m):
        self.logit_scale = m.key("logit_scale", 0.0) or 1.0

    def baichuan(self, m):
        """The number of layers says which of the two models it is."""
        self.turns = [self.n_layer == 32] * self.n_layer
        if self.n_layer == 40:
            whole = 2 ** int(math.log2(self.n_head))
            steps = [i + 1.0 if i < whole else i - whole + 0.5 for i in range(self.n_head)]
            self.alibi = [2.0 ** (-8.0 * s / whole) for s in steps]

    def hunyuan_dense(self, m):
        alpha = m.key("rope.scaling.alpha", 0.0)
        if alpha:
            self.rope_base *= alpha ** (self.d_head / (self.d_head - 2))

    def deepseek(self, m):
        self.n_dense = m.key("leading_dense_block_count", 0)

    def ernie4_5_moe(self, m):
        self.n_dense = m.key("leading_dense_block_count", 0)
        self.expert_step = m.key("interleave_moe_layer_step", 1)

    def dots1(self, m):
        self.n_dense = m.key("leading_dense_block_count", 0)
        self.gating = m.key("expert_gating_func", 2)
        self.expert_norm = m.key("expert_weights_norm", False)

    def glm4moe(self, m):
        self.n_layer -= m.key("nextn_predict_layers", 0)
        self.dots1(m)

    def gemma3(self, m):
        self.rope_base_local = m.key("rope.freq_base_swa", 10000.0)
        if self.n_layer == 62 and "gemma3.attention.scale" not in m.meta:  # 27B alone: query_pre_attn_scalar
            self.attn_scale = 1.0 / math.sqrt(self.d_model / self.n_head)
        self.windows(m, 6)

    def windows(self, m, default_pattern, window=None):
        self.window = m.key("attention.sliding_window", 0) if window is None else window
        pattern = m.key("attention.sliding_window_pattern", default_pattern)
        if isinstance(pattern, list):
            self.local = [bool(x) for x in pattern]
        else:  # of each `pattern` layers the last sees everything; 0: none does
            self.local = [pattern == 0 or i % pattern < pattern - 1 for i in range(self.n_layer)]
        if not self.window:
            self.local = [False] * self.n_layer


def rms_norm(x, weight, eps):
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps) * weight


def norm(m, h, x, name):
    weight, bias = m.get(name + ".weight"), m.maybe(name + ".bias")
    if h.arch in LAYER_NORM:
        x = x - x.mean(axis=-1, keepdims=True)
    x = rms_norm(x, weight, h.eps)
    return x if bias is None else x + bias


def silu(x):
    return x / (1.0 + np.exp(-x))


def gelu_tanh(x):
    return 0.5 * x * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)))


def relu2(x):
    return np.maximum(x, 0.0) ** 2


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def linear(m, x, name):
    """x [n_tok][cols] times NAME.weight [rows][cols], plus NAME.bias [rows] where the file has one."""
    y = x @ m.get(name + ".weight").T
    bias = m.maybe(name + ".bias")
    return y if bias is None else y + bias


def parts(m, x, names, whole, sizes):
    """Products with matrices of these names, or with one that holds all their rows."""
    if not m.has(whole + ".weight"):
        return [linear(m, x, name) for name in names]
    return np.split(linear(m, x, whole), np.cumsum(sizes)[:-1], axis=-1)


def rope_factors(m, h):
    if h.arch not in ROPE_FACTORS:
        return None
    freqs, long, short = (m.maybe(n + ".weight") for n in ("rope_freqs", "rope_factors_long", "rope_factors_short"))
    return freqs if freqs is not None else long if h.n_ctx > h.n_ctx_orig else short  # the context is the trained one


def yarn_ramp(h, base):
    """1 where a pair turns so fast that its frequency is kept, 0 where it is scaled, a ramp between."""
    def pair_of(turns):
        return h.n_rot * math.log(h.n_ctx_orig / (turns * 2 * math.pi)) / (2 * math.log(base))
    low = max(0, math.floor(pair_of(h.yarn_beta_fast)))
    high = min(h.n_rot - 1, math.ceil(pair_of(h.yarn_beta_slow)))
    i = np.arange(h.n_rot // 2)
    return 1.0 - np.clip((i - low) / max(0.001, high - low), 0.0, 1.0)


def rope(h, x, pos, local, factors):
    """x [n_tok][heads][d_head]: the first n_rot dimensions of each head turn by the position. In most families scaling
    (to reach a longer context) concerns the layers that see the whole context only."""
    base = h.rope_base_local if local else h.rope_base
    scale, length = (1.0, 1.0) if local and not h.local_scaled else (h.rope_scale, h.rope_attn_factor)
    i = np.arange(h.n_rot // 2)
    freq = base ** (-2.0 * i / h.n_rot)
    if factors is not None:
        freq = freq / factors
    if h.yarn:
        keep = yarn_ramp(h, base) * h.yarn
        freq = freq * scale * (1.0 - keep) + freq * keep
        stretch = 0.1 * max(0.0, math.log(1.0 / scale))
        length *= (1.0 + stretch) / (1.0 + h.yarn_log_mul * stretch)
    else:
        freq = freq * scale
    if h.neox and sum(h.sections):  # the axes of an image; text has no position on the fourth
        freq = np.where(i % sum(h.sections) < sum(h.sections[:3]), freq, 0.0)
    angle = pos[:, None, None] * freq
    cos, sin = np.cos(angle) * length, np.sin(angle) * length
    half = h.n_rot // 2
    first, second = (slice(0, half), slice(half, h.n_rot)) if h.neox else (slice(0, h.n_rot, 2), slice(1, h.n_rot, 2))
    out = x.copy()
    out[..., first] = x[..., first] * cos - x[..., second] * sin
    out[..., second] = x[..., first] * sin + x[..., second] * cos
    return out


def qk_norm(m, h, x, name, when):
    """Of q or k, as [n_tok][heads * d_head] (when: "whole") or [n_tok][heads][d_head], before or after the rotation."""
    archs = {"whole": WHOLE_NORM, "before": HEAD_NORM + OWN_NORM, "after": LATE_NORM}[when]
    weight = m.maybe(name) if h.arch in archs else None
    if weight is None:
        return x
    return rms_norm(x - x.mean(axis=-1, keepdims=True) if h.arch in LAYER_NORM else x, weight, h.eps)


def attention(m, h, x, il):
    blk = f"blk.{il}."
    n_tok = len(x)
    pos = np.arange(n_tok)
    sizes = h.n_head * h.d_head, h.n_head_kv * h.d_head, h.n_head_kv * h.d_head_v
    q, k, v = parts(m, x, [f"{blk}attn_{s}" for s in "qkv"], blk + "attn_qkv", sizes)
    names = blk + "attn_q_norm.weight", blk + "attn_k_norm.weight"
    q, k = (qk_norm(m, h, a, name, "whole") for a, name in zip((q, k), names))
    q, k, v = q.reshape(n_tok, h.n_head, h.d_head), k.reshape(n_tok, h.n_head_kv, h.d_head), v.reshape(n_tok, h.n_head_kv, h.d_head_v)
    q, k = (qk_norm(m, h, a, name, "before") for a, name in zip((q, k), names))
    local = h.local[il]
    factors = rope_factors(m, h)
    if h.turns[il]:
        q, k = rope(h, q, pos, local, factors), rope(h, k, pos, local, factors)
    q, k = (qk_norm(m, h, a, name, "after") for a, name in zip((q, k), names))
    if h.temperature:
        q = q * (np.log(pos // h.n_ctx_orig + 1.0) * h.temperature + 1.0)[:, None, None]
    k, v = k.astype(m.kv).astype(m.dtype), v.astype(m.kv).astype(m.dtype)
    group = h.n_head // h.n_head_kv
    behind = pos[:, None] - pos[None, :]
    seen = (behind >= 0) & ((behind < h.window) if local else True)
    out = np.empty((n_tok, h.n_head, h.d_head_v), m.dtype)
    for head in range(h.n_head):
        score = (q[:, head] @ k[:, head // group].T) * h.attn_scale
        if h.attn_softcap:
            score = np.tanh(score / h.attn_softcap) * h.attn_softcap
        if h.alibi:
            score = score - h.alibi[head] * behind
        out[:, head] = softmax(np.where(seen, score, -np.inf)) @ v[:, head // group]
    return linear(m, out.reshape(n_tok, -1), blk + "attn_output")


def feed_forward(m, h, x, il):
    blk = f"blk.{il}."
    act = gelu_tanh if h.arch in GELU else relu2 if h.arch == "nemotron" else silu
    if h.arch in UNGATED:
        return linear(m, act(linear(m, x, blk + "ffn_up")), blk + "ffn_down")
    if h.arch in FUSED_FFN:
        gate, up = np.split(linear(m, x, blk + "ffn_up"), 2, axis=-1)
    else:
        gate, up = linear(m, x, blk + "ffn_gate"), linear(m, x, blk + "ffn_up")
    return linear(m, act(gate) * up, blk + "ffn_down")


def experts(m, h, x, il):
    """Softmax over all experts, or sigmoids, the best n_expert_used kept (by a bias too where there is one), their weights
    made to sum to 1 in most. What ffn_*_shexp names is an expert for all tokens, which may have a gate."""
    blk = f"blk.{il}."
    weight = linear(m, x, blk + "ffn_gate_inp")
    weight = softmax(weight) if h.gating == 1 else 1.0 / (1.0 + np.exp(-weight))
    bias = m.maybe(blk + "exp_probs_b.bias")
    rate = weight if bias is None else weight + bias
    gate, up, down = (m.get(f"{blk}ffn_{s}_exps.weight") for s in ("gate", "up", "down"))
    biases = [m.maybe(f"{blk}ffn_{s}_exps.bias") for s in ("gate", "up", "down")]
    bg, bu, bd = (np.zeros(w.shape[:2], m.dtype) if b is None else b for w, b in zip((gate, up, down), biases))
    out = np.zeros_like(x)
    for t in range(len(x)):
        chosen = np.argsort(-rate[t], kind="stable")[: h.n_expert_used]
        share = weight[t, chosen] / (weight[t, chosen].sum() if h.expert_norm else 1.0) * h.expert_scale
        for e, s in zip(chosen, share):
            y = silu(gate[e] @ x[t] + bg[e]) * (up[e] @ x[t] + bu[e])
            out[t] += s * (down[e] @ y + bd[e])
    if m.has(blk + "ffn_up_shexp.weight"):
        y = linear(m, silu(linear(m, x, blk + "ffn_gate_shexp")) * linear(m, x, blk + "ffn_up_shexp"), blk + "ffn_down_shexp")
        gate = m.maybe(blk + "ffn_gate_inp_shexp.weight")
        out += y if gate is None else y / (1.0 + np.exp(-(x @ gate)))[:, None]
    return out


def layer(m, h, x, il):
    blk = f"blk.{il}."
    n = x if h.arch in NO_PRE_NORM else norm(m, h, x, blk + "attn_norm")
    second = h.arch == "falcon" and m.has(blk + "attn_norm_2.weight")  # the 40B: attention has a norm of its own
    a = attention(m, h, norm(m, h, x, blk + "attn_norm_2") if second else n, il)
    if h.arch in PARALLEL or h.arch == "stablelm" and not m.has(blk + "ffn_norm.weight"):
        return x + a + feed_forward(m, h, n, il)
    if h.arch in POST_NORM:
        a = norm(m, h, a, blk + "post_attention_norm")
    x = x + h.residual_scale * a
    n = x if h.arch in NO_PRE_NORM else norm(m, h, x, blk + SECOND_NORM.get(h.arch, "ffn_norm"))
    f = experts(m, h, n, il) if h.n_expert and il >= h.n_dense and (il + 1) % h.expert_step == 0 else feed_forward(m, h, n, il)
    if h.arch in POST_NORM:
        f = norm(m, h, f, blk + "post_ffw_norm")
    return x + h.residual_scale * f


def hidden(m, h, tokens):
    """The last layer's vectors of all tokens, normalised."""
    if h.arch not in NEOX + NEIGHBOURS:
        raise SystemExit(f"architecture {h.arch} is not written down here")
    embd = m.get("token_embd.weight")
    x = embd[tokens] * (math.sqrt(h.d_model) if h.arch in EMBED_ROOT else h.embed_scale)
    if h.arch in LEARNED:
        x = x + m.get("position_embd.weight")[: len(tokens)]
    for il in range(h.n_layer):
        x = layer(m, h, x, il)
    m.read |= {t for t in m.tensors if t.startswith("blk.") and int(t.split(".")[1]) >= h.n_layer}  # for drafting
    return norm(m, h, x, "output_norm")


def forward(m, tokens):
    if m.arch in MIXED:
        import mixers  # which needs the functions above
        return mixers.forward(m, tokens)
    h = Hparams(m)
    x = hidden(m, h, tokens)
    embd = m.get("token_embd.weight")
    logits = x @ (m.get("output.weight") if m.has("output.weight") else embd).T
    if m.has("output.bias"):
        logits = logits + m.get("output.bias")
    logits = logits * h.logit_scale
    return np.tanh(logits / h.softcap) * h.softcap if h.softcap else logits


def logits_of(path, tokens, dtype=np.float64, kv=None, keys=None):
    m = Model(path, dtype, kv, keys)
    logits = forward(m, np.asarray(tokens))
    if m.unread():
        raise SystemExit(f"{path}: tensors that the computation does not use: {', '.join(m.unread())}")
    return logits


def value_of(text):
    try:
        return float(text) if any(c in text for c in ".e") else int(text)
    except ValueError:
        return text


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("model"); ap.add_argument("tokens"); ap.add_argument("--out"); ap.add_argument("--against")
    ap.add_argument("--dtype", default="float64"); ap.add_argument("--kv")
    ap.add_argument("--set", action="append", default=[])
    o = ap.parse_args()
    tokens = [int(x) for x in open(o.tokens).read().split()]
    logits = logits_of(o.model, tokens, np.dtype(o.dtype), o.kv and np.dtype(o.kv),
                       {k: value_of(v) for k, v in (s.split("=", 1) for s in o.set)})
    if o.out:
        logits.astype("<f4").tofile(o.out)
    if o.against:
        other = np.fromfile(o.against, "<f4").reshape(len(tokens), -1)
        print(f"{o.model}: largest absolute difference {np.abs(logits - other).max():.3g}, "
              f"largest logit {np.abs(other).max():.4g}")
    elif not o.out:
        np.savetxt(sys.stdout, logits, "%.6g")


if __name__ == "__main__":
    main()
