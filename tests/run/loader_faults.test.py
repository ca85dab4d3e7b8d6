#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The loader under faults, every so many allocations and calls (loader_faults.check.py takes each)."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from loader_faults import tap, test  # noqa: E402

test(41)
tap.done()
