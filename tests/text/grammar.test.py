#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat grammar check: the conformance cases of GBNF, what is refused and how, hostile grammars."""
import json, os, sys, tempfile, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap

CASES = os.path.join(tap.SHARED, "conformance", "tests", "grammar-integration.json")
GRAMMARS = os.path.join(tap.SHARED, "conformance", "grammars")
tmp = tempfile.TemporaryDirectory()
SLOW = 20 if os.environ.get("MOAT_SANITIZED") else 4  # seconds


def write(name, data):
    path = os.path.join(tmp.name, name)
    with open(path, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())
    return path


def check(grammar, texts=None, *options):
    """The result, and the verdicts of the texts."""
    args = []
    if texts is not None:
        args = ["--lines", "--json", "--file", write("texts", json.dumps(texts))]
    r = tap.moat("grammar", "check", write("grammar", grammar), *args, *options)
    return r, json.loads(r.out)["accepted"] if r.out.startswith("{") else None


def conformance(kind, *options):
    with open(CASES, encoding="utf-8") as f:
        cases = [c for c in json.load(f) if c["kind"] == kind]
    right = [0, 0]
    for case in cases:
        want = [True] * len(case["pass"]) + [False] * len(case["fail"])
        texts = case["pass"] + case["fail"]
        r, verdicts = check(case["source"], texts, *options)
        wrong = [t for t, v, w in zip(texts, verdicts or [], want) if v != w]
        tap.ok(verdicts is not None and not wrong, f"{kind}: {case['name']}", f"{r}\nwrong: {wrong}")
        if verdicts:
            for v, w in zip(verdicts, want):
                right[not w] += v == w
    tap.note(f"{kind}: {right[0]} accepted, {right[1]} refused rightly")


if os.path.exists(CASES):
    conformance("grammar")
    for name in sorted(os.listdir(GRAMMARS)):
        if name.endswith(".gbnf"):
            r = tap.moat("grammar", "check", os.path.join(GRAMMARS, name))
            tap.ok(r.status == 0, f"{name} is read", r)
else:
    tap.skip("conformance cases", "no conformance data (MOAT_SHARED)")

for name, grammar, said in [
        ("nothing", "", 'no rule "root"'),
        ("a name never defined", 'root ::= "a"\n  b', "line 2, column"),
        ("an undefined rule", 'root ::= "a" | foo', 'line 1, column 16: rule "foo" is not defined'),
        ("a rule twice", 'root ::= "a"\nroot ::= "b"', "line 2, column 1"),
        ("left recursion", 'root ::= root "a" | "b"', 'rule "root" can begin with itself'),
        ("left recursion behind an empty rule", 'root ::= y root "b" | "c"\ny ::= "d"*', 'can begin with itself'),
        ("no end", 'root ::= "a" root', "allows no text"),
        ("an empty set", "root ::= []", "allows no text"),
        ("an open text", 'root ::= "abc', "line 1, column 10"),
        ("an open set", "root ::= [abc", "line 1, column 10"),
        ("an open parenthesis", 'root ::= "a" ("b"', "line 1, column 14"),
        ("a closing parenthesis", 'root ::= "a")', "line 1, column 13"),
        ("a range from behind", "root ::= [z-a]", "line 1, column 11"),
        ("an unknown escape", 'root ::= "\\q"', "unknown escape"),
        ("a surrogate", 'root ::= "\\uD800"', "no character U+D800"),
        ("nothing to repeat", "root ::= *", "nothing here to repeat"),
        ("nothing to repeat after |", 'root ::= "a" | +', "nothing here to repeat"),
        ("a maximum below the minimum", 'root ::= "a"{3,2}', "maximum below its minimum"),
        ("an open repetition", 'root ::= "a"{3', "no closing }"),
        ("a repetition of no number", 'root ::= "a"{,3}', "a repetition is"),
        ("no ::=", 'root = "a"', "a rule begins with its name"),
        ("invalid UTF-8", b'root ::= "\xff"', "line 1, column 11: this is not valid UTF-8"),
        ("a token by name without a model", "root ::= <think>", "name tokens by number"),
        ("parentheses without end", "root ::= " + "(" * 120000, "nested deeper than 64"),
        ("too many rules", 'root ::= "a"\n' + "".join(f'r{i} ::= "b"\n' for i in range(5000)), "4096 rules at most"),
        ("too many steps", "root ::= " + "[^a] " * 20000, "too large")]:
    r, _ = check(grammar)
    tap.ok(r.status in (2, 6) and said in r.err and r.err.count("\n") == 1 and r.seconds < SLOW, f"refused: {name}", r)

N = 20000
for name, grammar, text, want in [
        ("depth 64", "root ::= " + "(" * 64 + '"a"' + ")" * 64, "a", True),
        ("huge counts", 'root ::= ("a"{1000000000}){4000000000}', "a" * N, False),
        ("counts", 'root ::= ("a"{3,5} "b"){2}', "aaabaaaaab", True),
        ("counts, one too few", 'root ::= ("a"{3,5} "b"){2}', "aaabaab", False),
        ("exponentially many stacks", 'root ::= s\ns ::= "x" s "a" | "x" s "b" | "x"', "x" * N + "ab" * (N // 2 - 1) + "a", True),
        ("overlapping alternatives", 'root ::= ("a"|"a"|"aa")*', "a" * N, True),
        ("empty repetitions", 'root ::= ((("a"*)*)+)?', "a" * N, True),
        ("right recursion", 'root ::= "a" root | "b"', "a" * N + "b", True),
        ("nesting", 'root ::= "(" root ")" | ""', "(" * N + ")" * N, True),
        ("nesting, one too many", 'root ::= "(" root ")" | ""', "(" * N + ")" * N + ")", False),
        ("palindromes", 'root ::= "a" root "a" | "b" root "b" | ""', "ab" * 200 + "ba" * 200, True),
        ("4,000 rules at once", "root ::= " + " | ".join(f"r{i}" for i in range(4000)) + "\n" +
         "".join(f'r{i} ::= "b" root "c" | "d"\n' for i in range(4000)), "b" * 9 + "d" + "c" * 9, True),
        ("the last character", "root ::= [^\\x00-\\U0010FFFE]+", "\U0010ffff", True),
        ("sets in UTF-8", "root ::= [\\x79-\\u1234\\U00010400-\\U00024321]+", "y\x7f\u0080\u07ff\u0800\u1234\U00010400\U00024321", True),
        ("beside sets in UTF-8", "root ::= [^\\x79-\\u1234\\U00010400-\\U00024321]+", "x\u1235\uffff\U00010000\U000103ff\U00024322", True)]:
    r, verdicts = check(grammar, [text])
    tap.ok(verdicts == [want] and r.seconds < SLOW, f"hostile: {name}", r)
r, _ = check('root ::= (("a"?){1000000000}){4000000000}', ["a" * N])
tap.ok(r.status == 6 and "too ambiguous" in r.err and r.seconds < SLOW, "too many readings are refused", r)

r = tap.moat("grammar", "check", write("grammar", 'root ::= "a\\n" "b"'), "--input", "a\nc", "--input", "a", "--input", "a\nb")
tap.ok(r.status == 1 and r.out == "refused: line 2, column 1 cannot stand there\nrefused: the text ends too early\naccepted\n", "where a text fails is said", r)
tap.done()
