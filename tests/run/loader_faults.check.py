#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The loader under faults: each allocation and each call, once and for good."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from loader_faults import tap, test  # noqa: E402

test(int(os.environ.get("MOAT_FAULT_STEP", "1")))
tap.done()
