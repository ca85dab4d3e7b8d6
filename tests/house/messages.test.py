#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every message is translated: the catalogues hold exactly the messages of src/, none missing, none fuzzy, and the
formats of a translation take the same arguments."""
import os, re, shutil, tempfile
from source import check, files, output, ROOT, tap

if not shutil.which("xgettext"):
    tap.skip("messages are translated", "gettext is not installed (scripts/setup build)")
    tap.done()
with tempfile.TemporaryDirectory() as tmp:
    pot = os.path.join(tmp, "moat.pot")
    catalogues = files("po", ends=(".po",))
    copies = [shutil.copy(os.path.join(ROOT, p), tmp) for p in catalogues]
    status, text = output("scripts/messages", pot, *copies)
    check("messages can be collected", [] if status == 0 else text.splitlines())
    check("there is a Chinese catalogue", [] if "po/zh_CN.po" in catalogues else ["po/zh_CN.po is missing"])
    for path, copy in zip(catalogues, copies):
        status, text = output("msgfmt", "--check", "--check-format", "--statistics", "-o", "/dev/null", copy, env=dict(os.environ, LC_ALL="C"))
        check(f"{path} passes msgfmt --check", [] if status == 0 else text.splitlines())
        left = output("msgattrib", "--untranslated", "--no-obsolete", copy)[1]
        ids = re.findall(r'^msgid (.*(?:\n".*")*)', left, re.M)[1:]
        wrong = [] if re.search(r"^\d+ translated messages?\.$", text, re.M) else [text.strip().split("\n")[-1]] + [f"not translated: {i}" for i in ids]
        check(f"{path} is complete", wrong)
tap.done()
