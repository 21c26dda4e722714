"""Brings what was shown and what was done together: one row per request, outcomes attributed, the lists to
judge.
"""

import msgspec

from recsys.evaluation.config import Config
from recsys.evaluation.engine import Engine, literal
from recsys.evaluation.errors import BadData, NotInData
from recsys.evaluation.experiment.config import ExperimentSettings
from recsys.evaluation.joining.judgeable import check_ranklists
from recsys.evaluation.joining.kept import Keep, column
from recsys.evaluation.reading.sources import Opened

__all__ = ["NO_VALUE", "Judged", "bring_together", "name_slices", "request_columns", "slice_columns"]

NO_VALUE = "(none)"
"""The slice of requests whose context lacks the key."""

MAX_SLICE_VALUES = 1000
"""More values than anyone reads: the key is an id, not a slice."""


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What kind of lists are judged, and of which ranker when they are re-ranked."""

    reranked: bool
    ranker: str | None
    duplicate_request_ids: int
    duplicate_rows: int
    duplicate_outcomes: int


def bring_together(engine: Engine, opened: dict[str, Opened], config: Config, keep: Keep) -> Judged:
    """Make ``shown``, ``matched`` and ``evaluated`` in the engine, of what is kept.

    Raises
    ------
    NotInData
        When no exposure has a slice key.
    BadData
        When ranklists hold several rankers, a request twice, or a request nobody made.
    """
    ids, rows = engine.row("SELECT count(*), coalesce(sum(rows), 0)::BIGINT FROM duplicates")
    slices = slice_columns(config)
    _shown(engine, slices)
    _check_slices(engine, config.slice_keys, context="context" in opened["exposures"].columns)
    if not keep.named_slices:
        _name_slices_afterwards(engine, slices)
    _check_named(engine, config, context="context" in opened["exposures"].columns)
    (kept,) = engine.row("SELECT count(*) FROM outcomes")
    named = ["request_id"] if keep.ids else []
    engine.script(
        "matched",
        holes={
            "columns": "".join(f", e.{name}" for name in named)
            + "".join(f", {_named(name, f'e.{name}')} AS {name}" for name in slices)
        },
        window_us=round(config.attribution.window_h * 3_600_000_000),
        require_shown=config.attribution.require_shown,
    )
    reranked = config.mode == "offline" and "ranklists" in opened
    listed = [*named, *(["items"] if keep.lists else [])]
    answered = ["failed", "empty", "fell_back", "latency_ms"] if answers_matter(config) else []
    ranker = _evaluated(engine, reranked=reranked, columns=[*listed, *answered, *slices])
    return Judged(
        reranked=reranked,
        ranker=ranker,
        duplicate_request_ids=ids,
        duplicate_rows=rows - ids,
        duplicate_outcomes=opened["outcomes"].rows - kept,
    )


def slice_columns(config: Config) -> list[str]:
    """Return the names of the slice columns: ``slice_0`` for the first slice key, and so on."""
    return [f"slice_{number}" for number in range(len(config.slice_keys))]


def _shown(engine: Engine, slices: list[str]) -> None:
    numbered = list(enumerate(slices, start=1))
    engine.script(
        "shown",
        holes={
            "cells": ", ".join(["day", *slices]),
            "which": "CASE WHEN GROUPING(day) = 0 THEN -1 "
            + " ".join(f"WHEN GROUPING({name}) = 0 THEN {number}" for number, name in numbered)
            + " ELSE 0 END",
            "value": "coalesce(day::VARCHAR" + "".join(f", {name}::VARCHAR" for name in slices) + ", '')",
            "sets": "(), (day)" + "".join(f", ({name})" for name in slices),
        },
    )


def name_slices(engine: Engine, columns: dict[str, str], config: Config) -> bool:
    """Number the values of each slice key before the exposures are read: a value then takes a byte or two, not a text.

    It takes a look at the contexts alone, cheap where columns lie apart. Says whether there are few values.
    """
    if not config.slice_keys or "context" not in columns:
        return False
    words = _slice_words(columns, config)
    listed = ", ".join(f"list(DISTINCT {sql})" for sql in words.values())
    found = engine.row(f"SELECT {listed} FROM exposures_read")  # noqa: S608 - ours, and quoted
    if any(not values or len(values) > MAX_SLICE_VALUES for values in found):
        return False
    for name, values in zip(words, found, strict=True):
        _make_type(engine, name, sorted(values))
    return True


def _name_slices_afterwards(engine: Engine, slices: list[str]) -> None:
    for number, name in enumerate(slices, start=1):
        values = engine.rows("SELECT value FROM shown WHERE which = $number ORDER BY value", number=number)
        _make_type(engine, name, [str(value) for (value,) in values])
    if slices:
        engine.run("ALTER VIEW exposures RENAME TO exposures_in_words")
        named = ", ".join(f"{_named(name)} AS {name}" for name in slices)
        engine.run(f"CREATE TEMP VIEW exposures AS SELECT * REPLACE ({named}) FROM exposures_in_words")  # noqa: S608


def _make_type(engine: Engine, name: str, values: list[str]) -> None:
    engine.run(f"CREATE TYPE {name}_value AS ENUM ({', '.join(map(literal, values))})")


def _named(name: str, words: str | None = None) -> str:
    return f"({words or name})::{name}_value"


def _slice_words(columns: dict[str, str], config: Config) -> dict[str, str]:
    context = "context" in columns
    return {
        name: f"coalesce({_said(key) if context else 'NULL::VARCHAR'}, {literal(NO_VALUE)})"
        for key, name in zip(config.slice_keys, slice_columns(config), strict=True)
    }


def _check_slices(engine: Engine, keys: tuple[str, ...], *, context: bool) -> None:
    for number, key in enumerate(keys, start=1):
        values, given = engine.row(
            "SELECT count(*), count_if(value <> $none) FROM shown WHERE which = $number",
            none=NO_VALUE,
            number=number,
        )
        if not given:
            known = _keys(engine) if context else ()
            raise NotInData("slice key", key, reason="no exposure has it in its context", known=known)
        if values > MAX_SLICE_VALUES:
            raise BadData(
                f"slice key `{key}` has {values} values, more than {MAX_SLICE_VALUES}",
                next_step="slice by something with few values, like surface or segment",
            )


def _check_named(engine: Engine, config: Config, *, context: bool) -> None:
    """Refuse what the config names of the context, to leave out or to look at, and no exposure has."""
    named: dict[str, tuple[str, ...]] = {}
    what = "experiment.exclude"
    if config.mode == "experiment" and config.experiment is not None:
        named = dict(config.experiment.exclude)
    elif config.mode == "ope" and config.ope is not None:
        what, named = "ope.context_keys", dict.fromkeys(config.ope.context_keys, ())
    for key, values in named.items():
        found: set[str] = set()
        if context:
            rows = engine.rows(f"SELECT DISTINCT context[{literal(key)}] AS v FROM exposures_read LIMIT 1000")  # noqa: S608
            found = {str(row[0]) for row in rows if row[0] is not None}
        if not found:
            known = _keys(engine) if context else ()
            raise NotInData(what, key, reason="no exposure has it in its context", known=known)
        for value in sorted(set(values) - found) if len(found) < 1000 else ():
            raise NotInData(f"{what}.{key}", value, reason="no exposure says so", known=tuple(found))


def _keys(engine: Engine) -> tuple[str, ...]:
    sample = "SELECT context FROM exposures_read WHERE context IS NOT NULL LIMIT 1000"
    return tuple(row[0] for row in engine.rows(f"SELECT DISTINCT unnest(map_keys(context)) FROM ({sample})"))  # noqa: S608


def request_columns(columns: dict[str, str], config: Config, keep: Keep) -> str:
    """Write what each request is: whose, by whom, in which slices, how it was answered, in which arm."""
    unit, known = _unit(columns, config)
    context = "context" in columns
    rung = _said("rung") if context else "NULL"
    # A request nobody can be told for stands alone. Units are told apart by a 64-bit hash of their id: it
    # groups three times faster, and of a million units two share one with odds of 1 in 37 million.
    shown = [
        f"hash(coalesce({', '.join([*unit, _ALONE])})) AS unit",
        f"({known}) AS has_unit",
        f"{_by_user('context') if context else 'true'} AS by_user",
        # Unsigned: less than none lost is nothing known, and must not make up for what was.
        f"{_said('unrecorded', 'UINTEGER') if context else 'NULL::UINTEGER'} AS unrecorded",
    ]
    if answers_matter(config):
        shown += [
            f"nullif({column('error', columns, kind='VARCHAR')}, '') IS NOT NULL AS failed",
            "len(items) = 0 AS empty",
            f"coalesce({rung}, 'live') <> 'live' AS fell_back",
            f"{rung} IS NOT NULL AS knows_rung",
            f"{column('latency_ms', columns, kind='DOUBLE')} AS latency_ms",
        ]
    if config.experiment is not None and config.mode == "experiment":
        shown += _of_experiment(config.experiment, context=context)
    if config.ope is not None and config.mode == "ope":
        keys = enumerate(config.ope.context_keys)
        shown += [f"coalesce({_said(key) if context else 'NULL'}, '') AS context_{number}" for number, key in keys]
    shown += [
        f"{_named(name, words) if keep.named_slices else words} AS {name}"
        for name, words in _slice_words(columns, config).items()
    ]
    return ", ".join(shown)


def answers_matter(config: Config) -> bool:
    """Say whether anybody asks how requests were answered: errors, empties, rungs, latencies."""
    return config.mode != "offline" or any(metric.family == "service" for metric in config.metrics())


_ALONE = "'request:' || request_id"


def _unit(columns: dict[str, str], config: Config) -> tuple[list[str], str]:
    """Write the ids a request's unit may go by, best first; and whether it has one."""
    said, user = "nullif(context['unit_id'], '')", "nullif(user_id, '')"
    wanted = config.unit
    if wanted == "request_id":
        return [], "true"
    found = []
    if "context" in columns:
        found.append(said if wanted is None else f"CASE WHEN context['unit_type'] = '{wanted}' THEN {said} END")
    if "user_id" in columns and wanted in (None, "user_id"):
        found.append(user)
    return found, " OR ".join(f"{candidate} IS NOT NULL" for candidate in found) or "false"


def _of_experiment(asked: ExperimentSettings, *, context: bool) -> list[str]:
    """Write which arm a request says it was served by, and whether the config leaves it out."""
    if not context:
        return [*(f"NULL::VARCHAR AS {name}" for name in ("variant", "tenant", "surface")), "false AS excluded"]
    left_out = [
        f"{_said(key)} IN ({', '.join(map(literal, values))})"
        for key, values in sorted(asked.exclude.items())
        if values
    ]
    return [
        f"CASE WHEN {_said('experiment_id')} = {literal(asked.experiment_id)} "
        "THEN nullif(context['experiment_variant'], '') END AS variant",
        f"{_said('tenant_id')} AS tenant",
        f"{_said('surface')} AS surface",
        f"coalesce({' OR '.join(left_out)}, false) AS excluded" if left_out else "false AS excluded",
    ]


def _said(key: str, kind: str = "") -> str:
    """Write what the context says under a key, NULL where it says nothing that ``kind`` can be."""
    text = f"context[{literal(key)}]"
    return f"TRY_CAST({text} AS {kind})" if kind else text


def _by_user(context: str) -> str:
    return f"coalesce({context}['traffic'], 'user') = 'user'"


def _evaluated(engine: Engine, *, reranked: bool, columns: list[str]) -> str | None:
    listed = ", ".join(["request", "unit", "has_unit", "day", *(name for name in columns if name != "items")])
    if not reranked:
        items = ", items" if "items" in columns else ""
        engine.run(f"CREATE TEMP VIEW evaluated AS SELECT {listed}{items} FROM exposures WHERE by_user")  # noqa: S608
        return None
    rankers = [row[0] for row in engine.rows("SELECT DISTINCT ranker FROM ranklists_read ORDER BY 1 LIMIT 5")]
    if len(rankers) > 1:
        raise BadData(
            f"ranklists: several rankers: {', '.join(rankers)}",
            next_step="judge one at a time, each with its own report; compare by --baseline",
        )
    check_ranklists(engine)
    engine.run(
        f"CREATE TEMP VIEW evaluated AS SELECT {listed}, ranked.items FROM exposures "  # noqa: S608
        "JOIN (SELECT request_id, items FROM ranklists_read) AS ranked USING (request_id) WHERE by_user"
    )
    return str(rankers[0])
