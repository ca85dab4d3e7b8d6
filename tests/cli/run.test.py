#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat run without a terminal: where the prompt comes from, what is printed where, --json, settings, refusals."""
import json, os, signal, subprocess, sys, tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap
from terminal import Terminal

MODEL = os.path.join(tap.DATA, "arch", "llama.gguf")
SHORT = ("--max-tokens", 8, "--seed", 1)
tmp = tempfile.TemporaryDirectory()


def file(name, text):
    return tap.file(tmp.name, name, text)


def run(*args, **named):
    return tap.moat("run", MODEL, *args, **named)


def as_json(*args, **named):
    r = run(*args, "--json", **named)
    try:
        return json.loads(r.out)
    except ValueError:
        return {"error": str(r)}


def refused(name, status, part, *args, **named):
    r = run(*args, **named)
    tap.ok(r.status == status and part in r.err and r.out == "" and r.err.startswith("moat: "), name, r)


def prompts():
    a = run("--temperature", 0, *SHORT, "hello there")
    tap.ok(a.status == 0 and a.out.strip() and a.out.endswith("\n") and not a.err, "a prompt is answered on stdout, and stderr is silent", a)
    b = run("--temperature", 0, *SHORT, stdin=b"hello there\n")
    tap.ok(a.out == b.out, "standard input is the same prompt, its last newline apart", f"{a.out!r}\n{b.out!r}")
    both = as_json(*SHORT, "hello there", stdin=b"more\n")
    one = as_json(*SHORT, "hello there\n\nmore")
    tap.ok(both.get("prompt_tokens") == one.get("prompt_tokens") != None and both["content"] == one["content"], "argument and input together: the argument first, a blank line between", f"{both}\n{one}")
    raw, formed = as_json("--raw", *SHORT, "hello there"), as_json(*SHORT, "hello there")
    tap.ok(0 < raw.get("prompt_tokens", 0) < formed.get("prompt_tokens", 0), "--raw leaves the template out", f"{raw}\n{formed}")
    system = as_json("--system", "Be brief.", *SHORT, "hello there")
    tap.ok(system.get("prompt_tokens", 0) > formed["prompt_tokens"], "--system adds a message", system)


def shape():
    j = as_json(*SHORT, "hello")
    want = {"model", "content", "reasoning", "tool_calls", "prompt_tokens", "completion_tokens", "dropped_tokens", "finish_reason", "timings", "seed"}
    tap.ok(set(j) == want, "--json has its keys", j)
    tap.ok(isinstance(j.get("content"), str) and j.get("reasoning") is None and j.get("tool_calls") == [] and j.get("seed") == 1, "with their types", j)
    tap.ok(j.get("finish_reason") in ("length", "end") and 0 < j.get("completion_tokens", 0) <= 8, "the reason and the count", j)
    times = j.get("timings", {})
    tap.ok(set(times) == {"load_s", "prompt_s", "first_token_s", "decode_s", "mask_s", "prompt_tps", "decode_tps", "guessed", "guessed_right"} and all(x >= 0 for x in times.values()), "the timings", j)
    tap.ok(len(run(*SHORT, "hello", "--json").out.splitlines()) == 1, "it is one line")


def settings():
    texts = [as_json("--seed", s, "--temperature", 1.5, "--max-tokens", 24, "hello").get("content") for s in (7, 7, 8)]
    tap.ok(texts[0] == texts[1] and texts[0] is not None, "the same seed gives the same text", texts)
    tap.ok(texts[0] != texts[2], "another seed another", texts)
    drawn = [as_json("--max-tokens", 4, "hello").get("seed") for _ in range(2)]
    tap.ok(drawn[0] != drawn[1], "without a seed one is drawn, and shown", drawn)
    config = file("c.json", '{"max_tokens": 5, "temperature": 0, "seed": 9}')
    j = as_json("--config", config, "hello")
    tap.ok(j.get("completion_tokens") <= 5 and j.get("seed") == 9, "--config sets them", j)
    j = as_json("--seed", 3, "--max-tokens", 2, "--config", config, "hello")
    tap.ok(j.get("completion_tokens") <= 2 and j.get("seed") == 3, "options override it, wherever it stands", j)
    full = as_json("--temperature", 0, "--max-tokens", 24, "hello")
    stop = full.get("content", "")[3:6]
    j = as_json("--temperature", 0, "--max-tokens", 24, "--stop-sequences", stop, "hello")
    tap.ok(j.get("finish_reason") == "stop" and j.get("content") == full["content"][: full["content"].find(stop)], "a stop sequence ends the text before it", f"{full}\n{j}")


def streams():
    r = subprocess.run(f'"{tap.MOAT}" run "{MODEL}" --max-tokens 400 --seed 1 hello </dev/null | head -c 1 >/dev/null; echo "${{PIPESTATUS[0]}}"',
                       shell=True, executable="/bin/bash", capture_output=True, text=True)
    tap.ok(r.stdout.strip() in ("0", "141") and r.stderr == "", "a reader that leaves ends it quietly", f"{r.stdout!r} {r.stderr!r}")
    if os.path.exists("/dev/full"):
        with open("/dev/full", "w") as full:
            p = subprocess.run([tap.MOAT, "run", MODEL, "hello", "--max-tokens", "4"], stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE, text=True)
        tap.ok(p.returncode == 11 and "cannot write the answer" in p.stderr, "a full disk is an error", f"{p.returncode} {p.stderr}")
    r = run(*SHORT, "hello", "--verbose")
    tap.ok("tok/s" in r.err and "sum" in r.err and "tok/s" not in r.out, "--verbose puts memory and speed on stderr", r)
    slow = os.path.join(tap.MODELS, "smollm2.gguf")
    if not os.path.exists(slow):
        return tap.skip("Ctrl-C ends one answer", "the test model is not there (scripts/fetch-model --tests)")
    t = Terminal([tap.MOAT, "run", slow, "Tell a very long story."])
    while (len(t.screen.text()) < 40 or "%" in t.screen.text()) and t.pump(20):  # weights are packed at the first start
        pass
    t.send("\x03")
    tap.ok(t.wait() == 130, "Ctrl-C ends one answer, with status 130", f"{t.status}\n{t.raw[-400:]!r}")
    t.close()


def refusals():
    refused("no prompt is a usage error", 2, "the prompt is empty", "")
    refused("a GPU is not there", 5, "no GPU backend is built in", "--num-gpu", 1, "x")
    tap.ok(run("--num-gpu", 0, *SHORT, "x").status == 0, "--num-gpu 0 is fine")
    r = run("--memory", "1M", "x")
    tap.ok(r.status == 6 and "weights" in r.err and "KV cache" in r.err and "--memory" in r.err.splitlines()[-1], "what does not fit is refused with the sum, line by line", r)
    refused("an unknown option names the nearest", 2, "did you mean --temperature?", "--temprature", 1, "x")
    refused("a value out of range", 2, "temperature", "--temperature", -1, "x")
    refused("an unknown key of a config file", 2, "temprature", "--config", file("bad.json", '{"temprature": 1}'), "x")
    refused("a config file that is none", 2, "bad2.json", "--config", file("bad2.json", "{"), "x")
    refused("a config file that is absent", 3, "none.json", "--config", os.path.join(tmp.name, "none.json"), "x")
    refused("a prompt that is no text", 2, "not valid UTF-8", stdin=b"\xff\xfe")
    refused("--system with --raw", 2, "--raw", "--system", "s", "--raw", "x")
    refused("a prompt longer than the context", 6, "--context", "--context", 16, "word " * 100)
    refused("a third argument", 2, "unexpected argument", "x", "y")
    r = tap.moat("run", os.path.join(tmp.name, "no.gguf"), "x")
    tap.ok(r.status == 3 and "no.gguf" in r.err, "a model that is not there", r)
    r = tap.moat("run", "no-such-model", "x", env={"MOAT_HOME": tmp.name})
    tap.ok(r.status == 3 and "no-such-model" in r.err, "a name that is not there", r)
    r = run("--num-gpu", 1, "x", env={"LANG": "zh_CN.UTF-8", "LC_ALL": "", "LANGUAGE": ""})
    tap.ok(r.status == 5 and "GPU 后端" in r.err, "in Chinese, with the same status", r)


def states():
    path = os.path.join(tmp.name, "s.state")
    words = "Hello there, what is the answer to the question?"
    a = run("--state", path, "--verbose", *SHORT, words)
    tap.ok(a.status == 0 and "(0 reused)" in a.err and os.path.exists(path), "--state makes the file", a)
    b = run("--state", path, "--verbose", *SHORT, words)
    tap.ok(b.status == 0 and b.out == a.out and "(0 reused)" not in b.err, "and the next run reuses what it holds, with the same answer", b)
    r = run("--state", path, "--rope-scale", 2, *SHORT, words)
    tap.ok(r.status == 2 and "--rope" in r.err and not r.out, "not with other positions", r)
    r = tap.moat("run", os.path.join(tap.DATA, "arch", "gemma3.gguf"), "--state", path, *SHORT, words)
    tap.ok(r.status == 2 and "another model" in r.err and r.err.count("\n") == 1 and not r.out, "a state of another model is refused", r)
    whole = open(path, "rb").read()
    for label, what in (("altered", whole[:500] + bytes([whole[500] ^ 1]) + whole[501:]), ("cut off", whole[:-7])):
        open(path, "wb").write(what)
        r = run("--state", path, *SHORT, words)
        tap.ok(r.status == 4 and "altered or cut off" in r.err and r.err.count("\n") == 1 and not r.out, f"one that was {label} too", r)
    r = run("--state", file("notes", "mine"), *SHORT, words)
    tap.ok(r.status == 4 and "no saved state" in r.err and open(os.path.join(tmp.name, "notes")).read() == "mine", "other files are left alone", r)


def shifting():
    words = "There is no place like the one where you are. " * 5
    r = run("--context", 32, "--context-shift", "--keep", 4, *SHORT, words)
    tap.ok(r.status == 0 and "were dropped" in r.err, "--context-shift goes on in a full context, and says so", r)
    j = as_json("--context", 32, "--context-shift", *SHORT, words)
    tap.ok(j.get("dropped_tokens", 0) > 0 and j.get("prompt_tokens", 99) < 32, "also in --json", j)
    r = run("--context", 32, "--context-shift", "--keep", 30, *SHORT, words)
    tap.ok(r.status == 2 and "--keep 30" in r.err, "--keep must leave room", r)


def manuals():
    verbs = tap.moat("help", "--words").out.split()
    tap.ok("run" in verbs and "help" in verbs, "moat help --words lists the commands", verbs)
    bad = [v for v in verbs if v not in ("help", "version") and (tap.moat("help", v).status or not tap.moat("help", "--man", v).out.startswith(".TH"))]
    tap.ok(not bad, "every command has its help and its manual page", bad)
    script = tap.moat("completion", "bash").out
    ask = 'COMP_LINE="moat run x --kv-type f3"; COMP_POINT=${#COMP_LINE}; read -ra COMP_WORDS <<<"$COMP_LINE"; COMP_CWORD=4; _moat moat; echo "${COMPREPLY[*]}"'
    r = subprocess.run(["bash", "-c", script + ask], capture_output=True, text=True, env=dict(os.environ, PATH=os.path.dirname(tap.MOAT) + ":" + os.environ["PATH"]))
    tap.ok(r.stdout.strip() == "f32", "the completion script completes a value", f"{r.stdout!r} {r.stderr!r}")


for part in (prompts, shape, settings, streams, refusals, states, shifting, manuals):
    part()
tmp.cleanup()
tap.done()
