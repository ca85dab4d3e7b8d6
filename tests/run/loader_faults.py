# SPDX-License-Identifier: Apache-2.0
"""T5 and T6 over the loader: each allocation, each call of the system that a command makes while it loads a model fails in turn,
once and from then on, until a run ends in which nothing failed. Each run ends by itself, with the answer or with one clear error."""
import errno
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import faults  # noqa: E402
import tap  # noqa: E402

MODEL = os.path.join(tap.DATA, "arch", "llama.gguf")
RUN = ["run", MODEL, "a b c", "--raw", "--max-tokens", "3", "--temperature", "0", "--threads", "2", "--context", "64"]
WORK = {
    "run": (RUN, False),
    "run and pack": (RUN, True),
    "show": (["show", MODEL, "--json"], False),
    "tokenize": (["tokenize", MODEL, "--json", "--file", __file__], False),
}
STATUS = (0, 2, 3, 4, 5, 6, 8, 11, 70)


class Loop:
    def __init__(self, folder, name, step):
        self.command, self.packs = WORK[name]
        self.folder, self.name, self.step = folder, name, step
        self.faults = faults.Faults(folder)
        self.home = os.path.join(folder, "home")
        self.clean = self.start()
        self.clean = self.start()  # with its packed weights
        self.wrong, self.runs = [], 0

    def start(self):
        if self.packs:
            shutil.rmtree(os.path.join(self.home, "packs"), ignore_errors=True)
        return tap.moat(*self.command, limit=20, env=dict(self.faults.env, MOAT_HOME=self.home, LC_ALL="C.UTF-8"))

    def judge(self, r, hits):
        """What is wrong, or None."""
        said = [line for line in r.err.splitlines() if line.startswith("moat: ")]
        if r.status not in STATUS:
            return f"exit status {r.status}"
        if r.status == 0:
            return None if r.out == self.clean.out else f"another answer: {r.out[:80]!r}"
        if not hits:
            return "an error though nothing failed"
        return None if len(said) == 1 else f"{len(said)} errors"

    def one_by_one(self, kind, error, once):
        nth = 1
        while len(self.wrong) < 10:
            self.faults.arm(kind, nth, error, once)
            r = self.start()
            n, hits = self.faults.disarm()
            self.runs += 1
            why = self.judge(r, hits)
            if why:
                what = "allocation" if kind == faults.ALLOCATION else f"call ({errno.errorcode.get(error, 'short')})"
                self.wrong.append(f"{what} {nth} of {n}{'' if once else ' and all after it'}: {why}: {r.err.strip()[-300:]}")
            if not hits:
                return nth - 1
            nth += self.step
        return nth

    def all(self):
        counts = [self.one_by_one(faults.ALLOCATION, 0, once) for once in (True, False)]
        for error in (errno.EIO, errno.ENOMEM, errno.EINTR, 0):
            for once in (True, False):
                if once or error not in (errno.EINTR, 0):  # a call that is always interrupted never ends
                    counts.append(self.one_by_one(faults.CALL, error, once))
        return counts


def test(step, names=WORK):
    if not faults.works():
        return tap.skip("the loader under faults", "not with AddressSanitizer")
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            loop = Loop(folder, name, step)
            tap.ok(loop.clean.status == 0 and loop.clean.out, f"{name}: works", loop.clean)
            counts = loop.all()
            tap.ok(not loop.wrong and min(counts) > 10, f"{name}: {loop.runs} runs, up to {max(counts)} allocations or calls", "\n".join(loop.wrong))
