# SPDX-License-Identifier: Apache-2.0
"""Options of positions on the models of tests/data/arch, and the keys they stand for. Their logits by reference.py are in
tests/data/rope; `make_rope.py` writes them, tests/engine/rope.test.py compares."""

KEYS = {"rope-scaling": "rope.scaling.type", "rope-scale": "rope.scaling.factor", "rope-freq-base": "rope.freq_base",
        "yarn-orig-ctx": "rope.scaling.original_context_length", "yarn-ext-factor": "rope.scaling.yarn_ext_factor",
        "yarn-attn-factor": "rope.scaling.attn_factor", "yarn-beta-fast": "rope.scaling.yarn_beta_fast",
        "yarn-beta-slow": "rope.scaling.yarn_beta_slow"}

# (name of the case, model, times its tokens are repeated, options). Of the tokens the last 40 are compared.
CASES = [
    ("linear", "llama", 1, {"rope-scaling": "linear", "rope-scale": 2.5}),
    ("long", "llama", 20, {"rope-scaling": "yarn", "rope-scale": 4.0}),  # 800 tokens, the model is trained for 512
    ("parts", "qwen3", 1, {"rope-scaling": "yarn", "rope-scale": 8.0, "yarn-orig-ctx": 64, "yarn-ext-factor": 0.6,
                           "yarn-attn-factor": 1.1, "yarn-beta-fast": 16.0, "yarn-beta-slow": 0.5}),
    ("interpolated", "qwen3moe", 1, {"rope-scaling": "yarn", "rope-scale": 3.0, "yarn-ext-factor": 0.0}),
    ("instead", "qwen2", 1, {"rope-scaling": "none"}),  # the file says YaRN
    ("base", "gemma3", 1, {"rope-freq-base": 500000.0, "rope-scale": 2.0}),  # of the layers without a window
    ("latent", "deepseek2", 1, {"rope-scaling": "yarn", "rope-scale": 40.0, "yarn-orig-ctx": 128}),
]
