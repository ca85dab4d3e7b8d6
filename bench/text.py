#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Speed of what stands around the engine: tokenizers, templates, token masks. Prints lines for docs/CLAIMS.md.

usage: bench/text.py [tokenizers] [templates] [masks] [MODEL.gguf]...      (all, where none is named)
Needs build/moat, the evaluation data (MOAT_SHARED) and, for the share of decoding, the test models.
  tokenizers  moat tokenize on 16 MB of English text, less what an empty text takes: MB/s of one core; 4 MB of one
              character against 1 MB of it: a factor above 6 would be superlinear
  templates   100 messages through each real template (moat template), less what one message takes
  masks       random answers by the schemas of tests/run/constrained.py on the largest vocabulary there is and on SmolLM2's
              (build/bench/mask_time); the share of decoding that masks take, as moat run --json counts
              it, on SmolLM2 and the models named (the shared synth_gguf.py makes one of 150,000 tokens: --vocab)
"""
import json, lzma, os, subprocess, sys, tempfile, time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, "tests", "lib"), os.path.join(ROOT, "tests", "run")]
import tap  # noqa: E402
from constrained import SCHEMAS  # noqa: E402

CONFORMANCE = os.path.join(tap.SHARED, "conformance")
tmp = tempfile.TemporaryDirectory()


def file(name, data):
    return tap.file(tmp.name, name, data)


def vocabulary(name):
    return file(name + ".gguf", lzma.open(os.path.join(CONFORMANCE, "tokenizers", f"ggml-vocab-{name}.gguf.xz")).read())


def seconds(*args, times=3):
    """The least of some runs; the processor time of the process, so that others do not count."""
    best = 1e9
    for _ in range(times):
        before = os.times()
        r = tap.moat(*args)
        after = os.times()
        if r.status:
            raise SystemExit(f"moat {' '.join(map(str, args))}: {r}")
        best = min(best, after.children_user + after.children_system - before.children_user - before.children_system)
    return best


def tokenizers():
    text = open(os.path.join(tap.SHARED, "data", "wikitext2", "wiki.test.raw"), "rb").read()
    text = (text * (16_000_000 // len(text) + 1))[:16_000_000].decode("utf-8", "ignore").encode()
    english, empty = file("english", text), file("empty", "x")
    one, four = file("one", b"a" * (1 << 20)), file("four", b"a" * (4 << 20))
    for name in sorted(n[len("ggml-vocab-"):-len(".gguf.xz")] for n in os.listdir(os.path.join(CONFORMANCE, "tokenizers")) if n.endswith(".xz")):
        model = vocabulary(name)
        run = lambda path: seconds("tokenize", model, "--file", path, "--json", "--no-special")
        start = run(empty)
        took, small, large = run(english) - start, run(one) - start, run(four) - start
        print(f"{name:14} {len(text) / 1e6 / took:6.1f} MB/s, 1 MB of one character {small:.3f} s, 4 MB {large:.3f} s "
              f"({large / max(small, 1e-3):.1f} times)", flush=True)
        os.remove(model)


def templates():
    folder, worst = os.path.join(CONFORMANCE, "templates"), (0, "")
    words = "What does the log say about the failed job, and what should be done next? " * 3
    def context(n):
        talk = [{"role": ("user", "assistant")[i % 2], "content": f"{i}: {words}"} for i in range(n)]
        return {"messages": talk, "add_generation_prompt": True, "bos_token": "<s>", "eos_token": "</s>", "strftime_now": "2026-01-15T09:30:00"}
    one, many = file("one.json", json.dumps(context(1))), file("many.json", json.dumps(context(99)))
    taken, failed = [], []
    for name in sorted(n for n in os.listdir(folder) if n.endswith(".jinja")):
        path = os.path.join(folder, name)
        if tap.moat("template", path, "--context", many).status:
            failed.append(name)
            continue
        best = [1e9, 1e9]
        for _ in range(15):
            for i, c in enumerate((one, many)):
                t0 = time.perf_counter()
                tap.moat("template", path, "--context", c)
                best[i] = min(best[i], time.perf_counter() - t0)
        taken.append((best[1] - best[0], name))
    taken.sort()
    print(f"templates: 99 messages (reading the JSON included) in {max(0, taken[len(taken) // 2][0]) * 1e3:.2f} ms in the middle, "
          f"{taken[-1][0] * 1e3:.2f} ms at most ({taken[-1][1]}), {len(taken)} templates; refuse such a talk: {' '.join(failed) or 'none'}")


def masks():
    paths = {name: file(f"{i}.json", json.dumps(s)) for i, (name, s) in enumerate(SCHEMAS.items())}
    program = os.path.join(ROOT, "build", "bench", "mask_time")
    subprocess.run(["make", "-s", "-C", ROOT, "build/bench/mask_time"], check=True)
    models = [("qwen2", vocabulary("qwen2")), ("qwen35", vocabulary("qwen35"))]
    smollm2 = os.path.join(tap.MODELS, "smollm2.gguf")
    if os.path.exists(smollm2):
        models.append(("smollm2", smollm2))
    for label, model in models:
        for name, path in paths.items():
            r = subprocess.run([program, model, path, "40", "200"], capture_output=True, text=True)
            if r.returncode:
                raise SystemExit(r.stderr)
            j = json.loads(r.stdout)
            show = lambda k: f"{j[k]['median_us']:.1f} / {j[k]['p99_us']:.0f} / {j[k]['max_us']:.0f} ({j[k]['n']})"
            print(f"mask {label} ({j['tokens']}) {name:12} median / p99 / max us: others {show('others')}, first {show('first')}", flush=True)
    for model in [m for m in sys.argv[1:] if m.endswith(".gguf")] + [m for _, m in models if m == smollm2]:
        share(model, paths)


def share(model, paths):
    for name, path in paths.items():
        r = tap.moat("run", model, f"Write JSON: {name}, with much in it.", "--schema", path, "--json", "--seed", 1, "--max-tokens", 120)
        if r.status:
            raise SystemExit(str(r))
        j = json.loads(r.out)
        t, n = j["timings"], j["completion_tokens"]
        print(f"share {os.path.basename(model)} {name:12} {n:4} tokens, decoding {t['decode_s'] * 1e3 / n:.2f} ms each, masks {t['mask_s'] / t['decode_s'] * 100:.2f} %", flush=True)


wanted = [a for a in sys.argv[1:] if not a.endswith(".gguf")] or ["tokenizers", "templates", "masks"]
for part in (tokenizers, templates, masks):
    if part.__name__ in wanted:
        part()
tmp.cleanup()
