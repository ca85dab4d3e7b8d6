# SPDX-License-Identifier: Apache-2.0
"""A made incident: logs of three services (gateway, orders, storage) over an hour, with a known root cause.

write(folder, variant, lines) -> (paths, (file, line number of the root from 1), text of the root). The same variant gives the
same bytes. Normal traffic calls through all three; each service has its own way to begin a line. Rare lines that mean
nothing, errors that come all the time and a harmless spike of warnings are there to mislead. At some time between 40 and 85 %
one line tells the cause, in any of the services and at any level; after a delay of up to 40 s errors spread to the services
that call it."""
import os
import random
import time

# service of the root, level, line, the errors that follow in that service
ROOTS = [
    ("storage", "WARN", "disk /dev/sdb1 is 100% full, switching to read-only", ["write of segment {n} failed: read-only file system"]),
    ("storage", "INFO", "configuration reloaded: max_connections 400 -> 4", ["connection pool exhausted, {n} waiting"]),
    ("storage", "INFO", "certificate for storage.internal rotated, new serial {h}", ["TLS handshake with {ip} failed: certificate verify failed"]),
    ("storage", "ERROR", "RAID controller battery failed, write cache disabled", ["flush took {n} ms, deadline exceeded"]),
    ("storage", "WARN", "replica {ip} fell out of sync at offset {n}", ["quorum lost for shard {n}: cannot commit"]),
    ("storage", "INFO", "compaction of table events started with 64 threads", ["read of block {h} timed out after {n} ms"]),
    ("storage", "WARN", "clock stepped by -{n} s", ["lease {h} rejected: expired before it was granted"]),
    ("storage", "ERROR", "kernel killed process {n} (indexer): out of memory", ["index lookup for {h} failed: indexer is gone"]),
    ("orders", "INFO", "feature flag new_pricing enabled by admin", ["price of item {n} could not be computed: division by zero"]),
    ("orders", "INFO", "deployed release 7.4.0 (was 7.3.9)", ["NullPointerException in CartService line {n}"]),
    ("orders", "WARN", "thread pool shrank to 1 after core dump {h}", ["task {n} rejected: queue is full"]),
    ("orders", "INFO", "schema migration 0042 applied in {n} ms", ["query failed: column total_price does not exist (order {n})"]),
    ("orders", "ERROR", "license server said no: seats exceeded", ["session {h} refused: no license"]),
    ("orders", "WARN", "garbage collector paused for {n} ms", ["heartbeat to {ip} missed, leadership lost"]),
    ("orders", "INFO", "cache region catalogue cleared by operator", ["recomputing entry {h} timed out"]),
    ("gateway", "INFO", "rate limit set to 1 request per minute for default tenant", ["request {h} rejected: rate limit exceeded"]),
    ("gateway", "WARN", "DNS answer for orders.internal changed to {ip}", ["connect to orders.internal failed: no route to host ({n})"]),
    ("gateway", "INFO", "firewall rules v{n} loaded", ["connection to {ip} refused"]),
    ("gateway", "ERROR", "cannot read /etc/gateway/keys.json: permission denied", ["token of client {n} could not be verified"]),
    ("gateway", "WARN", "file descriptor limit lowered to 64", ["accept failed: too many open files ({n})"]),
]
NORMAL = {
    "gateway": ["GET /orders/{n} 200 in {n} ms", "POST /orders 201 in {n} ms", "client {ip} connected", "client {ip} closed", "session {h} refreshed"],
    "orders": ["order {n} accepted for customer {n}", "order {n} priced at {n}.{n}", "stock of item {n} is {n}", "sent order {n} to storage in {n} ms"],
    "storage": ["stored object {h} of {n} bytes", "read object {h} in {n} ms", "checkpoint {n} written", "cache hit ratio {n}%"],
}
STEADY = {
    "gateway": ["WARN client {ip} sent a bad header", "ERROR request {h} timed out at the client"],
    "orders": ["WARN retrying order {n} (attempt 2)", "ERROR payment for order {n} was declined"],
    "storage": ["WARN slow read of {h}: {n} ms", "WARN checksum of {h} repaired"],
}
CALLS = {"storage": [("orders", "ERROR", "storage call for order {n} failed: upstream timeout"), ("orders", "WARN", "circuit breaker storage open after {n} failures"),
                     ("gateway", "ERROR", "POST /orders 503 in {n} ms"), ("gateway", "WARN", "backend orders unhealthy, {n} errors")],
         "orders": [("gateway", "ERROR", "GET /orders/{n} 500 in {n} ms"), ("gateway", "ERROR", "POST /orders 502 in {n} ms: bad gateway"), ("gateway", "WARN", "backend orders unhealthy, {n} errors")],
         "gateway": [("gateway", "ERROR", "POST /orders 503 in {n} ms"), ("orders", "WARN", "no orders for {n} s")]}
ONCE = ["log level of {w} set to {w}", "operator {w} logged in from {ip}", "backup job {w} finished", "housekeeping of {w} removed {n} files", "metric {w} registered",
        "plugin {w} loaded", "lease of {w} renewed by {w}", "WARN deprecated option {w} used", "statistics for {w} recalculated", "template {w} compiled"]
WORDS = "amber basil cedar delta ember fjord grove heath indigo juniper kelp lotus maple nectar ochre pearl quartz raven sable tulip umber violet willow yarrow zinc".split()
SERVICES = ["gateway", "orders", "storage"]


def fill(rng, text):
    out = []
    for part in text.split("{"):
        key, brace, rest = part.partition("}")
        if not brace:
            out.append(part)
            continue
        out.append({"n": lambda: str(rng.randrange(1, 9999)), "h": lambda: f"{rng.randrange(1 << 48):012x}", "w": lambda: rng.choice(WORDS),
                    "ip": lambda: f"10.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(1, 255)}"}[key]() + rest)
    return "".join(out)


def line(service, at, level, text):
    s = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at))
    ms = int(at * 1000) % 1000
    if service == "gateway":
        return f"{s.replace(' ', 'T')}.{ms:03d}Z {level} {text}\n"
    if service == "orders":
        return f"{s},{ms:03d} {level:5} [worker-{ms % 8}] shop.Orders: {text}\n"
    return time.strftime("%b %d %H:%M:%S", time.gmtime(at)) + f".{ms:03d} node7 storaged[811]: {level}: {text}\n"


def write(folder, variant, lines=200000):
    rng = random.Random(1000 + variant)
    start, span = 1750000000 + 86400 * variant, 3600.0
    service, level, text, own = ROOTS[variant % len(ROOTS)]
    events = []  # (time, service, level, text, is root)

    def add(at, who, lev, what, root=False):
        events.append((start + at, who, lev, fill(rng, what), root))
    for _ in range(lines - lines // 20):
        who = rng.choice(SERVICES)
        add(rng.random() * span, who, "INFO", rng.choice(NORMAL[who]))
    for who in SERVICES:
        for what in STEADY[who]:
            for _ in range(lines // 800):
                lev, _, rest = what.partition(" ")
                add(rng.random() * span, who, lev, rest)
    for _ in range(60):
        what = rng.choice(ONCE)
        lev, rest = ("WARN", what[5:]) if what.startswith("WARN ") else ("INFO", what)
        add(rng.random() * span, rng.choice(SERVICES), lev, rest)
    spike = rng.uniform(.1, .3) * span
    for _ in range(120):
        add(spike + rng.random() * 20, "gateway", "WARN", "client {ip} sent a bad header")
    root = rng.uniform(.4, .85) * span
    add(root, service, level, text, True)
    begin = root + rng.uniform(.5, 40)
    for _ in range(lines // 100):
        at = begin + rng.random() ** 1.5 * (span - begin)
        add(at, service, "ERROR", rng.choice(own))
        who, lev, what = rng.choice(CALLS[service])
        if at > begin + 2:
            add(min(at + rng.random() * 2, span - .001), who, lev, what)
    events.sort(key=lambda e: e[0])
    files, numbers, found = {s: [] for s in SERVICES}, dict.fromkeys(SERVICES, 0), None
    for at, who, lev, what, is_root in events:
        files[who].append(line(who, at, lev, what))
        numbers[who] += 1
        if is_root:
            found = (who + ".log", numbers[who], what)
    paths = []
    for who in SERVICES:
        paths.append(os.path.join(folder, who + ".log"))
        with open(paths[-1], "w") as f:
            f.writelines(files[who])
    return paths, found[:2], found[2]
