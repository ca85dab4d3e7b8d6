#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moat serve under load for $LOAD_SECONDS (60): not one packet in the network its roles are in, and no role makes a socket or connects.

Needs root (to enter the server's network and capture there, and for strace)."""
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from serving import SMOLLM2, Server, together  # noqa: E402
from tap import *  # noqa: E402,F403

SECONDS = float(os.environ.get("LOAD_SECONDS", "60"))
CAPTURE = """
import ctypes, os, socket, sys, time
libc = ctypes.CDLL(None, use_errno=True)
if libc.setns(os.open(sys.argv[1], os.O_RDONLY), 0x40000000):
    sys.exit("setns: " + os.strerror(ctypes.get_errno()))
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))  # every protocol, every interface, both directions
s.settimeout(0.2)
print("ready", flush=True)
n = 0
while os.getppid() != 1 and not os.path.exists(sys.argv[2]):
    try:
        s.recv(65536)
        n += 1
    except TimeoutError:
        pass
print(n)
"""


def load(s, seconds):
    end = time.monotonic() + seconds

    def one(i):
        n = 0
        while time.monotonic() < end:
            body = {"model": "smollm2", "messages": [{"role": "user", "content": f"Count from {i} to {n}"}], "max_tokens": 24}
            n += s.post("/v1/chat/completions", body).status == 200
        return n
    return sum(together(4, one))


def capture(s, seconds, folder):
    stop = os.path.join(folder, "stop")
    p = subprocess.Popen([sys.executable, "-c", CAPTURE, f"/proc/{s.engine()}/ns/net", stop], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if p.stdout.readline().strip() != "ready":
        return None, 0, p.stderr.read()
    answers = load(s, seconds)
    open(stop, "w").close()
    out, err = p.communicate(timeout=20)
    return int(out.strip() or -1), answers, err


def quiet(folder):
    with Server(SMOLLM2, "--parallel", "4") as s:
        packets, answers, err = capture(s, SECONDS, folder)
    ok(packets == 0 and answers > 0, f"{answers} answers in {SECONDS:.0f} s, {packets} packets in the network of the roles", err)


def control(folder):
    """The capture itself sees what there is: a packet over the loopback device of another namespace."""
    probe = "import socket,subprocess,time; subprocess.run(['ip','link','set','lo','up']); time.sleep(1); " \
            "s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); [s.sendto(b'x',('127.0.0.1',9)) or time.sleep(0.1) for _ in range(20)]"
    other = subprocess.Popen(["unshare", "-n", sys.executable, "-c", probe])
    time.sleep(0.5)
    stop = os.path.join(folder, "stop2")
    p = subprocess.Popen([sys.executable, "-c", CAPTURE, f"/proc/{other.pid}/ns/net", stop], stdout=subprocess.PIPE, text=True)
    other.wait()
    open(stop, "w").close()
    out = p.communicate(timeout=20)[0].split()
    ok(len(out) == 2 and int(out[1]) > 0, "the capture sees packets where there are some", out)


def calls(folder):
    """Every call that concerns the network, of all roles, from the start: strace follows them into their sandboxes."""
    log = os.path.join(folder, "strace")
    with Server(SMOLLM2, "--parallel", "4") as s:
        while not s.events("attest"):
            time.sleep(0.1)
        pids = [p for p in s.children()] + [s.process.pid]
        tracer = subprocess.Popen(["strace", "-f", "-qq", "-o", log, "-e", "trace=socket,connect,bind,listen,io_uring_setup,execve,unshare,setns"]
                                  + [w for p in pids for w in ("-p", str(p))], stderr=subprocess.DEVNULL)
        time.sleep(1)
        answers = load(s, min(SECONDS, 10))
        tracer.terminate()
        tracer.wait()
    text = open(log).read()
    ok(answers > 0 and not re.search(r"\b(socket|connect|bind|listen|io_uring_setup|execve|unshare|setns)\(", text),
       f"{answers} answers under strace: 0 connect, 0 socket of {len(pids)} processes", text)


if os.geteuid() != 0 or not os.path.exists(SMOLLM2):
    skip("load", "needs root and the test model")
else:
    with tempfile.TemporaryDirectory() as d:
        control(d)
        quiet(d)
        if shutil.which("strace"):
            calls(d)
        else:
            skip("system calls", "no strace: scripts/setup all")
done()
