#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write tests/data/quant/: what the `gguf` Python package decodes weights to.

usage: tests/data/make_quant.py        (needs the `gguf` package and numpy; made with gguf 0.19.0, numpy 2.4.6)
NAME.bin     a few blocks of format NAME, then their weights as F32. Random bytes; the F16 scales run through the list
             below (extremes, subnormals, negative ones, zeros; no infinity, no NaN).
sweep.txt    "NAME hash" for 1024 blocks (65536 weights for F32, F16, BF16) of the bytes SplitMix64 gives from seed 1, scales
             included, so infinities and NaNs occur: FNV-1a (64 bits) over the F32 words, every NaN as 7fc00000. Enough
             blocks to draw every row of every codebook.
"""
import os
import random
import numpy as np
from gguf import GGMLQuantizationType, GGML_QUANT_SIZES, quants

NAMES = ("F32 F16 BF16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K IQ1_S IQ1_M IQ2_XXS IQ2_XS IQ2_S IQ3_XXS IQ3_S "
         "IQ4_NL IQ4_XS TQ1_0 TQ2_0 MXFP4").split()
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "quant")
# Where a block holds F16 scales; IQ1_M spreads one over four bytes instead, MXFP4 has none.
HALVES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2],
          "Q5_K": [0, 2], "Q6_K": [208], "IQ1_S": [0], "IQ2_XXS": [0], "IQ2_XS": [0], "IQ2_S": [0], "IQ3_XXS": [0],
          "IQ3_S": [0], "IQ4_NL": [0], "IQ4_XS": [0], "TQ1_0": [52], "TQ2_0": [64]}
SCALES = [0x2e66, 0xae67, 0x0001, 0x83ff, 0x7bff, 0xfbff, 0x0400, 0x8400, 0x0000, 0x8000, 0x3c01, 0x0155]
MASK = (1 << 64) - 1


def decode(name, data):
    with np.errstate(all="ignore"):
        return quants.dequantize(np.frombuffer(data, dtype=np.uint8), GGMLQuantizationType[name]).astype(np.float32)


def golden(name, rng):
    block, size = GGML_QUANT_SIZES[GGMLQuantizationType[name]]
    n = 1024 if block == 1 else len(SCALES) if block == 32 else 6
    data = bytearray(rng.randbytes(n * size))
    for i in range(n):
        for k, at in enumerate(HALVES.get(name, [])):
            data[i * size + at:i * size + at + 2] = SCALES[(i + 7 * k) % len(SCALES)].to_bytes(2, "little")
        if name == "IQ1_M":
            for j in range(4):
                at = i * size + 49 + 2 * j
                data[at] = data[at] & 15 | (SCALES[i] >> (4 * j) & 15) << 4
        elif name == "MXFP4":
            data[i * size] = [0, 1, 2, 3, 100, 127, 128, 130, 200, 250, 251, 126][i]
        elif block == 1:  # no infinity, no NaN
            data[i * size + size - 1] &= 0xbf
    weights = decode(name, bytes(data))
    assert np.isfinite(weights).all(), name
    return bytes(data) + weights.tobytes()


def splitmix64(n, seed):
    out = bytearray()
    for i in range(1, n // 8 + 1):
        z = (seed + i * 0x9e3779b97f4a7c15) & MASK
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9 & MASK
        z = (z ^ z >> 27) * 0x94d049bb133111eb & MASK
        out += (z ^ z >> 31).to_bytes(8, "little")
    return bytes(out)


def fnv1a(weights):
    words = weights.view(np.uint32).copy()
    words[np.isnan(weights)] = 0x7fc00000
    h = 0xcbf29ce484222325
    for w in words.tolist():
        h = (h ^ w) * 0x100000001b3 & MASK
    return h


def main():
    os.makedirs(HERE, exist_ok=True)
    rng = random.Random(20)
    sweep = ""
    for name in NAMES:
        with open(os.path.join(HERE, name + ".bin"), "wb") as f:
            f.write(golden(name, rng))
        block, size = GGML_QUANT_SIZES[GGMLQuantizationType[name]]
        data = splitmix64((65536 if block == 1 else 1024) * size, 1)
        sweep += f"{name} {fnv1a(decode(name, data)):016x}\n"
    with open(os.path.join(HERE, "sweep.txt"), "w") as f:
        f.write(sweep)


main()
