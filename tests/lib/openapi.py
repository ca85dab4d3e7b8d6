# SPDX-License-Identifier: Apache-2.0
"""Schemas of an API description in JSON Schema's words. Standard library only."""

PASSED_OVER = {"deprecated", "discriminator", "nullable", "readOnly", "example", "externalDocs", "contentEncoding"}


def plain(s):
    """What OpenAPI adds to JSON Schema, said in JSON Schema's words."""
    if isinstance(s, list):
        return [plain(x) for x in s]
    if not isinstance(s, dict):
        return s
    out = {}
    for k, v in s.items():
        if k == "properties":
            out[k] = {n: plain(x) for n, x in v.items()}
        elif k in ("enum", "const", "required", "default"):
            out[k] = v
        elif k not in PASSED_OVER and not k.startswith("x-"):
            out[k] = plain(v)
    return {"anyOf": [out, {"type": "null"}]} if s.get("nullable") else out
