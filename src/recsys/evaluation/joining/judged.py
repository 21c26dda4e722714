"""Brings what was shown and what was done together: one row per request, outcomes attributed, the lists to
judge.
"""

import msgspec

from recsys.evaluation.config import Config
from recsys.evaluation.engine import Engine, identifier, literal, sql_text
from recsys.evaluation.errors import BadData, NotInData
from recsys.evaluation.experiment.config import ExperimentSettings
from recsys.evaluation.joining.judgeable import check_ranklists
from recsys.evaluation.reading.sources import Opened

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
    known = _keys(engine) if has_context else ()
    _check_slices(engine, config.slice_keys, known=known)
    _check_named(engine, config, known=known, has_context=has_context)
    _outcomes(engine, opened["outcomes"])
    (kept,) = engine.row("SELECT count(*) FROM outcomes")
    engine.script(
        "matched",
        holes={"slices": "".join(f", e.{name}" for name in slices)},
        window_us=round(config.attribution.window_h * 3_600_000_000),
        require_shown=config.attribution.require_shown,
    )
    reranked = config.mode == "offline" and "ranklists" in opened
    ranker = _evaluated(engine, reranked=reranked, slices=slices)
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


def _check_named(engine: Engine, config: Config, *, known: tuple[str, ...], has_context: bool) -> None:
    """Refuse what the config names of the context, to leave out or to look at, and no exposure has."""
    named: dict[str, tuple[str, ...]] = {}
    what = "experiment.exclude"
    if config.mode == "experiment" and config.experiment is not None:
        named = dict(config.experiment.exclude)
    elif config.mode == "ope" and config.ope is not None:
        what, named = "ope.context_keys", dict.fromkeys(config.ope.context_keys, ())
    for key, values in named.items():
        found: set[str] = set()
        if has_context:
            rows = engine.rows(f"SELECT DISTINCT context[{literal(key)}] AS v FROM exposures_read LIMIT 1000")  # noqa: S608
            found = {str(row[0]) for row in rows if row[0] is not None}
        if not found:
            raise NotInData(what, key, reason="no exposure has it in its context", known=known)
        for value in sorted(set(values) - found) if len(found) < 1000 else ():
            raise NotInData(f"{what}.{key}", value, reason="no exposure says so", known=tuple(found))


def _keys(engine: Engine) -> tuple[str, ...]:
    sample = "SELECT context FROM exposures_read WHERE context IS NOT NULL LIMIT 1000"
    return tuple(row[0] for row in engine.rows(f"SELECT DISTINCT unnest(map_keys(context)) FROM ({sample})"))  # noqa: S608


def _columns(columns: dict[str, str], config: Config) -> str:
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
        f"nullif({_column('error', columns, kind='VARCHAR')}, '') IS NOT NULL AS failed",
        "len(items) = 0 AS empty",
        f"coalesce({rung}, 'live') <> 'live' AS fell_back",
        f"{rung} IS NOT NULL AS knows_rung",
        f"{_column('latency_ms', columns, kind='DOUBLE')} AS latency_ms",
    ]
    if config.experiment is not None and config.mode == "experiment":
        shown += _of_experiment(config.experiment, context=context)
    if config.ope is not None and config.mode == "ope":
        keys = enumerate(config.ope.context_keys)
        shown += [f"coalesce({_said(key) if context else 'NULL'}, '') AS context_{number}" for number, key in keys]
    shown += [
        f"coalesce({_said(key)}, {literal(NO_VALUE)}) AS {name}"
        for key, name in zip(config.slice_keys, slice_columns(config), strict=True)
    ]
    return ", ".join(shown)


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
        return ["NULL::VARCHAR AS variant", "false AS excluded"]
    left_out = [
        f"{_said(key)} IN ({', '.join(map(literal, values))})"
        for key, values in sorted(asked.exclude.items())
        if values
    ]
    return [
        f"CASE WHEN {_said('experiment_id')} = {literal(asked.experiment_id)} "
        "THEN nullif(context['experiment_variant'], '') END AS variant",
        f"coalesce({' OR '.join(left_out)}, false) AS excluded" if left_out else "false AS excluded",
    ]


def _said(key: str, kind: str = "") -> str:
    """Write what the context says under a key, NULL where it says nothing that ``kind`` can be."""
    text = f"context[{literal(key)}]"
    return f"TRY_CAST({text} AS {kind})" if kind else text


def _by_user(context: str) -> str:
    return f"coalesce({context}['traffic'], 'user') = 'user'"


def _column(name: str, columns: dict[str, str], *, kind: str) -> str:
    return f"{identifier(name)}::{kind}" if name in columns else f"NULL::{kind}"


def _outcomes(engine: Engine, opened: Opened) -> None:
    kinds = {"value": "DOUBLE", "surface": "VARCHAR", "event_id": "VARCHAR"}
    holes = {name: _column(name, opened.columns, kind=kind) for name, kind in kinds.items()}
    engine.script("outcomes", holes=holes)


def _evaluated(engine: Engine, *, reranked: bool, slices: list[str]) -> str | None:
    answered = ("failed", "empty", "fell_back", "latency_ms")
    listed = ", ".join(["request_id", "unit", "has_unit", "day", *answered, *slices])
    if not reranked:
        engine.run(f"CREATE TEMP VIEW evaluated AS SELECT {listed}, items FROM exposures WHERE by_user")  # noqa: S608
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
