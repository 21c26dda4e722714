"""Runs the ``console`` blocks of a document as a reader would: top to bottom, in one shell, in one folder.

A line that starts with ``$ `` is a command (``> `` continues it); the lines below it are what it prints, where ``…``
stands for anything. A command must exit 0, unless the block's last expected line is ``[exit N]``. Ports 8000 and 8001
are exchanged for free ones, so documents run side by side.

What happens outside the reader's terminal (people come, a disk goes away) stands in the document as a comment that no
reader sees: ``<!-- stage: people come -->``. The document's scene in ``scenes.py`` plays it.
"""

import os
import re
import signal
import socket
import subprocess
import uuid
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Command", "Direction", "Session", "steps_of"]

_BLOCK = re.compile(
    r"^```console\n(?P<body>.*?)^```|^<!-- stage: (?P<direction>[a-z ]+) -->$", re.MULTILINE | re.DOTALL
)
_EXIT = re.compile(r"\[exit (\d+)\]")
_NOISE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
_LEAVE_S = 20.0


@dataclass
class Command:
    """Something the reader types, and what it should print."""

    line: int
    text: str
    expected: list[str] = field(default_factory=list)
    exit_code: int = 0


@dataclass
class Direction:
    """Something that happens to the reader."""

    line: int
    text: str


def steps_of(document: Path) -> list[Command | Direction]:
    """List what happens in a document, in its order."""
    text = document.read_text()
    steps: list[Command | Direction] = []
    for found in _BLOCK.finditer(text):
        if found["direction"]:
            steps.append(Direction(text[: found.start()].count("\n") + 1, found["direction"]))
            continue
        first = text[: found.start("body")].count("\n") + 1
        command: Command | None = None
        for offset, line in enumerate(found["body"].splitlines()):
            if line.startswith("$ "):
                command = Command(first + offset, line[2:])
                steps.append(command)
                continue
            assert command is not None, f"{document.name}:{first + offset}: a console block begins with `$ `"
            if line == ">" or line.startswith("> "):
                command.text += "\n" + line[2:]
            elif match := _EXIT.fullmatch(line.strip()):
                command.exit_code = int(match[1])
            else:
                command.expected.append(line)
    return steps


class Session:
    """One shell in one folder; a context manager."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._ports = {"8000": str(_free_port()), "8001": str(_free_port())}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("RECSYS_")}
        self._shell = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            cwd=folder,
            env={**inherited, "NO_COLOR": "1", "COLUMNS": "120", "TERM": "dumb", "LC_ALL": "C.UTF-8", **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def run(self, command: Command) -> str:
        """Run one command; raises AssertionError with what it printed when that is not what the document says."""
        mark = uuid.uuid4().hex
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        self._shell.stdin.write(f"{self._exchanged(command.text)}\nprintf '\\n{mark} %s\\n' $?\n")
        self._shell.stdin.flush()
        printed: list[str] = []
        code = None
        for line in self._shell.stdout:
            if line.startswith(mark):
                code = int(line.split()[1])
                break
            printed.append(_NOISE.sub("", line.rstrip("\n")))
        output = "\n".join(printed).strip("\n")
        assert code == command.exit_code, f"line {command.line}: `{command.text}` exited {code}:\n{output}"
        expected = [self._exchanged(line) for line in command.expected if line.strip()]
        assert _fits(expected, [line for line in printed if line.strip()]), (
            f"line {command.line}: `{command.text}` printed:\n{output}\n\nthe document says:\n" + "\n".join(expected)
        )
        return output

    def close(self) -> None:
        """End what the shell started in the background, and the shell; by force when it does not go."""
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        try:
            self._shell.stdin.write("kill $(jobs -p) 2>/dev/null; wait; exit\n")
            self._shell.stdin.close()
            self._shell.wait(timeout=_LEAVE_S)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            os.killpg(self._shell.pid, signal.SIGKILL)  # its own group: see __init__
            self._shell.wait()
        finally:
            self._shell.stdout.close()

    def _exchanged(self, text: str) -> str:
        for port, free in self._ports.items():
            text = re.sub(rf"\b{port}\b", free, text)
        return text


def _fits(expected: list[str], printed: list[str]) -> bool:
    """Match line by line; ``…`` in a line is anything, a line of only ``…`` is any lines."""
    pattern = ""
    for line in expected:
        if line.strip() == "…":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*?".join(re.escape(" ".join(part.split())) for part in line.split("…")) + r"\n"
    text = "".join(" ".join(line.split()) + "\n" for line in printed)
    return not expected or re.fullmatch(pattern, text) is not None


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
