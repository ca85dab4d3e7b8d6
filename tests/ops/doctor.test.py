#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat doctor on five recorded machines: what is read, the verdict, the table; hostile files; this machine without measuring."""
import json
import os
import platform
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from machines import unpack  # noqa: E402
from tap import *  # noqa: E402,F403

WORK = tempfile.TemporaryDirectory()

# What each machine is, and what has to be said of it: values by their path in the JSON.
WANTED = {
    "laptop": {
        "cpu": {"isa": "avx512", "cores": 4, "threads": 4, "online": 8, "numa_nodes": 1, "sockets": 1, "arch": "x86-64",
                "governor": "", "quota": None, "cache_bytes": 12288 << 10},
        "memory": {"total": 16131352 << 10, "available": 9583204 << 10, "swap": 2097148 << 10, "swap_compressed": 0,
                   "cgroup_limit": None, "huge_pages": "madvise"},
        "disk": {"kind": "nvme", "device": "nvme0n1", "model": "SAMSUNG MZVLB512HBJQ-000L7", "mount": "/", "fs": "ext4"},
        "verdict": {"largest": "7B", "largest_fast": "7B", "tier": "1.5B", "low": ["swap"]},
        "network": {"route": True, "name_server": True, "proxies": []},
    },
    "container": {
        "cpu": {"isa": "avx512", "cores": 8, "threads": 4, "online": 16, "quota": 4.0},
        "memory": {"total": 131841212 << 10, "cgroup_limit": 8 << 30, "cgroup_left": (8 << 30) - (256 << 20), "huge_pages": "always"},
        "disk": {"kind": "overlay", "device": "", "fs": "overlay"},
        "verdict": {"largest": "7B", "largest_fast": "", "tier": "1.5B", "low": ["memory"]},
        "network": {"route": True, "name_server": True,
                    "proxies": ["https_proxy=http://proxy.corp.example:3128", "no_proxy=.corp.example"]},
    },
    "numa": {
        "cpu": {"isa": "amx", "cores": 24, "threads": 24, "online": 48, "numa_nodes": 2, "sockets": 2},
        "memory": {"huge_pages": "never", "swap": 4194300 << 10},
        "disk": {"kind": "nvme", "device": "nvme1n1", "model": "Dell Ent NVMe P5600 MU U.2 3.2TB", "mount": "/var/lib", "fs": "xfs"},
        "verdict": {"largest": "32B", "largest_fast": "32B", "tier": "7B", "low": ["huge-pages"]},
    },
    "hdd": {
        "cpu": {"isa": "ref", "governor": "powersave", "cores": 4, "threads": 4, "online": 4},
        "memory": {"total": 8052444 << 10, "cgroup_limit": None},
        "disk": {"kind": "hdd", "device": "sda", "model": "WDC WD10EZEX-08W"},
        "verdict": {"largest": "7B", "largest_fast": "0.6B", "tier": "1.5B", "low": ["cpu", "memory", "swap", "disk", "space", "limits"]},
        "network": {"route": False, "name_server": False},
    },
    "board": {
        "cpu": {"isa": "dotprod", "arch": "aarch64", "name": "Orange Pi 5, Cortex-A55", "cores": 8, "threads": 8},
        "memory": {"swap": 8091940 << 10, "swap_compressed": 8091940 << 10},
        "disk": {"kind": "card", "device": "mmcblk1"},
        "verdict": {"largest": "14B", "largest_fast": "1.5B", "tier": "1.5B", "low": ["swap", "disk"]},
    },
}


def machine(name):
    folder = os.path.join(WORK.name, name)
    return folder if os.path.isdir(folder) else unpack(name, folder)


def doctor(name, *options, **more):
    return moat("doctor", "--root", machine(name), *options, **more)


def checks(report):
    return {c["id"]: c for c in report["checks"]}


def read(name):
    r = doctor(name, "--json")
    try:
        return json.loads(r.out)
    except ValueError:
        return ok(False, f"{name}: JSON", r)


def differences(want, have):
    return "\n".join(f"{part}.{key}: {have[part].get(key)!r}, wanted {value!r}"
                     for part, keys in want.items() for key, value in keys.items() if have[part].get(key) != value)


def verdicts():
    reports = {}
    for name, want in WANTED.items():
        reports[name] = read(name)
        wrong = differences(want, reports[name])
        ok(not wrong, f"{name}: what it is and the verdict", wrong)
    return reports


def details(reports):
    laptop, box, numa, hdd, board = (reports[n] for n in ("laptop", "container", "numa", "hdd", "board"))
    services = {s["unit"]: s for s in laptop["services"]}
    command = checks(laptop)["services"]["command"]
    ok(set(services) == {"cups.service", "snapd.service", "packagekit.service", "tracker-miner-fs-3.service"} and
       "sudo systemctl disable --now snapd.service" in command and "systemctl --user stop tracker-miner-fs-3.service" in command and
       "sudo systemctl stop packagekit.service" in command and "gnome" not in command,
       "laptop: services worth stopping, with the right command for each", command)
    ok(checks(laptop)["swap"]["fixable"] and "sudo moat doctor --fix --only swap" == checks(laptop)["swap"]["command"] and
       "governor" not in checks(laptop) and checks(laptop)["pool"]["fixable"], "laptop: what can be mended, and by what")
    ok([d["name"] for d in laptop["devices"]] == ["Intel 8086:9a49"], "laptop: its GPU, and not its sound card", laptop["devices"])

    ok("s3cret" not in json.dumps(box) and not any(c["fixable"] for c in box["checks"]) and
       "docker run --memory" in checks(box)["memory"]["advice"] and checks(box)["quota"]["level"] == "note" and
       "measured.json" in checks(box)["memory-speed"]["text"] and all(m["tokens_per_s"] == 0 for m in box["models"]),
       "container: no password of a proxy, nothing for --fix, no speed invented", checks(box))

    pg = [s for s in numa["services"] if s["unit"] == "postgresql.service"]
    ok(pg and pg[0]["memory_bytes"] == (31457280 + 2097152) << 10 and not pg[0]["worth_stopping"] and
       checks(numa)["services"]["command"] == "", "numa: the database is named with its memory, and nobody is told to stop it", numa["services"])
    ok([(d["name"], d["display_only"]) for d in numa["devices"]] == [("Matrox 102b:0536", True), ("NVIDIA 10de:20b5", False)] and
       "NVIDIA" in checks(numa)["accelerators"]["text"] and "Matrox" not in checks(numa)["accelerators"]["text"] and
       "--interleave=all" in checks(numa)["numa"]["command"], "numa: accelerators, and how to use both nodes")

    ok(checks(hdd)["network"]["level"] == "note" and "moat import" in checks(hdd)["network"]["command"] and
       "AVX2" in checks(hdd)["cpu"]["advice"] and "cpupower" in checks(hdd)["governor"]["command"] and "MOAT_HOME" in checks(hdd)["disk"]["command"], "hdd: a remedy for each")
    ok([(d["kind"], d["name"]) for d in board["devices"]] == [("gpu", "mali"), ("npu", "RKNPU")], "board: GPU and NPU outside PCI", board["devices"])


def speeds(reports):
    """Tokens a second are bytes over rates and layers, by hand for the laptop."""
    m = json.load(open(os.path.join(machine("laptop"), "measured.json")))["decode"]
    models = {(r["model"], r["format"]): r for r in reports["laptop"]["models"]}
    r = models["7B", "Q8_0"]
    want = 1 / (r["bytes_per_token"] / m["bytes_per_s"]["Q8_0"] + 28 * m["layer_seconds"])
    ok(abs(r["tokens_per_s"] / want - 1) < 1e-6, "tokens a second from bytes, rate and layers", (r, want))
    params = 28 * (3584 * 3584 * 2 + 3584 * 512 * 2 + 3584 * 18944 * 3) + 152064 * 3584
    ok(r["bytes_per_token"] == params // 32 * 34 and models["7B", "F16"]["bytes_per_token"] == params * 2, "bytes a token of a 7B model reads", r)
    ok(all(r["runs"] == ("now" if r["memory_bytes"] <= 9583204 * 1024 - min(9583204 * 1024 // 20, 512 << 20) else
                         "when-freed" if r["memory_bytes"] <= (16131352 << 10) // 10 * 9 else "no") for r in models.values()),
       "what runs now, what when memory is freed, what never")


def text():
    plain = doctor("laptop").out
    ok(plain.startswith("This machine runs models of up to 7B") and "Below what is asked for: swap." in plain.splitlines()[1] + plain.splitlines()[2],
       "the verdict comes first", plain)
    rows = plain[plain.index("MODEL"):plain.index("\n\nMemory:")].splitlines()
    ends = {row.index(word) + len(word) for row, word in [(rows[0], "TOKENS/S")]} | {len(row[:row.rindex("  ")].rstrip()) for row in rows[1:]}
    ok(len(rows) == 16 and len(ends) == 1, "columns line up", plain)
    ok(max(map(len, plain.splitlines())) <= 80, "80 columns are enough", plain)
    chinese = doctor("laptop", env={"LANG": "zh_CN.UTF-8", "LC_ALL": "", "LANGUAGE": ""}).out
    ok("模型" in chinese and "This machine" not in chinese, "in Chinese too", chinese)


def hostile():
    base = machine("hdd")
    names = [os.path.relpath(os.path.join(d, f), base) for d, _, files in os.walk(base) for f in files]
    bad = []
    for i, junk in enumerate([b"", b"\xff" * 5000, b"9" * 400 + b"\n", b"-1\n", b"\x1b]0;title\x07 [ ] : - / \n" * 200, b"0-99999999\n", b"x" * (2 << 20)]):
        folder = unpack("hdd", os.path.join(WORK.name, f"bad{i}"))
        for name in names:
            with open(os.path.join(folder, name), "wb") as f:
                f.write(junk)
        for more in ([], ["--json"]):
            r = moat("doctor", "--root", folder, *more, limit=20)
            if r.status not in (0, 2, 6) or "\x1b]0" in r.out + r.err or (r.status and "measured.json" not in r.err and "--root" not in r.err):
                bad.append((junk[:20], str(r)))
    ok(not bad, "any junk in any file: a report, or one error; nothing reaches the terminal", bad)


def tree(folder):
    return {os.path.relpath(os.path.join(d, f), folder): open(os.path.join(d, f), errors="replace").read()
            for d, _, files in os.walk(folder) for f in files}


def mending():
    """--fix and --undo below a root: files change there, and come back byte for byte."""
    folder = unpack("laptop", os.path.join(WORK.name, "mended"))
    before = tree(folder)
    shown = moat("doctor", "--root", folder, "--fix", "--dry-run")
    ok(tree(folder) == before and "swapon /var/lib/moat-doctor/swapfile" in shown.out and "MemoryLow=11G" in shown.out, "--dry-run shows, and does nothing", shown)
    asked = moat("doctor", "--root", folder, "--fix", stdin=b"")
    ok(asked.status == 2 and "--yes" in asked.err and tree(folder) == before, "without an answer nothing is done", asked)
    first = moat("doctor", "--root", folder, "--fix", "--yes")
    after = tree(folder)
    new = {p: t for p, t in after.items() if before.get(p) != t}
    ok(first.status == 0 and set(new) == {"etc/fstab", "etc/systemd/system/moat.slice", "var/lib/moat-doctor/done.json"} and
       new["etc/fstab"] == before["etc/fstab"] + "/var/lib/moat-doctor/swapfile none swap sw,nofail 0 0\n" and "MemoryLow=11G" in new["etc/systemd/system/moat.slice"],
       "--fix writes what it says", (first, set(new)))
    again = moat("doctor", "--root", folder, "--fix", "--yes")
    ok(again.status == 0 and tree(folder) == after, "done twice is done once", again)
    undone = moat("doctor", "--root", folder, "--undo")
    ok(undone.status == 0 and tree(folder) == before, "--undo brings every byte back", undone)
    ok(moat("doctor", "--root", folder, "--undo").status == 0 and tree(folder) == before, "undone twice is undone once")
    moat("doctor", "--root", folder, "--fix", "--yes", "--only", "pool")
    ours = os.path.join(folder, "etc/systemd/system/moat.slice")
    with open(ours, "a") as f:
        f.write("MemoryMax=20G\n")
    kept = moat("doctor", "--root", folder, "--undo")
    ok(kept.status == 0 and os.path.exists(ours) and "changed since" in kept.out, "what the owner changed since stays", kept)
    record = os.path.join(folder, "var/lib/moat-doctor/done.json")
    for text, words in [("{", "JSON"), ("{}", "damaged"), ('{"steps":[{"kind":"file","path":"/etc/passwd","after":"x","before":null}]}', "damaged")]:
        with open(record, "w") as f:
            f.write(text)
        r = moat("doctor", "--root", folder, "--undo")
        ok(r.status in (2, 4) and words in r.err, f"a record {text[:30]}: refused", r)
    os.chmod(record, 0o666)
    ok(moat("doctor", "--root", folder, "--undo").status == 8, "a record that others may have written: refused")


def usage():
    for arguments, status, words in [(["--root", "/nonexistent"], 3, "no folder"), (["--fix", "--undo"], 2, "together"), (["--yes"], 2, "belong to --fix"),
                                     (["--fix", "--only", "magic"], 2, "huge-pages"), (["/nonexistent.gguf"], 3, "no file")]:
        r = moat("doctor", *arguments)
        ok(r.status == status and words in r.err and not r.out, f"{' '.join(arguments)}: refused", r)


def here():
    r = moat("doctor", "--no-measure", "--json", os.path.join(DATA, "arch", "llama.gguf"))
    d = json.loads(r.out)
    bench = json.loads(moat("bench", os.path.join(DATA, "arch", "llama.gguf"), "-p", 0, "-n", 1, "-r", 1, "--json").out)
    ok(d["cpu"]["isa"] == bench["isa"] and d["cpu"]["threads"] == bench["threads"], "the level and the threads that moat computes with", d["cpu"])
    if platform.system() == "Linux" and not os.environ.get("MOAT_ISA"):
        isa = json.loads(moat("doctor", "--root", "/", "--json").out)["cpu"]["isa"]
        ok(isa == bench["isa"], "the words of /proc/cpuinfo say the same level", isa)
    f = os.path.join(DATA, "arch", "llama.gguf")
    ok(d["models"][0]["model"] == f and 0 < d["models"][0]["bytes_per_token"] < os.path.getsize(f), "a model that is named is in the list", d["models"][0])


reports = verdicts()
details(reports)
speeds(reports)
text()
hostile()
mending()
usage()
here()
done()
