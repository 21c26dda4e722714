"""Where in a text a mistake of a document is: the line that whoever wrote it looks at."""

import json
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import msgspec

from recsys.encoding import Invalid

__all__ = ["Spot", "problem_of", "spot_of"]

_BYTE = re.compile(r"\(byte (\d+)\)")
_AT = re.compile(r"at `\$([^`]*)`")
_WHERE = re.compile(r" - at `[^`]*`$| \(byte \d+\)$")
_UNKNOWN = re.compile(r"unknown (?:field|signal) `([^`]*)`(?: in `([^`]*)`)?")
_RULE = re.compile(r"rule `(.*?)`: (?:`(\w+)`)?")
_TWICE = re.compile(r"two rules have the id `(.*?)`")
_NAMED = re.compile(r"`([\w.-]+)`")
_STEP = re.compile(r"\[(\d+|\.\.\.)\]|([^.\[\]]+)")
_MOST_TRIED = 2_000
"""Entries of a mapping that are tried one by one to find the one that is meant."""

Path = tuple[str | int, ...]
_ANY = "..."


class Spot(msgspec.Struct, frozen=True, kw_only=True):
    """A place in a text: the line and the column, from 1, and what stands there by its path in the document."""

    line: int
    column: int
    path: str = ""


def spot_of(text: str, error: Invalid, check: Callable[[bytes], object]) -> Spot | None:
    """Find what an error of a document is about; ``None`` where it is about the whole.

    Parameters
    ----------
    check
        What raised it: asked again, of parts of the document, where the error leaves a name open.
    """
    byte = _BYTE.search(error.problem)
    if byte is not None:
        before = text.encode()[: int(byte[1])].decode(errors="ignore")
        return _spot(text, len(before), ())
    try:
        document = json.loads(text)
        offsets = dict(_offsets(text))
    except (ValueError, RecursionError):
        return None
    for wanted in _paths_in(error, document):
        found = _meant(wanted, document, offsets, error, check)
        if found is not None:
            return _spot(text, offsets[found], found)
    return None


def problem_of(error: Invalid) -> str:
    """Return what is wrong, without where: for who is told the line."""
    return _WHERE.sub("", error.problem)


def _spot(text: str, offset: int, path: Path) -> Spot:
    line_start = text.rfind("\n", 0, offset) + 1
    said = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")
    return Spot(line=text.count("\n", 0, offset) + 1, column=offset - line_start + 1, path=said)


def _paths_in(error: Invalid, document: Any) -> Iterator[Path]:
    """Return the paths an error may be about, the likeliest first; a step left open is ``...``."""
    prefix = _steps(error.what.partition("`")[2].rstrip("`"))
    unknown, at = _UNKNOWN.search(error.problem), _AT.search(error.problem)
    if unknown is not None:
        yield (*prefix, *_steps(unknown[2] or ""), unknown[1])
    if at is not None:
        yield (*prefix, *_steps(at[1]))
    rule, twice = _RULE.search(error.problem), _TWICE.search(error.problem)
    if rule is not None or twice is not None:
        yield from _paths_of_rule(document, rule, twice)
    for named in _NAMED.findall(error.problem):
        yield (*prefix, *_steps(named))
    if prefix:
        yield prefix


def _paths_of_rule(document: Any, rule: "re.Match[str] | None", twice: "re.Match[str] | None") -> Iterator[Path]:
    """Return where the rule stands that an error names, the later one of two."""
    name, field = (rule[1], rule[2]) if rule is not None else (twice[1] if twice else "", "id")
    known = [at for at, one in enumerate(document) if isinstance(one, dict) and one.get("id") == name]
    for at in reversed(known):
        if field is not None:
            yield at, field
        yield (at,)


def _steps(path: str) -> Path:
    return tuple(_ANY if number == _ANY else int(number) if number else name for number, name in _STEP.findall(path))


def _meant(
    wanted: Path, document: Any, offsets: dict[Path, int], error: Invalid, check: Callable[[bytes], object]
) -> Path | None:
    """Return the path that is meant, with its open steps filled in: those that make the same error alone."""
    if _ANY not in wanted:
        return wanted if wanted in offsets else None
    fitting = [path for path in offsets if len(path) == len(wanted) and all(map(_fits, path, wanted))]
    for path in fitting[:_MOST_TRIED]:
        try:
            check(json.dumps(_alone(document, path, wanted)).encode())
        except Invalid as again:
            if again.problem == error.problem:
                return path
        except (ValueError, TypeError):
            continue
    return None


def _fits(step: str | int, wanted: str | int) -> bool:
    return wanted in (_ANY, step)


def _alone(document: Any, path: Path, wanted: Path) -> Any:
    """Return the document with nothing beside the path where a step of it is left open."""
    if not path:
        return document
    step, rest = path[0], _alone(document[path[0]], path[1:], wanted[1:])
    if wanted[0] == _ANY:
        return {step: rest} if isinstance(document, dict) else [rest]
    if isinstance(document, dict):
        return {**document, step: rest}
    return [rest if at == step else one for at, one in enumerate(document)]


_TOKEN = re.compile(r'\s*(?:([{}\[\],:])|("(?:[^"\\]|\\.)*")|([^\s{}\[\],:"]+))')


def _offsets(text: str) -> Iterator[tuple[Path, int]]:
    """Say where each member of an object (its name) and each element of an array begins. ``text`` is valid JSON."""
    tokens = [(found[1] or "", found[2] or "", found.start(found.lastindex or 0)) for found in _TOKEN.finditer(text)]
    path: list[str | int] = []
    awaits_name: list[bool] = []
    for (mark, quoted, offset), (following, _, _) in pairwise([*tokens, ("", "", len(text))]):
        if path and not awaits_name[-1] and mark not in ("]", ",", "}", ":") and isinstance(path[-1], int):
            yield tuple(path), offset
        if quoted and path and awaits_name[-1]:
            path[-1] = json.loads(quoted)
            yield tuple(path), offset
            awaits_name[-1] = following != ":"
        if mark in ("{", "["):
            path.append("" if mark == "{" else 0)
            awaits_name.append(mark == "{")
        elif mark in ("}", "]"):
            path.pop()
            awaits_name.pop()
        elif mark == ",":
            last = path.pop()
            path.append(last + 1 if isinstance(last, int) else "")
            awaits_name[-1] = not isinstance(last, int)
