#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat bench --explain: the parts are the whole, multiply-adds and bytes are what the tensors say, and the tables line up."""
import json
import os
import sys
import unicodedata

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403

PROMPT, STEPS, DEPTH, RUNS = 24, 6, 16, 2
NEEDED = 2 << 30  # what measuring memory asks for, and some


def memory():
    with open("/proc/meminfo") as f:
        return next(int(line.split()[1]) << 10 for line in f if line.startswith("MemAvailable"))


def path(name):
    return os.path.join(DATA, "arch", name + ".gguf")


def explain(name, *options, env=None):
    return moat("bench", path(name), "-p", PROMPT, "-n", STEPS, "-d", DEPTH, "-r", RUNS, "--explain", *options, env=env)


def kind(tensor):
    """The stage that multiplies with a matrix, and its layer."""
    part = tensor.split(".")
    table = {"attn_q": "qkv", "attn_k": "qkv", "attn_v": "qkv", "attn_output": "output", "ffn_gate": "gate_up", "ffn_up": "gate_up", "ffn_down": "down"}
    if part[0] == "blk":
        return ("experts" if part[2].endswith("_exps") or part[2] == "ffn_gate_inp" else table.get(part[2])), int(part[1])
    return ("logits" if tensor == "output.weight" else None), None


def wanted(name, rows):
    """MACs by stage of a pass of `rows` tokens that wants the logits of one."""
    d = json.loads(moat("show", path(name), "--json").out)
    layers = next(v for k, v in d["metadata"].items() if k.endswith("block_count"))
    experts = next((v for k, v in d["metadata"].items() if k.endswith("expert_count")), 1)
    used = next((v for k, v in d["metadata"].items() if k.endswith("expert_used_count")), 1)
    macs, names = {}, [t["name"] for t in d["tensors"]]
    for t in d["tensors"]:
        stage, layer = kind(t["name"] if t["name"] != "token_embd.weight" or "output.weight" in names else "output.weight")
        if stage and len(t["shape"]) > 1:
            n = 1
            for x in t["shape"]:
                n *= x
            n = n * used // experts if len(t["shape"]) == 3 else n
            last = layer is None or (layer == layers - 1 and stage != "qkv")
            macs[stage] = macs.get(stage, 0) + n * (1 if last else rows)
    return macs


def width(line):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


if memory() < NEEDED:
    skip("everything", "measuring memory takes a gigabyte, and there is less to spare")
    done()
for name in ("llama", "qwen3", "gemma3", "llama-moe"):
    r = explain(name, "--json")
    d = json.loads(r.out or "{}").get("explain")
    if not ok(r.status == 0 and d, f"{name} is explained", r):
        continue
    ok(0 < d["read_bytes_per_s"]["plain"] < 1e13 and 0 < d["read_bytes_per_s"]["prefetching"] < 1e13, f"{name}: memory is measured", d["read_bytes_per_s"])
    peak = d["macs_per_s"]
    ok(sorted(peak) == ["bf16", "f32", "int8"] and 0 < peak["f32"] < 1e15 and peak["int8"] > 0, f"{name}: multiply-adds are measured", peak)
    ok(all(s["macs"] <= 1.25 * max(peak.values()) * s["seconds"] for p in ("prefill", "decode") for s in d[p]["stages"] if s["seconds"] > 1e-4),
       f"{name}: no stage does more multiply-adds than that", f"{peak} {d['prefill']}")
    for phase, passes, tokens in (("prefill", RUNS, PROMPT), ("decode", RUNS * STEPS, 1)):
        p = d[phase]
        whole, parts = p["seconds"], sum(s["seconds"] for s in p["stages"])
        ok(p["passes"] == passes and p["tokens_per_pass"] == tokens, f"{name} {phase}: {passes} passes of {tokens}", p)
        ok(abs(parts / whole - 1) < 0.03, f"{name} {phase}: the parts are the whole", f"{parts} of {whole}")
        got = {s["stage"]: s["macs"] / passes for s in p["stages"] if s["macs"] and s["stage"] != "attention"}
        ok(got == wanted(name, tokens), f"{name} {phase}: multiply-adds are the tensors'", f"{got} not {wanted(name, tokens)}")
    seen = sum(range(DEPTH + 2, DEPTH + 2 + STEPS)) * RUNS
    if name == "llama":  # 3 layers of 3 heads of 32 over 1 head of keys and values, in two bytes
        s = next(s for s in d["decode"]["stages"] if s["stage"] == "attention")
        ok(s["macs"] == 3 * 3 * 64 * seen and s["bytes"] == 3 * 64 * 2 * seen, "llama decode: attention reads all that came before", s)
for language in ("C.UTF-8", "zh_CN.UTF-8"):
    r = explain("llama-moe", env={"LC_ALL": language, "LANGUAGE": language.split(".")[0]})
    lines = r.out.splitlines()
    tables = [block.splitlines() for block in r.out.split("\n\n")[2:]]
    ok(r.status == 0 and max(map(width, lines[1:])) <= 80, f"{language}: 80 columns hold it", r)
    ok(len(tables) == 2 and all(width(t[0]) == width(t[-1]) for t in tables), f"{language}: two tables, last columns line up", r.out)
    ok(language.startswith("C") or "注意力" in r.out, f"{language} is spoken", r.out)
r = moat("bench", path("llama"), "-p", PROMPT, "-n", STEPS, "-r", 1, "--json")
ok(r.status == 0 and "explain" not in json.loads(r.out), "unasked, nothing is explained", r)
done()
