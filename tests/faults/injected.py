"""The command line, made to fail at any one system call: a process that is forked with everything imported, and strace
upon it from before its first line of work.

Each point is (system call, how many of them came before): strace counts every kind of call by itself.
"""

import ctypes
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from select import select
from typing import Any, NoReturn

__all__ = ["CALLS", "Point", "Run", "points", "run", "why_not"]

CALLS = (
    *("open", "openat", "creat", "close", "read", "pread64", "readv", "write", "pwrite64", "writev", "lseek"),
    *("fsync", "fdatasync", "sync_file_range", "ftruncate", "fallocate", "fcntl", "flock"),
    *("stat", "lstat", "fstat", "newfstatat", "statx", "access", "faccessat", "faccessat2", "readlink", "readlinkat"),
    *("getdents64", "mkdir", "mkdirat", "rmdir", "link", "linkat", "symlink", "symlinkat", "unlink", "unlinkat"),
    *("rename", "renameat", "renameat2", "chmod", "fchmod", "fchmodat", "utimensat", "sendfile", "copy_file_range"),
)
"""Every call to a file system that Python or its libraries may make; those an architecture lacks are left out."""

_NAMED = ",".join(f"?{call}" for call in CALLS)
_LINE = re.compile(r"^(?:\d+ +)?(\w+)\(", re.MULTILINE)
_PR_SET_PTRACER, _ANY = 0x59616D61, ctypes.c_ulong(-1)
_DEADLINE_S = 60.0


@dataclass(frozen=True)
class Point:
    """One system call of an action: the ``number``-th (from 1) of this name."""

    call: str
    number: int

    def __str__(self) -> str:
        return f"{self.call} #{self.number}"


@dataclass(frozen=True)
class Run:
    """How a run of the command line ended. ``code`` is negative for a signal; ``said`` is its document, if whole."""

    code: int
    out: str
    err: str
    trace: str

    @property
    def said(self) -> dict[str, Any] | None:
        try:
            return json.loads(self.out)
        except ValueError:
            return None


def why_not() -> str:
    """Say why calls cannot be injected here; empty when they can."""
    if sys.platform != "linux" or shutil.which("strace") is None:
        return "strace is not installed (Debian: apt-get install strace)"
    tried = subprocess.run(["strace", "-qq", "-o", os.devnull, "true"], capture_output=True, text=True, check=False)
    return f"processes may not be traced here: {tried.stderr.strip()[:200]}" if tried.returncode else ""


def points(trace: str) -> list[Point]:
    """Return every point of a traced run, by name and number."""
    counts = Counter(_LINE.findall(trace))
    return [Point(call, number) for call in sorted(counts) for number in range(1, counts[call] + 1)]


def run(arguments: list[str], *, inject: str | None = None) -> Run:
    """Run ``recsys`` in a fork under strace; ``inject`` as strace takes it: ``fsync:signal=KILL:when=2``."""
    with tempfile.TemporaryDirectory(prefix="recsys-injected-") as folder:
        out, err, trace = (Path(folder, name) for name in ("out", "err", "trace"))
        go, ready = os.pipe(), os.pipe()
        child = os.fork()
        if child == 0:
            _work(arguments, go, ready, out, err)
        os.close(go[0])
        os.close(ready[1])
        os.read(ready[0], 1)
        os.close(ready[0])
        # what is not struck is not stopped at
        traced = f"?{inject.partition(':')[0]}" if inject else _NAMED
        command = ["strace", "-f", "-p", str(child), "-o", str(trace), "-e", f"trace={traced}", "-e", "signal=none"]
        command += ["-e", f"inject={inject}"] if inject else []
        with subprocess.Popen(command, stderr=subprocess.PIPE) as tracer:
            assert tracer.stderr is not None
            assert select([tracer.stderr], [], [], _DEADLINE_S)[0], "strace says nothing"
            said = tracer.stderr.readline()
            os.close(go[1])
            _, status = os.waitpid(child, 0)
            assert b"attached" in said, said
        code = os.waitstatus_to_exitcode(status)
        return Run(code, _text(out), _text(err), _text(trace))


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""


def _work(arguments: list[str], go: tuple[int, int], ready: tuple[int, int], out: Path, err: Path) -> NoReturn:
    """Be the command line: as ``recsys`` itself ends, its output is written before its code is given.

    No call is made between saying ``ready`` and the first one of the command but ``select``, which is not struck.
    """
    code = 99
    try:
        from recsys.cli import app

        os.close(go[1])
        for number, path in ((1, out), (2, err)):
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(handle, number)
            os.close(handle)
        ctypes.CDLL(None).prctl(_PR_SET_PTRACER, _ANY, 0, 0, 0)  # a sibling may trace it, where only parents may
        os.close(ready[0])
        os.close(ready[1])
        select([go[0]], [], [])
        code = app.run(arguments)
        sys.stdout.flush()
    except OSError:
        code = 120  # what Python itself exits with when it cannot flush
    finally:
        os._exit(code)
