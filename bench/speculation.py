#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What guessing ahead brings: own decoding with prompt lookup against own decoding without, in one run.

usage: bench/speculation.py [edit] [prose] [--model gemma3|smollm2|FILE] [--rounds N]
  edit   a file of 1,000 lines of this project's C code is in the prompt, the answer is the same file with one line
         changed (a grammar makes the model write just that): decoding of all of it
  prose  free answers to five questions, drawn at temperature 1: the median ratio of what decoding takes
Needs build/moat and the test models; prints what the answers took, and checks that they are the same.
"""
import argparse, glob, json, os, statistics, subprocess, sys, tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
import tap  # noqa: E402

LINES = int(os.environ.get("MOAT_LINES", "1000"))
QUESTIONS = ["Tell me a story about a lighthouse keeper and a storm.", "Why do leaves change colour in autumn?",
             "Describe a market in a small town on a Saturday morning.", "What should I think about before I buy a bicycle?",
             "Write a letter to a friend who has moved to another country."]


def answer(model, how, *options, prompt=None):
    r = subprocess.run([tap.MOAT, "run", model, "--json", "--speculation", how, *map(str, options)], input=prompt, capture_output=True, text=True)
    if r.returncode:
        raise SystemExit(r.stderr)
    return json.loads(r.stdout)


def rate(a):
    return a["completion_tokens"] / a["timings"]["decode_s"]


def code():
    lines = []
    for path in sorted(glob.glob(os.path.join(ROOT, "src", "base", "*.c"))):
        lines += [line.expandtabs(4) for line in open(path).read().split("\n") if line.strip()]
    return lines[:LINES]


def edit(model, rounds, tmp):
    lines = code()
    edited = list(lines)
    at = next(i for i in range(LINES // 2, LINES) if "return" in lines[i])
    edited[at] = lines[at].replace("return", "goto out; /* no longer */ return")
    grammar = os.path.join(tmp, "edited.gbnf")
    with open(grammar, "w") as f:
        f.write("root ::= (" + "\n  ".join(json.dumps(line + "\n") for line in edited) + ")\n")
    prompt = "\n".join(lines) + "\n\nThe same file, with one line changed:\n\n"
    options = ("--raw", "--temperature", 0, "--max-tokens", 0, "--grammar", grammar, "--context", 32768)
    ratios = []
    for _ in range(rounds):
        off, on = answer(model, "off", *options, prompt=prompt), answer(model, "lookup", *options, prompt=prompt)
        same = off["content"] == on["content"] == "\n".join(edited) + "\n"
        t = on["timings"]
        ratios.append(rate(on) / rate(off))
        print(f"edit: {len(edited)} lines, {on['prompt_tokens']} + {on['completion_tokens']} tokens: {rate(off):.1f} tok/s without, {rate(on):.1f} with "
              f"({t['guessed_right']} of {t['guessed']} guesses held): {ratios[-1]:.2f}; {'the same answer' if same else 'THE ANSWERS DIFFER'}", flush=True)
    print(f"edit: median {statistics.median(ratios):.2f}, worst {min(ratios):.2f} (bar 2.0)")


def prose(model, rounds):
    """Drawn at temperature 1: greedy answers of small models soon repeat themselves, which is no prose."""
    all_ratios = []
    for i, question in enumerate(QUESTIONS):
        ratios = []
        options = ("--temperature", 1, "--seed", i + 1, "--max-tokens", 300)
        for _ in range(rounds):
            off, on = answer(model, "off", question, *options), answer(model, "lookup", question, *options)
            ratios.append(rate(on) / rate(off))
        t = on["timings"]
        print(f"prose: {rate(off):.1f} tok/s without, {rate(on):.1f} with ({t['guessed_right']} of {t['guessed']} guesses held): median "
              f"{statistics.median(ratios):.3f}{'' if off['content'] == on['content'] else '; THE ANSWERS DIFFER'}", flush=True)
        all_ratios += ratios
    print(f"prose: median {statistics.median(all_ratios):.3f}, worst {min(all_ratios):.3f} (bar 0.98)")


p = argparse.ArgumentParser()
p.add_argument("what", nargs="*", choices=["edit", "prose", []])
p.add_argument("--model", default="gemma3")
p.add_argument("--rounds", type=int, default=1)
a = p.parse_args()
model = a.model if os.path.exists(a.model) else os.path.join(tap.MODELS, a.model + ".gguf")
with tempfile.TemporaryDirectory() as tmp:
    if "prose" in (a.what or ["prose"]):
        prose(model, a.rounds)
    if "edit" in (a.what or ["edit"]):
        edit(model, a.rounds, tmp)
