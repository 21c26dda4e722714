"""Is there anything to judge at all: requests of users, units to tell apart, lists that begin where lists begin?"""

from recsys.evaluation.config import Config
from recsys.evaluation.engine import Engine
from recsys.evaluation.errors import BadData, NotInData
from recsys.evaluation.reading.sources import Opened

__all__ = ["check_judgeable", "check_ranklists", "no_unit"]

_SOME_LISTS = 20
"""Lists may have gaps; that so many lack their first place is no chance."""
_FIRST = "len(list_filter(items, lambda x: x.rank = 1)) > 0"


def check_judgeable(engine: Engine, opened: dict[str, Opened], config: Config) -> None:
    """Refuse logs of which every figure would be one of nothing.

    Raises
    ------
    BadData
        When no request is by a user, every list is empty in a mode about lists, or no list has a first place.
    NotInData
        When no request has the unit that the config names. Of an experiment its own part says so.
    """
    exposures, not_users = engine.row("SELECT exposures, not_by_users FROM shown WHERE which = 0")
    if exposures == not_users:
        next_step = "is all of it traffic of bots or our own? context.traffic is `user` or left out for people"
        raise BadData("exposures: no request is by a user", next_step=next_step)
    if (
        config.unit is not None
        and config.mode != "experiment"
        and not _any(engine, "exposures", "by_user AND has_unit")
    ):
        said = "context['unit_type']" if "context" in opened["exposures"].columns else None
        raise no_unit(engine, config.unit, said=said, table="exposures_read")
    if config.mode == "ope" and not _any(engine, "exposures", "by_user AND len(items) > 0"):
        raise BadData(
            "exposures: every list is empty", next_step="there is nothing that could have been shown otherwise"
        )
    for role in sorted({"exposures", "ranklists"} & set(opened)):
        if not _any(engine, f"{role}_read", _FIRST):
            (lists,) = engine.row(f"SELECT count(*) FROM {role}_read WHERE len(items) > 0")  # noqa: S608 - of ours
            if lists >= _SOME_LISTS:
                next_step = "ranks count from 1: is 2 the first here?"
                raise BadData(f"{role}: no list of {lists:,} has an item at rank 1", next_step=next_step)


def no_unit(engine: Engine, unit: str, *, said: str | None, table: str, whose: str = "request") -> NotInData:
    """Say which units there are instead. ``said``: SQL of the kind of unit a row of ``table`` says it has."""
    kinds: list[str] = []
    if said is not None:
        rows = engine.rows(f"SELECT DISTINCT {said} FROM {table} LIMIT 10")  # noqa: S608 - of ours
        kinds = sorted(str(row[0]) for row in rows if row[0])
    found = f"there are: {', '.join(kinds) or '(none)'}"
    if unit in kinds:
        found = "unit_type says it, and unit_id is empty"
    return NotInData("unit", unit, reason=f"no {whose} has one; {found}")


def check_ranklists(engine: Engine) -> None:
    """Refuse a second list of a ranker for one request, and lists of requests that nobody made.

    Raises
    ------
    BadData
        Naming the request.
    """
    twice = engine.rows(
        "SELECT request_id FROM ranklists_read GROUP BY request_id, ranker HAVING count(*) > 1 ORDER BY 1 LIMIT 1"
    )
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


def _any(engine: Engine, table: str, where: str) -> bool:
    return bool(engine.rows(f"SELECT 1 FROM {table} WHERE {where} LIMIT 1"))  # noqa: S608 - of ours
