# SPDX-License-Identifier: Apache-2.0
"""A program at a terminal: keys go in, and what the screen shows comes out. Standard library only."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
import unicodedata

CONTROL = re.compile(r"\x1b\[([?0-9;]*)([@-~])|\x1b[()][0-9A-B]|\x1b[=>78M]")


class Screen:
    """As much of a terminal as libedit and we ourselves use; refuse() lists what it did not know."""

    def __init__(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.lines, self.r, self.c, self.unknown, self.rest = [[" "] * columns for _ in range(rows)], 0, 0, [], ""

    def text(self):
        return "\n".join("".join(c for c in line if c).rstrip() for line in self.lines).rstrip()

    def newline(self):
        self.r += 1
        if self.r == self.rows:
            self.lines.pop(0)
            self.lines.append([" "] * self.columns)
            self.r -= 1

    def put(self, ch):
        width = 0 if unicodedata.combining(ch) else 2 if unicodedata.east_asian_width(ch) in "WF" else 1
        if self.c + width > self.columns:
            self.c = 0
            self.newline()
        if width:
            self.lines[self.r][self.c] = ch
            for i in range(1, width):
                self.lines[self.r][self.c + i] = ""
        self.c += width

    def control(self, args, letter):
        n = int(args) if args.isdigit() else 1
        line = self.lines[self.r]
        if letter == "A":
            self.r = max(0, self.r - n)
        elif letter == "B":
            self.r = min(self.rows - 1, self.r + n)
        elif letter == "C":
            self.c = min(self.columns - 1, self.c + n)
        elif letter == "D":
            self.c = max(0, min(self.c, self.columns - 1) - n)
        elif letter == "G":
            self.c = min(self.columns, n) - 1
        elif letter == "H":
            at = [int(x or 1) for x in args.split(";")] if args else [1, 1]
            self.r, self.c = at[0] - 1, at[1] - 1
        elif letter in "JK":
            line[self.c:] = [" "] * (self.columns - min(self.c, self.columns))
            if letter == "J":
                for i in range(self.r + 1, self.rows):
                    self.lines[i] = [" "] * self.columns
        elif letter == "P":
            line[self.c:] = line[self.c + n:] + [" "] * min(n, self.columns - self.c)
        elif letter == "@":
            line[self.c:] = ([" "] * n + line[self.c:])[: self.columns - self.c]
        elif letter not in "mhl":
            self.unknown.append(args + letter)

    def feed(self, text):
        text, self.rest, at = self.rest + text, "", 0
        while at < len(text):
            ch = text[at]
            if ch == "\x1b":
                m = CONTROL.match(text, at)
                if not m:
                    self.rest = text[at:]
                    return
                at = m.end()
                if m[2]:
                    self.control(m[1], m[2])
                continue
            at += 1
            if ch == "\r":
                self.c = 0
            elif ch == "\n":
                self.newline()
            elif ch == "\b":
                self.c = max(0, self.c - 1)
            elif ch == "\t":
                self.c = min(self.columns - 1, self.c // 8 * 8 + 8)
            elif ch >= " " and ch != "\x7f":
                self.put(ch)
            elif ch != "\a":
                self.unknown.append(repr(ch))


class Terminal:
    """One run of a program on a terminal of its own."""

    def __init__(self, argv, rows=24, columns=80, env=None, cwd=None):
        self.screen, self.raw, self.status, self.mark = Screen(rows, columns), "", None, 0
        environ = {**os.environ, "TERM": "xterm-256color", **(env or {})}
        for name in ("NO_COLOR", "LC_ALL", "LANGUAGE"):
            if not env or name not in env:
                environ.pop(name, None)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                if cwd:
                    os.chdir(cwd)
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
                os.execve(argv[0], argv, environ)
            finally:
                os._exit(127)
        self.pending = b""

    def modes(self):
        return termios.tcgetattr(self.fd)

    def resize(self, rows, columns):
        self.screen = Screen(rows, columns)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def send(self, text):
        os.write(self.fd, text.encode())

    def line(self, text):
        self.send(text + "\r")

    def signal(self, number):
        os.kill(self.pid, number)

    def pump(self, seconds):
        """Reads what there is; False at the end of the program's output."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        if not data:
            return False
        self.pending += data
        cut = len(self.pending)
        while cut and cut > len(self.pending) - 4 and self.pending[cut - 1] & 0xC0 == 0x80:
            cut -= 1
        if cut and self.pending[cut - 1] >= 0xC0 and len(self.pending) - cut < 3:
            whole, self.pending = self.pending[: cut - 1], self.pending[cut - 1:]
            try:
                whole, self.pending = whole + self.pending.decode().encode(), b""
            except UnicodeDecodeError:
                pass
        else:
            whole, self.pending = self.pending, b""
        text = whole.decode("utf-8", "replace")
        self.raw += text
        self.screen.feed(text)
        return True

    def until(self, wanted, limit=30):
        """Waits until the output since the last call holds `wanted`; gives that output (None: it did not come)."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            at = self.raw.find(wanted, self.mark)
            if at >= 0:
                got, self.mark = self.raw[self.mark:at + len(wanted)], at + len(wanted)
                return got
            if not self.pump(0.1) and self.raw.find(wanted, self.mark) < 0:
                return None
        return None

    def shows(self, wanted, limit=10):
        """Waits until the screen shows `wanted`; until() then goes on behind what was read."""
        end = time.monotonic() + limit
        while wanted not in self.screen.text():
            if time.monotonic() > end or not self.pump(0.1):
                break
        self.mark = len(self.raw)
        return wanted in self.screen.text()

    def settle(self, seconds=0.3):
        """Reads until nothing has come for a while."""
        while True:
            n = len(self.raw)
            if not self.pump(seconds) or len(self.raw) == n:
                return

    def wait(self, limit=20):
        """The exit status; a signal is negative; None: it did not end."""
        end = time.monotonic() + limit
        while self.status is None and time.monotonic() < end:
            self.pump(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status

    def close(self):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)
