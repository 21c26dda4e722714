"""Reads exposures and outcomes, each once, and keeps what the rest needs of them, narrow.

One pass over the exposures does everything that takes the lists, which are nearly all there is to read: it checks them,
hashes them for the fingerprint, and looks up in them what was acted on. They are kept only for a mode that needs them
again. A request is known by a 64-bit hash of its id: of ten million two share one with odds of 1 in 370,000.
"""

import msgspec

from recsys.evaluation.config import Config
from recsys.evaluation.engine import Engine, identifier
from recsys.evaluation.reading.sources import Located, Opened, open_source

__all__ = ["Keep", "keep_exposures", "keep_outcomes", "what_to_keep"]


class Keep(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept beside the narrow columns: request ids as they are written, and lists. ``named_slices``: values of
    slices have numbers from the start.
    """

    ids: bool
    lists: bool
    named_slices: bool


def what_to_keep(config: Config, roles: set[str], *, ids: bool, named_slices: bool) -> Keep:
    """Say what a mode reads again; ``ids``: whether somebody wants to name requests."""
    reranked = config.mode == "offline" and "ranklists" in roles
    catalogue = config.mode == "offline" and any(metric.family == "catalogue" for metric in config.metrics())
    return Keep(
        ids=ids or config.mode != "offline" or reranked,
        lists=config.mode in ("ope", "interleaving") or reranked or catalogue,
        named_slices=named_slices,
    )


def keep_outcomes(engine: Engine, located: Located, keep: Keep) -> Opened:
    """Make the table ``outcomes``, each event id once; raises as :func:`open_source` does."""
    kinds = {"value": "DOUBLE", "surface": "VARCHAR"}
    holes = {name: column(name, located.columns, kind=kind) for name, kind in kinds.items()}
    event = column("event_id", located.columns, kind="VARCHAR")
    engine.run("CREATE TYPE event AS ENUM ('view', 'click', 'conversion')")
    engine.script(
        "outcomes",
        holes={
            **holes,
            "ids": ", request_id" if keep.ids else "",
            "event": f"CASE WHEN {event} IS NOT NULL THEN hash({event}) END",
        },
    )
    found = open_source(engine, located, kept="outcomes")
    (repeated,) = engine.row(
        "SELECT count(*) FROM (SELECT event FROM outcomes WHERE event IS NOT NULL GROUP BY event HAVING count(*) > 1)"
    )
    if repeated:
        engine.script("outcomes_unique")
    return found


def keep_exposures(engine: Engine, located: Located, keep: Keep, *, columns: str) -> Opened:
    """Make the table ``joined``, every exposure beside each of its outcomes, and the view ``exposures`` of it;
    ``duplicates`` are the request ids that stood on several. Raises as :func:`open_source` does.

    ``columns``: SQL of what each request is.
    """
    engine.script(
        "joined",
        holes={
            "ids": "request_id, " if keep.ids else "",
            "columns": columns,
            "left_out": "" if keep.lists else "EXCLUDE (items)",
        },
    )
    found = open_source(engine, located, kept="joined WHERE first")
    engine.script("duplicates")
    (ids,) = engine.row("SELECT count(*) FROM duplicates")
    if ids:
        engine.script("exposures_unique")
    engine.script("exposures")
    return found


def column(name: str, columns: dict[str, str], *, kind: str) -> str:
    """Write a column, or a typed NULL where the input has none."""
    return f"{identifier(name)}::{kind}" if name in columns else f"NULL::{kind}"
