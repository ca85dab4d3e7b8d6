#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Vectors of texts by encoders of the BERT family in plain NumPy, and the models of random weights in tests/data/embed.

usage: encoders.py [OUT_DIR]        (seeded: the same files on every machine)

Each NAME.gguf has a WordPiece vocabulary; NAME.json holds texts, their ids and, by pooling, their vectors before they are made of
length 1. bert: learned positions, GELU, a classifier for ranking; nomic-bert: q, k and v in one matrix, rotary positions, SwiGLU.
qwen3-rerank is a decoder that ranks: a template puts question and passage together, the last token's vector gives two logits.
Written from Devlin et al. 2018 and Nussbaum et al. 2024; the parts are those of reference.py. Needs numpy and gguf.
"""
import json
import math
import os
import re
import sys

import numpy as np
from gguf import GGMLQuantizationType as T

import make_fixtures as fixtures
import reference as r

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
WORDS = "the quick brown fox jump over lazy dog what is answer to question a of in ship sea village and".split()
UNK, CLS, SEP = 1, 2, 3


def gelu(x):
    """The exact form, as Devlin et al. use it."""
    return 0.5 * x * (1.0 + np.vectorize(math.erf)(x / math.sqrt(2.0)))


def vocabulary():
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    return SPECIAL + ["\u2581" + w for w in WORDS + [c for c in letters if c not in WORDS] + list(".,?!")] + letters + ["ing", "ed", "s"]


def ids_of(text):
    """Words and marks, each cut into the longest pieces there are (Devlin et al. 2018)."""
    index = {t: i for i, t in enumerate(vocabulary())}
    out = [CLS]
    for word in re.findall(r"\w+|[^\w\s]", text.lower()):
        rest, ids = "\u2581" + word, []
        while rest:
            n = next((n for n in range(len(rest), 0, -1) if rest[:n] in index), 0)
            if n == 0:
                ids, rest = [UNK], ""
            else:
                ids, rest = ids + [index[rest[:n]]], rest[n:]
        out += ids
    return out + [SEP]


def hidden(m, ids, n_first=None):
    """The last layer's vectors of all tokens: every token sees every other. From n_first on they are of the second type."""
    eps, n_head = m.key("attention.layer_norm_epsilon"), m.key("attention.head_count")
    rotary = m.arch == "nomic-bert"
    n = len(ids)

    def norm(x, name):
        x = x - x.mean(axis=-1, keepdims=True)
        return r.rms_norm(x, m.get(name + ".weight"), eps) + m.get(name + ".bias")

    def rotate(x):
        half = x.shape[-1] // 2
        angle = np.arange(n)[:, None, None] * m.key("rope.freq_base") ** (-np.arange(half) / half)
        a, b = x[..., :half], x[..., half:]
        return np.concatenate([a * np.cos(angle) - b * np.sin(angle), a * np.sin(angle) + b * np.cos(angle)], axis=-1)

    x = m.get("token_embd.weight")[ids] + m.get("token_types.weight")[(np.arange(n) >= (n_first or n)).astype(int)]
    if not rotary:
        x = x + m.get("position_embd.weight")[:n]
    x = norm(x, "token_embd_norm")
    for il in range(m.key("block_count")):
        blk = f"blk.{il}."
        d = x.shape[1]
        q, k, v = (y.reshape(n, n_head, -1) for y in r.parts(m, x, [f"{blk}attn_{s}" for s in "qkv"], blk + "attn_qkv", (d, d, d)))
        if rotary:
            q, k = rotate(q), rotate(k)
        heads = [r.softmax(q[:, i] @ k[:, i].T / q.shape[-1] ** 0.5) @ v[:, i] for i in range(n_head)]
        x = norm(x + r.linear(m, np.concatenate(heads, axis=1), blk + "attn_output"), blk + "attn_output_norm")
        up = r.linear(m, x, blk + "ffn_up")
        mid = r.silu(r.linear(m, x, blk + "ffn_gate")) * up if rotary else gelu(up)
        x = norm(x + r.linear(m, mid, blk + "ffn_down"), blk + "layer_output_norm")
    return x


def rank(m, x):
    return r.linear(m, np.tanh(r.linear(m, x[:1], "cls")), "cls.output")[0]


RERANK = ("<|im_start|>system\nAnswer yes or no.<|im_end|>\n<|im_start|>user\n<Query>: {query}\n<Document>: {document}<|im_end|>\n"
          "<|im_start|>assistant\n")


def reranker(path):
    """Qwen3 with the output's rows of yes and no as its classifier (Zhang et al. 2025)."""
    f = fixtures.Writer(path, "qwen3", 77, context_length=256, embedding_length=64, block_count=2, feed_forward_length=96, attention__head_count=4,
                        attention__head_count_kv=2, attention__key_length=24, attention__value_length=24, attention__layer_norm_rms_epsilon=1e-6,
                        rope__freq_base=1000000.0, pooling_type=4)
    n_vocab = fixtures.add_bpe(f, 1)
    f.w.add_array("qwen3.classifier.output_labels", ["yes", "no"])
    f.w.add_string("tokenizer.chat_template.rerank", RERANK)
    f.ends(T.Q8_0, n_vocab, 64)
    f.put("cls.output.weight", T.F16, (2, 64), 0.1)
    for il in range(2):
        f.attention(il, (T.F16, T.F16, T.F16, T.Q8_0), 64, 4, 2, 24, norms=True)
        f.feed_forward(il, (T.Q8_0, T.F16, T.F16), 64, 96)
    f.close()


def bpe_ids(text):
    """Bytes, the control tokens, and the only merge: a blank and a t."""
    letters, control = fixtures.byte_letters(), ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<s>"]
    index = {t: i for i, t in enumerate(control + letters)}
    ids = []
    for piece in re.split(r"(<\|im_start\|>|<\|im_end\|>)", text):
        ids += [index[piece]] if piece in control else [index[letters[b]] for b in piece.encode()]
    out, pair = [], (index[letters[ord(" ")]], index[letters[ord("t")]])
    for i in ids:
        out = out[:-1] + [len(index)] if out and (out[-1], i) == pair else out + [i]
    return out


PAIRS = [("what is a ship?", "ships, over the sea"), ("dog", "fox"), ("is it of the sea?", "the {query} of {document} is not the one that is put in"),
         ("a question", "")]


def rerank_cases(path):
    m, cases = r.Model(path, np.float64), []
    for question, passage in PAIRS:
        ids = bpe_ids(RERANK.split("{query}")[0] + question + "\n<Document>: " + passage + RERANK.split("{document}")[1])
        logits = r.linear(m, r.hidden(m, r.Hparams(m), np.asarray(ids))[-1:], "cls.output")[0]
        cases.append({"text": question + "\t" + passage, "n": len(ids), "rank": [round(float(x), 7) for x in logits]})
    assert not m.unread(), m.unread()
    return cases


def model(path, arch, seed, d, n_head, d_ff, n_layer, **keys):
    f = fixtures.Writer(path, arch, seed, context_length=128, embedding_length=d, block_count=n_layer, feed_forward_length=d_ff,
                        attention__head_count=n_head, attention__layer_norm_epsilon=1e-5, attention__causal=False, pooling_type=1, **keys)
    tokens, rotary = vocabulary(), arch == "nomic-bert"
    f.w.add_token_type_count(2)
    f.w.add_tokenizer_model("bert"); f.w.add_tokenizer_pre("default")
    f.w.add_token_list(tokens)
    f.w.add_token_types([fixtures.CONTROL] * len(SPECIAL) + [fixtures.NORMAL] * (len(tokens) - len(SPECIAL)))
    for name, i in (("padding", 0), ("unknown", UNK), ("cls", CLS), ("seperator", SEP)):
        f.key(f"tokenizer.ggml.{name}_token_id", i)

    def linear(name, kind, rows, cols, bias):
        f.put(name + ".weight", kind, (rows, cols), 0.8 / cols**0.5)
        if bias:
            f.vector(name + ".bias", rows, 0.0, 0.2)

    def norm(name):
        f.vector(name + ".weight", d, 1.0, 0.2)
        f.vector(name + ".bias", d, 0.0, 0.2)

    f.put("token_embd.weight", T.F16, (len(tokens), d), 1.0)
    f.put("token_types.weight", T.F32, (2, d), 0.5)
    norm("token_embd_norm")
    if not rotary:
        f.put("position_embd.weight", T.F32, (128, d), 0.5)
        linear("cls", T.F32, d, d, True)
        linear("cls.output", T.F32, 1, d, True)
    for il in range(n_layer):
        blk, kind = f"blk.{il}.", (T.F32, T.Q8_0, T.F16)[il % 3]
        for name, rows in [("attn_qkv", 3 * d)] if rotary else [("attn_q", d), ("attn_k", d), ("attn_v", d)]:
            linear(blk + name, kind, rows, d, not rotary)
        linear(blk + "attn_output", kind, d, d, not rotary)
        norm(blk + "attn_output_norm")
        for name in ("ffn_gate", "ffn_up") if rotary else ("ffn_up",):
            linear(blk + name, kind, d_ff, d, not rotary)
        linear(blk + "ffn_down", kind, d, d_ff, not rotary)
        norm(blk + "layer_output_norm")
    f.close()


def texts(rng):
    """More than go into one pass, of lengths on both sides of the kernels' blocks."""
    fixed = ["", "A", "The quick brown fox jumped over the lazy dog.", "What is the answer to the question?", "\u4e16 fox"]
    return fixed + [" ".join(rng.choice(WORDS + ["seas", "zip", ","], n)) for n in (13, 14, 15, 31, 62, 63, 90, 1, 2, 3, 4, 5, 6, 7, 8)]


def main():
    out = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "embed")
    os.makedirs(out, exist_ok=True)
    for name, sizes in (("bert", (64, 2, 96, 3)), ("nomic-bert", (64, 4, 96, 2))):
        base = os.path.join(out, name)
        model(base + ".gguf", name, len(name), *sizes, **({"rope__freq_base": 1000.0} if name == "nomic-bert" else {}))
        m = r.Model(base + ".gguf", np.float64)
        cases = []
        for text in texts(np.random.default_rng(len(name))):
            ids = ids_of(text)
            x = hidden(m, ids)
            case = {"text": text, "ids": ids, "mean": x.mean(axis=0), "cls": x[0], "last": x[-1]}
            cases.append({k: [round(float(i), 6) for i in v] if isinstance(v, np.ndarray) else v for k, v in case.items()})
        pairs = []
        for question, passage in PAIRS[:2] if m.has("cls.weight") else []:
            first, second = ids_of(question), ids_of(passage)[1:]
            logits = rank(m, hidden(m, first + second, len(first)))
            pairs.append({"text": question + "\t" + passage, "n": len(first + second), "rank": [float(x) for x in logits]})
        assert not m.unread(), m.unread()
        with open(base + ".json", "w") as f:
            f.write("[" + ",\n".join(json.dumps(c) for c in cases + pairs) + "]\n")
        print(name, os.path.getsize(base + ".gguf"), "bytes", os.path.getsize(base + ".json"), "of vectors")
    base = os.path.join(out, "qwen3-rerank")
    reranker(base + ".gguf")
    with open(base + ".json", "w") as f:
        f.write("[" + ",\n".join(json.dumps(c) for c in rerank_cases(base + ".gguf")) + "]\n")
    print("qwen3-rerank", os.path.getsize(base + ".gguf"), "bytes")


if __name__ == "__main__":
    main()
