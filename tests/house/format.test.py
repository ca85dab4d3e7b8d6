#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""clang-format 16 would change nothing (make format mends)."""
import shutil, subprocess
from source import check, files, ROOT, tap

if not shutil.which("clang-format-16"):
    tap.skip("sources are formatted", "clang-format-16 is not installed (scripts/setup test)")
    tap.done()
probe = subprocess.run(["clang-format-16", "--dry-run", "--Werror", "--assume-filename=src/x.c"], input="int  f( void ){return 1;}\n",
                       cwd=ROOT, text=True, capture_output=True)
check("the formatter refuses what it must", [] if probe.returncode else ["badly formatted code was let pass"])
done = subprocess.run(["clang-format-16", "--dry-run", "--Werror", *files("src", "tests")], cwd=ROOT, text=True, capture_output=True)
check("sources are formatted", sorted({line.split(":")[0] + ": run make format" for line in done.stderr.splitlines() if ": error:" in line}))
tap.done()
