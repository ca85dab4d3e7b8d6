#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make a large log for measurements: the messages of LogHub systems over and over, with other numbers each time.

usage: bench/logs_make.py OUT BYTES [--seed N] [--data DIR]
Numbers keep their length; names that end in a digit or two ("eth0", "ssh2") stay. The same seed gives the same bytes."""
import argparse, csv, glob, os, random, re

NUMBER = re.compile(rb"(?<![A-Za-z0-9])[1-9]\d*|(?<=[A-Za-z])[1-9]\d{2,}")


def messages(data):
    for path in sorted(glob.glob(os.path.join(data, "loghub2k-corrected", "*", "*_structured_corrected.csv"))):
        with open(path, encoding="utf-8", errors="replace") as f:
            yield "".join(row["Content"] + "\n" for row in csv.DictReader(f)).encode()


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("out"); ap.add_argument("bytes", type=int); ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--data", default=os.environ.get("MOAT_DATA", "../shared/data"))
    o = ap.parse_args()
    blocks, rng, n = list(messages(o.data)), random.Random(o.seed), 0
    if not blocks:
        raise SystemExit(f"no LogHub data in {o.data}; MOAT_DATA names another folder")
    pool = [[str(rng.randrange(10 ** (d - 1), 10 ** d)).encode() for _ in range(4099)] for d in range(1, 25)]
    at = 0

    def other(m):
        nonlocal at
        at = (at + 1) % 4099
        k = m.end() - m.start()
        return pool[k - 1][at] if k <= 24 else m[0]
    with open(o.out, "wb") as f:
        while n < o.bytes:
            for block in blocks:
                at = rng.randrange(4099)
                n += f.write(NUMBER.sub(other, block))
                if n >= o.bytes:
                    break


if __name__ == "__main__":
    main()
