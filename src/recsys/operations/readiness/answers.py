"""``readiness.yaml``: what nobody can see from here, answered by people, in a file kept under version control.

.. code-block:: yaml

    alerts-loaded:
      answer: yes
      by: ann
      on: 2026-11-20
      note: pager tried on that day
"""

import datetime
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from recsys.encoding import Invalid, convert, did_you_mean
from recsys.operations.readiness.item import Item
from recsys.yaml_file import read_yaml

__all__ = ["Answer", "read_answers", "written"]

_HEAD = """\
# What recsys readiness cannot see, answered by people. Keep this file under version control.
# answer: yes or no, by: who says so, on: the day (2026-11-22), note: where the proof is.
"""


class Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One answer; ``answer`` is ``None`` while nobody gave it."""

    answer: bool | None = None
    by: str | None = None
    on: datetime.date | None = None
    note: str | None = None


def read_answers(path: Path, items: Iterable[Item]) -> dict[str, Answer]:
    """Read the file; raises ``Invalid`` for an item that is not asked, and for an answer without a name or a day."""
    known = {item.id: item for item in items}
    found: dict[str, Answer] = {}
    for name, value in read_yaml(path, what="answers").items():
        where = f"answers {path}, {name[:80]}"
        if name not in known:
            raise Invalid(where, "is no item of the checklist", suggestion=did_you_mean(name, known))
        if not known[name].asked:
            raise Invalid(where, "is not asked: it is checked", suggestion="take it out of the file")
        answer = convert(value, Answer, what=where)
        if answer.answer is not None and (not answer.by or answer.on is None):
            raise Invalid(where, "an answer needs `by` and `on`", suggestion="say who answers, and on which day")
        found[name] = answer
    return found


def written(items: Iterable[Item], answers: Mapping[str, Answer]) -> str:
    """Write the file: every item that people may answer, with its question above it."""
    return "\n".join([_HEAD, *(line for item in items if item.asked for line in _lines(item, answers.get(item.id)))])


def _lines(item: Item, given: Answer | None) -> Iterator[str]:
    answer = given or Answer()
    yield f"# {item.area}: {item.asks}"
    yield f"{item.id}:"
    yield f"  answer: {'' if answer.answer is None else 'yes' if answer.answer else 'no'}".rstrip()
    yield f"  by: {_text(answer.by)}".rstrip()
    yield f"  on: {answer.on or ''}".rstrip()
    yield f"  note: {_text(answer.note)}".rstrip()
    yield ""


def _text(text: str | None) -> str:
    return "" if text is None else json.dumps(text, ensure_ascii=False)
