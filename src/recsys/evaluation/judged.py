"""Brings what was shown and what was done together: one row per request, outcomes attributed, the lists to
judge.
"""

import msgspec

from recsys.evaluation.config import Config
from recsys.evaluation.engine import Engine, identifier, literal, sql_text
from recsys.evaluation.errors import BadData, NotInData
from recsys.evaluation.sources import Opened

__all__ = ["NO_VALUE", "Judged", "bring_together"]

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


def bring_together(engine: Engine, opened: dict[str, Opened], config: Config) -> Judged:
    """Make ``exposures``, ``outcomes``, ``matched`` and ``evaluated`` in the engine.

    Raises
    ------
    NotInData
        When no exposure has a slice key.
    BadData
        When ranklists hold several rankers, a request twice, or a request nobody made.
    """
    engine.script("duplicates")
    ids, rows = engine.row("SELECT count(*), coalesce(sum(rows), 0)::BIGINT FROM duplicates")
    has_context = "context" in opened["exposures"].columns
    slices = slice_columns(config)
    engine.script(
        "exposures",
        holes={
            "columns": _columns(opened["exposures"].columns, config),
            "unique": sql_text("exposures_unique") if ids else "SELECT * FROM exposures_read",
        },
    )
    _shown(engine, slices)
    _check_slices(engine, config.offline.slice_keys, known=_keys(engine) if has_context else ())
    _outcomes(engine, opened["outcomes"])
    (kept,) = engine.row("SELECT count(*) FROM outcomes")
    engine.script(
        "matched",
        holes={"slices": "".join(f", e.{name}" for name in slices)},
        window_us=round(config.attribution.window_h * 3_600_000_000),
        require_shown=config.attribution.require_shown,
    )
    ranker = _evaluated(engine, reranked="ranklists" in opened, slices=slices)
    return Judged(
        reranked="ranklists" in opened,
        ranker=ranker,
        duplicate_request_ids=ids,
        duplicate_rows=rows - ids,
        duplicate_outcomes=opened["outcomes"].rows - kept,
    )


def slice_columns(config: Config) -> list[str]:
    """Return the names of the slice columns: ``slice_0`` for the first slice key, and so on."""
    return [f"slice_{number}" for number in range(len(config.offline.slice_keys))]


def _shown(engine: Engine, slices: list[str]) -> None:
    numbered = list(enumerate(slices, start=1))
    engine.script(
        "shown",
        holes={
            "which": "CASE WHEN GROUPING(day) = 0 THEN -1 "
            + " ".join(f"WHEN GROUPING({name}) = 0 THEN {number}" for number, name in numbered)
            + " ELSE 0 END",
            "value": "coalesce(day::VARCHAR" + "".join(f", {name}" for name in slices) + ", '')",
            "sets": "(), (day)" + "".join(f", ({name})" for name in slices),
        },
    )


def _check_slices(engine: Engine, keys: tuple[str, ...], *, known: tuple[str, ...]) -> None:
    for number, key in enumerate(keys, start=1):
        values, given = engine.row(
            "SELECT count(*), count_if(value <> $none) FROM shown WHERE which = $number",
            none=NO_VALUE,
            number=number,
        )
        if not given:
            raise NotInData("slice key", key, reason="no exposure has it in its context", known=known)
        if values > MAX_SLICE_VALUES:
            raise BadData(
                f"slice key `{key}` has {values} values, more than {MAX_SLICE_VALUES}",
                next_step="slice by something with few values, like surface or segment",
            )


def _keys(engine: Engine) -> tuple[str, ...]:
    sample = "SELECT context FROM exposures_read WHERE context IS NOT NULL LIMIT 1000"
    return tuple(row[0] for row in engine.rows(f"SELECT DISTINCT unnest(map_keys(context)) FROM ({sample})"))  # noqa: S608


def _columns(columns: dict[str, str], config: Config) -> str:
    candidates = []
    if "context" in columns:
        candidates.append("nullif(context['unit_id'], '')")
    if "user_id" in columns:
        candidates.append("nullif(user_id, '')")
    # A request nobody can be told for stands alone. Units are told apart by a 64-bit hash of their id: it
    # groups three times faster, and of a million units two share one with odds of 1 in 37 million.
    candidates.append("'request:' || request_id")
    known = " OR ".join(f"{candidate} IS NOT NULL" for candidate in candidates[:-1]) or "false"
    traffic = "coalesce(context['traffic'], 'user') = 'user'" if "context" in columns else "true"
    unrecorded = "TRY_CAST(context['unrecorded'] AS BIGINT)" if "context" in columns else "NULL::BIGINT"
    shown = [
        f"hash(coalesce({', '.join(candidates)})) AS unit",
        f"({known}) AS has_unit",
        f"{traffic} AS by_user",
        f"{unrecorded} AS unrecorded",
    ]
    shown += [
        f"coalesce(context[{literal(key)}], {literal(NO_VALUE)}) AS {name}"
        for key, name in zip(config.offline.slice_keys, slice_columns(config), strict=True)
    ]
    return ", ".join(shown)


def _outcomes(engine: Engine, opened: Opened) -> None:
    def column(name: str, kind: str) -> str:
        return f"{identifier(name)}::{kind}" if name in opened.columns else f"NULL::{kind}"

    engine.script(
        "outcomes",
        holes={
            "value": column("value", "DOUBLE"),
            "surface": column("surface", "VARCHAR"),
            "event_id": column("event_id", "VARCHAR"),
        },
    )


def _evaluated(engine: Engine, *, reranked: bool, slices: list[str]) -> str | None:
    listed = ", ".join(["request_id", "unit", "has_unit", "day", *slices])
    if not reranked:
        engine.run(f"CREATE TEMP VIEW evaluated AS SELECT {listed}, items FROM exposures WHERE by_user")  # noqa: S608
        return None
    rankers = [row[0] for row in engine.rows("SELECT DISTINCT ranker FROM ranklists_read ORDER BY 1 LIMIT 5")]
    if len(rankers) > 1:
        raise BadData(
            f"ranklists: several rankers: {', '.join(rankers)}",
            next_step="judge one at a time, each with its own report; compare by --baseline",
        )
    twice = engine.rows("SELECT request_id FROM ranklists_read GROUP BY 1 HAVING count(*) > 1 ORDER BY 1 LIMIT 1")
    if twice:
        raise BadData(f"ranklists: request `{twice[0][0]}` has more than one list", next_step="keep one of them")
    strangers = engine.rows(
        "SELECT request_id FROM ranklists_read ANTI JOIN exposures USING (request_id) ORDER BY 1 LIMIT 1"
    )
    if strangers:
        raise BadData(
            f"ranklists: no exposure has request `{strangers[0][0]}`",
            next_step="rank the requests of these exposures; they say who asked and when",
        )
    engine.run(
        f"CREATE TEMP VIEW evaluated AS SELECT {listed}, ranked.items FROM exposures "  # noqa: S608
        "JOIN (SELECT request_id, items FROM ranklists_read) AS ranked USING (request_id) WHERE by_user"
    )
    return str(rankers[0])
