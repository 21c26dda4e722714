"""Pages of the reference, and the schema of reports, that are made from the code.

``python -m tests.unit.docs.pages`` writes them anew.
"""

import ast
import inspect
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import typer
from tests.unit.docs import promises
from tests.unit.docs.api_page import api

from recsys.cli.app import EXIT_CODES, app
from recsys.encoding import canonical
from recsys.evaluation import Report
from recsys.operations import thresholds
from recsys.operations.conditions import CONDITIONS
from recsys.operations.readiness import AREAS, ITEMS, LIMITS, Limits
from recsys.operations.thresholds import THRESHOLDS, Thresholds

__all__ = ["DOCS", "GENERATED", "REPORT_SCHEMA", "report_schema", "write"]

DOCS = Path(__file__).parents[3] / "docs"
REPORT_SCHEMA = DOCS.parent / "src/recsys/evaluation/report.v1.schema.json"
"""Beside the code, so that it is installed with it."""

_BEGIN, _END = "<!-- made from the code: begin -->\n", "<!-- made from the code: end -->\n"


def cli() -> str:
    """Describe every command with its options, as its help does."""
    root: Any = typer.main.get_command(app())
    parts = ["## Global options\n\n", *_options(root), *_exit_codes()]
    for path, command in _commands(root, ()):
        name = " ".join(("recsys", *path))
        if hasattr(command, "commands"):
            parts.append(f"\n## {name}\n\n{_prose(command.help)}\n")
        else:
            parts.append(f"\n{'##' if len(path) == 1 else '###'} {name}\n\n{_prose(command.help)}\n")
            parts += ["\n", *_options(command)]
            if command.epilog:
                parts.append(f"\n{_prose(command.epilog)}\n")
    return "".join(parts)


def health() -> str:
    """List the conditions of each layer, and the thresholds with what stands beside them in the code."""
    conditions = [
        f"| {layer} | {state} | {_prose(inspect.getdoc(condition)).rstrip('.')} |\n"
        for layer, of_layer in CONDITIONS.items()
        for state, condition in of_layer
    ]
    said = _docstrings(thresholds.Thresholds)
    rows = [
        f"| `{name}` | {getattr(THRESHOLDS, name):g} | {said.get(name, '')} |\n"
        for name in Thresholds.__struct_fields__
    ]
    head = "| layer | state | when |\n|---|---|---|\n"
    return "".join(
        [head, *conditions, "\n## Thresholds\n\n", _SHARES, "| threshold | value | |\n|---|---|---|\n", *rows]
    )


_SHARES = "A rate or share is of answers, in 0..1; the other units stand in the names.\n\n"


def readiness() -> str:
    """List the limits and every item of the checklist, by area."""
    said = _docstrings(Limits)
    parts = ["| limit | value | |\n|---|---|---|\n"]
    parts += [f"| `{name}` | {getattr(LIMITS, name):g} | {said[name]} |\n" for name in Limits.__struct_fields__]
    for area in AREAS:
        parts.append(f"\n## {area.capitalize()}\n\n| item | asks | how | why | what to do |\n|---|---|---|---|---|\n")
        parts += [
            f"| `{item.id}` | {item.asks} | {item.how} | {item.why} | {item.todo} |\n"
            for item in ITEMS
            if item.area == area
        ]
    return "".join(parts)


GENERATED: Mapping[str, Callable[[], str]] = {
    "explanation/reliability-and-rollback.md": promises.table,
    "reference/api.md": api,
    "reference/cli.md": cli,
    "reference/health.md": health,
    "reference/readiness.md": readiness,
}
"""Which page holds which generated part, between two comments; the rest of a page is written by people."""


def report_schema() -> bytes:
    """Return the JSON Schema of a report of any mode, as canonical JSON in one line."""
    return canonical(msgspec.json.schema(Report)) + b"\n"


def write(name: str) -> str:
    """Return a page as it should be: its own words around the generated part."""
    before, rest = (DOCS / name).read_text().split(_BEGIN)
    return before + _BEGIN + GENERATED[name]() + _END + rest.split(_END)[1]


def _commands(group: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        yield (*path, name), command
        if hasattr(command, "commands"):
            yield from _commands(command, (*path, name))


def _options(command: Any) -> Iterator[str]:
    context = typer.Context(command, info_name=command.name)
    for parameter in command.params:
        if parameter.name in ("install_completion", "show_completion"):
            continue
        usage, said = parameter.get_help_record(context) or (f"{parameter.name.upper()}", "")
        yield f"- `{usage}` {_prose(said)}".rstrip() + "\n"


def _exit_codes() -> Iterator[str]:
    yield "\n## Exit codes\n\n| code | when |\n|---|---|\n| 0 | done |\n"
    for kind, code in sorted(EXIT_CODES, key=lambda row: row[1]):
        if kind.__name__ != "RecsysError":
            said = _prose(kind.__doc__).split(" (exit")[0].rstrip(".")
            yield f"| {code} | {said[0].lower()}{said[1:]} |\n"
    yield "| 130 | interrupted |\n"


def _prose(text: str | None) -> str:
    return " ".join((text or "").split()).replace("``", "`")


def _docstrings(kind: type) -> dict[str, str]:
    """Read the strings that stand below a class's fields."""
    (made,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(made, ast.ClassDef)
    said = {}
    for field, after in zip(made.body, made.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(after, ast.Expr) and isinstance(field.target, ast.Name):
            assert isinstance(after.value, ast.Constant)
            said[field.target.id] = _prose(str(after.value.value))
    return said


if __name__ == "__main__":
    for page in GENERATED:
        (DOCS / page).write_text(write(page))
    REPORT_SCHEMA.write_bytes(report_schema())
