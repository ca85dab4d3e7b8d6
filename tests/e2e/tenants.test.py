#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""16 tenants of one server: nothing of one comes to another. tenants.check.py does it with 10,000 requests, and looks at the time."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import *  # noqa: E402,F403
from tenants import *  # noqa: E402,F403

if not os.path.exists(SMOLLM2):
    skip("tenants", f"no {SMOLLM2}: scripts/fetch-model --tests brings it")
    done()
t = Tenants()
with server(t) as s:
    t.traces(s)
    t.run(s, 240)
    t.elsewhere(s)
done()
