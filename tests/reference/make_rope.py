#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/data/rope: what reference.py makes of the cases of rope_cases.py. Needs numpy and gguf."""
import os

import numpy as np

import reference
import rope_cases

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data")
os.makedirs(os.path.join(DATA, "rope"), exist_ok=True)
for name, model, times, options in rope_cases.CASES:
    base = os.path.join(DATA, "arch", model)
    tokens = [int(x) for x in open(base + ".tokens").read().split()] * times
    keys = {rope_cases.KEYS[k]: v for k, v in options.items()}
    with_keys, without = (reference.logits_of(base + ".gguf", np.asarray(tokens), keys=k)[-40:] for k in (keys, None))
    with_keys.astype("<f4").tofile(os.path.join(DATA, "rope", name + ".logits"))
    print(f"{name:14} logits move by {np.abs(with_keys - without).max():.2e}")
