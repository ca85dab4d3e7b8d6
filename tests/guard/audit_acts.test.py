#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every command of the program leaves the record that docs/AUDIT-FORMAT.md says (section 9), its failures and refused starts included."""
import json, os, re, sys, tempfile
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import ROOT, done, moat, note, ok

page = open(os.path.join(ROOT, "docs", "AUDIT-FORMAT.md"), encoding="utf-8").read().split("## 9. The acts")[1]


def listed(start):
    """The words in backquotes of the paragraph that begins so."""
    line = next((x for x in page.splitlines() if x.startswith(start)), "")
    return re.findall(r"`([^`]+)`", line.split(": ", 1)[-1])


with_arguments, servers = listed("Commands on record with their arguments"), listed("Servers, likewise")
by_name, quiet, options = listed("By their name alone"), listed("Not on record"), listed("Only with these options")
commands = [w for w in moat("help", "--words").out.split() if w not in ("help", "version")]
known = {w.split()[0] for w in with_arguments + servers + by_name + quiet + options}
ok(set(commands) == known, "the page names every command, and no other", f"{set(commands) ^ known}")
ok(len(with_arguments + by_name) == len(set(with_arguments + by_name)) and not set(with_arguments + servers + by_name) & set(quiet),
   "each in one list")

# What each is given here: something that ends at once, mostly by an error.
GIVEN = {"pull": ["http://127.0.0.1:1/x.gguf", "--name", "x", "--tries", "1"], "import": ["none.gguf"], "create": ["new", "--from", "none"], "export": ["none", "out.gguf"],
         "push": ["none", "oci:http://127.0.0.1:1/a"], "catalog": ["list"], "cp": ["none", "other"], "rm": ["none"], "gc": [], "pack": ["none"],
         "bundle": ["verify", "none"], "key": ["list"], "sign": ["show", "none"], "policy": ["show"], "stop": ["none"], "attest": ["--json"],
         "serve": ["--model", "none", "--listen", "127.0.0.1:0"], "mirror": ["--listen", "127.0.0.1:99999"],
         "convert": ["none", "--out", "none.gguf"], "quantize": ["none", "none.gguf", "--type", "Q4_0"], "imatrix": ["none", "none.txt", "--out", "none.gguf"],
         "ask": ["--docs", "none", "what a user says"], "run": ["none", "what a user says"], "embed": ["none", "what a user says"], "bench": ["none"], "logits": ["none", "--tokens", "t", "--out", "o"],
         "perplexity": ["none", "--file", "f", "--window", "2", "--chunks", "1"], "logs": ["parse", "none.log"],
         "list": [], "show": ["none"], "verify": ["none"], "config": ["show"], "completion": ["bash"], "audit": ["tail"], "tokenize": ["none", "--file", "f"],
         "template": ["none"], "grammar": ["--schema", "none"], "ps": [], "mirror stats": ["http://127.0.0.1:1"],
         "doctor --fix": ["--dry-run", "--no-measure", "--no-disk"], "doctor --undo": ["--dry-run", "--no-measure", "--no-disk"],
         "doctor": ["--no-measure", "--no-disk", "--json"]}
with tempfile.TemporaryDirectory() as top:
    env = {"MOAT_HOME": os.path.join(top, "home"), "XDG_RUNTIME_DIR": top, "XDG_CONFIG_HOME": top, "XDG_STATE_HOME": top}
    key = os.path.join(top, "auditor.key")
    recipient = moat("audit", "keygen", key).out.strip()
    moat("audit", "init", "--auditor", recipient, "--reserve", "0", env=env)
    os.chdir(top)

    def acts():
        r = moat("audit", "list", "--identity", key, "--json", env=env)
        if r.status:
            note(r)
        return [x for x in map(json.loads, r.out.splitlines()) if x["act"] == "command"]

    def leaves(command):
        """(exit status, the command's records)"""
        before = len(acts())
        r = moat(*command.split(), *GIVEN[command], env=env, limit=60)
        return r, acts()[before:]

    problems = {"arguments": [], "name": [], "quiet": []}
    for command in with_arguments + servers + options:
        r, got = leaves(command)
        phases = [(x["phase"], x["what"]) for x in got]
        name = command.split()[0]
        if phases != [("begin", name), ("end", name)] or got[0]["args"] != command.split()[1:] + GIVEN[command] or got[1]["status"] != r.status or \
           (got[1]["outcome"] == "ok") != (r.status == 0):
            problems["arguments"].append(f"{command}: {got} {r}")
    for command in by_name:
        r, got = leaves(command)
        if [(x["phase"], x["what"]) for x in got] != [("begin", command), ("end", command)] or "args" in got[0] or "what a user says" in json.dumps(got):
            problems["name"].append(f"{command}: {got} {r}")
    for command in quiet + ["doctor"]:
        r, got = leaves(command)
        if got:
            problems["quiet"].append(f"{command}: {got} {r}")
    ok(not problems["arguments"], f"{len(with_arguments)} commands, {len(servers)} refused starts and {len(options)} options are on record, with how they ended",
       "\n".join(problems["arguments"]))
    ok(not problems["name"], f"{len(by_name)} by their name alone", "\n".join(problems["name"]))
    ok(not problems["quiet"], f"{len(quiet)} that only look are not", "\n".join(problems["quiet"]))
    before = len(acts())
    for command in with_arguments + by_name:
        moat(*command.split(), "--help", env=env)
    ok(len(acts()) == before, "help is no act")
    ends = [x for x in acts() if x["phase"] == "end"]
    ok({x["outcome"] for x in ends if x["what"] in ("serve", "cp", "rm")} == {"not-found"}, "outcomes name the error", ends[-3:])
done()
