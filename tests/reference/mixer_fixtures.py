# SPDX-License-Identifier: Apache-2.0
"""The models of random weights that mixers.py computes: latent attention, sinks, convolutions, the delta rule, and the
ways of choosing experts. For make_fixtures.py, as which fx is imported here.
"""
import numpy as np
from gguf import GGMLQuantizationType as T

import make_fixtures as fx


def more_experts(f, il, kinds, d_model, d_ff, n_expert, norm="ffn_norm", fused=False, shared=0):
    """As Writer.experts; gate and up in one stack where fused; a shared expert of that width."""
    blk = f"blk.{il}."
    f.vector(f"{blk}{norm}.weight", d_model, 1.0, 0.2)
    f.put(blk + "ffn_gate_inp.weight", T.F32, (n_expert, d_model), 1.0 / d_model**0.5)
    stacks = {"gate_up": 2 * d_ff} if fused else {"gate": d_ff, "up": d_ff}
    for s, rows in stacks.items():
        f.put(f"{blk}ffn_{s}_exps.weight", kinds[0], (n_expert, rows, d_model), 1.2 / d_model**0.5)
    f.put(blk + "ffn_down_exps.weight", kinds[1], (n_expert, d_model, d_ff), 1.2 / d_ff**0.5)
    if shared:
        f.put(blk + "ffn_gate_shexp.weight", kinds[0], (shared, d_model), 1.2 / d_model**0.5)
        f.put(blk + "ffn_up_shexp.weight", kinds[0], (shared, d_model), 1.2 / d_model**0.5)
        f.put(blk + "ffn_down_shexp.weight", T.F16, (d_model, shared), 1.2 / shared**0.5)


def deepseek2(path):
    """Latent attention of 3 heads, low-rank queries, YaRN with its own scale; a dense layer, then 8 experts in 4 groups by
    sigmoid and bias, a shared one; gate and up apart in one layer, together in the other."""
    f = fx.Writer(path, "deepseek2", 107, context_length=512, embedding_length=64, block_count=3, feed_forward_length=96,
               attention__head_count=3, attention__head_count_kv=1, attention__key_length=40, attention__value_length=32,
               attention__key_length_mla=40, attention__value_length_mla=20, attention__q_lora_rank=32, attention__kv_lora_rank=32,
               attention__layer_norm_rms_epsilon=1e-5, rope__dimension_count=8, rope__scaling__type="yarn", rope__scaling__factor=16.0,
               rope__scaling__original_context_length=32, rope__scaling__yarn_log_multiplier=0.0707, leading_dense_block_count=1,
               expert_count=8, expert_used_count=3, expert_group_count=4, expert_group_used_count=2, expert_gating_func=2,
               expert_weights_norm=True, expert_weights_scale=2.5, expert_shared_count=2, expert_feed_forward_length=24)
    fx.add_no_vocabulary(f, 91)
    f.ends(T.Q8_0, 91, 64, output=T.Q5_0)
    for il in range(3):
        blk = f"blk.{il}."
        f.vector(blk + "attn_norm.weight", 64, 1.0, 0.2)
        f.put(blk + "attn_q_a.weight", T.Q8_0, (32, 64), 0.15); f.vector(blk + "attn_q_a_norm.weight", 32, 1.0, 0.2)
        f.put(blk + "attn_q_b.weight", T.Q5_1, (120, 32), 0.25)
        f.put(blk + "attn_kv_a_mqa.weight", T.F16, (40, 64), 0.15); f.vector(blk + "attn_kv_a_norm.weight", 32, 1.0, 0.2)
        f.put(blk + "attn_k_b.weight", T.Q8_0, (3, 32, 32), 0.2); f.put(blk + "attn_v_b.weight", T.Q4_0, (3, 20, 32), 0.2)
        f.put(blk + "attn_output.weight", T.F16, (64, 60), 0.12)
        if il == 0:
            f.feed_forward(il, (T.Q4_0, T.Q5_0, T.F16), 64, 96)
        else:
            more_experts(f, il, (T.Q4_1, T.F16), 64, 24, 8, fused=il == 2, shared=48)
            f.vector(blk + "exp_probs_b.bias", 8, 0.0, 0.3)
    f.close()


def deepseek2_heads(path):
    """The older form: keys and values of every head from one matrix; direct queries, softmax routing, linear scaling."""
    f = fx.Writer(path, "deepseek2", 108, context_length=256, embedding_length=64, block_count=2, feed_forward_length=64,
               attention__head_count=2, attention__head_count_kv=2, attention__key_length=24, attention__value_length=12,
               attention__kv_lora_rank=32, attention__layer_norm_rms_epsilon=1e-5, rope__dimension_count=8, rope__scaling__type="linear",
               rope__scaling__factor=2.0, leading_dense_block_count=1, expert_count=4, expert_used_count=2, expert_shared_count=1,
               expert_feed_forward_length=32)
    fx.add_no_vocabulary(f, 67)
    f.ends(T.Q8_0, 67, 64)
    for il in range(2):
        blk = f"blk.{il}."
        f.vector(blk + "attn_norm.weight", 64, 1.0, 0.2); f.put(blk + "attn_q.weight", T.Q8_0, (48, 64), 0.15)
        f.put(blk + "attn_kv_a_mqa.weight", T.F16, (40, 64), 0.15); f.vector(blk + "attn_kv_a_norm.weight", 32, 1.0, 0.2)
        f.put(blk + "attn_kv_b.weight", T.Q4_1, (56, 32), 0.2); f.put(blk + "attn_output.weight", T.F16, (64, 24), 0.2)
        if il == 0:
            f.feed_forward(il, (T.Q4_0, T.Q5_0, T.Q8_0), 64, 64)
        else:
            more_experts(f, il, (T.Q4_1, T.Q8_0), 64, 32, 4, shared=32)
    f.close()


def gpt_oss(path):
    """Sinks, biases everywhere, a window of 7 in every second layer, YaRN in all, experts in MXFP4 that reach the clamp."""
    f = fx.Writer(path, "gpt-oss", 109, context_length=512, embedding_length=64, block_count=3, feed_forward_length=32,
               expert_feed_forward_length=32, expert_count=4, expert_used_count=2, attention__head_count=4, attention__head_count_kv=2,
               attention__key_length=16, attention__value_length=16, attention__layer_norm_rms_epsilon=1e-5, attention__sliding_window=7,
               rope__freq_base=150000.0, rope__scaling__type="yarn", rope__scaling__factor=8.0, rope__scaling__original_context_length=64)
    fx.add_no_vocabulary(f, 77)
    f.ends(T.Q8_0, 77, 64, output=T.Q8_0)
    for il in range(3):
        blk = f"blk.{il}."
        f.attention(il, (T.Q8_0, T.Q5_1, T.F16, T.Q8_0), 64, 4, 2, 16, biases="qkvo")
        f.vector(blk + "attn_sinks.weight", 4, 0.0, 1.0)
        more_experts(f, il, (T.MXFP4, T.MXFP4), 64, 32, 4, norm="post_attention_norm")
        f.vector(blk + "ffn_gate_inp.bias", 4, 0.0, 0.3)
        for s, n, std in (("gate", 32, 2.0), ("up", 32, 3.0), ("down", 64, 0.1)):
            f.w.add_tensor(f"{blk}ffn_{s}_exps.bias", (f.rng.standard_normal((4, n)) * std).astype(np.float32))
    f.close()


def lfm2_of(path, arch, seed, heads, **keys):
    """Convolutions and attention by the head counts; with experts past the first layer."""
    f = fx.Writer(path, arch, seed, context_length=256, embedding_length=64, block_count=len(heads), feed_forward_length=64,
               attention__head_count=4, attention__head_count_kv=heads, attention__layer_norm_rms_epsilon=1e-5, **keys)
    fx.add_no_vocabulary(f, 71)
    f.put("token_embd.weight", T.Q8_0, (71, 64), 0.1 / 8); f.vector("token_embd_norm.weight", 64, 1.0, 0.2)
    for il, n in enumerate(heads):
        blk = f"blk.{il}."
        if n:
            f.attention(il, (T.Q8_0, T.Q5_1, T.Q8_0, T.Q4_1), 64, 4, n, 16, norms=True)
        else:
            f.vector(blk + "attn_norm.weight", 64, 1.0, 0.2); f.put(blk + "shortconv.in_proj.weight", T.Q8_0, (192, 64), 0.2)
            f.put(blk + "shortconv.conv.weight", T.F32, (64, keys["shortconv__l_cache"]), 0.5)
            f.put(blk + "shortconv.out_proj.weight", T.Q5_0, (64, 64), 0.2)
        if arch == "lfm2moe" and il:
            more_experts(f, il, (T.Q4_0, T.Q8_0), 64, 32, 4)
            f.vector(blk + "exp_probs_b.bias", 4, 0.0, 0.3)
        else:
            f.feed_forward(il, (T.Q4_0, T.Q5_0, T.Q8_0), 64, 64)
    f.close()


def lfm2(path):
    """Dense, a window of 9, three taps."""
    lfm2_of(path, "lfm2", 110, [0, 2, 0, 2], shortconv__l_cache=3, attention__sliding_window=9, rope__freq_base=1000000.0)


def lfm2moe(path):
    """A dense layer, then experts by sigmoid and bias; four taps."""
    lfm2_of(path, "lfm2moe", 111, [0, 1, 0], shortconv__l_cache=4, leading_dense_block_count=1, expert_count=4, expert_used_count=2,
            expert_feed_forward_length=32, expert_gating_func=2)


def delta_layer(f, il, d, n_k, n_v, mixed, joint):
    """One layer of the delta rule: q, k, v and z mixed in one matrix or not, beta and alpha joint or not; d_model 64."""
    blk, keys, values = f"blk.{il}.", d * n_k, d * n_v
    f.vector(blk + "attn_norm.weight", 64, 1.0, 0.2)
    if mixed:
        f.put(blk + "ssm_in.weight", T.Q8_0, (2 * keys + 2 * values, 64), 0.2)
    else:
        f.put(blk + "attn_qkv.weight", T.Q5_1, (2 * keys + values, 64), 0.2); f.put(blk + "attn_gate.weight", T.Q4_1, (values, 64), 0.2)
    for name, rows in {"ssm_ba": 2 * n_v}.items() if joint else {"ssm_beta": n_v, "ssm_alpha": n_v}.items():
        f.put(f"{blk}{name}.weight", T.F16, (rows, 64), 0.15)
    f.put(blk + "ssm_conv1d.weight", T.F32, (2 * keys + values, 4), 0.5)
    f.vector(blk + "ssm_dt.bias", n_v, 0.0, 1.0); f.vector(blk + "ssm_a", n_v, -1.0, 0.4); f.vector(blk + "ssm_norm.weight", d, 1.0, 0.2)
    f.put(blk + "ssm_out.weight", T.Q8_0, (64, values), 0.15)


def gated_layer(f, il, n_head, n_head_kv, d_head):
    blk = f"blk.{il}."
    f.attention(il, (T.Q8_0, T.Q5_1, T.F16, T.Q8_0), 64, n_head, n_head_kv, d_head, norms=True, gated=True)


def qwen3next(path):
    """The delta rule of 2 key and 4 value heads in three of four layers, one of them in the older mixed form; gated
    attention in the fourth; 4 experts and a shared one with a gate."""
    f = fx.Writer(path, "qwen3next", 112, context_length=256, embedding_length=64, block_count=4, feed_forward_length=64,
               expert_feed_forward_length=32, expert_shared_feed_forward_length=24, expert_count=4, expert_used_count=2,
               attention__head_count=4, attention__head_count_kv=2, attention__key_length=32, attention__value_length=32,
               attention__layer_norm_rms_epsilon=1e-6, rope__dimension_count=8, ssm__inner_size=64, ssm__conv_kernel=4, ssm__state_size=16,
               ssm__time_step_rank=4, ssm__group_count=2)
    fx.add_no_vocabulary(f, 73)
    f.ends(T.Q8_0, 73, 64)
    for il in range(4):
        if il == 3:
            gated_layer(f, il, 4, 2, 32)
        else:
            delta_layer(f, il, 16, 2, 4, il == 1, True)
        more_experts(f, il, (T.Q4_0, T.Q8_0), 64, 32, 4, norm="post_attention_norm", fused=il & 1 == 0, shared=24)
        f.vector(f"blk.{il}.ffn_gate_inp_shexp.weight", 64, 0.0, 0.2)
    f.close()


def qwen35(path):
    """Dense; the delta rule of 2 key and 6 value heads where a list says so, positions in sections, a layer for drafting."""
    f = fx.Writer(path, "qwen35", 113, context_length=256, embedding_length=64, block_count=4, nextn_predict_layers=1, feed_forward_length=64,
               attention__head_count=3, attention__head_count_kv=1, attention__key_length=32, attention__value_length=32,
               attention__layer_norm_rms_epsilon=1e-6, attention__recurrent_layers=[True, False, True, False], rope__dimension_count=16,
               rope__dimension_sections=[3, 3, 2, 0], ssm__inner_size=96, ssm__conv_kernel=4, ssm__state_size=16,
               ssm__time_step_rank=6, ssm__group_count=2)
    fx.add_no_vocabulary(f, 79)
    f.ends(T.Q8_0, 79, 64, output=T.Q8_0)
    for il in range(4):
        if il & 1:
            gated_layer(f, il, 3, 1, 32)
        else:
            delta_layer(f, il, 16, 2, 6, False, False)
        f.feed_forward(il, (T.Q4_0, T.Q5_0, T.Q8_0), 64, 64, norm="post_attention_norm")
    f.put("blk.3.nextn.eh_proj.weight", T.F16, (64, 128), 0.1)
    for s in ("enorm", "hnorm"):
        f.vector(f"blk.3.nextn.{s}.weight", 64, 1.0, 0.2)
    f.close()


def mamba2_layer(f, il, d_model, inner, n_head, n_group, d_state, norm=True):
    blk, conv = f"blk.{il}.", inner + 2 * n_group * d_state
    f.put(blk + "ssm_in.weight", T.Q8_0, (inner + conv + n_head, d_model), 1.2 / d_model**0.5)
    f.put(blk + "ssm_conv1d.weight", T.F32, (conv, 4), 0.5)
    f.vector(blk + "ssm_conv1d.bias", conv, 0.0, 0.2)
    f.vector(blk + "ssm_dt.bias", n_head, 0.0, 1.0)
    for name, mean in (("ssm_a", -1.0), ("ssm_d", 1.0)):
        f.w.add_tensor(blk + name, (mean + f.rng.standard_normal((n_head, 1)) * 0.3).astype(np.float32))
    if norm:
        f.w.add_tensor(blk + "ssm_norm.weight", (1.0 + f.rng.standard_normal((n_group, inner // n_group)) * 0.2).astype(np.float32))
    f.put(blk + "ssm_out.weight", T.Q5_1, (d_model, inner), 1.0 / inner**0.5)


def mamba2(path):
    """6 heads of 16 in 2 groups, a state of 24 values each; no heads of attention, no feed-forward block."""
    f = fx.Writer(path, "mamba2", 114, context_length=1048576, embedding_length=64, block_count=3, feed_forward_length=0,
                  attention__head_count=0, attention__layer_norm_rms_epsilon=1e-5, ssm__inner_size=96, ssm__conv_kernel=4,
                  ssm__state_size=24, ssm__time_step_rank=6, ssm__group_count=2)
    fx.add_no_vocabulary(f, 61)
    f.ends(T.Q8_0, 61, 64)
    for il in range(3):
        f.vector(f"blk.{il}.attn_norm.weight", 64, 1.0, 0.2)
        mamba2_layer(f, il, 64, 96, 6, 2, 24)
    f.close()


def falcon_h1(path):
    """Attention of 4 heads on 2 beside 3 heads of 32 in one group; with the norm in one layer."""
    f = fx.Writer(path, "falcon-h1", 115, context_length=256, embedding_length=64, block_count=3, feed_forward_length=96,
                  attention__head_count=4, attention__head_count_kv=2, attention__key_length=24, attention__value_length=24,
                  attention__layer_norm_rms_epsilon=1e-5, rope__freq_base=100000.0, ssm__inner_size=96, ssm__conv_kernel=4,
                  ssm__state_size=16, ssm__time_step_rank=3, ssm__group_count=1)
    fx.add_no_vocabulary(f, 63)
    f.ends(T.Q8_0, 63, 64, output=T.Q8_0)
    for il in range(3):
        f.attention(il, (T.Q8_0, T.Q5_1, T.F16, T.Q8_0), 64, 4, 2, 24)
        mamba2_layer(f, il, 64, 96, 3, 1, 16, il == 1)
        f.feed_forward(il, (T.Q4_0, T.Q5_0, T.Q8_0), 64, 96, biases=il == 2, ending="")
    f.close()


MODELS = {"deepseek2": deepseek2, "deepseek2-heads": deepseek2_heads, "gpt-oss": gpt_oss, "lfm2": lfm2, "lfm2moe": lfm2moe,
          "qwen3next": qwen3next, "qwen35": qwen35, "mamba2": mamba2, "falcon-h1": falcon_h1}
