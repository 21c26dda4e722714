"""The schemas evaluation reads, by name: their struct, and what a struct alone cannot say."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from recsys.encoding import Invalid, did_you_mean, parse_rfc3339
from recsys.errors import UsageError
from recsys.events.checks import MAX_RANK, MAX_VALUE, YEAR_10000_S
from recsys.events.schemas import Assignment, Exposure, Interaction, Outcome, RankedItem, RankList, ShownItem

__all__ = ["MAX_RANK", "MAX_VALUE", "ROLES", "SCHEMAS", "YEAR_10000_S", "Schema", "schema_named"]

_MOMENT = re.compile(
    r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])[Tt ](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?"
    r"(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)


class Schema(msgspec.Struct, frozen=True, kw_only=True):
    """``problem`` returns what is wrong with a decoded row as ``(field, reason)``, or nothing."""

    name: str
    row: type
    problem: Callable[[Any], tuple[str, str] | None]

    @property
    def fields(self) -> frozenset[str]:
        return frozenset(field.encode_name for field in msgspec.structs.fields(self.row))

    @property
    def item_fields(self) -> frozenset[str]:
        """Return the fields of an item of a list, where rows have lists."""
        items = ShownItem if self.row is Exposure else RankedItem
        return frozenset(field.encode_name for field in msgspec.structs.fields(items))

    @property
    def required(self) -> frozenset[str]:
        return frozenset(field.encode_name for field in msgspec.structs.fields(self.row) if field.required)


def schema_named(name: str) -> Schema:
    """Return the schema of a name such as ``exposure.v1``; raises ``UsageError`` with the nearest."""
    if name not in SCHEMAS:
        raise UsageError(f"unknown schema `{name}`", next_step=did_you_mean(name, SCHEMAS))
    return SCHEMAS[name]


def _moment(ts: str) -> tuple[str, str] | None:
    if _MOMENT.fullmatch(ts):
        # Most days are in every month, and most years far from the ends: only others are worth the time of a calendar.
        return None if ts[8:10] <= "28" and "1971" <= ts[:4] < "9999" else _odd_moment(ts)
    return "ts", f"`{ts[:40]}` is not an RFC 3339 time with a zone, like 2026-11-22T08:00:00Z"


def _odd_moment(ts: str) -> tuple[str, str] | None:
    try:
        seconds = parse_rfc3339(f"{ts[:10]}T{ts[11:19]}{ts[19:].lstrip('.0123456789').upper()}")
    except (Invalid, OverflowError):
        return "ts", f"`{ts[:40]}` is in no calendar"
    if 0 <= seconds < YEAR_10000_S:
        return None
    return "ts", f"`{ts[:40]}` is not between the years 1970 and 9999 in UTC"


def _ranks(items: Sequence[Any]) -> tuple[str, str] | None:
    for expected, item in enumerate(items, start=1):
        if item.rank != expected or not item.item_id:
            return _ranks_one_by_one(items)
    return None


def _ranks_one_by_one(items: Sequence[Any]) -> tuple[str, str] | None:
    seen: set[int] = set()
    for place, item in enumerate(items):
        if not item.item_id:
            return f"items[{place}].item_id", "is empty"
        if item.rank < 1:
            return f"items[{place}].rank", f"is {item.rank}; ranks count from 1"
        if item.rank > MAX_RANK:
            return f"items[{place}].rank", f"is {item.rank}; no list is that long"
        if item.rank in seen:
            return f"items[{place}].rank", f"{item.rank} is given twice; ranks are distinct"
        seen.add(item.rank)
    return None


def _request(row: Any) -> tuple[str, str] | None:
    return None if row.request_id else ("request_id", "is empty")


def _exposure(row: Exposure) -> tuple[str, str] | None:
    if row.latency_ms is not None and row.latency_ms < 0:
        return "latency_ms", f"is {row.latency_ms:g}; no answer comes before its request"
    return _request(row) or _moment(row.ts) or _ranks(row.items)


def _outcome(row: Outcome) -> tuple[str, str] | None:
    if row.value is not None and not abs(row.value) <= MAX_VALUE:
        return "value", f"is {row.value}; it must be a number within ±{MAX_VALUE:.0e}"
    return _request(row) or _moment(row.ts) or (None if row.item_id else ("item_id", "is empty"))


def _rank_list(row: RankList) -> tuple[str, str] | None:
    return _request(row) or _ranks(row.items)


def _assignment(row: Assignment) -> tuple[str, str] | None:
    for name in ("experiment_id", "variant"):
        if not getattr(row, name):
            return name, "is empty"
    return _request(row) or _moment(row.ts)


def _interaction(row: Interaction) -> tuple[str, str] | None:
    if row.value is not None and not abs(row.value) <= MAX_VALUE:
        return "value", f"is {row.value}; it must be a number within ±{MAX_VALUE:.0e}"
    return _moment(row.ts) or (None if row.item_id else ("item_id", "is empty"))


SCHEMAS: dict[str, Schema] = {
    schema.name: schema
    for schema in (
        Schema(name="exposure.v1", row=Exposure, problem=_exposure),
        Schema(name="outcome.v1", row=Outcome, problem=_outcome),
        Schema(name="assignment.v1", row=Assignment, problem=_assignment),
        Schema(name="ranklist.v1", row=RankList, problem=_rank_list),
        Schema(name="interaction.v1", row=Interaction, problem=_interaction),
    )
}

ROLES: dict[str, Schema] = {
    "exposures": SCHEMAS["exposure.v1"],
    "outcomes": SCHEMAS["outcome.v1"],
    "assignments": SCHEMAS["assignment.v1"],
    "ranklists": SCHEMAS["ranklist.v1"],
    "preperiod": SCHEMAS["interaction.v1"],
}
