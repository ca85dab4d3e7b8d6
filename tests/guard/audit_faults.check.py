#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The audit log under its whole battery: 20,000 changes (T9), 2,000 writers killed (T7), 20,000 states of a disk whose power
failed (T8), and how fast it is checked."""
import os, re, subprocess, sys, tempfile, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import done, moat, note, ok

BUILD = os.environ.get("MOAT_BUILD", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "build"))


def battery(program, **counts):
    p = subprocess.run([os.path.join(BUILD, "tests", "guard", program)], env=dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP", **counts),
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said = [line[2:] for line in p.stdout.splitlines() if line.startswith("# ") and re.search(r"\d", line)]
    ok(p.returncode == 0, f"{program}: {'; '.join(said)}", p.stdout)


battery("test_audit", MOAT_TAMPER="20000")
battery("test_audit_faults", MOAT_KILLS="2000", MOAT_POWER="20000")
with tempfile.TemporaryDirectory() as top:
    folder, key = os.path.join(top, "audit"), os.path.join(top, "key")
    recipient = moat("audit", "keygen", key).out.strip()
    for batch in (1, 100):
        moat("audit", "init", "--auditor", recipient, "--reserve", "0", "--dir", folder + str(batch))
        subprocess.run([os.path.join(BUILD, "tests", "guard", "test_audit"), "write", folder + str(batch), "60000", str(batch)], check=True)
        t = time.monotonic()
        r = moat("audit", "verify", "--dir", folder + str(batch))
        rate = 60000 / (time.monotonic() - t)
        limit = 1000 if os.environ.get("MOAT_SANITIZED") else 100000
        ok(r.status == 0 and rate > limit, f"{rate:,.0f} records a second are verified where {batch} make a flush", r)
done()
