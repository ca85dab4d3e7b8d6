#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The time of a key's check, over a million measurements: tests/guard/test_keys_time.c."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403

program = os.path.join(os.environ.get("MOAT_BUILD", os.path.join(ROOT, "build")), "tests", "guard", "test_keys_time")
if os.environ.get("MOAT_SANITIZED"):
    skip("the time of a key's check", "instrumented code has times of its own")
    done()
r = subprocess.run([program], env=dict(os.environ, MOAT_SAMPLES="1000000"), capture_output=True, text=True)
note(r.stdout)
ok(r.returncode == 0, "|t| < 4.5 over a million measurements, and a comparison that stops early is noticed", r.stdout + r.stderr)
done()
