#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/data/hf: one tiny random model of each family that moat convert knows, as transformers saves it, with what
transformers itself computes: logits (or states) and token ids. For tests/lab/convert.test.py.

usage: tests/reference/make_hf.py [FAMILY...]      (checked with transformers 4.51.3, torch 2.6.0, tokenizers 0.21.4, sentencepiece 0.2.0, protobuf 5.29.5)
Not needed to build or test: what it makes is in the tree.
"""
import io
import json
import os
import shutil
import sys

import sentencepiece
import torch
import transformers as hf
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
OUT = os.path.join(ROOT, "tests", "data", "hf")
CORPUS = [line for name in ("LICENSE", "README.md", "README.zh-CN.md", "CONTRIBUTING.md") for line in open(os.path.join(ROOT, name)) if line.strip()]
ENGLISH = [line for line in CORPUS if line.isascii()]
TEXTS = ["Hello, world", "the licence of this work", "  two  spaces and 12345", "caf\u00e9 na\u00efve \u4f60\u597d", "You may not use this file.\n\n\tdef f(x):", "it's I'LL 3.14"]
SIZES = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1, intermediate_size=64, max_position_embeddings=256)
ENDING = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
WORDS = ENDING + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
TEKKEN = rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def byte_level(pattern, special, whole_words=False, bos=None):
    t = Tokenizer(models.BPE(ignore_merges=whole_words))
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=380, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    if bos:
        t.post_processor = processors.TemplateProcessing(single=f"{bos} $A", special_tokens=[(bos, t.token_to_id(bos))])
    return t


def sentence_piece(folder):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(ENGLISH), model_writer=model, vocab_size=420, model_type="bpe", byte_fallback=True,
                                             minloglevel=2, character_coverage=0.98, split_digits=True, remove_extra_whitespaces=False,
                                             normalization_rule_name="identity", allow_whitespace_only_pieces=True)
    with open(os.path.join(folder, "tokenizer.model"), "wb") as f:
        f.write(model.getvalue())
    return os.path.join(folder, "tokenizer.model")


def word_piece():
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer(lowercase=True)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    t.train_from_iterator(CORPUS, trainers.WordPieceTrainer(vocab_size=400, limit_alphabet=90, special_tokens=special, show_progress=False))
    t.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return t


def save_tokenizer(folder, name):
    """The folder gets the files of a tokenizer of this family; returns one that tells what is right."""
    if name in ("llama", "phi3"):  # phi3: the converted tokenizer.json alone
        slow = hf.LlamaTokenizer(sentence_piece(folder), legacy=False)
        fast = hf.LlamaTokenizerFast(tokenizer_object=hf.convert_slow_tokenizer.convert_slow_tokenizer(slow), legacy=False)
        fast.save_pretrained(folder)
        if name == "phi3":
            os.remove(os.path.join(folder, "tokenizer.model"))
        else:
            os.remove(os.path.join(folder, "tokenizer.json"))
        return fast
    if name == "bert":
        t = hf.BertTokenizerFast(tokenizer_object=word_piece())
    elif name == "gemma3":
        t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
        t.normalizer = normalizers.Replace(" ", "\u2581")
        special = ["<pad>", "<eos>", "<bos>", "<unk>"] + [f"<0x{i:02X}>" for i in range(256)]
        t.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=420, limit_alphabet=90, max_token_length=12, special_tokens=special, show_progress=False))
        state = json.loads(t.to_str())
        state["added_tokens"] = [a for a in state["added_tokens"] if a["id"] < 4]
        t = Tokenizer.from_str(json.dumps(state))
        t.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()])
        t.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 2)])
        t = hf.PreTrainedTokenizerFast(tokenizer_object=t, bos_token="<bos>", eos_token="<eos>", pad_token="<pad>", unk_token="<unk>")
    elif name == "mistral":
        t = hf.PreTrainedTokenizerFast(tokenizer_object=byte_level(TEKKEN, ["<unk>", "<s>", "</s>"], bos="<s>"), bos_token="<s>", eos_token="</s>")
    elif name == "qwen3":
        t = hf.PreTrainedTokenizerFast(tokenizer_object=byte_level(WORDS % "{1,3}", ["<|begin|>", "<|end|>"], True, "<|begin|>"), bos_token="<|begin|>", eos_token="<|end|>")
    else:
        t = hf.PreTrainedTokenizerFast(tokenizer_object=byte_level(WORDS % "", ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]), eos_token="<|im_end|>", pad_token="<|endoftext|>")
    t.chat_template = "{% for m in messages %}{{ m.content }}{% endfor %}"
    t.save_pretrained(folder)
    return t


def config(name, n_vocab):
    rope = lambda **k: dict(rope_scaling=k)  # noqa: E731
    if name == "llama":
        return hf.LlamaConfig(vocab_size=n_vocab, rope_theta=5000.0, **SIZES, **rope(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64))
    if name == "mistral":
        return hf.MistralConfig(vocab_size=n_vocab, sliding_window=None, head_dim=24, **SIZES)
    if name == "qwen2":
        return hf.Qwen2Config(vocab_size=n_vocab + 5, tie_word_embeddings=True, **SIZES)
    if name == "qwen3":
        return hf.Qwen3Config(vocab_size=n_vocab, head_dim=24, **SIZES, **rope(rope_type="yarn", factor=4.0, original_max_position_embeddings=64))
    if name == "gemma3":
        return hf.Gemma3TextConfig(vocab_size=n_vocab, head_dim=24, query_pre_attn_scalar=20, sliding_window=8, sliding_window_pattern=2,
                                   **dict(SIZES, num_hidden_layers=3), **rope(rope_type="linear", factor=2.0))
    if name == "phi3":
        half = [1.0 + 0.1 * i for i in range(8)]
        return hf.Phi3Config(vocab_size=n_vocab, pad_token_id=0, original_max_position_embeddings=16, **SIZES,
                             **rope(type="longrope", short_factor=half, long_factor=[2 * x for x in half]))
    return hf.BertConfig(vocab_size=n_vocab, **{k: v for k, v in SIZES.items() if k != "num_key_value_heads"})


def make(name, dtype, shard="5GB"):
    folder = os.path.join(OUT, name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    tokenizer = save_tokenizer(folder, name)
    torch.manual_seed(len(name))
    c = config(name, len(tokenizer))
    cls = hf.BertModel if name == "bert" else hf.AutoModelForCausalLM
    model = cls(c, add_pooling_layer=False) if name == "bert" else cls.from_config(c, attn_implementation="eager")
    with torch.no_grad():
        for key, p in model.named_parameters():
            norm = "norm" in key.lower() and "weight" in key
            p.copy_(torch.randn(p.shape) * (0.2 if norm else 0.15) + (1 if norm and name != "gemma3" else 0))
    model = model.to(dtype)
    model.save_pretrained(folder, max_shard_size=shard)
    # read again: what is no weight (the frequencies of positions) was rounded too
    how = dict(add_pooling_layer=False) if name == "bert" else dict(attn_implementation="eager")
    model = cls.from_pretrained(folder, torch_dtype=torch.float32, **how).eval()
    ids = torch.randint(0, c.vocab_size, (1, 40))
    with torch.no_grad():
        out = model(ids)
    numbers = out.last_hidden_state.mean(1) if name == "bert" else out.logits
    tokens = [tokenizer(t)["input_ids"] for t in TEXTS]
    if name == "bert":  # its states depend on what is put around the ids
        ids = torch.tensor([tokens[0]])
        with torch.no_grad():
            numbers = model(ids).last_hidden_state.mean(1)
    numbers[0].to(torch.float32).numpy().tofile(os.path.join(folder, "expected.f32"))
    with open(os.path.join(folder, "expected.json"), "w") as f:
        json.dump({"ids": ids[0].tolist(), "texts": TEXTS, "tokens": tokens}, f)
    print(name, sum(os.path.getsize(os.path.join(folder, x)) for x in os.listdir(folder)))


KINDS = {"llama": (torch.float16, "60KB"), "qwen2": (torch.float32,), "bert": (torch.float16,)}
for family in sys.argv[1:] or ("llama", "mistral", "qwen2", "qwen3", "gemma3", "phi3", "bert"):
    make(family, *KINDS.get(family, (torch.bfloat16,)))
