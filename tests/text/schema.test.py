#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat grammar check --schema: the JSON Schema test suite, llama.cpp's cases, what is refused and how, hostile schemas."""
import glob, json, os, sys, tempfile
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import json_schema, tap

SUITE = os.path.join(tap.SHARED, "conformance", "jsonschema", "tests", "draft2020-12")
CASES = os.path.join(tap.SHARED, "conformance", "tests", "grammar-integration.json")
MUST = "type enum const properties required additionalProperties patternProperties items prefixItems minItems maxItems minLength maxLength " \
       "minProperties maxProperties minimum maximum exclusiveMinimum exclusiveMaximum pattern anyOf oneOf allOf ref".split()
tmp = tempfile.TemporaryDirectory()
SLOW = 20 if os.environ.get("MOAT_SANITIZED") else 4  # seconds


def write(name, data):
    path = os.path.join(tmp.name, name)
    with open(path, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())
    return path


def check(schema, texts=None, *options):
    """The result, and the verdicts of the texts."""
    args = ["--lines", "--json", "--file", write("texts", json.dumps(texts))] if texts is not None else []
    source = schema if isinstance(schema, (str, bytes)) else json.dumps(schema)
    r = tap.moat("grammar", "check", write("schema", source), "--schema", *args, *options)
    return r, json.loads(r.out)["accepted"] if r.out.startswith("{") else None


def suite():
    groups = supported = 0
    wrong, broken, by_file = [], [], {}
    for path in sorted(glob.glob(os.path.join(SUITE, "*.json"))):
        name = os.path.basename(path)[:-5]
        kept = 0
        with open(path, encoding="utf-8") as f:
            listed = json.load(f)
        for i, group in enumerate(listed):
            texts = [json.dumps(t["data"], ensure_ascii=i % 2 == 0, indent=2 if i % 3 == 0 else None) for t in group["tests"]]
            r, verdicts = check(group["schema"], texts)
            if verdicts is None:
                if r.status not in (2, 5, 6) or r.err.count("\n") != 1:
                    broken.append(f"{name}: {group['description']}: {r}")
                continue
            kept += 1
            wrong += [f"{name}: {group['description']}: {t['description']}" for t, v in zip(group["tests"], verdicts) if v != t["valid"]]
        groups, supported, by_file[name] = groups + len(listed), supported + kept, kept / len(listed)
    tap.ok(not wrong, f"suite: no wrong verdict on {supported} of {groups} groups", "\n".join(wrong))
    tap.ok(not broken, "suite: what is not supported is refused in one sentence", "\n".join(broken))
    tap.ok(supported * 2 >= groups, f"suite: {100 * supported // groups} % of the groups are supported", by_file)
    few = [w for w in MUST if by_file.get(w, 0) <= 0.6]
    tap.ok(not few, "suite: the keywords that must be there are", few)


def llama():
    with open(CASES, encoding="utf-8") as f:
        cases = [c for c in json.load(f) if c["kind"] == "schema"]
    for case in cases:
        want = [True] * len(case["pass"]) + [False] * len(case["fail"])
        r, verdicts = check(case["source"], case["pass"] + case["fail"], "--llama")
        wrong = [t for t, v, w in zip(case["pass"] + case["fail"], verdicts or [], want) if v != w]
        tap.ok(verdicts is not None and not wrong, f"llama.cpp: {case['name']}", f"{r}\nwrong: {wrong}")
    tap.note(f"llama.cpp: {sum(len(c['pass']) for c in cases)} accepted, {sum(len(c['fail']) for c in cases)} refused")


if os.path.isdir(SUITE):
    suite()
    llama()
else:
    tap.skip("JSON Schema test suite", "no conformance data (MOAT_SHARED)")

# (name, schema, texts allowed, texts refused)
OBJECT = {"properties": {"a": {"type": "integer"}, "b": {"type": "string"}, "c": {}}, "required": ["a", "c"], "additionalProperties": False}
for name, schema, yes, no in [
        ("members in any order, once", OBJECT, ['{"a":1,"c":2}', '{"c":[],"b":"x","a":0}'], ['{"a":1}', '{"a":1,"c":2,"a":3}', '{"a":1,"c":2,"d":3}', '{"a":1,"c":2,}']),
        ("characters and escapes", {"maxLength": 1}, ['"é"', '"\\u00e9"', '"\U0001f600"', '"\\ud83d\\ude00"', '"\\n"', '"\\/"', '"/"', '"\\u001f"', '"\\""'],
         ['"ab"', '"\n"', '"\\x"', '"\\ud83d"', '"\\ude00\\ud83d"', '"\\u00"', '"', '"""']),
        ("a set of characters", {"pattern": "^[b-dé-\U0001f600]+$"}, ['"bcd"', '"\\u00e9\\ud83d\\ude00"', '"\uffff\\uFFFF"'], ['"a"', '"e"', '"\\ud83d\\ude01"', '"è"', '"\\u00e8"']),
        ("bounds are decimals", {"minimum": -0.1, "exclusiveMaximum": 12.35}, ["0", "-0.1", "-0.10", "12.3499", "-0", "0.0", "12"], ["-0.2", "-0.1001", "12.35", "12.350", "13", "100", "-1", "01", "1."]),
        ("large bounds", {"minimum": 1e21}, ["1000000000000000000000", "2e21"][:1], ["999999999999999999999"]),
        ("multiples", {"multipleOf": 0.25}, ["1", "1.25", "-0.50", "0"], ["1.3", "0.251"]),
        ("multiples within bounds", {"type": "integer", "multipleOf": 7, "minimum": 10, "maximum": 30}, ["14", "21.0", "28"], ["7", "35", "15", "14.5"]),
        ("a number is a value", {"const": 1.50}, ["1.5", "1.500"], ["1.51", "15", "-1.5"]),
        ("a pattern with a length", {"pattern": "^a*b?$", "minLength": 2, "maxLength": 3}, ['"aa"', '"aab"'], ['"a"', '"aabb"', '"aaaa"']),
        ("keys by pattern and by name", {"properties": {"ab": {"minimum": 5}}, "patternProperties": {"^a": {"type": "integer"}}, "additionalProperties": False},
         ['{"ab":5}', '{"ac":1}', "{}"], ['{"ab":4}', '{"ab":5.5}', '{"b":1}', '{"ac":"x"}']),
        ("exactly one", {"oneOf": [{"minimum": 5}, {"maximum": 10}]}, ["4", "11"], ["5", "7.5", "10", '"x"']),
        ("the opposite", {"not": {"required": ["a"], "properties": {"b": {"const": 1}}}}, ['{"b":1}', '{"a":0,"b":2}'], ['{"a":0}', '{"a":0,"b":1}', "3"]),
        ("recursion", {"$ref": "#/$defs/t", "$defs": {"t": {"type": ["array", "null"], "items": {"$ref": "#/$defs/t"}}}}, ["[[],[null,[[]]]]", "null"], ["[1]", "[[]"]),
        ("blanks", {}, [' { "a" :\n\t[ 1 , 2 ] }\r\n', "[ ]"], ["{\u00a0}", "[" + " " * 65 + "]"]),
        ("numbers of JSON", {}, ["0", "-0", "1e5", "1.5E-10", "-1.0e+3"], ["00", "+1", ".5", "1e", "1e5.5", "0x1", "NaN", "- 1"])]:
    r, verdicts = check(schema, yes + no)
    want = [True] * len(yes) + [False] * len(no)
    wrong = [t for t, v, w in zip(yes + no, verdicts or [], want) if v != w]
    tap.ok(verdicts is not None and not wrong, name, f"{r}\nwrong: {wrong}")
    judged = [t for t in yes + no if "not" not in schema and "$ref" not in schema]
    for t in judged if verdicts else []:
        try:
            v = json.loads(t)
        except ValueError:
            continue
        if t in yes and not json_schema.valid(schema, v):
            tap.ok(False, f"{name}: the tests' validator disagrees on {t}")

for name, schema, status, said in [
        ("an unknown keyword", {"maxLenght": 3}, 5, '#: "maxLenght" is not a known keyword; did you mean maxLength?'),
        ("a keyword beyond grammars", {"properties": {"x": {"contains": {}}}}, 5, '#/properties/x: the keyword "contains" is not supported'),
        ("uniqueItems", {"uniqueItems": True}, 5, "uniqueItems"),
        ("unevaluatedProperties beside allOf", {"allOf": [{}], "unevaluatedProperties": False}, 5, "unevaluatedProperties"),
        ("another document", {"$ref": "http://example.com/x.json"}, 5, "another document"),
        ("nothing there", {"$ref": "#/$defs/x"}, 2, "nothing at this place"),
        ("an unknown type", {"type": "kaboom"}, 2, '"type" must be one of'),
        ("a type that is none", {"type": 123}, 2, '"type" must be a type'),
        ("items of older drafts", {"items": [{}]}, 2, "prefixItems"),
        ("a pattern with an error", {"pattern": "^(a$"}, 2, "never closed"),
        ("a pattern that looks ahead", {"pattern": "(?=a)"}, 5, "look-around is not supported"),
        ("a back-reference", {"pattern": "(a)\\1"}, 5, "back-reference is not supported"),
        ("itself", {"$ref": "#"}, 2, "refers to itself without end"),
        ("a circle", {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"allOf": [{"$ref": "#/$defs/a"}]}}}, 2, "refers to itself without end"),
        ("an object without end", {"properties": {"a": {"$ref": "#"}}, "required": ["a"], "type": "object"}, 2, "allows nothing"),
        ("a contradiction", {"type": "string", "enum": [1]}, 2, "allows nothing"),
        ("false", False, 2, "allows nothing"),
        ("no JSON", "{", 2, "not valid JSON"),
        ("deep JSON", '{"not":' * 70 + "{}" + "}" * 70, 6, "nested deeper than 64"),
        ("a key twice", '{"type":"string","type":"null"}', 2, "duplicate"),
        ("an exponential automaton", {"pattern": "(a|b)*a(a|b){20}"}, 6, "too complicated"),
        ("exponential counts", {"pattern": "^(((a{100}){100}){100})$"}, 6, "too large"),
        ("exponential alternatives", {"allOf": [{"anyOf": [{"properties": {f"a{i}": {"type": "string"}}}, {"properties": {f"b{i}": {"type": "null"}}}]}
                                      for i in range(30)]}, 6, "too complicated"),
        ("exponential references", {"$ref": "#/$defs/a0", "$defs": {**{f"a{i}": {"allOf": [{"$ref": f"#/$defs/a{i + 1}"}] * 2} for i in range(60)},
                                    "a60": {"properties": {"x": {"type": "null"}}}}}, 6, "too complicated"),
        ("a huge enum", {"enum": [f"value{i}" for i in range(60000)]}, 6, "too complicated"),
        ("too many members", {"properties": {f"p{i}": {} for i in range(2000)}}, 6, "960 named members")]:
    r, _ = check(schema)
    tap.ok(r.status == status and said in r.err and r.err.count("\n") == 1 and r.seconds < SLOW, f"refused: {name}", r)

r = tap.moat("grammar", "check", write("schema", json.dumps(OBJECT)), "--schema", "--input", '{"a":1,"b":"","c":2,')
tap.ok("line 1, column 20 " in r.out, "no comma where no member is left: nothing runs into a dead end", r)

for name, schema, value, want in [
        ("a pattern that backtracks", {"pattern": "^(a+)+$"}, "a" * 20000 + "b", False),
        ("another", {"pattern": "(a|aa|a?){30}b"}, "a" * 20000, False),
        ("huge lengths", {"minLength": 1000, "maxLength": 10 ** 9}, "x" * 2000, True),
        ("huge counts", {"minItems": 10 ** 6, "maxItems": 10 ** 9}, [1] * 2000, False),
        ("an enum of 4,000", {"enum": [f"value{i}" for i in range(4000)]}, "value3999", True),
        ("100 alternatives by a constant", {"oneOf": [{"properties": {"k": {"const": i}}, "required": ["k"], "type": "object"} for i in range(100)]}, {"k": 99}, True),
        ("a long text", {}, ["x" * 200000], True)]:
    r, verdicts = check(schema, [json.dumps(value)])
    tap.ok(verdicts == [want] and r.seconds < SLOW, f"hostile: {name}", r)
tap.done()
