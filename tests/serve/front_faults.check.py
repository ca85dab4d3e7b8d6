#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The front under faults: each of its allocations and calls while it answers, every fifth while it starts."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from front_faults import tap, test  # noqa: E402

test(1, int(os.environ.get("MOAT_FAULT_STEP", "5")))
tap.done()
