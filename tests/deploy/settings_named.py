"""What deployments say of settings and commands, held against the code."""

from collections.abc import Iterable
from typing import Any

import typer

from recsys.cli.app import app
from recsys.serving.settings import settings_table

__all__ = ["VARIABLES", "check_command"]

VARIABLES = frozenset(line.variable for line in settings_table()) | {"RECSYS_CACHE"}
"""What may be set: the service's, and where the other commands prepare releases."""


def check_command(words: Iterable[str]) -> None:
    """Assert that a command line after ``recsys`` names a command and options that are there."""
    rest = list(words)
    command: Any = typer.main.get_command(app())
    while hasattr(command, "commands"):
        assert rest, "a command is missing"
        assert rest[0] in command.commands, rest[0]
        command = command.commands[rest.pop(0)]
    options = {option for parameter in command.params for option in getattr(parameter, "opts", ())}
    assert {word for word in rest if word.startswith("--")} <= options
    missing = [one.name for one in command.params if one.required and not set(one.opts) & set(rest)]
    assert not missing
