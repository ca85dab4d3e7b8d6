#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measure moat against its peers on this machine and write bench/RESULTS.md.

usage: bench/run.py [--rounds 3] [--only SUBSTRING] [--peers DIR] [--models DIR]
Needs the evaluation data's scripts (MOAT_SHARED, default ../shared): they make models of real shapes with random
weights, install the peers, and run moat and a peer turn by turn on the same file. Everything made lies outside
the tree, in ${XDG_CACHE_HOME:-~/.cache}/moat/bench. Run it on a machine that does nothing else.
"""
import argparse, json, os, platform, re, subprocess, sys, time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SHARED = os.environ.get("MOAT_SHARED", os.path.join(os.path.dirname(ROOT), "shared"))
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "moat")
REAL = {"smollm2.gguf": "SmolLM2 135M Q4_1 (real)", "gemma3.gguf": "Gemma 3 270M Q4_K_M (real)"}

# The peer of a row that lowers moat's level (MOAT_ISA) is built for no more than that.
LEVELS = {"avx2": "-DGGML_NATIVE=OFF -DGGML_AVX=ON -DGGML_AVX2=ON -DGGML_FMA=ON -DGGML_F16C=ON -DGGML_BMI2=ON"}

# label, file, shape and mix of a made model (None: real), prompt, decode, depth[, level]
ROWS = [
    ("qwen2.5-1.5b Q4_K_M", "qwen2.5-1.5b-q4_k_m.gguf", ("qwen2.5-1.5b", "q4_k_m"), 512, 64, 0),
    ("qwen2.5-1.5b Q4_K_M, AVX2 only", "qwen2.5-1.5b-q4_k_m.gguf", ("qwen2.5-1.5b", "q4_k_m"), 512, 64, 0, "avx2"),
    ("qwen2.5-1.5b Q4_0", "qwen2.5-1.5b-q4_0.gguf", ("qwen2.5-1.5b", "q4_0"), 512, 64, 0),
    ("qwen2.5-1.5b Q8_0", "qwen2.5-1.5b-q8_0.gguf", ("qwen2.5-1.5b", "q8_0"), 512, 64, 0),
    ("qwen2.5-1.5b BF16", "qwen2.5-1.5b-bf16.gguf", ("qwen2.5-1.5b", "bf16"), 512, 32, 0),
    ("qwen2.5-1.5b F16", "qwen2.5-1.5b-f16.gguf", ("qwen2.5-1.5b", "f16"), 512, 32, 0),
    ("qwen3-moe-tiny Q4_K_M", "qwen3-moe-tiny-q4_k_m.gguf", ("qwen3-moe-tiny", "q4_k_m"), 512, 64, 0),
    ("SmolLM2 135M Q4_1 (real)", "smollm2.gguf", None, 512, 64, 0),
    ("Gemma 3 270M Q4_K_M (real)", "gemma3.gguf", None, 512, 64, 0),
    ("qwen2.5-7b Q4_K_M", "qwen2.5-7b-q4_k_m.gguf", ("qwen2.5-7b", "q4_k_m"), 512, 32, 0),
]


def cpu_name():
    return re.search(r"model name\s*: (.*)", open("/proc/cpuinfo").read())[1]


def flags():
    known = ["avx2", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16"]
    have = re.search(r"flags\s*: (.*)", open("/proc/cpuinfo").read())[1].split()
    return " ".join(f for f in known if f in have)


def model_path(o, file, made, python):
    if made is None:
        return os.path.join(CACHE, "test-models", file)
    path = os.path.join(o.models, file)
    if not os.path.exists(path):
        os.makedirs(o.models, exist_ok=True)
        subprocess.run([python, f"{SHARED}/bench/synth_gguf.py", *made, path + ".part"], check=True)
        os.rename(path + ".part", path)
    return path


def peer_python(o, level):
    """The peer's interpreter; installs the peer where it is absent. pip would take a wheel built for another level from its cache."""
    folder = o.peers.rstrip("/") + (f"-{level}" if level else "")
    python = os.path.join(folder, "bin", "python")
    if not os.path.exists(python):
        script = open(f"{SHARED}/bench/peer.sh").read()
        if level and "-DGGML_NATIVE=ON" not in script:
            sys.exit("bench/run.py cannot build the peer for a level: peer.sh has no -DGGML_NATIVE=ON")
        script = script.replace("-DGGML_NATIVE=ON", LEVELS[level]) if level else script
        subprocess.run(["bash", "-c", script, f"{SHARED}/bench/peer.sh", folder], check=True, env=dict(os.environ, PIP_NO_CACHE_DIR="1"))
    return python


def versus(o, path, row, peer, python, level):
    _, _, _, p, n, d = row[:6]
    cmd = [python, f"{SHARED}/bench/versus.py", "--moat", f"{ROOT}/build/moat", "--peer-python", python, path, "--peer", peer,
           "-p", str(p), "-n", str(n), "-d", str(d), "--rounds", str(o.rounds)]
    out = subprocess.run(cmd, capture_output=True, text=True, env=dict(os.environ, **({"MOAT_ISA": level} if level else {})))
    if out.returncode:
        print(out.stderr[-400:], file=sys.stderr)
        return None
    return json.loads(out.stdout.strip().splitlines()[-1])


def table_row(label, what, r):
    return f"| {label} | {what} | {r['moat']:.1f} | {r['peer']:.1f} | {r['ratio']:.2f} | {r['worst_round']:.2f} |"


def section_of(text, title):
    """Where this CPU's section lies, or where it goes: after those of other CPUs. Notes under ### and all else are not of it."""
    found = re.search(rf"^## {re.escape(title)}\n.*?(?=^##|^<!--|\Z)", text, re.S | re.M)
    return found.span() if found else ((re.search(r"^<!--", text, re.M) or re.search(r"\Z", text)).start(),) * 2


def merged(old, new):
    """Rows measured now, and those measured before of what was not: the first two cells say what a row is of."""
    def key(row): return tuple(row.split("|")[1:3])
    fresh = {key(row): row for row in new}
    kept = [row for row in re.findall(r"^\| .*", old, re.M) if not row.startswith("| model ")]
    return [fresh.pop(key(row), row) for row in kept] + list(fresh.values())


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--rounds", type=int, default=3); ap.add_argument("--only", default="")
    ap.add_argument("--peers", default=os.path.join(CACHE, "bench", "peers")); ap.add_argument("--models", default=os.path.join(CACHE, "bench", "models"))
    ap.add_argument("--peer", choices=["llama_cpp", "openvino"], default="llama_cpp"); ap.add_argument("--out", default=os.path.join(ROOT, "bench", "RESULTS.md"))
    o = ap.parse_args()
    if not os.path.isdir(SHARED):
        sys.exit("bench/run.py needs the evaluation data beside the project; see MOAT_SHARED")
    lines = []
    for row in ROWS:
        level = row[6] if len(row) > 6 else None
        if o.only not in row[0] or level and (o.peer != "llama_cpp" or platform.machine() != "x86_64"):
            continue
        path = model_path(o, row[1], row[2], peer_python(o, None))
        r = versus(o, path, row, o.peer, peer_python(o, level), level)
        if r:
            lines += [table_row(row[0], f"prefill {row[3]}", r["prefill_tps"]), table_row(row[0], f"decode {row[4]}", r["decode_tps"])]
            print("\n".join(lines[-2:]), flush=True)
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    title = f"{cpu_name()}, {len(os.sched_getaffinity(0))} CPUs, against {o.peer.replace('_', '.')}"
    text = open(o.out).read() if os.path.exists(o.out) else "# Measured against other engines\n"
    start, end = section_of(text, title)
    body = (f"## {title}\n\nBy `bench/run.py`, last on {time.strftime('%Y-%m-%d')} at {commit} ({flags()}; {platform.system()} {platform.release()}): medians of\n"
            f"{o.rounds} interleaved rounds in tokens/s, same file, same threads; `worst` is the smallest ratio of any round.\n\n"
            "| model | work | moat | peer | ratio | worst |\n|---|---|---|---|---|---|\n" + "\n".join(merged(text[start:end], lines)))
    with open(o.out, "w") as f:
        f.write(text[:start].rstrip("\n") + "\n\n" + body + "\n\n" + text[end:])


main()
