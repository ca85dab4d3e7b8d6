#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The tests of faults and of fuzzed bodies at their full size: 50 kills of the engine, 100,000 bodies."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403

HERE = os.path.dirname(os.path.abspath(__file__))
for name, more in (("faults.test.py", {"MOAT_KILLS": "50"}), ("fuzz_bodies.test.py", {"MOAT_BODIES": "100000", "MOAT_SEED": "7"})):
    p = subprocess.run([sys.executable, os.path.join(HERE, name)], env=dict(os.environ, **more), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    for line in p.stdout.splitlines():
        if line.startswith("#"):
            note(line[2:])
    ok(p.returncode == 0, f"{name} with {' '.join(f'{k}={v}' for k, v in more.items())}", p.stdout[-4000:])
done()
