# SPDX-License-Identifier: Apache-2.0
"""What reference.py needs beyond attention and a feed-forward: latent attention, short convolutions, the gated delta
rule, gates, and the ways of choosing experts. Same style: float64, the whole sequence at once, no cache, no state kept.

  MLA and routing  DeepSeek-AI 2024 (V2, V3)      delta rule  Yang, Kautz & Hatamizadeh 2024, Qwen3-Next
  sinks, clamping  OpenAI 2025 (gpt-oss)          short conv  Liquid AI 2025 (LFM2)
  Mamba-2          Dao & Gu 2024                  Falcon-H1   Technology Innovation Institute 2025
"""
import math

import numpy as np

from reference import Hparams, feed_forward, linear, rms_norm, rope, softmax


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


# --- experts ---------------------------------------------------------------------------------------

def choose(m, h, logits, bias):
    """(chosen [n_used], their weights) of one token."""
    gating = m.key("expert_gating_func", {"gpt-oss": 3}.get(h.arch, 1))
    p = softmax(logits) if gating == 1 else sigmoid(logits) if gating == 2 else logits
    rate = p + (0 if bias is None else bias)
    groups, kept = m.key("expert_group_count", 0), m.key("expert_group_used_count", 0)
    if groups > 1:
        by_group = rate.reshape(groups, -1)
        best_two = np.sort(by_group, axis=1)[:, -2:].sum(axis=1)
        dropped = np.argsort(-best_two, kind="stable")[kept:]
        by_group = by_group.copy()
        by_group[dropped] = -np.inf
        rate = by_group.ravel()
    chosen = np.argsort(-rate, kind="stable")[: h.n_expert_used]
    share = softmax(p[chosen]) if gating == 3 else p[chosen]
    if h.arch in ("qwen3next", "lfm2moe") or h.arch == "deepseek2" and m.key("expert_weights_norm", False):
        share = share / share.sum()
    scale = h.expert_scale if h.arch == "deepseek2" else 1.0
    return chosen, share * scale


def gated(h, g, u):
    if h.arch != "gpt-oss":
        return g * sigmoid(g) * u
    g, u = np.minimum(g, 7.0), np.clip(u, -7.0, 7.0)
    return g * sigmoid(1.702 * g) * (u + 1.0)


def experts(m, h, x, il):
    blk = f"blk.{il}."
    logits, bias = linear(m, x, blk + "ffn_gate_inp"), m.maybe(blk + "exp_probs_b.bias")
    if m.has(blk + "ffn_gate_up_exps.weight"):
        both = m.get(blk + "ffn_gate_up_exps.weight")
        gate, up = np.split(both, 2, axis=1)
    else:
        gate, up = m.get(blk + "ffn_gate_exps.weight"), m.get(blk + "ffn_up_exps.weight")
    down = m.get(blk + "ffn_down_exps.weight")
    zeros = [np.zeros(w.shape[:2]) for w in (gate, up, down)]
    bg, bu, bd = (m.get(f"{blk}ffn_{s}_exps.bias") if m.has(f"{blk}ffn_{s}_exps.bias") else z for s, z in zip(("gate", "up", "down"), zeros))
    out = np.zeros_like(x)
    for t in range(len(x)):
        for e, share in zip(*choose(m, h, logits[t], bias)):
            out[t] += share * (down[e] @ gated(h, gate[e] @ x[t] + bg[e], up[e] @ x[t] + bu[e]) + bd[e])
    if m.has(blk + "ffn_up_shexp.weight"):
        y = linear(m, gated(h, linear(m, x, blk + "ffn_gate_shexp"), linear(m, x, blk + "ffn_up_shexp")), blk + "ffn_down_shexp")
        if m.has(blk + "ffn_gate_inp_shexp.weight"):
            y = y * sigmoid(x @ m.get(blk + "ffn_gate_inp_shexp.weight"))[:, None]
        out = out + y
    return out


# --- attention -------------------------------------------------------------------------------------

def attend(m, q, k, v, scale, window=0, sinks=None):
    """q [n][heads][d], k and v [n][heads or fewer][d]: causal, within the window; a sink is one more score."""
    n, heads = q.shape[:2]
    k, v = k.astype(m.kv).astype(m.dtype), v.astype(m.kv).astype(m.dtype)
    behind = np.arange(n)[:, None] - np.arange(n)[None, :]
    seen = (behind >= 0) & ((behind < window) if window else True)
    group, out = heads // k.shape[1], np.empty((n, heads, v.shape[2]))
    for i in range(heads):
        score = np.where(seen, (q[:, i] @ k[:, i // group].T) * scale, -np.inf)
        if sinks is not None:
            score = np.concatenate([score, np.full((n, 1), sinks[i])], axis=1)
        out[:, i] = softmax(score)[:, :n] @ v[:, i // group]
    return out


def latent_attention(m, h, x, il):
    """Keys and values are made for every head, whether the file absorbs the matrices that make them or not."""
    blk, n, rank = f"blk.{il}.", len(x), m.key("attention.kv_lora_rank")
    d = m.key("attention.key_length_mla", 0) or h.d_head
    d_v = m.key("attention.value_length_mla", 0) or h.d_head_v
    plain = d - h.n_rot
    if m.has(blk + "attn_q_a.weight"):
        q = linear(m, rms_norm(linear(m, x, blk + "attn_q_a"), m.get(blk + "attn_q_a_norm.weight"), h.eps), blk + "attn_q_b")
    else:
        q = linear(m, x, blk + "attn_q")
    q = q.reshape(n, h.n_head, d)
    both = linear(m, x, blk + "attn_kv_a_mqa")
    latent = rms_norm(both[:, :rank], m.get(blk + "attn_kv_a_norm.weight"), h.eps).astype(m.kv).astype(m.dtype)
    shared = rope(h, both[:, None, rank:], np.arange(n), False, None)
    q = np.concatenate([q[..., :plain], rope(h, q[..., plain:], np.arange(n), False, None)], axis=2)
    if m.has(blk + "attn_kv_b.weight"):
        kv = linear(m, latent, blk + "attn_kv_b").reshape(n, h.n_head, plain + d_v)
        k, v = kv[..., :plain], kv[..., plain:]
    else:
        k = np.einsum("nr,hrp->nhp", latent, m.get(blk + "attn_k_b.weight"))
        v = np.einsum("nr,hvr->nhv", latent, m.get(blk + "attn_v_b.weight"))
    k = np.concatenate([k, np.repeat(shared, h.n_head, axis=1)], axis=2)
    stretch = -math.log(h.rope_scale)
    log_mul = m.key("rope.scaling.yarn_log_multiplier", 0.0)
    factor = (1.0 if log_mul and h.yarn else 1.0 + 0.1 * stretch) * h.rope_attn_factor * (1.0 + log_mul * stretch)
    return linear(m, attend(m, q, k, v, factor**2 / math.sqrt(d)).reshape(n, -1), blk + "attn_output")


def gated_attention(m, h, x, il):
    blk, n = f"blk.{il}.", len(x)
    both = linear(m, x, blk + "attn_q").reshape(n, h.n_head, 2 * h.d_head)
    q, gate = both[..., : h.d_head], both[..., h.d_head:]
    k = linear(m, x, blk + "attn_k").reshape(n, h.n_head_kv, h.d_head)
    v = linear(m, x, blk + "attn_v").reshape(n, h.n_head_kv, h.d_head)
    q = rope(h, rms_norm(q, m.get(blk + "attn_q_norm.weight"), h.eps), np.arange(n), False, None)
    k = rope(h, rms_norm(k, m.get(blk + "attn_k_norm.weight"), h.eps), np.arange(n), False, None)
    return linear(m, (attend(m, q, k, v, h.d_head**-0.5) * sigmoid(gate)).reshape(n, -1), blk + "attn_output")


# --- recurrent layers ------------------------------------------------------------------------------

def causal_conv(x, weight):
    """x [n][channels], weight [channels][taps]: the last tap meets the token itself."""
    taps = weight.shape[1]
    padded = np.concatenate([np.zeros((taps - 1, x.shape[1])), x])
    return sum(padded[j:j + len(x)] * weight[:, j] for j in range(taps))


def short_conv(m, h, x, il):
    blk = f"blk.{il}."
    b, c, v = np.split(linear(m, x, blk + "shortconv.in_proj"), 3, axis=1)
    return linear(m, c * causal_conv(b * v, m.get(blk + "shortconv.conv.weight")), blk + "shortconv.out_proj")


def delta_inputs(m, h, x, il, d, n_k, n_v):
    """q, k, v beside one another, z [n][n_v][d], beta and alpha [n][n_v]."""
    blk, n, group = f"blk.{il}.", len(x), n_v // n_k
    if m.has(blk + "attn_qkv.weight"):
        qkv, z = linear(m, x, blk + "attn_qkv"), linear(m, x, blk + "attn_gate")
        if m.has(blk + "ssm_in.weight"):
            m.get(blk + "ssm_in.weight")  # the older form of the same, not read where both are there
    else:
        q, k, v, z = np.split(linear(m, x, blk + "ssm_in").reshape(n, n_k, -1), [d, 2 * d, (2 + group) * d], axis=2)
        qkv = np.concatenate([a.reshape(n, -1) for a in (q, k, v)], axis=1)
    if m.has(blk + "ssm_ba.weight"):
        ba = linear(m, x, blk + "ssm_ba").reshape(n, n_k, 2, group)
        beta, alpha = ba[:, :, 0].reshape(n, n_v), ba[:, :, 1].reshape(n, n_v)
    else:
        beta, alpha = linear(m, x, blk + "ssm_beta"), linear(m, x, blk + "ssm_alpha")
    return qkv, z.reshape(n, n_v, d), beta, alpha


def delta_net(m, h, x, il):
    blk, n = f"blk.{il}.", len(x)
    d, n_k, n_v = (m.key("ssm." + s) for s in ("state_size", "group_count", "time_step_rank"))
    qkv, z, beta, alpha = delta_inputs(m, h, x, il, d, n_k, n_v)
    qkv = causal_conv(qkv, m.get(blk + "ssm_conv1d.weight"))
    q, k, v = (a.reshape(n, -1, d) for a in np.split(qkv * sigmoid(qkv), [n_k * d, 2 * n_k * d], axis=1))
    q, k = (a / np.sqrt((a * a).sum(axis=2, keepdims=True) + h.eps) for a in (q, k))
    key_head = np.arange(n_v) // (n_v // n_k) if h.arch == "qwen3next" else np.arange(n_v) % n_k
    beta = sigmoid(beta)
    decay = np.exp(m.get(blk + "ssm_a") * np.logaddexp(0.0, alpha + m.get(blk + "ssm_dt.bias")))
    out, state = np.empty((n, n_v, d)), np.zeros((n_v, d, d))
    for t in range(n):
        state *= decay[t][:, None, None]
        kt, qt = k[t, key_head], q[t, key_head]
        new = beta[t][:, None] * (v[t] - np.einsum("hvk,hk->hv", state, kt))
        state += new[:, :, None] * kt[:, None, :]
        out[t] = np.einsum("hvk,hk->hv", state, qt) / math.sqrt(d)
    out = rms_norm(out, m.get(blk + "ssm_norm.weight"), h.eps) * z * sigmoid(z)
    return linear(m, out.reshape(n, -1), blk + "ssm_out")


def mamba2(m, h, x, il):
    """x is normalised already; the state of a head is [d_head][d_state]."""
    blk, n = f"blk.{il}.", len(x)
    inner, d_state, n_head, n_group = (m.key("ssm." + s) for s in ("inner_size", "state_size", "time_step_rank", "group_count"))
    d, of_b = inner // n_head, n_group * d_state
    z, xbc, dt = np.split(linear(m, x, blk + "ssm_in"), [inner, 2 * inner + 2 * of_b], axis=1)
    xbc = causal_conv(xbc, m.get(blk + "ssm_conv1d.weight"))
    if m.has(blk + "ssm_conv1d.bias"):
        xbc = xbc + m.get(blk + "ssm_conv1d.bias")
    xbc = xbc * sigmoid(xbc)
    v, b, c = xbc[:, :inner].reshape(n, n_head, d), xbc[:, inner:inner + of_b], xbc[:, inner + of_b:]
    b, c = (np.repeat(a.reshape(n, n_group, d_state), n_head // n_group, axis=1) for a in (b, c))
    dt = np.logaddexp(0.0, dt + m.get(blk + "ssm_dt.bias"))
    decay = np.exp(dt * m.get(blk + "ssm_a").ravel())
    state, out = np.zeros((n_head, d, d_state)), np.empty((n, n_head, d))
    for t in range(n):
        state = state * decay[t][:, None, None] + (dt[t][:, None] * v[t])[:, :, None] * b[t][:, None, :]
        out[t] = np.einsum("hds,hs->hd", state, c[t])
    out = (out + m.get(blk + "ssm_d").ravel()[:, None] * v).reshape(n, inner) * z * sigmoid(z)
    if m.has(blk + "ssm_norm.weight"):
        out = rms_norm(out.reshape(n, n_group, -1), m.get(blk + "ssm_norm.weight"), h.eps).reshape(n, inner)
    return linear(m, out, blk + "ssm_out")


def plain_attention(m, h, x, il):
    blk, n = f"blk.{il}.", len(x)
    q = linear(m, x, blk + "attn_q").reshape(n, h.n_head, h.d_head)
    k = linear(m, x, blk + "attn_k").reshape(n, h.n_head_kv, h.d_head)
    v = linear(m, x, blk + "attn_v").reshape(n, h.n_head_kv, h.d_head_v)
    q, k = (rope(h, a, np.arange(n), False, None) for a in (q, k))
    return linear(m, attend(m, q, k, v, h.attn_scale).reshape(n, -1), blk + "attn_output")


# --- the whole -------------------------------------------------------------------------------------

def hparams(m):
    h = Hparams(m)
    h.neox = h.arch != "deepseek2"
    h.n_layer -= m.key("nextn_predict_layers", 0)
    h.n_dense = m.key("leading_dense_block_count", 0)
    h.recurrent, h.local_scaled = [False] * h.n_layer, True
    if isinstance(h.n_head_kv, list):  # LFM2: layers without heads are convolutions
        h.recurrent = [n == 0 for n in h.n_head_kv]
        h.n_head_kv = max(h.n_head_kv)
    elif h.arch in ("qwen3next", "qwen35"):
        every = m.key("full_attention_interval", 4)
        h.recurrent = m.key("attention.recurrent_layers", [(i + 1) % every != 0 for i in range(h.n_layer)])
    if h.arch == "deepseek2" and m.key("rope.scaling.yarn_log_multiplier", 0.0):
        h.yarn_log_mul = 1.0  # it goes into the scores instead
    h.window = m.key("attention.sliding_window", 0) if h.arch in ("gpt-oss", "lfm2") else 0
    every = 2 if h.arch == "gpt-oss" else 1
    h.windowed = [h.window > 0 and i % every == 0 for i in range(h.n_layer)]
    return h


def attention(m, h, x, il):
    """LFM2 normalises each head of q and k; gpt-oss has sinks."""
    blk, n = f"blk.{il}.", len(x)
    q = linear(m, x, blk + "attn_q").reshape(n, h.n_head, h.d_head)
    k = linear(m, x, blk + "attn_k").reshape(n, h.n_head_kv, h.d_head)
    v = linear(m, x, blk + "attn_v").reshape(n, h.n_head_kv, h.d_head_v)
    if h.arch != "gpt-oss":
        q, k = (rms_norm(a, m.get(f"{blk}attn_{s}_norm.weight"), h.eps) for a, s in ((q, "q"), (k, "k")))
    q, k = (rope(h, a, np.arange(n), False, None) for a in (q, k))
    out = attend(m, q, k, v, h.d_head**-0.5, h.window if h.windowed[il] else 0, m.maybe(blk + "attn_sinks.weight"))
    return linear(m, out.reshape(n, -1), blk + "attn_output")


def mix(m, h, x, il):
    if h.recurrent[il]:
        return (short_conv if h.arch.startswith("lfm2") else delta_net)(m, h, x, il)
    special = {"deepseek2": latent_attention, "qwen3next": gated_attention, "qwen35": gated_attention}
    return special.get(h.arch, attention)(m, h, x, il)


def state_space(m, tokens):
    """Mamba-2, and Falcon-H1, which has it beside attention and a feed-forward block behind them."""
    h, hybrid = Hparams(m), m.arch == "falcon-h1"
    h.neox = True
    h.local_scaled = True
    embd = m.get("token_embd.weight")
    x = embd[tokens]
    for il in range(h.n_layer):
        blk = f"blk.{il}."
        n = rms_norm(x, m.get(blk + "attn_norm.weight"), h.eps)
        x = x + mamba2(m, h, n, il) + (plain_attention(m, h, n, il) if hybrid else 0)
        if hybrid:
            name = blk + ("ffn_norm.weight" if m.has(blk + "ffn_norm.weight") else "ffn_norm")
            x = x + feed_forward(m, h, rms_norm(x, m.get(name), h.eps), il)
    x = rms_norm(x, m.get("output_norm.weight"), h.eps)
    return x @ (m.get("output.weight") if m.has("output.weight") else embd).T


def forward(m, tokens):
    if m.arch in ("mamba2", "falcon-h1"):
        return state_space(m, tokens)
    h = hparams(m)
    embd = m.get("token_embd.weight")
    x = embd[tokens]
    ffn_norm = "post_attention_norm" if h.arch in ("gpt-oss", "qwen3next", "qwen35") else "ffn_norm"
    for il in range(h.n_layer):
        blk = f"blk.{il}."
        x = x + mix(m, h, rms_norm(x, m.get(blk + "attn_norm.weight"), h.eps), il)
        n = rms_norm(x, m.get(f"{blk}{ffn_norm}.weight"), h.eps)
        x = x + (experts if h.n_expert and il >= h.n_dense else feed_forward)(m, h, n, il)
    x = rms_norm(x, m.get("token_embd_norm.weight" if h.arch.startswith("lfm2") else "output_norm.weight"), h.eps)
    m.read |= {t for t in m.tensors if t.startswith("blk.") and int(t.split(".")[1]) >= h.n_layer}  # for drafting
    return x @ (m.get("output.weight") if m.has("output.weight") else embd).T
