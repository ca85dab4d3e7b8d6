#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A conversation at the terminal: editing, history, several lines, Ctrl-C, the /commands, calls of tools and their results,
reasoning, resizing, leaving."""
import json, os, re, signal, stat, sys, tempfile, termios, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "run"))
import tap, tools
from terminal import Terminal

MODEL = os.path.join(tap.DATA, "arch", "llama.gguf")
UP, LEFT, CTRL_A, CTRL_C, CTRL_D = "\x1b[A", "\x1b[D", "\x01", "\x03", "\x04"
tmp = tempfile.TemporaryDirectory()
HISTORY = os.path.join(tmp.name, "state", "moat", "history")
ONE = ("--seed", "1", "--max-tokens", "8")


def chat(*options, env=None, model=MODEL, columns=80):
    env = {"XDG_STATE_HOME": os.path.join(tmp.name, "state"), "LANG": "C.UTF-8", **(env or {})}
    t = Terminal([tap.MOAT, "run", model, *options], env=env, cwd=tmp.name, columns=columns)
    return t if t.until(">>> ") else t


def check(t, passed, name):
    tap.ok(passed, name, "" if passed else t.screen.text() + "\n" + repr(t.raw[-600:]))


def said(t, name="said.json"):
    """What the conversation holds, through /save."""
    path = os.path.join(tmp.name, name)
    t.line(f"/save {path}")
    if not t.until("Saved in"):
        return []
    t.until(">>> ")
    return [m["content"] for m in json.load(open(path))["messages"] if m["role"] == "user"]


def leave(t, name):
    t.line("/bye")
    check(t, t.wait() == 0, name)
    t.close()


def talking():
    t = chat(*ONE)
    check(t, "/help lists the commands" in t.screen.text(), "the greeting names /help")
    t.line("hello 你好")
    check(t, t.until(">>> ", 60) is not None, "a message is answered, and the prompt comes again")
    t.line('"""first')
    t.until("... ")
    t.line("second")
    t.until("... ")
    t.line('third"""')
    t.until(">>> ", 60)
    t.line("one\\")
    t.until("... ")
    t.line("two")
    t.until(">>> ", 60)
    t.send("\x1b[200~int main(void)\r{\r\treturn 0;\r}\x1b[201~")
    t.settle()
    t.line("")
    t.until(">>> ", 60)
    t.line("/etc/hosts is what?")
    t.until(">>> ", 60)
    want = ["hello 你好", "first\nsecond\nthird", "one\ntwo", "int main(void)\n{\n\treturn 0;\n}", "/etc/hosts is what?"]
    got = said(t)
    check(t, got[:1] == want[:1], "a line is a message")
    check(t, got[1:2] == want[1:2], 'so is what stands between """')
    check(t, got[2:3] == want[2:3], "a backslash at the end continues a line")
    check(t, got[3:4] == want[3:4], "a pasted text is one message, newlines and tabs kept")
    check(t, got[4:] == want[4:], "a path is no command")
    check(t, stat.S_IMODE(os.stat(os.path.join(tmp.name, "said.json")).st_mode) == 0o600, "a saved chat is its owner's only")
    leave(t, "/bye leaves with status 0")
    check(t, not t.screen.unknown, "only known control sequences reach the terminal")


def history():
    check_mode = stat.S_IMODE(os.stat(HISTORY).st_mode)
    tap.ok(check_mode == 0o600, "the history file is its owner's only", oct(check_mode))
    t = chat(*ONE)
    t.send(UP)
    check(t, t.shows("/bye"), "Up recalls the last line of the session before")
    t.send(UP * 2)
    check(t, t.shows("/etc/hosts is what?"), "and further")
    t.send(CTRL_A + "X" + "\x0b")
    t.settle()
    check(t, t.screen.text().endswith(">>> X"), "Ctrl-A and Ctrl-K edit the line")
    t.send("你好" + LEFT + "\x7f" + "们")
    t.settle()
    check(t, t.screen.text().endswith(">>> X们好"), "wide characters are edited as one")
    t.send(CTRL_C)
    t.settle()
    leave(t, "and is left")
    before = open(HISTORY).read()
    t = chat("--no-history", *ONE)
    t.line("/set seed 3")
    t.until(">>> ")
    leave(t, "a chat without history ends well")
    tap.ok(open(HISTORY).read() == before, "--no-history writes none")


def commands():
    t = chat(*ONE)
    t.line("/help")
    check(t, all(t.shows(c) for c in ("/clear", "/set", "/system", "/save", "/load", "/bye", "Ctrl-C")), "/help lists all commands")
    t.line("/set temperature 0.25")
    check(t, t.shows("temperature = 0.25"), "/set changes a setting and shows it")
    t.line("/set temprature 1")
    check(t, t.shows("did you mean temperature?"), "a misspelt setting names the nearest")
    t.line("/set temperature hot")
    check(t, t.until("temperature") is not None and t.until(">>> "), "a wrong value is an error, and the chat goes on")
    t.line("/clera")
    check(t, t.shows("did you mean /clear?"), "a misspelt command names the nearest")
    t.send("/sy\t")
    check(t, t.shows(">>> /system"), "Tab completes a command")
    t.line("Be brief.")
    check(t, t.shows("The system message is set."), "/system sets the system message")
    t.line("hello")
    t.until(">>> ", 60)
    path = os.path.join(tmp.name, "c.json")
    t.line(f"/save {path}")
    t.shows("Saved in")
    saved = json.load(open(path))
    check(t, saved["system"] == "Be brief." and [m["role"] for m in saved["messages"]] == ["user", "assistant"], "/save writes all of it")
    t.line("/clear")
    check(t, t.shows("starts afresh"), "/clear starts afresh")
    check(t, said(t) == [], "and nothing is left")
    t.line(f"/load {path}")
    check(t, t.shows("Loaded: 2 messages."), "/load brings it back")
    check(t, said(t) == ["hello"], "as it was")
    state = os.path.join(tmp.name, "c.state")
    t.line("more")
    t.until(">>> ", 60)
    t.line(f"/save-state {state}")
    check(t, t.shows("Saved in") and t.shows("tokens as computed"), "/save-state says what it saved")
    t.line("/clear")
    t.line(f"/load-state {state}")
    check(t, t.shows("Loaded, with"), "/load-state brings it back")
    check(t, said(t) == ["hello", "more"], "with the conversation")
    t.line(f"/load {path}")
    t.until("Loaded: 2 messages.")
    notes = os.path.join(tmp.name, "notes.txt")
    open(notes, "w").write("mine")
    t.line(f"/save {notes}")
    check(t, t.shows("is no saved chat; choose another name") and open(notes).read() == "mine", "/save spares other files")
    t.line(f"/load {notes}")
    t.until(">>> ")
    t.line("/load /nonexistent")
    t.until(">>> ")
    check(t, said(t) == ["hello"], "a failed /load changes nothing")
    t.send(CTRL_D)
    check(t, t.wait() == 0, "Ctrl-D leaves")
    t.close()


def interrupting():
    model = os.path.join(tap.MODELS, "smollm2.gguf")
    if not os.path.exists(model):
        return tap.skip("Ctrl-C stops the answer", "the test model is not there (scripts/fetch-model --tests)")
    t = chat("--seed", "1", model=model)
    t.line("Tell a very long story about a river.")
    t.until("\r\n")
    n = len(t.raw)
    while len(t.raw) < n + 200 and t.pump(10):
        pass
    t.send("typed meanwhile")
    time.sleep(0.2)
    t.signal(signal.SIGINT)
    check(t, t.until("(stopped)") is not None, "Ctrl-C stops the answer")
    check(t, t.until(">>> ") is not None, "not the program")
    check(t, t.shows(">>> typed meanwhile"), "keys typed during the answer wait for the prompt")
    t.send(CTRL_C)
    t.until(">>> ")
    check(t, len(said(t)) == 1, "the stopped answer stays in the conversation")
    t.send(CTRL_C)
    check(t, t.shows("Ctrl-C once more"), "Ctrl-C at an empty prompt says what leaves")
    t.settle()
    t.send("x")
    t.settle()
    t.send(CTRL_C)
    t.settle()
    check(t, t.wait(0.2) is None, "a line in between starts the count anew")
    t.send(CTRL_C)
    t.settle()
    t.send(CTRL_C)
    check(t, t.wait() == 0, "Ctrl-C twice leaves")
    t.close()


def resizing():
    t = chat(*ONE, columns=80)
    t.send("a line that is long enough to be wrapped when the terminal becomes narrow")
    t.settle()
    t.resize(24, 40)
    t.settle(0.5)
    check(t, "wrapped when the terminal becomes narrow" not in t.screen.text() and "narrow" in t.screen.text(), "a resize draws the line again, wrapped")
    t.send(" Z")
    check(t, t.shows("narrow Z"), "and editing goes on")
    t.send(CTRL_C)
    t.until(">>> ")
    leave(t, "a resized chat ends well")


def ending():
    t = chat(*ONE)
    before = t.modes()
    t.send("half a line")
    t.settle()
    t.signal(signal.SIGTERM)
    check(t, t.wait() == 0, "SIGTERM ends a chat in order")
    check(t, t.modes()[3] & (termios.ECHO | termios.ICANON) == termios.ECHO | termios.ICANON, "and the terminal is as before")
    t.close()
    t = chat(*ONE, env={"LANG": "zh_CN.UTF-8"})
    check(t, t.shows("列出命令"), "LANG=zh_CN.UTF-8 greets in Chinese where only C.UTF-8 is installed")
    leave(t, "and leaves")
    t = chat("--raw", *ONE)
    check(t, t.shows("continued as it stands"), "--raw says what it does")
    t.line("/system x")
    check(t, t.until("chat template") is not None, "a system message needs the template")
    leave(t, "a raw chat ends well")
    t = chat(*ONE, env={"TERM": "dumb"})
    t.line("hello")
    check(t, t.until(">>> ", 60) is not None and "\x1b" not in t.raw, "a dumb terminal gets no control sequences")
    leave(t, "and is left")
    t = chat("--json")
    check(t, t.wait() == 2 and "--json needs a prompt" in t.raw, "--json without a prompt is refused")
    t.close()


CALL_PROMPT = re.compile(r"(get_weather|add)(?: (\d)/(\d))?> $")


def at_prompt(t, limit=60):
    """Waits for a prompt, of a message or of a call's result: the last line on the screen."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        t.settle(0.2)
        last = t.screen.text().split("\n")[-1] + " "
        if last.startswith(">>>") or CALL_PROMPT.search(last):
            return last
    return ""


def messages(t):
    path, t.mark = os.path.join(tmp.name, "called.json"), len(t.raw)
    t.line(f"/save {path}")
    t.until("Saved in")
    return json.load(open(path))["messages"]


def calling_model():
    """Its calls are bound; the prompt leaves no room for reasoning, so that a short answer holds one."""
    f = tools.with_vocabulary(MODEL)
    f.set("tokenizer.chat_template", tools.gguf_mini.STR, "{#<tool_call>#}{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}</think>")
    return f.write(os.path.join(tmp.name, "calls.gguf"))


def calling():
    model, file = calling_model(), tools.tools_file(tmp.name)
    weather = os.path.join(tmp.name, "weather.txt")
    with open(weather, "w") as f:
        f.write("rain\n今天下雨\n")
    options = ("--tools", file, "--tool-choice", "required", "--seed", "3", "--max-tokens", "120")
    t = chat(*options, model=model)
    check(t, t.shows("Tools that the model may call: 2."), "with --tools the greeting says what a call is")
    t.line("/tools")
    check(t, t.shows("get_weather(city, [unit], [days])") and t.shows("add(a, b)"), "/tools lists them, and which parameters are needed")
    t.line("hi")
    p = at_prompt(t)
    check(t, CALL_PROMPT.search(p), "a call is shown, and its result asked for by name")
    check(t, "Type what the call gave" in t.screen.text() and "<tool_call>" not in t.screen.text(), "with a word about how, and without markers")
    check(t, re.search(r"\x1b\[1m(get_weather|add)\x1b\[0m \{", t.raw), "the tool's name is bold")
    shown = re.search(r"(get_weather|add) (\{.*\})\n", t.screen.text(), re.S)
    args = " ".join(shown[2].split("\n")) if shown else ""
    check(t, args and "  " not in re.sub(r'"[^"]*"', "", args) and ":" in args, "its arguments have no blanks but those one writes")
    t.line("@" + os.path.join(tmp.name, "absent"))
    t.until("absent")
    check(t, at_prompt(t) == p, "a file that is not there is an error, and the question stays")
    t.line("")
    check(t, at_prompt(t) == p, "an empty line is no result")
    t.line("/set seed 5")
    check(t, at_prompt(t) == p and "seed = 5" in t.screen.text(), "commands work meanwhile")
    t.line("@" + weather)
    for _ in range(30):
        if at_prompt(t).startswith(">>>"):
            break
        t.line("21 degrees")
    said = messages(t)
    calls = [c for m in said for c in m.get("tool_calls", [])]
    results = [m for m in said if m["role"] == "tool"]
    check(t, said[0]["role"] == "user" and said[1]["role"] == "assistant" and isinstance(said[1]["tool_calls"][0]["function"]["arguments"], dict),
          "the call is part of the conversation")
    check(t, results[0]["content"] == "rain\n今天下雨\n", "@FILE gives what is in a file")
    check(t, [r["tool_call_id"] for r in results] == [c["id"] for c in calls] and results[0]["name"] == calls[0]["function"]["name"],
          "every call has its result")
    check(t, said[-1]["role"] == "assistant" and "tool_calls" not in said[-1], "after the results the model answers")
    t.line("again")
    check(t, CALL_PROMPT.search(at_prompt(t)), "the next message may make calls again")
    check(t, "Type what the call gave" not in t.screen.text().split("again")[-1], "how is said once")
    t.send(CTRL_C)
    check(t, t.shows("The question is taken back") and messages(t) == said, "Ctrl-C there takes the question back, and nothing else")
    t.line("/clear")
    t.line(f"/load {os.path.join(tmp.name, 'called.json')}")
    check(t, t.shows(f"Loaded: {len(said)} messages.") and messages(t) == said, "a saved conversation with calls is loaded again")
    t.line("more")
    at_prompt(t)
    t.line("/clear")
    check(t, at_prompt(t).startswith(">>>") and messages(t) == [], "/clear at a result's prompt starts afresh")
    t.line("more")
    at_prompt(t)
    t.send(CTRL_D)
    check(t, t.wait() == 0, "Ctrl-D at a result's prompt leaves")
    t.close()
    t = chat(*options, model=model, env={"LANG": "zh_CN.UTF-8"})
    t.line("hi")
    at_prompt(t)
    check(t, "请输入调用的结果" in t.screen.text(), "in Chinese too")
    t.send(CTRL_C)
    leave(t, "and is left")
    t = chat("--tools", file)
    check(t, t.wait() == 5 and "takes no tools" in t.raw, "a template without tools is refused before the first message")
    t.close()


def thinking():
    """Bound to be known: the model has random weights."""
    f = tools.with_vocabulary(MODEL)
    f.set("tokenizer.chat_template", tools.gguf_mini.STR, "{% for m in messages %}{{ m.content }}{% endfor %}")
    model, grammar = f.write(os.path.join(tmp.name, "thinks.gguf")), os.path.join(tmp.name, "thinks.gbnf")
    with open(grammar, "w") as out:
        out.write('root ::= "<think>why" "</think>because"\n')
    argv = [tap.MOAT, "run", model, "hi", "--grammar", grammar, "--max-tokens", "60"]
    t = Terminal(argv)
    check(t, t.wait() == 0 and re.search(r"\x1b\[2m[^\x1b]*why[^\x1b]*\x1b\[0m", t.raw), "reasoning is dimmed at a terminal")
    check(t, re.search(r"\x1b\[0m[^\x1b]*because", t.raw) and "<think>" not in t.raw, "the answer is not, and markers are not shown")
    t.close()
    t = Terminal(argv, env={"NO_COLOR": "1"})
    check(t, t.wait() == 0 and "\x1b[2m" not in t.raw and t.screen.text().split() == ["why", "because"], "with NO_COLOR nothing is dimmed")
    t.close()
    r = tap.moat(*argv[1:])
    tap.ok(r.out == "<think>why</think>because\n" and "\x1b" not in r.err, "into a pipe it goes byte for byte", r)
    r = tap.moat(*argv[1:], "--json")
    j = json.loads(r.out)
    tap.ok((j["reasoning"], j["content"]) == ("why", "because"), "with --json it is a field of its own", r)


for part in (talking, history, commands, calling, thinking, interrupting, resizing, ending):
    part()
tmp.cleanup()
tap.done()
