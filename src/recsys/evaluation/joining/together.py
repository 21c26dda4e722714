"""All that every mode needs of the logs: read, joined, checked, described."""

from pathlib import Path
from typing import Literal, NamedTuple

from recsys.encoding import rfc3339
from recsys.evaluation.config import Config
from recsys.evaluation.engine import Engine
from recsys.evaluation.errors import BadData
from recsys.evaluation.joining.fingerprint import fingerprint, judged_on, split
from recsys.evaluation.joining.integrity import check_integrity
from recsys.evaluation.joining.joins import joins_by_day, joins_over_all, outcome_drops
from recsys.evaluation.joining.judgeable import check_judgeable
from recsys.evaluation.joining.judged import Judged, bring_together, name_slices, request_columns
from recsys.evaluation.joining.kept import Keep, keep_exposures, keep_outcomes, what_to_keep
from recsys.evaluation.measuring.measures import check_answerable
from recsys.evaluation.parts import Check, Data, Day, Drop, Joins, RoleData
from recsys.evaluation.reading.dataset import Dataset
from recsys.evaluation.reading.sources import Located, Opened, check_again, locate_sources, open_source
from recsys.progress import Progress

__all__ = ["Together", "bring", "describe", "read_roles"]


class Together(NamedTuple):
    """The logs in the engine, and what can be said of them before anything is measured."""

    engine: Engine
    config: Config
    opened: dict[str, Opened]
    judged: Judged
    joins: Joins
    days: tuple[Day, ...]
    drops: tuple[Drop, ...]
    integrity: tuple[Check, ...]


def bring(
    engine: Engine, *, dataset: Dataset, folder: Path, config: Config, progress: Progress, ids: bool = True
) -> Together:
    """Read every role, join them and check them; raises as :func:`recsys.evaluation.evaluate` does.

    ``ids``: keep request ids as they are written, for who wants to name requests.
    """
    with progress("read and check"):
        opened, keep = read_roles(engine, dataset, folder, config, ids=ids)
    with progress("join"):
        judged = bring_together(engine, opened, config, keep)
        check_judgeable(engine, opened, config)
        if config.mode != "experiment":  # which looks for harm first
            check_answerable(engine, config, reranked=judged.reranked)
        joins, days = joins_over_all(engine), joins_by_day(engine)
        drops = outcome_drops(engine, judged, joins)
        checks = check_integrity(engine, config, judged=judged, joins=joins, days=days, drops=drops)
    return Together(engine, config, opened, judged, joins, days, drops, checks)


def read_roles(
    engine: Engine, dataset: Dataset, folder: Path, config: Config, *, ids: bool
) -> tuple[dict[str, Opened], Keep]:
    """Read every role and check its rows; exposures and outcomes are kept narrow, as :class:`Keep` says."""
    try:
        return _read(engine, locate_sources(engine, dataset.roles(config.mode), folder), config, ids=ids)
    except BadData as error:
        # Where rows of a database were laid down is gone by now, and nobody's business.
        raise BadData(error.message.replace(f"{engine.folder}/", ""), next_step=error.next_step) from None


def _read(engine: Engine, located: dict[str, Located], config: Config, *, ids: bool) -> tuple[dict[str, Opened], Keep]:
    import duckdb

    try:
        return _kept(engine, located, config, ids=ids)
    except duckdb.Error:
        check_again(located.values())
        raise


def _kept(engine: Engine, located: dict[str, Located], config: Config, *, ids: bool) -> tuple[dict[str, Opened], Keep]:
    exposures = located["exposures"]
    # Of lines every look reads all of the text.
    named = not exposures.lines and name_slices(engine, exposures.columns, config)
    keep = what_to_keep(config, set(located), ids=ids, named_slices=named)
    done = keep_outcomes(engine, located["outcomes"], keep)
    shown = keep_exposures(engine, exposures, keep, columns=request_columns(exposures.columns, config, keep))
    read = {"exposures": shown, "outcomes": done}
    return {role: read.get(role) or open_source(engine, each) for role, each in located.items()}, keep


def describe(together: Together) -> Data:
    """Say what was judged, from ``evaluated``, ``scored`` and ``unit_totals``.

    Raises
    ------
    BadData
        When no request is by a user.
    """
    engine, opened, judged = together.engine, together.opened, together.judged
    start, end, not_users = engine.row("SELECT first_us, last_us, not_by_users FROM shown WHERE which = 0")
    requests, without, content = engine.row(
        "SELECT count(*), count_if(NOT has_unit), coalesce(sum(request::HUGEINT), 0) FROM evaluated"
    )
    if not requests:
        raise BadData("exposures: no request is by a user", next_step="is all of it traffic of bots or our own?")
    (units,) = engine.row("SELECT count(*) FROM unit_totals")
    (relevant,) = engine.row("SELECT coalesce(count_if(relevant), 0) FROM scored")
    return Data(
        roles=tuple(RoleData(role=role, files=len(each.paths), rows=each.rows) for role, each in opened.items()),
        window_start=rfc3339(start / 1e6),
        window_end=rfc3339(end / 1e6),
        fingerprint=fingerprint(opened),
        judged_on=judged_on(opened, together.config),
        split=split(requests, content),
        candidates=_candidates(engine, judged),
        lists="reranked" if judged.reranked else "logged",
        ranker=judged.ranker,
        requests=requests,
        units=units,
        requests_without_unit=without,
        requests_not_by_users=not_users,
        requests_with_relevant=relevant,
        duplicate_request_ids=judged.duplicate_request_ids,
        duplicate_outcomes=judged.duplicate_outcomes,
    )


def _candidates(engine: Engine, judged: Judged) -> Literal["shown", "open"]:
    if not judged.reranked:
        return "shown"
    names = "list_transform({}.items, lambda x: x.item_id)"
    (beyond,) = engine.row(
        f"SELECT count(*) FROM evaluated AS r JOIN exposures AS e USING (request_id) "  # noqa: S608
        f"WHERE NOT list_has_all({names.format('e')}, {names.format('r')})"
    )
    return "open" if beyond else "shown"
