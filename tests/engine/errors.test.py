#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Models that are nearly right: one thing missing, added, reshaped or absurd. Each is refused cleanly.

Cleanly: the exit status of the error table (4 corrupt, 5 unsupported, 6 over a limit), one line on stderr that names
the culprit, nothing on stdout, no output file, under 100 ms (the best of three, the machine may be busy).
"""
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403
import gguf_mini as g  # noqa: E402

NAMES = "llama llama-moe qwen2 qwen3 qwen3moe gemma3 gemma2 qwen2moe granite glm4 olmo2 phi3 falcon gpt2".split()
LIMIT_S = 1.0 if os.environ.get("MOAT_SANITIZED") == "1" else 0.1
REFUSED = (4, 5, 6)
F16, F32, I32 = 1, 0, 26
work = tempfile.TemporaryDirectory()


def fixture(name):
    return g.File(os.path.join(DATA, "arch", name + ".gguf"))


def run(f, ids=(1, 2, 3), *options):
    """(Result, did it write an output file); repeated while it is only the time that is wrong."""
    path = f.write(os.path.join(work.name, "m.gguf"))
    tokens, out = os.path.join(work.name, "tokens"), os.path.join(work.name, "out.f32")
    open(tokens, "w").write(" ".join(map(str, ids)))
    for _ in range(3):
        if os.path.exists(out):
            os.unlink(out)
        r = moat("logits", path, "--tokens", tokens, "--out", out, *options, limit=60)
        if r.seconds < LIMIT_S:
            break
    return r, os.path.exists(out)


def why_not_refused(f, statuses, words):
    """What is wrong with the refusal, or ''."""
    r, wrote = run(f)
    lines = r.err.strip().splitlines()
    faults = []
    if r.status not in statuses:
        faults.append(f"exit status {r.status}, not {' or '.join(map(str, statuses))}")
    if len(lines) != 1 or not lines[0].startswith("moat: "):
        faults.append(f"{len(lines)} lines on stderr")
    faults += [f"{w} is not named" for w in words if w not in r.err]
    if r.out or wrote:
        faults.append("wrote a result")
    if r.seconds >= LIMIT_S:
        faults.append(f"took {r.seconds * 1000:.0f} ms")
    return "; ".join(faults) + f": {r.err.strip()[:200]}" if faults else ""


def refused(label, f, statuses=REFUSED, words=()):
    fault = why_not_refused(f, statuses, words)
    ok(not fault, f"refused: {label}", fault)


def refused_all(label, cases):
    """Many alike as one test point; cases are (what, file, statuses, words)."""
    faults = [f"{what}: {fault}" for what, f, statuses, words in cases if (fault := why_not_refused(f, statuses, words))]
    ok(not faults, f"refused: {label} ({len(cases)} files)", "\n".join(faults))


def changed(name, change):
    f = fixture(name)
    change(f)
    return f


def works(label, f):
    r, wrote = run(f)
    values = floats(os.path.join(work.name, "out.f32")) if wrote else []
    ok(r.status == 0 and len(values) > 0 and all(v - v == 0 for v in values), f"accepted: {label}", r)


def optional(name, tensor):
    return tensor.endswith(".bias") or tensor.startswith("rope_f") or "attn_norm_2" in tensor or \
        tensor == "output.weight" and name not in ("qwen2moe", "olmo2")


def said(tensor):
    """What one matrix for q, k and v is called when it is missing: the first of the three."""
    return tensor.replace("attn_qkv", "attn_q")


# --- tensors ---------------------------------------------------------------------------------------

for name in NAMES:
    tensors = [t.name for t in fixture(name).tensors if not optional(name, t.name) and not t.name.startswith("blk.1.")]
    refused_all(f"{name}: each required tensor missing",
                [(t, changed(name, lambda f: f.drop_tensor(t)), (4,), [said(t)]) for t in tensors])

for name in NAMES:
    cases = []
    for t in fixture(name).tensors:
        if t.name.startswith(("blk.1.", "blk.2.", "blk.3.", "blk.4.", "blk.5.", "blk.6.")):
            continue
        longer = t.shape[:-1] + [t.shape[-1] + (t.name != "token_embd.weight") - (t.name == "token_embd.weight") * t.shape[-1] // 2]
        shorter = t.shape[:-1] + [t.shape[-1] - 1]
        if t.name != "token_embd.weight":
            cases += [(f"{t.name} one row more", changed(name, lambda f: f.tensor(t.name).resize(longer)), (4,), [t.name]),
                      (f"{t.name} one row less", changed(name, lambda f: f.tensor(t.name).resize(shorter)), (4,), [t.name])]
        per = g.TYPES[t.kind][0]
        wider = [t.shape[0] + per] + t.shape[1:]
        cases.append((f"{t.name} wider", changed(name, lambda f: f.tensor(t.name).resize(wider)), (4,), [t.name]))
        cases.append((f"{t.name} of one dimension more", changed(name, lambda f: f.tensor(t.name).resize(t.shape + [2])), (4,), [t.name]))
        if len(t.shape) > 1 and t.shape[0] % per == 0 and t.shape[0] != t.shape[1]:
            turned = t.shape[1:] + t.shape[:1]
            if turned[0] % per == 0:
                cases.append((f"{t.name} turned", changed(name, lambda f: f.tensor(t.name).resize(turned)), (4,), [t.name]))
    refused_all(f"{name}: a wrong shape", cases)


def with_tensor(name, tensor, shape, kind=F32):
    t = g.Tensor(tensor, shape, kind, b"")
    t.resize(shape)
    return changed(name, lambda f: f.tensors.append(t))


refused_all("a tensor that nothing uses", [
    (n, with_tensor(m, n, shape), (4, 5), [n]) for m, n, shape in (
        ("llama", "blk.0.attn_q.scale", [1]), ("llama", "blk.3.attn_norm.weight", [96]), ("llama", "blk.00.attn_norm.weight", [96]),
        ("llama", "blk.0.ffn_gate_exps.weight", [96, 256, 4]), ("llama", "rope_freqs", [16]), ("llama", "foo.weight", [4, 4]),
        ("llama", "blk.0.attn_q_norm.weight", [32]), ("llama", "blk.4294967296.attn_norm.weight", [96]), ("llama", "v.patch_embd.weight", [8]),
        ("llama-moe", "blk.0.ffn_gate.weight", [64, 56]), ("llama-moe", "blk.0.ffn_gate_shexp.weight", [64, 56]),
        ("llama-moe", "blk.0.exp_probs_b.bias", [5]), ("llama-moe", "blk.0.ffn_up.bias", [56]), ("llama-moe", "blk.1.ffn_down.bias", [64]),
        ("qwen2", "blk.0.attn_q_norm.weight", [24]), ("qwen2", "rope_freqs.weight", [12]), ("qwen2", "blk.0.attn_output.weight.bias", [72]),
        ("qwen3", "blk.0.attn_norm_2.weight", [64]), ("qwen3", "cls.output.weight", [64, 2]), ("qwen3", "rope_factors_long.weight", [12]),
        ("qwen3moe", "blk.0.ffn_down.weight", [512, 256]), ("qwen3moe", "blk.1.ffn_up_shexp.weight", [256, 32]),
        ("gemma3", "rope_freqs.weight", [20]), ("gemma3", "blk.0.layer_output_scale.weight", [1]), ("gemma3", "per_layer_token_embd.weight", [8, 8]))])
refused("two tensors of one name", changed("llama", lambda f: f.tensors.append(f.tensor("blk.0.attn_norm.weight"))), (4,), ["blk.0.attn_norm.weight"])


def retyped(name, tensor, kind):
    def change(f):
        t = f.tensor(tensor)
        t.kind = kind
        t.resize(t.shape)
    return changed(name, change)


refused_all("a type no weight has", [(n, retyped(m, n, I32), (4, 5), [n]) for m, n in (
    ("llama", "blk.0.attn_q.weight"), ("llama", "token_embd.weight"), ("llama", "blk.0.attn_norm.weight"), ("llama", "rope_freqs.weight"),
    ("qwen2", "blk.0.attn_q.bias"), ("llama-moe", "blk.0.ffn_up_exps.weight"), ("gemma3", "blk.0.post_ffw_norm.weight"))])
works("an output of its own beside the embedding", with_tensor("llama", "output.weight", [96, 401]))

# --- architecture and keys -------------------------------------------------------------------------

refused("an architecture that is not built in", changed("llama", lambda f: f.set("general.architecture", g.STR, "mamba")), (5,), ["mamba"])
refused("no architecture", changed("llama", lambda f: f.drop("general.architecture")), (4,), ["general.architecture"])
refused("an architecture that is a number", changed("llama", lambda f: f.set("general.architecture", g.U32, 3)), (4,), ["general.architecture"])
refused("an empty architecture", changed("llama", lambda f: f.set("general.architecture", g.STR, "")), (4, 5))
refused("an architecture of control characters",
        changed("llama", lambda f: f.set("general.architecture", g.STR, "\x1b[2J\nllama")), (5,))

REQUIRED = "context_length embedding_length block_count feed_forward_length attention.head_count".split()
for name in NAMES:
    arch = fixture(name).get("general.architecture")
    epsilon = "attention.layer_norm_epsilon" if arch in ("falcon", "gpt2") else "attention.layer_norm_rms_epsilon"
    keys = [k for k in REQUIRED + [epsilon] if not (name == "qwen3moe" and k == "feed_forward_length")]
    refused_all(f"{name}: each required key missing",
                [(k, changed(name, lambda f: f.drop(f"{arch}.{k}")), (4,), [f"{arch}.{k}"]) for k in keys])
    refused_all(f"{name}: each required key a string",
                [(k, changed(name, lambda f: f.set(f"{arch}.{k}", g.STR, "12")), (4,), [f"{arch}.{k}"]) for k in keys])

NAN, INF = float("nan"), float("inf")
ABSURD = {
    "llama": [(k, g.U32, v) for k, values in {
        "block_count": (0, 2, 4, 10**9, 2**32 - 1), "context_length": (0, 2**32 - 1), "embedding_length": (0, 95, 128, 2**31, 2**32 - 32),
        "feed_forward_length": (0, 1, 512, 2**32 - 1), "attention.head_count": (0, 2, 5, 96, 2**31, 2**32 - 1),
        "attention.head_count_kv": (0, 2, 3, 4, 2**32 - 1), "attention.key_length": (0, 1, 31, 64, 2**30, 2**32 - 1),
        "attention.value_length": (0, 16, 2**32 - 1), "rope.dimension_count": (31, 34, 64, 2**32 - 1), "expert_count": (4, 10**9),
        "rope.scaling.original_context_length": (0, 2**32 - 1)}.items() for v in values]
    + [(k, g.F32, v) for k, values in {
        "attention.layer_norm_rms_epsilon": (NAN, INF, -1.0), "rope.freq_base": (0.0, -1.0, NAN, INF), "attention.scale": (NAN, INF),
        "rope.scaling.factor": (NAN, INF, -2.0)}.items() for v in values]
    + [("rope.scaling.type", g.STR, "bogus"), ("rope.scaling.type", g.U32, 1),
       ("block_count", g.I32, -1), ("block_count", g.I64, -(2**63)), ("block_count", g.U64, 2**32 + 3), ("attention.head_count", g.U64, 2**64 - 1),
       ("attention.head_count", g.ARR, (g.U32, [3, 3])), ("attention.head_count", g.ARR, (g.U32, [3, 1, 3])),
       ("attention.head_count", g.ARR, (g.U32, [])), ("attention.head_count", g.F32, 3.0), ("block_count", g.BOOL, True)],
    "llama-moe": [(k, g.U32, v) for k, values in {
        "expert_count": (0, 4, 6, 10**9, 2**32 - 1), "expert_used_count": (0, 6, 2**32 - 1), "feed_forward_length": (0, 64)}.items() for v in values]
    + [("expert_weights_scale", g.F32, NAN), ("expert_weights_scale", g.F32, INF)],
    "qwen2": [("rope.scaling.factor", g.F32, v) for v in (NAN, INF, -4.0)]
    + [("rope.scaling.yarn_beta_fast", g.F32, v) for v in (NAN, INF, -1.0)] + [("rope.scaling.original_context_length", g.U32, 2**32 - 1)],
    "qwen3": [("attention.key_length", g.U32, v) for v in (0, 16, 23, 25, 32)] + [("rope.dimension_count", g.U32, v) for v in (25, 26, 2**31)],
    "qwen3moe": [(k, g.U32, v) for k, values in {"expert_count": (0, 3, 5), "expert_used_count": (0, 5),
                                                 "expert_feed_forward_length": (0, 31, 33, 64, 2**32 - 1)}.items() for v in values],
    "gemma3": [("attention.sliding_window_pattern", g.ARR, (g.U32, [1, 0])), ("attention.sliding_window_pattern", g.ARR, (g.STR, ["a"] * 7)),
               ("attention.sliding_window_pattern", g.STR, "6"), ("attention.sliding_window", g.STR, "8"), ("rope.freq_base_swa", g.F32, 0.0),
               ("rope.freq_base_swa", g.F32, NAN), ("final_logit_softcapping", g.F32, NAN), ("final_logit_softcapping", g.F32, -3.0)],
    "granite": [("logit_scale", g.F32, 0.0), ("logit_scale", g.F32, NAN), ("residual_scale", g.F32, INF), ("embedding_scale", g.F32, NAN),
                ("rope.scaling.finetuned", g.U32, 1), ("expert_shared_feed_forward_length", g.U32, 33), ("expert_shared_feed_forward_length", g.U32, 0)],
    "cohere2": [("attention.sliding_window", g.U32, 0), ("logit_scale", g.F32, NAN)],
    "glm4-axes": [("rope.dimension_sections", kind, value) for kind, value in ((g.U32, 3), (g.ARR, (g.I32, [1, -1])), (g.ARR, (g.I32, [1] * 5)), (g.ARR, (g.STR, ["a"])))],
    "qwen2moe": [("expert_shared_feed_forward_length", g.U32, v) for v in (0, 63, 2**32 - 1)] + [("expert_feed_forward_length", g.U32, v) for v in (0, 31, 33)],
    "gpt2": [("context_length", g.U32, 95), ("context_length", g.U32, 97)],
    "mistral3": [("attention.temperature_scale", g.F32, NAN), ("rope.scaling.yarn_log_multiplier", g.F32, INF)],
}
for name, rows in ABSURD.items():
    arch = fixture(name).get("general.architecture")
    refused_all(f"{name}: absurd sizes and numbers", [
        (f"{key} = {value}", changed(name, lambda f: f.set(f"{arch}.{key}", kind, value)), REFUSED, []) for key, kind, value in rows])

works("sizes as 64-bit integers", changed("llama", lambda f: f.set("llama.block_count", g.U64, 3).set("llama.embedding_length", g.I32, 96)))
works("head counts as an array of one value", changed("llama", lambda f: f.set("llama.attention.head_count", g.ARR, (g.U32, [3, 3, 3]))))
works("a window far larger than the context", changed("gemma3", lambda f: f.set("gemma3.attention.sliding_window", g.U32, 2**31)))
works("no window", changed("gemma3", lambda f: f.drop("gemma3.attention.sliding_window")))
works("a pattern per layer", changed("gemma3", lambda f: f.set("gemma3.attention.sliding_window_pattern", g.ARR, (g.BOOL, [True] * 6 + [False]))))

# --- weights that are no numbers: computed, not crashed on --------------------------------------------

f = fixture("qwen2")
f.tensor("blk.0.attn_q.bias").data = b"\xff\xff\xff\x7f" * 72
r, _ = run(f)
ok(r.status >= 0 and len(r.err.splitlines()) <= 1, "NaN among the weights ends the program in an orderly way", r)

# --- token files -----------------------------------------------------------------------------------

model = os.path.join(DATA, "arch", "qwen3.gguf")
for label, text, words in (("an id past the vocabulary", "1 147", ["147"]), ("a negative id", "1 -1", ["-1"]), ("a huge id", "4294967297", ["4294967297"]),
                           ("letters", "1 two", ["two"]), ("no ids", " \n", []), ("more ids than the context", "1 " * 129, ["128", "129"])):
    tokens = os.path.join(work.name, "tokens")
    open(tokens, "w").write(text)
    r = moat("logits", model, "--tokens", tokens, "--out", os.path.join(work.name, "o"))
    ok(r.status in (2, 4, 6) and len(r.err.splitlines()) == 1 and all(w in r.err for w in words), f"token file with {label}", r)
open(tokens, "w").write("1 2 3")
r = moat("logits", os.path.join(DATA, "arch", "gpt2.gguf"), "--tokens", tokens, "--out", os.path.join(work.name, "o"), "--context", 97)
ok(r.status == 6 and "96" in r.err and "--context" in r.err, "more context than there are learned positions", r)
r = moat("logits", model, "--tokens", os.path.join(work.name, "absent"), "--out", os.path.join(work.name, "o"))
ok(r.status == 3, "token file that is not there", r)
open(tokens, "w").write("1 2 3")
r = moat("logits", model, "--tokens", tokens, "--out", os.path.join(work.name, "no", "such", "folder"))
ok(r.status in (3, 11) and len(r.err.splitlines()) == 1, "output folder that is not there", r)
r = moat("logits", os.path.join(work.name, "absent.gguf"), "--tokens", tokens, "--out", os.path.join(work.name, "o"))
ok(r.status == 3 and "absent.gguf" in r.err, "model that is not there", r)
done()
