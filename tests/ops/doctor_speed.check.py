#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat doctor says before a model is run how fast it writes: within 20 % of moat bench, for three models, on this machine.

Forecast and measurement take turns, as a machine's memory is not equally fast at all times: the ratio of each round counts, and their median."""
import json
import os
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403

ROUNDS, OFF = 5, 0.20
BENCH = os.environ.get("MOAT_BENCH_MODELS") or os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "moat", "bench", "models")


def models():
    for path in (os.path.join(MODELS, "smollm2.gguf"), os.path.join(MODELS, "gemma3.gguf"), os.path.join(BENCH, "qwen2.5-1.5b-q4_k_m.gguf")):
        if os.path.exists(path):
            yield path
        else:
            skip(os.path.basename(path), "the model is not here")


def measured(path):
    runs = json.loads(moat("bench", path, "-p", 0, "-n", 48, "-r", 3, "--json").out)["decode_tps"]
    return statistics.median(runs)


def forecast(paths):
    r = moat("doctor", "--json", "--no-disk", *paths)
    listed = json.loads(r.out)["models"]
    return {m["model"]: m["tokens_per_s"] for m in listed[:len(paths)]}


if os.environ.get("MOAT_SANITIZED"):
    skip("forecast against measurement", "instrumented code has another speed")
    done()
paths = list(models())
ratios = {p: [] for p in paths}
for _ in range(ROUNDS if paths else 0):
    said = forecast(paths)
    for p in paths:
        ratios[p].append(said[p] / measured(p))
for p in paths:
    middle = statistics.median(ratios[p])
    note(f"{os.path.basename(p)}: forecast over measurement, round by round: {' '.join(f'{r:.2f}' for r in ratios[p])}")
    ok(abs(middle - 1) <= OFF, f"{os.path.basename(p)}: the forecast is {middle:.2f} of what is measured")
done()
