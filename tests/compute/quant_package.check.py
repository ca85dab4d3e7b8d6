#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Decode many random blocks of every format here and in the `gguf` Python package: equal bit for bit.

Needs the package (and numpy) in the interpreter that runs it; skips without. MOAT_SEED picks other data.
"""
import os
import random
import subprocess
import sys

NAMES = ("F32 F16 BF16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K IQ1_S IQ1_M IQ2_XXS IQ2_XS IQ2_S IQ3_XXS IQ3_S "
         "IQ4_NL IQ4_XS TQ1_0 TQ2_0 MXFP4").split()
N_WEIGHTS = 1 << 20

try:
    import numpy as np
    from gguf import GGMLQuantizationType, GGML_QUANT_SIZES, quants
except ImportError as e:
    print(f"1..1\nok 1 - decoding agrees with the gguf package # SKIP {e}")
    sys.exit(0)

tool = os.path.join(os.environ.get("MOAT_BUILD", "build"), "tests", "compute", "test_quant")
seed = int(os.environ.get("MOAT_SEED", "7"))
rng = random.Random(seed)
failed = 0
print(f"1..{len(NAMES)}")
for i, name in enumerate(NAMES, 1):
    t = GGMLQuantizationType[name]
    block, size = GGML_QUANT_SIZES[t]
    data = rng.randbytes(N_WEIGHTS // block * size)
    with np.errstate(all="ignore"):
        want = quants.dequantize(np.frombuffer(data, dtype=np.uint8), t).astype(np.float32)
    out = subprocess.run([tool, "decode", name], input=data, stdout=subprocess.PIPE, check=True).stdout
    got = np.frombuffer(out, dtype=np.float32)
    same = len(got) == len(want) and (np.isnan(got) == np.isnan(want)).all()
    numbers = ~np.isnan(want)
    same = same and (got.view(np.uint32)[numbers] == want.view(np.uint32)[numbers]).all()
    failed += not same
    print(f"{'ok' if same else 'not ok'} {i} - {name}: {len(want)} weights, {numbers.sum()} of them numbers, seed {seed}")
sys.exit(1 if failed else 0)
