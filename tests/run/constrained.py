# SPDX-License-Identifier: Apache-2.0
"""Answers bound by grammars, from models of random weights: what the quick and the long test share.

The models of the architecture fixtures have no text to their 128 tokens: they get a vocabulary of all printable ASCII
and some pieces of JSON. Random weights choose wildly among what is allowed, which is what is to be tested."""
import json, os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import gguf_mini, json_schema, tap

PIECES = ['{"', '"}', '":', '", "', "true", "null", "[[", "]]", "},{", '"a', '": ', "ab", "000", "-1", ".5", "\\u00", "\\n", "name",
          '":{"', "[{", "e+", '\\"', "  "]


def with_vocabulary(path, special=()):
    """The model with a text to each of its tokens; `special` are special tokens."""
    f = gguf_mini.File(path)
    bytes_ = [(f"<0x{b:02X}>", 6) for b in (9, 10)]
    tokens = [("<unk>", 2), ("<s>", 3), ("</s>", 3)] + bytes_ + [(chr(c), 1) for c in range(0x21, 0x7f)] + [("\u2581", 1)]
    n = f.get("tokenizer.ggml.tokens")[1]
    tokens += [(p.replace(" ", "\u2581"), 1) for p in PIECES] + [(m, 3) for m in special]
    tokens = (tokens + [(f"<pad{i}>", 5) for i in range(len(n))])[:len(n)]
    f.kv = [row for row in f.kv if not row[0].startswith("tokenizer.")]
    f.set("tokenizer.ggml.model", gguf_mini.STR, "llama")
    f.set("tokenizer.ggml.tokens", gguf_mini.ARR, (gguf_mini.STR, [t for t, _ in tokens]))
    f.set("tokenizer.ggml.token_type", gguf_mini.ARR, (gguf_mini.I32, [k for _, k in tokens]))
    f.set("tokenizer.ggml.scores", gguf_mini.ARR, (gguf_mini.F32, [-float(len(t)) for t, _ in tokens]))
    f.set("tokenizer.ggml.bos_token_id", gguf_mini.U32, 1)
    f.set("tokenizer.ggml.eos_token_id", gguf_mini.U32, 2)
    return f


SCHEMAS = {
    "anything": {},
    "person": {"type": "object", "properties": {"name": {"type": "string", "minLength": 1, "maxLength": 12},
               "age": {"type": "integer", "minimum": 0, "maximum": 150}, "mail": {"type": "string", "pattern": "^[a-z]+@[a-z]+[.]com$"}},
               "required": ["name", "age"], "additionalProperties": False},
    "open object": {"type": "object", "properties": {"a": {"type": "null"}}, "patternProperties": {"^x": {"type": "integer"}},
                    "additionalProperties": {"type": "boolean"}, "minProperties": 1, "maxProperties": 4},
    "tree": {"$ref": "#/$defs/node", "$defs": {"node": {"type": "object", "properties": {
             "value": {"type": "number"}, "children": {"type": "array", "items": {"$ref": "#/$defs/node"}}},
             "required": ["value", "children"], "additionalProperties": False}}},
    "shapes": {"oneOf": [{"type": "object", "properties": {"kind": {"const": "circle"}, "r": {"type": "number", "exclusiveMinimum": 0}},
                          "required": ["kind", "r"], "additionalProperties": False},
                         {"type": "object", "properties": {"kind": {"const": "box"}, "size": {"type": "array", "prefixItems": [
                          {"type": "number", "minimum": 0.5}, {"type": "number", "maximum": 99.5}], "items": False, "minItems": 2}},
                          "required": ["kind", "size"], "additionalProperties": False}]},
    "enums": {"type": "array", "items": {"enum": ["red", "green", 3, None, [1, "x"], {"k": True}]}, "minItems": 2, "maxItems": 5},
    "merged": {"allOf": [{"type": "integer", "minimum": -20}, {"maximum": 1000, "multipleOf": 7}]},
    "either": {"anyOf": [{"type": "string", "pattern": "^[0-9]{3}-[0-9]{4}$"}, {"type": "array", "items": {"type": "boolean"}, "maxItems": 3},
                         {"type": "null"}]},
    "conditional": {"type": "object", "properties": {"n": {"type": "integer"}, "s": {"type": "string", "maxLength": 6}},
                    "required": ["n"], "additionalProperties": False, "if": {"properties": {"n": {"minimum": 10}}}, "then": {"required": ["s"]},
                    "else": {"maxProperties": 1}},
    "needs": {"type": "object", "properties": {k: {"type": "boolean"} for k in "abcd"}, "additionalProperties": False,
              "dependentRequired": {"a": ["b"], "b": ["c"]}, "minProperties": 1},
}


def models(folder):
    """(name, path of a copy with a vocabulary) of each fixture that can be loaded."""
    where = os.path.join(tap.SHARED, "conformance", "arch")
    if not os.path.isdir(where):
        where = os.path.join(tap.DATA, "arch")
    for name in sorted(os.listdir(where)):
        if name.endswith(".gguf"):
            yield name[:-5], with_vocabulary(os.path.join(where, name)).write(os.path.join(folder, name))


def answer(model, schema_path, seed, tokens, temperature=1.5):
    return tap.moat("run", model, "a", "--raw", "--schema", schema_path, "--seed", seed, "--max-tokens", tokens, "--temperature", temperature,
                    "--top-k", 0, "--top-p", 1, "--min-p", 0, "--context", 256, "--threads", 1)


def judge(name, result):
    """What is wrong with an answer, or None."""
    if result.status:
        return f"{name}: {result}"
    try:
        value = json.loads(result.out)
    except ValueError as why:
        return f"{name}: {why}: {result.out!r}"
    return None if json_schema.valid(SCHEMAS[name], value) else f"{name}: not valid: {result.out!r}"
