#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The front under faults: some of its allocations and calls (front_faults.check.py takes each)."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from front_faults import tap, test  # noqa: E402

test(97, 701)
tap.done()
