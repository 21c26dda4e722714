"""The checklist whole, and what comes of it for one installation."""

import datetime
from collections.abc import Mapping
from typing import get_args

import msgspec

import recsys
from recsys.encoding import rfc3339
from recsys.errors import RecsysError
from recsys.operations.readiness import access, data, practice, service
from recsys.operations.readiness.answers import Answer
from recsys.operations.readiness.facts import Facts
from recsys.operations.readiness.item import AREAS, Area, Found, Item, Result, unknown

__all__ = ["ITEMS", "Checked", "Readiness", "check", "judged"]

ITEMS: tuple[Item, ...] = tuple(
    sorted((*service.ITEMS, *access.ITEMS, *data.ITEMS, *practice.ITEMS), key=lambda item: AREAS.index(item.area))
)
"""Every item, by area."""


class Checked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of one item. ``at``: the date of the evidence; ``by`` and ``note`` are of an answer. ``todo`` stands
    where it is not ``yes``.
    """

    id: str
    area: Area
    asks: str
    result: Result
    seen: str
    how: str
    why: str
    at: str | None = None
    by: str | None = None
    note: str | None = None
    todo: str | None = None


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """The whole checklist at the moment ``at``. ``ready``: every item is ``yes``. ``unseen``: what could not be looked
    at, and why.
    """

    schema: str = "readiness.v1"
    ready: bool
    at: str
    version: str
    store: str
    tenants: tuple[str, ...]
    counts: Mapping[Result, int]
    items: tuple[Checked, ...]
    unseen: tuple[str, ...]

    @property
    def open(self) -> tuple[Checked, ...]:
        """Return the items that stand between this installation and ready."""
        return tuple(item for item in self.items if item.result != "yes")


def check(facts: Facts, answers: Mapping[str, Answer]) -> Readiness:
    """Judge every item by what was seen, else by what people answered."""
    items = tuple(judged(item, facts, answers.get(item.id)) for item in ITEMS)
    results: tuple[Result, ...] = get_args(Result)
    return Readiness(
        ready=all(item.result == "yes" for item in items),
        at=rfc3339(facts.now_s),
        version=recsys.__version__,
        store=facts.store.name,
        tenants=tuple(tenant.name for tenant in facts.tenants),
        counts={result: sum(item.result == result for item in items) for result in results},
        items=items,
        unseen=tuple(f"{item.id}: {item.seen}" for item in items if item.result == "not known"),
    )


def judged(item: Item, facts: Facts, answer: Answer | None) -> Checked:
    """Judge one item by what is seen, else by what people answered."""
    found = None if item.check is None else _looked(item, facts)
    plain = Checked(
        id=item.id, area=item.area, asks=item.asks, how=item.how, why=item.why, result="asked", seen="", todo=item.todo
    )
    if found is not None and found.yes is not None:
        at = rfc3339(facts.now_s if found.at_s is None else found.at_s)
        said = msgspec.structs.replace(plain, seen=found.seen, at=at)
        return msgspec.structs.replace(said, **_verdict(said, right=found.yes))
    if answer is not None and answer.answer is not None:
        return _answered(plain, facts, answer)
    if found is None:
        return msgspec.structs.replace(plain, seen="nobody has answered")
    return msgspec.structs.replace(plain, result="not known", seen=found.seen)


def _looked(item: Item, facts: Facts) -> Found:
    """Run a check; what it could not read it did not see."""
    assert item.check is not None
    try:
        return item.check(facts)
    except RecsysError as error:
        return unknown(error.message)


def _answered(plain: Checked, facts: Facts, answer: Answer) -> Checked:
    assert answer.on is not None
    at_s = datetime.datetime.combine(answer.on, datetime.time(), datetime.UTC).timestamp()
    said = msgspec.structs.replace(plain, at=rfc3339(at_s), by=answer.by, note=answer.note)
    word = "yes" if answer.answer else "no"
    if not facts.recent(at_s):
        old = "a day to come" if at_s > facts.now_s else f"{int(facts.age_d(at_s))} d ago: too old"
        return msgspec.structs.replace(said, result="not known", seen=f"{answer.by} answered {word}, {old}")
    told = msgspec.structs.replace(said, seen=f"{answer.by} answered {word}")
    return msgspec.structs.replace(told, **_verdict(told, right=answer.answer is True))


def _verdict(said: Checked, *, right: bool) -> dict[str, str | None]:
    return {"result": "yes", "todo": None} if right else {"result": "no", "todo": said.todo}
