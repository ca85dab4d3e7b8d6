# SPDX-License-Identifier: Apache-2.0
"""A JSON Schema validator for tests: the keywords of draft 2020-12 that the schemas here use, and an error for any other.
Written for clarity, apart from what moat does: it looks at finished values. Standard library only."""
import re

TYPES = {"null": lambda v: v is None, "boolean": lambda v: isinstance(v, bool), "string": lambda v: isinstance(v, str),
         "array": lambda v: isinstance(v, list), "object": lambda v: isinstance(v, dict), "number": lambda v: is_number(v),
         "integer": lambda v: is_number(v) and v == int(v)}
ANNOTATIONS = {"title", "description", "$defs", "$schema", "format", "default", "examples", "then", "else"}


def is_number(v):
    return isinstance(v, (int, float)) and not isinstance(v, bool)


def same(a, b):
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return a == b


def find(root, pointer):
    for part in pointer.split("/")[1:]:
        root = root[int(part)] if isinstance(root, list) else root[part.replace("~1", "/").replace("~0", "~")]
    return root


def of_object(s, v, root):
    named = s.get("properties", {})
    for key, value in v.items():
        patterns = [p for p in s.get("patternProperties", {}) if re.search(p, key)]
        rules = ([named[key]] if key in named else []) + [s["patternProperties"][p] for p in patterns]
        rules = rules or [s.get("additionalProperties", True)]
        if not all(valid(r, value, root) for r in rules) or not valid(s.get("propertyNames", True), key, root):
            return False
    needed = s.get("required", []) + [n for k, names in s.get("dependentRequired", {}).items() if k in v for n in names]
    return all(k in v for k in needed) and s.get("minProperties", 0) <= len(v) <= s.get("maxProperties", len(v))


def of_array(s, v, root):
    prefix = s.get("prefixItems", [])
    rules = prefix[:len(v)] + [s.get("items", True)] * max(0, len(v) - len(prefix))
    return all(valid(r, x, root) for r, x in zip(rules, v)) and s.get("minItems", 0) <= len(v) <= s.get("maxItems", len(v))


def of_text(s, v):
    return s.get("minLength", 0) <= len(v) <= s.get("maxLength", len(v)) and re.search(s.get("pattern", ""), v) is not None


def of_number(s, v):
    return not (v < s.get("minimum", v) or v > s.get("maximum", v) or v <= s.get("exclusiveMinimum", v - 1) or
                v >= s.get("exclusiveMaximum", v + 1) or v % s.get("multipleOf", 1 if v == int(v) else v))


BY_TYPE = {"properties": "object", "patternProperties": "object", "additionalProperties": "object", "propertyNames": "object",
           "required": "object", "dependentRequired": "object", "minProperties": "object", "maxProperties": "object",
           "items": "array", "prefixItems": "array", "minItems": "array", "maxItems": "array",
           "minLength": "string", "maxLength": "string", "pattern": "string", "minimum": "number", "maximum": "number",
           "exclusiveMinimum": "number", "exclusiveMaximum": "number", "multipleOf": "number"}
CHECKS = {"object": of_object, "array": of_array, "string": lambda s, v, root: of_text(s, v), "number": lambda s, v, root: of_number(s, v)}
ANY = {"type": lambda a, v, s, r: any(TYPES[t](v) for t in ([a] if isinstance(a, str) else a)),
       "const": lambda a, v, s, r: same(a, v), "enum": lambda a, v, s, r: any(same(x, v) for x in a),
       "allOf": lambda a, v, s, r: all(valid(x, v, r) for x in a), "anyOf": lambda a, v, s, r: any(valid(x, v, r) for x in a),
       "oneOf": lambda a, v, s, r: sum(valid(x, v, r) for x in a) == 1, "not": lambda a, v, s, r: not valid(a, v, r),
       "if": lambda a, v, s, r: valid(s.get("then" if valid(a, v, r) else "else", True), v, r),
       "$ref": lambda a, v, s, r: valid(find(r, a.lstrip("#")), v, r)}


def valid(schema, v, root=None):
    root = schema if root is None else root
    if isinstance(schema, bool):
        return schema
    for word, argument in schema.items():
        if word in ANY and not ANY[word](argument, v, schema, root):
            return False
        if word not in ANY and word not in BY_TYPE and word not in ANNOTATIONS:
            raise ValueError(f"the validator of the tests does not know {word}")
    return all(CHECKS[t](schema, v, root) for t in {BY_TYPE[w] for w in schema if w in BY_TYPE} if TYPES[t](v))
