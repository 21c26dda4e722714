"""Runs the ``console`` blocks of a document as a reader would: top to bottom, in one shell, in an empty folder.

A line that starts with ``$ `` is a command (``> `` continues it); the lines below it are what it prints, where ``…``
stands for anything. A command must exit 0, unless the block's last expected line is ``[exit N]``. Ports 8000 and 8001
are exchanged for free ones, so documents run side by side.
"""

import os
import re
import shlex
import socket
import subprocess
import uuid
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Command", "Session", "commands_of"]

_BLOCK = re.compile(r"^```console\n(?P<body>.*?)^```", re.MULTILINE | re.DOTALL)
_EXIT = re.compile(r"\[exit (\d+)\]")
_NOISE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


@dataclass
class Command:
    line: int
    text: str
    expected: list[str] = field(default_factory=list)
    exit_code: int = 0


def commands_of(document: Path) -> list[Command]:
    """List the commands of a document with what they should print."""
    text = document.read_text()
    commands: list[Command] = []
    for block in _BLOCK.finditer(text):
        first = text[: block.start("body")].count("\n") + 1
        for offset, line in enumerate(block["body"].splitlines()):
            if line.startswith("$ "):
                commands.append(Command(first + offset, line[2:]))
            elif line.startswith("> ") and commands:
                commands[-1].text += "\n" + line[2:]
            elif match := _EXIT.fullmatch(line.strip()):
                commands[-1].exit_code = int(match[1])
            elif commands:
                commands[-1].expected.append(line)
    return commands


class Session:
    """One shell in one folder."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._ports = {"8000": str(_free_port()), "8001": str(_free_port())}
        self._shell = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            cwd=folder,
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": "120", "TERM": "dumb", **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

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
        """End the shell and what it started in the background."""
        assert self._shell.stdin is not None
        self._shell.stdin.write("kill $(jobs -p) 2>/dev/null; wait; exit\n")
        self._shell.stdin.flush()
        self._shell.stdin.close()
        self._shell.wait(timeout=30)
        assert self._shell.stdout is not None
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
            pattern += r"\s*" + ".*?".join(re.escape(" ".join(part.split())) for part in _parts(line)) + r"\s*\n"
    text = "".join(" ".join(line.split()) + "\n" for line in printed)
    return not expected or re.fullmatch(pattern, text) is not None


def _parts(line: str) -> list[str]:
    return line.strip().split("…")


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def quoted(path: Path) -> str:
    """Write a path so that a shell reads it as one word."""
    return shlex.quote(str(path))
