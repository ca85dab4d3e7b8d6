# SPDX-License-Identifier: Apache-2.0
"""A GGUF of F32 or F16 weights written back as the folder that Hugging Face tools would have saved: what moat convert is to
undo. For llama, qwen2, qwen3, gemma3 and phi3; tokenizers gpt2 (pre-tokenizer smollm) as tokenizer.json and llama as tokenizer.model.
Standard library only."""
import array
import json
import os
import struct

LAYER = {"attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
         "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm", "attn_qkv": "self_attn.qkv_proj", "ffn_norm": "post_attention_layernorm",
         "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}
GEMMA = dict(LAYER, ffn_norm="pre_feedforward_layernorm", post_attention_norm="post_attention_layernorm", post_ffw_norm="post_feedforward_layernorm")
PHI = dict(LAYER, ffn_up="mlp.gate_up_proj")
MODEL = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
DTYPE = {0: ("F32", 4), 1: ("F16", 2), 30: ("BF16", 2)}
SIZES = {"context_length": "max_position_embeddings", "embedding_length": "hidden_size", "block_count": "num_hidden_layers", "feed_forward_length": "intermediate_size",
         "attention.head_count": "num_attention_heads", "attention.head_count_kv": "num_key_value_heads", "attention.key_length": "head_dim",
         "attention.layer_norm_rms_epsilon": "rms_norm_eps", "rope.freq_base": "rope_theta", "attention.sliding_window": "sliding_window"}
SPECIAL = {"bos": "bos_token", "eos": "eos_token", "unknown": "unk_token", "padding": "pad_token"}


def halves(data, rows, heads):
    """Pairs of neighbouring rows of a head move apart, to where their halves begin."""
    size, d = len(data) // rows, rows // heads
    order = [h * d + 2 * i + j for h in range(heads) for j in range(2) for i in range(d // 2)]
    return b"".join(data[r * size:(r + 1) * size] for r in order)


def less_one(data):
    a = array.array("f", data)
    return array.array("f", (x - 1 for x in a)).tobytes()


def rename(arch, name):
    stem, kind = name.rsplit(".", 1)
    if not stem.startswith("blk."):
        return f"{MODEL[stem]}.{kind}"
    _, layer, part = stem.split(".", 2)
    return f"model.layers.{layer}.{({'gemma3': GEMMA, 'phi3': PHI}.get(arch, LAYER))[part]}.{kind}"


def weights(f, path):
    arch = f.get("general.architecture")
    heads = {"attn_q.": f.get(arch + ".attention.head_count"), "attn_k.": f.get(arch + ".attention.head_count_kv")}
    head, at, parts = {}, 0, []
    for t in f.tensors:
        if t.name.startswith("rope_f"):
            continue
        data = t.data
        for key, n in heads.items():
            if arch == "llama" and key in t.name:
                data = halves(data, t.shape[-1], n)
        if arch == "gemma3" and "norm" in t.name:
            data = less_one(data)
        head[rename(arch, t.name)] = {"dtype": DTYPE[t.kind][0], "shape": t.shape[::-1], "data_offsets": [at, at + len(data)]}
        parts.append(data)
        at += len(data)
    text = json.dumps(head).encode()
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        out.writelines(parts)


def config(f):
    arch = f.get("general.architecture")
    c = {"model_type": "gemma3_text" if arch == "gemma3" else arch, "hidden_activation" if arch == "gemma3" else "hidden_act": "gelu_pytorch_tanh" if arch == "gemma3" else "silu",
         "tie_word_embeddings": not any(t.name == "output.weight" for t in f.tensors)}
    for key, name in SIZES.items():
        if f.get(f"{arch}.{key}") is not None:
            c[name] = f.get(f"{arch}.{key}")
    kind = f.get(arch + ".rope.scaling.type")
    if kind:
        c["rope_scaling"] = {"rope_type": kind, "factor": f.get(arch + ".rope.scaling.factor")}
    original = f.get(arch + ".rope.scaling.original_context_length")
    if original:
        c["original_max_position_embeddings"] = original
    if arch == "gemma3":
        c["query_pre_attn_scalar"] = c["head_dim"]
    if arch == "phi3":
        lists = {t.name: array.array("f", t.data).tolist() for t in f.tensors if t.name.startswith("rope_factors")}
        c["rope_scaling"] = {"type": "longrope", "long_factor": lists["rope_factors_long.weight"], "short_factor": lists["rope_factors_short.weight"],
                             "attention_factor": f.get("phi3.rope.scaling.attn_factor")}
    return c


def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def field(number, kind, value):
    return varint(number << 3 | kind) + (varint(len(value)) + value if kind == 2 else value)


def sentence_piece(f):
    """A ModelProto of its tokens."""
    tokens, scores, types = (f.get("tokenizer.ggml." + k)[1] for k in ("tokens", "scores", "token_type"))
    pieces = b"".join(field(1, 2, field(1, 2, t.encode("utf-8", "surrogateescape")) + field(2, 5, struct.pack("<f", s)) + field(3, 0, varint(k))) for t, s, k in zip(tokens, scores, types))
    return pieces + field(2, 2, field(3, 0, varint(2))) + field(3, 2, field(3, 0, varint(int(f.get("tokenizer.ggml.add_space_prefix")))))


def tokenizer(f, folder):
    """tokenizer_config.json, and tokenizer.json or tokenizer.model; nothing where the model has none."""
    model, get = f.get("tokenizer.ggml.model"), lambda k: f.get("tokenizer.ggml." + k)  # noqa: E731
    if model not in ("gpt2", "llama"):
        return
    tokens, types = get("tokens")[1], get("token_type")[1]
    c = {name: tokens[get(key + "_token_id")] for key, name in SPECIAL.items() if get(key + "_token_id") is not None}
    c.update({k: get(k) for k in ("add_bos_token", "add_eos_token") if get(k) is not None}, chat_template=f.get("tokenizer.chat_template"))
    with open(os.path.join(folder, "tokenizer_config.json"), "w") as out:
        json.dump({k: v for k, v in c.items() if v is not None}, out)
    if model == "llama":
        with open(os.path.join(folder, "tokenizer.model"), "wb") as out:
            out.write(sentence_piece(f))
        return
    assert get("pre") == "smollm"
    added = [{"id": i, "content": t, "special": k == 3} for i, (t, k) in enumerate(zip(tokens, types)) if k != 1]
    steps = [{"type": "Digits", "individual_digits": True}, {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}]
    whole = {"added_tokens": added, "pre_tokenizer": {"type": "Sequence", "pretokenizers": steps},
             "model": {"type": "BPE", "vocab": {t: i for i, t in enumerate(tokens)}, "merges": [m.split(" ") for m in get("merges")[1]]}}
    with open(os.path.join(folder, "tokenizer.json"), "w") as out:
        json.dump(whole, out)


def write(f, folder):
    os.makedirs(folder, exist_ok=True)
    weights(f, os.path.join(folder, "model.safetensors"))
    with open(os.path.join(folder, "config.json"), "w") as out:
        json.dump(config(f), out)
    tokenizer(f, folder)
    return folder
