#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/data/arch: one small model of random weights per architecture, its tokens and its logits.

usage: make_fixtures.py [OUT_DIR [NAME...]]        (seeded: the same files on every machine)

Each model is under 400 kB and carries what real files carry and easily gets forgotten: odd sizes, grouped heads,
head sizes that are not d_model / n_head, tied and untied output, biases, rope_freqs, linear and YaRN scaling, a
sliding window shorter than the tokens, absent keys. The first six, written out, hold every weight format;
the others are made of families.py. `llama` has a byte-level
BPE vocabulary with a ChatML template, `llama-moe` and `gemma3` SentencePiece vocabularies: `moat run` works on them.
The logits are those of reference.py (float64 arithmetic on the expanded weights). Needs numpy and gguf.
"""
import os
import re
import sys

import gguf
import numpy as np
from gguf import GGMLQuantizationType as T

import families
import reference

TEXT = """The quick brown fox jumps over the lazy dog. Once upon a time, in a small village by the sea, there lived
a man who wanted to know what the ships were carrying. There is no place like the one where you are, said the other.
What is the answer to the question that nobody asked? The answer is that there is nothing to be done, and that the
time for it has come. int main(int argc, char **argv) { for (int i = 0; i < 10; i++) { printf("%d\\n", i); } return 0; }
def add(a, b):\n    return a + b\n\nHello, world! You are a helpful assistant. user system assistant
1 2 3 10 100 2024 2025 the and of to in is that it was for on are with as his they at be this from have or by one
你好，世界。本地部署的模型，数据不出域。"""

CHATML = ("{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
          "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")
GEMMA = ("{{ bos_token }}{% for message in messages %}{% if message['role'] == 'assistant' %}{% set role = 'model' %}{% else %}"
         "{% set role = message['role'] %}{% endif %}{{ '<start_of_turn>' + role + '\\n' + message['content'] | trim + '<end_of_turn>\\n' }}"
         "{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}")
NORMAL, UNKNOWN, CONTROL, USER, BYTE = 1, 2, 3, 4, 6


# --- weights ---------------------------------------------------------------------------------------

# Formats the gguf package cannot write: blocks of random bytes, which are all valid, with chosen scales. Block size in
# bytes, offset of the scale d and of the minimum's scale (both f16); MXFP4 and IQ1_M keep theirs elsewhere.
BLOCKS = {T.Q2_K: (84, 80, 82), T.Q3_K: (110, 108, None), T.Q4_K: (144, 0, 2), T.Q5_K: (176, 0, 2), T.Q6_K: (210, 208, None),
          T.IQ1_S: (50, 0, None), T.IQ1_M: (56, None, None), T.IQ2_XXS: (66, 0, None), T.IQ2_XS: (74, 0, None), T.IQ2_S: (82, 0, None),
          T.IQ3_XXS: (98, 0, None), T.IQ3_S: (110, 0, None), T.IQ4_NL: (18, 0, None), T.IQ4_XS: (136, 0, None), T.MXFP4: (17, None, None),
          T.TQ1_0: (54, 52, None), T.TQ2_0: (66, 64, None)}


def put_f16(blocks, at, values):
    blocks[:, at:at + 2] = np.asarray(values, np.float16).reshape(-1, 1).view(np.uint8)


def put_scale(blocks, kind, d):
    """The scale d [n_blocks] where the format keeps it."""
    if kind == T.MXFP4:  # a power of two, the exponent in one byte
        blocks[:, 0] = 128 + np.round(np.log2(d))
    elif kind == T.IQ1_M:  # the four high nibbles of the scales' words
        bits = np.asarray(d, np.float16).view(np.uint16)
        for i in range(4):
            blocks[:, 49 + 2 * i] = (blocks[:, 49 + 2 * i] & 0x0F) | ((bits >> 4 * i & 0xF) << 4)
    else:
        put_f16(blocks, BLOCKS[kind][1], d)


def random_blocks(rng, kind, rows, cols, std):
    per_block, n_bytes = gguf.GGML_QUANT_SIZES[kind]
    assert cols % per_block == 0 and BLOCKS[kind][0] == n_bytes, (kind, cols)
    n = rows * cols // per_block
    blocks = rng.integers(0, 256, (n, n_bytes), dtype=np.uint8)
    ones, low = np.ones(n), BLOCKS[kind][2]
    expand = lambda: gguf.quants.dequantize(blocks, kind)
    put_scale(blocks, kind, ones)
    d, dmin = 1.0, 0.0
    if low is not None:  # choose the minimum so that the weights centre on zero
        put_f16(blocks, low, 0 * ones)
        mean = expand().mean()
        put_scale(blocks, kind, 0 * ones); put_f16(blocks, low, ones)
        dmin = mean / -expand().mean()
        put_scale(blocks, kind, ones); put_f16(blocks, low, dmin * ones)
    d = std / expand().std()
    vary = rng.uniform(0.6, 1.4, n)
    put_scale(blocks, kind, d * vary)
    if low is not None:
        put_f16(blocks, low, d * dmin * vary)
    return blocks.reshape(rows, cols // per_block * n_bytes)


class Writer:
    """A GGUF under construction: metadata first, then weights of a wanted spread in a wanted format."""

    def __init__(self, path, arch, seed, **keys):
        self.path, self.arch, self.rng = path, arch, np.random.default_rng(seed)
        self.w = gguf.GGUFWriter(path, arch)
        self.w.add_name(os.path.basename(path)[:-5] + " fixture")
        self.w.add_string("general.license", "apache-2.0")
        for name, value in keys.items():
            self.key(f"{arch}.{name.replace('__', '.')}", value)

    def key(self, name, value):
        kind = {bool: self.w.add_bool, int: self.w.add_uint32, float: self.w.add_float32, str: self.w.add_string, list: self.w.add_array}
        kind[type(value)](name, value)

    def put(self, name, kind, shape, std):
        """Random weights [rows][cols], or [experts][rows][cols], with this standard deviation."""
        cols, rows = shape[-1], int(np.prod(shape[:-1]))
        if kind in BLOCKS:
            data = random_blocks(self.rng, kind, rows, cols, std)
        else:
            plain = (self.rng.standard_normal((rows, cols)) * std).astype(np.float32)
            data = plain if kind == T.F32 else plain.astype(np.float16) if kind == T.F16 else gguf.quants.quantize(plain, kind)
        self.w.add_tensor(name, data.reshape(*shape[:-1], -1), raw_dtype=kind)

    def vector(self, name, n, mean, std):
        self.w.add_tensor(name, (mean + self.rng.standard_normal(n) * std).astype(np.float32))

    def attention(self, il, kinds, d_model, n_head, n_head_kv, d_head, biases=(), norms=False, gated=False):
        blk = f"blk.{il}."
        self.vector(blk + "attn_norm.weight", d_model, 1.0, 0.2)
        rows = {"q": n_head * d_head * (2 if gated else 1), "k": n_head_kv * d_head, "v": n_head_kv * d_head}
        for s, kind in zip("qkv", kinds):
            self.put(f"{blk}attn_{s}.weight", kind, (rows[s], d_model), 1.2 / d_model**0.5)
            if s in biases:
                self.vector(f"{blk}attn_{s}.bias", rows[s], 0.0, 0.3)
        self.put(blk + "attn_output.weight", kinds[3], (d_model, n_head * d_head), 0.8 / (n_head * d_head)**0.5)
        if "o" in biases:
            self.vector(blk + "attn_output.bias", d_model, 0.0, 0.1)
        if norms:
            self.vector(blk + "attn_q_norm.weight", d_head, 1.2, 0.2)
            self.vector(blk + "attn_k_norm.weight", d_head, 1.2, 0.2)

    def feed_forward(self, il, kinds, d_model, d_ff, biases=False, norm="ffn_norm", ending=".weight"):
        blk = f"blk.{il}."
        self.vector(f"{blk}{norm}{ending}", d_model, 1.0, 0.2)
        for s, kind in zip(("gate", "up", "down"), kinds):
            rows, cols = (d_model, d_ff) if s == "down" else (d_ff, d_model)
            self.put(f"{blk}ffn_{s}.weight", kind, (rows, cols), 1.2 / cols**0.5)
            if biases:
                self.vector(f"{blk}ffn_{s}.bias", rows, 0.0, 0.2)

    def experts(self, il, kinds, d_model, d_ff, n_expert):
        blk = f"blk.{il}."
        self.vector(blk + "ffn_norm.weight", d_model, 1.0, 0.2)
        self.put(blk + "ffn_gate_inp.weight", T.F32, (n_expert, d_model), 1.0 / d_model**0.5)
        for s, kind in zip(("gate", "up", "down"), kinds):
            rows, cols = (d_model, d_ff) if s == "down" else (d_ff, d_model)
            self.put(f"{blk}ffn_{s}_exps.weight", kind, (n_expert, rows, cols), 1.2 / cols**0.5)

    def ends(self, kind, n_vocab, d_model, output=None, bias=False):
        self.put("token_embd.weight", kind, (n_vocab, d_model), 0.1 / d_model**0.5 if output is None else 1.0)
        self.vector("output_norm.weight", d_model, 1.0, 0.2)
        if output is not None:
            self.put("output.weight", output, (n_vocab, d_model), 0.1 / d_model**0.5)
        if bias:
            self.vector("output.bias", n_vocab, 0.0, 0.05)

    def close(self):
        self.w.write_header_to_file(); self.w.write_kv_data_to_file(); self.w.write_tensors_to_file(); self.w.close()


# --- vocabularies ----------------------------------------------------------------------------------

def byte_letters():
    """The letter that stands for each byte in byte-level BPE (Radford et al. 2019): itself where printable."""
    shown = [b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172 or 174 <= b <= 255]
    spare = iter(range(256, 512))
    return [chr(b) if b in shown else chr(next(spare)) for b in range(256)]


def train_bpe(words, n_merges):
    """The commonest pair is joined, n_merges times (ties: the pair that sorts first)."""
    merges = []
    for _ in range(n_merges):
        count = {}
        for word in words:
            for pair in zip(word, word[1:]):
                count[pair] = count.get(pair, 0) + 1
        best = min(count, key=lambda pair: (-count[pair], pair))
        merges.append(best)
        for word in words:
            i = 0
            while i + 1 < len(word):
                if (word[i], word[i + 1]) == best:
                    word[i:i + 2] = [best[0] + best[1]]
                i += 1
    return merges


def add_bpe(f, n_merges):
    """Control tokens, 256 bytes, merges. Returns the number of tokens."""
    letters = byte_letters()
    control = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<s>"]
    words = [[letters[b] for b in w.encode()] for w in re.findall(r" ?[^\W\d]+| ?\d| ?[^\s\w]+|\s+", TEXT)]
    merges = train_bpe(words, n_merges)
    tokens = control + letters + [a + b for a, b in merges]
    assert len(set(tokens)) == len(tokens)
    f.w.add_tokenizer_model("gpt2"); f.w.add_tokenizer_pre("smollm")
    f.w.add_token_list(tokens)
    f.w.add_token_types([CONTROL] * len(control) + [NORMAL] * (len(tokens) - len(control)))
    f.w.add_token_merges([f"{a} {b}" for a, b in merges])
    f.w.add_bos_token_id(3); f.w.add_eos_token_id(2); f.w.add_unk_token_id(0); f.w.add_pad_token_id(2)
    f.w.add_add_bos_token(False); f.w.add_add_space_prefix(False)
    f.w.add_chat_template(CHATML)
    return len(tokens)


def add_spm(f, n_merges, special, space_prefix, template=None):
    """special, 256 byte tokens, characters, joined pieces; a piece's score is minus its rank. Returns the number of tokens."""
    text = TEXT.replace("\n", " ").replace(" ", "\u2581")
    words = [list(w) for w in re.findall("\u2581*[^\u2581]+", text)]
    chars = sorted({c for c in text})[::-1]
    pieces = [a + b for a, b in train_bpe(words, n_merges)]
    pieces = list(dict.fromkeys(pieces))
    tokens = [t for t, _ in special] + [f"<0x{b:02X}>" for b in range(256)] + pieces + chars
    f.w.add_tokenizer_model("llama"); f.w.add_tokenizer_pre("default")
    f.w.add_token_list(tokens)
    f.w.add_token_scores([0.0] * (len(special) + 256) + [-float(i) for i in range(len(pieces) + len(chars))])
    f.w.add_token_types([k for _, k in special] + [BYTE] * 256 + [NORMAL] * (len(pieces) + len(chars)))
    f.w.add_add_bos_token(True); f.w.add_add_eos_token(False); f.w.add_add_space_prefix(space_prefix)
    names = [t for t, _ in special]
    f.w.add_unk_token_id(names.index("<unk>"))
    f.w.add_bos_token_id(names.index("<s>" if "<s>" in names else "<bos>"))
    f.w.add_eos_token_id(names.index("</s>" if "</s>" in names else "<eos>"))
    if "<end_of_turn>" in names:
        f.w.add_eot_token_id(names.index("<end_of_turn>"))
    if template:
        f.w.add_chat_template(template)
    return len(tokens)


def add_no_vocabulary(f, n_vocab):
    """As conformance files do: the tokenizer model `test`, names without meaning."""
    f.w.add_tokenizer_model("test")
    f.w.add_token_list([f"t{i}" for i in range(n_vocab)])
    f.w.add_token_types([NORMAL] * n_vocab)
    f.key(f"{f.arch}.vocab_size", n_vocab)


# --- the models ------------------------------------------------------------------------------------

def llama(path):
    """Byte-level BPE, tied output, rope_freqs, biases of attn_output and the feed-forward, 3 heads on 1; no
    key_length, no rope.dimension_count, no rope.freq_base."""
    f = Writer(path, "llama", 101, context_length=512, embedding_length=96, block_count=3, feed_forward_length=256,
               attention__head_count=3, attention__head_count_kv=1, attention__layer_norm_rms_epsilon=1e-5)
    n_vocab = add_bpe(f, 141)
    f.ends(T.Q8_0, n_vocab, 96)
    f.w.add_tensor("rope_freqs.weight", np.geomspace(1, 8, 16).astype(np.float32))
    for il, (attn, ffn) in enumerate((((T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1), (T.Q4_0, T.Q4_1, T.Q4_K)),
                                      ((T.Q5_1, T.Q8_0, T.Q8_0, T.Q4_0), (T.Q4_1, T.Q4_0, T.Q6_K)),
                                      ((T.F16, T.F32, T.BF16, T.Q8_0), (T.Q5_0, T.IQ4_NL, T.Q5_K)))):
        f.attention(il, attn, 96, 3, 1, 32, biases="o")
        f.feed_forward(il, ffn, 96, 256, biases=True)
    f.close()


def llama_moe(path):
    """SentencePiece (BOS, space prefix), 5 experts of which 2, an attention scale of its own,
    linear scaling, untied output, an odd d_ff, a large epsilon."""
    f = Writer(path, "llama", 102, context_length=256, embedding_length=64, block_count=2, feed_forward_length=56, expert_count=5,
               expert_used_count=2, attention__head_count=4, attention__head_count_kv=2, attention__layer_norm_rms_epsilon=1e-2,
               attention__scale=0.3, rope__dimension_count=16, rope__freq_base=50000.0, rope__scaling__type="linear", rope__scaling__factor=4.0)
    n_vocab = add_spm(f, 90, [("<unk>", UNKNOWN), ("<s>", CONTROL), ("</s>", CONTROL)], True)
    f.ends(T.Q5_1, n_vocab, 64, output=T.Q8_0)
    for il in range(2):
        f.attention(il, (T.Q8_0, T.F16, T.Q4_1, T.Q5_0), 64, 4, 2, 16, biases="k" if il else "q")
        f.experts(il, (T.Q5_0, T.Q4_0, T.F16) if il else (T.Q4_1, T.IQ4_NL, T.F16), 64, 56, 5)
    f.close()


def qwen2(path):
    """Biases of q, k, v and of the output, YaRN, sizes no block divides: plain formats only."""
    f = Writer(path, "qwen2", 103, context_length=2048, embedding_length=72, block_count=2, feed_forward_length=90, attention__head_count=3,
               attention__head_count_kv=1, attention__layer_norm_rms_epsilon=1e-2, rope__freq_base=10000.0, rope__scaling__type="yarn",
               rope__scaling__factor=4.0, rope__scaling__original_context_length=512)
    add_no_vocabulary(f, 101)
    f.ends(T.F16, 101, 72, output=T.BF16, bias=True)
    f.attention(0, (T.F16, T.BF16, T.F32, T.F16), 72, 3, 1, 24, biases="qkv")
    f.feed_forward(0, (T.F16, T.BF16, T.F16), 72, 90)
    f.attention(1, (T.BF16, T.F16, T.F16, T.BF16), 72, 3, 1, 24, biases="qkv")
    f.feed_forward(1, (T.BF16, T.F16, T.F32), 72, 90)
    f.close()


def qwen3(path):
    """A head size of its own (24, not 64/6), tied output, long rows in six-bit to two-bit formats; 6 heads on 2."""
    f = Writer(path, "qwen3", 104, context_length=128, embedding_length=64, block_count=4, feed_forward_length=256, attention__head_count=6,
               attention__head_count_kv=2, attention__key_length=24, attention__value_length=24, attention__layer_norm_rms_epsilon=1e-6,
               rope__freq_base=1000000.0)
    add_no_vocabulary(f, 147)
    f.ends(T.Q8_0, 147, 64)
    for il, down in enumerate((T.Q2_K, T.Q3_K, T.IQ4_XS, T.Q6_K)):
        f.attention(il, (T.Q4_0, T.Q5_1, T.Q8_0, T.F16), 64, 6, 2, 24, norms=True)
        f.feed_forward(il, (T.Q4_1 if il & 1 else T.MXFP4, T.Q4_0, down), 64, 256)
    f.close()


def qwen3moe(path):
    """4 experts of which 3, d_model of one long block: the formats of one to three bits; 3 heads on 1."""
    f = Writer(path, "qwen3moe", 105, context_length=128, embedding_length=256, block_count=3, feed_forward_length=512,
               expert_feed_forward_length=32, expert_count=4, expert_used_count=3, attention__head_count=3, attention__head_count_kv=1,
               attention__key_length=16, attention__value_length=16, attention__layer_norm_rms_epsilon=1e-2, rope__dimension_count=16,
               rope__freq_base=10000.0)
    add_no_vocabulary(f, 83)
    f.ends(T.TQ2_0, 83, 256, output=T.IQ3_S)
    for il, (attn, exps) in enumerate((((T.Q4_K, T.Q5_K, T.Q6_K, T.F16), (T.IQ2_XXS, T.IQ2_XS, T.Q4_0)),
                                       ((T.IQ3_XXS, T.IQ4_XS, T.IQ3_S, T.BF16), (T.IQ1_S, T.IQ1_M, T.MXFP4)),
                                       ((T.Q2_K, T.Q3_K, T.TQ1_0, T.F16), (T.IQ2_S, T.TQ2_0, T.IQ4_NL)))):
        f.attention(il, attn, 256, 3, 1, 16, norms=True)
        f.experts(il, exps, 256, 32, 4)
    f.close()


def gemma3(path):
    """SentencePiece with turn tokens, tied output, 7 layers with no pattern key (every sixth sees everything, the last
    does not), a window of 8, two rope bases, linear scaling of the global layers only, a head size of 40."""
    f = Writer(path, "gemma3", 106, context_length=384, embedding_length=64, block_count=7, feed_forward_length=64, attention__head_count=4,
               attention__head_count_kv=1, attention__key_length=40, attention__value_length=40, attention__layer_norm_rms_epsilon=1e-3,
               attention__sliding_window=8, rope__freq_base=100000.0, rope__scaling__type="linear", rope__scaling__factor=4.0)
    n_vocab = add_spm(f, 80, [("<pad>", CONTROL), ("<eos>", CONTROL), ("<bos>", CONTROL), ("<unk>", UNKNOWN), ("<start_of_turn>", CONTROL),
                              ("<end_of_turn>", CONTROL), ("\n", USER), ("\n\n", USER), ("\u2581\u2581", USER)], False, GEMMA)
    f.ends(T.Q8_0, n_vocab, 64)
    for il in range(7):
        f.attention(il, ((T.Q4_0, T.Q8_0, T.Q5_1, T.Q4_1), (T.IQ4_NL, T.Q5_0, T.Q4_1, T.MXFP4))[il & 1], 64, 4, 1, 40, norms=True)
        f.vector(f"blk.{il}.post_attention_norm.weight", 64, 0.8, 0.2)
        f.feed_forward(il, ((T.Q4_0, T.Q5_0, T.Q8_0), (T.Q4_1, T.IQ4_NL, T.Q5_1))[il & 1], 64, 64)
        f.vector(f"blk.{il}.post_ffw_norm.weight", 64, 0.8, 0.2)
    f.close()


# name: (vocabulary, what of the optional tensors there is, sizes and keys as they differ from these)
USUAL = dict(context_length=96, embedding_length=64, block_count=2, feed_forward_length=96, attention__head_count=4, attention__head_count_kv=2)
FAMILIES = {
    "mistral3": (41, ["output biases", "output"], dict(
        attention__key_length=24, attention__value_length=24, attention__temperature_scale=0.5, rope__scaling__type="yarn",
        rope__scaling__factor=4.0, rope__scaling__original_context_length=16, rope__scaling__yarn_log_multiplier=0.7)),
    "granite": (43, ["long factors"], dict(
        logit_scale=4.0, residual_scale=0.4, embedding_scale=3.0, attention__scale=0.2, expert_count=4, expert_used_count=2,
        expert_shared_feed_forward_length=32, feed_forward_length=32, rope__scaling__type="longrope", rope__scaling__original_context_length=32)),
    "internlm2": (44, ["one matrix"], dict(attention__head_count=8, attention__head_count_kv=4)),
    "smollm3": (45, [], dict(block_count=5, rope__freq_base=5000.0)),
    "olmo2": (46, [], dict(block_count=4, attention__sliding_window=5, rope__scaling__type="yarn", rope__scaling__factor=2.0,
                           rope__scaling__original_context_length=24)),
    "exaone4": (47, ["freqs"], dict(block_count=64, embedding_length=32, feed_forward_length=32, attention__head_count=2,
                                    attention__head_count_kv=1, attention__sliding_window=6)),
    "glm4": (48, ["output", "qkv biases"], dict(rope__dimension_count=8)),
    "glm4-axes": (49, [], dict(rope__dimension_sections=[3, 2, 1, 2])),
    "qwen2moe": (50, ["qkv biases"], dict(expert_count=5, expert_used_count=3, feed_forward_length=96, expert_shared_feed_forward_length=64)),
    "gemma": (51, [], dict(attention__key_length=32, attention__value_length=32, attention__head_count_kv=1)),
    "gemma2": (52, [], dict(block_count=3, attention__sliding_window=7, attn_logit_softcapping=2.0, final_logit_softcapping=1.5)),
    "phi2": (53, ["qkv biases"], dict(rope__dimension_count=8, attention__head_count_kv=4)),
    "phi3": (54, ["long factors"], dict(rope__scaling__original_context_length=32, rope__scaling__attn_factor=1.2, attention__sliding_window=8)),
    "cohere2": (55, [], dict(block_count=4, attention__sliding_window=6, logit_scale=0.25)),
    "falcon": (56, ["second norm"], dict(attention__head_count_kv=1)),
    "falcon-tied": (57, [], dict(embedding_length=72, attention__head_count=6, attention__head_count_kv=3, feed_forward_length=50)),
    "starcoder2": (58, ["qkv biases"], dict(rope__freq_base=100000.0)),
    "gpt2": (59, [], dict(attention__head_count_kv=4)),
    "stablelm": (60, ["qkv biases"], dict(rope__dimension_count=4)),
    "stablelm-12b": (61, ["head norms", "parallel"], dict(rope__dimension_count=8)),
    "olmoe": (62, [], dict(attention__head_count_kv=4, expert_count=5, expert_used_count=2, feed_forward_length=32)),
    "granitemoe": (63, ["output", "freqs"], dict(logit_scale=2.0, residual_scale=0.3, embedding_scale=4.0, attention__scale=0.15,
                                                expert_count=4, expert_used_count=2, feed_forward_length=32)),
    "glm4moe": (64, ["output", "qkv biases", "head norms"], dict(
        block_count=4, nextn_predict_layers=1, leading_dense_block_count=1, rope__dimension_count=8, expert_count=5, expert_used_count=2,
        expert_shared_count=1, expert_feed_forward_length=32, expert_weights_norm=True, expert_weights_scale=1.5)),
    "seed_oss": (65, ["output", "qkv biases"], dict(attention__key_length=24, attention__value_length=24, attention__head_count_kv=1)),
    "command-r": (66, ["qkv biases"], dict(logit_scale=0.5)),
    "command-r-plus": (78, ["head norms"], dict(logit_scale=0.3)),
    "baichuan": (67, [], dict(block_count=32, embedding_length=32, feed_forward_length=32, attention__head_count=2)),
    "baichuan-13b": (68, [], dict(block_count=40, embedding_length=24, feed_forward_length=24, attention__head_count=3,
                                  attention__head_count_kv=1)),
    "minicpm": (69, ["output biases"], dict(block_count=3)),
    "minicpm-scales": (70, ["output"], dict(logit_scale=3.0, residual_scale=0.5, embedding_scale=2.0)),
    "nemotron": (71, ["output biases", "qkv biases"], dict(rope__dimension_count=8)),
    "ernie4_5": (72, ["qkv biases"], dict(attention__key_length=32, attention__value_length=32, rope__freq_base=500000.0)),
    "ernie4_5-moe": (73, [], dict(block_count=4, leading_dense_block_count=1, expert_count=5, expert_used_count=2, expert_shared_count=1,
                                  expert_feed_forward_length=32, expert_shared_feed_forward_length=64, interleave_moe_layer_step=2)),
    "starcoder": (74, ["output"], dict(attention__head_count_kv=1)),
    "hunyuan-dense": (75, [], dict(rope__scaling__alpha=20.0)),
    "dots1": (76, ["output"], dict(block_count=3, leading_dense_block_count=1, attention__head_count_kv=4, expert_count=6,
                                   expert_used_count=3, expert_shared_count=2, expert_feed_forward_length=32, expert_weights_norm=True,
                                   expert_weights_scale=2.5, expert_gating_func=2)),
    "deepseek": (77, ["output"], dict(block_count=3, leading_dense_block_count=1, attention__head_count_kv=4, expert_count=6,
                                      expert_used_count=3, expert_shared_count=2, expert_feed_forward_length=32)),
}
ARCH_OF = {"ernie4_5-moe": "ernie4_5-moe", "command-r": "command-r", "command-r-plus": "command-r", "hunyuan-dense": "hunyuan-dense"}


def family(path, name, n_vocab, optional, keys):
    arch = ARCH_OF.get(name, name.split("-")[0])
    eps = "attention__layer_norm_epsilon" if arch in reference.LAYER_NORM else "attention__layer_norm_rms_epsilon"
    keys = {**USUAL, eps: 1e-3, **keys}
    many = keys["block_count"] >= 32
    kinds = [(32, [T.Q4_0]), (24, [T.F16])] if many else [(32, [T.Q8_0, T.Q4_0, T.Q5_1, T.Q4_1]), (1, [T.F16])]
    s = families.Shape(arch, n_vocab, optional, kinds, **keys)
    f = Writer(path, arch, 200 + n_vocab, **keys)
    add_no_vocabulary(f, n_vocab)
    families.model(f, s)
    f.close()


def main():
    out = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "arch")
    os.makedirs(out, exist_ok=True)
    import mixer_fixtures  # which needs the Writer above
    makers = {"llama": llama, "llama-moe": llama_moe, "qwen2": qwen2, "qwen3": qwen3, "qwen3moe": qwen3moe, "gemma3": gemma3,
              **mixer_fixtures.MODELS}
    for name in sys.argv[2:] or [*makers, *FAMILIES]:
        base = os.path.join(out, name)
        if name in makers:
            makers[name](base + ".gguf")
        else:
            family(base + ".gguf", name, *FAMILIES[name])
        n_vocab = len(reference.Model(base + ".gguf", np.float64).get("token_embd.weight"))
        tokens = np.random.default_rng(len(name)).integers(0, n_vocab, 40)
        open(base + ".tokens", "w").write(" ".join(map(str, tokens)) + "\n")
        logits = reference.logits_of(base + ".gguf", tokens)
        logits.astype("<f4").tofile(base + ".logits")
        rough = np.abs(reference.logits_of(base + ".gguf", tokens, kv=np.float16) - logits).max()
        print(f"{name:10} {os.path.getsize(base + '.gguf'):7} bytes, {n_vocab} tokens, logits {logits.std():.3f} +- up to "
              f"{np.abs(logits).max():.3f}, an f16 KV cache alone changes them by {rough:.1e}")


if __name__ == "__main__":
    main()
