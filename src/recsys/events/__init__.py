"""What was shown and what was done: schemas, the durable writer, shipping, readers."""

from recsys.events.layout import STREAMS, EventFile, Stream, event_files
from recsys.events.pseudonymous import is_erased, pseudonymous, without_erased
from recsys.events.reading import SCHEMAS, BadLine, Event, read_events, read_spool
from recsys.events.schemas import (
    Assignment,
    Decision,
    Exposure,
    Interaction,
    Outcome,
    RankedItem,
    RankList,
    ShownItem,
)
from recsys.events.shipping import Shipped, ship
from recsys.events.spool import Recovered, Spool, recover

__all__ = [
    "SCHEMAS",
    "STREAMS",
    "Assignment",
    "BadLine",
    "Decision",
    "Event",
    "EventFile",
    "Exposure",
    "Interaction",
    "Outcome",
    "RankList",
    "RankedItem",
    "Recovered",
    "Shipped",
    "ShownItem",
    "Spool",
    "Stream",
    "event_files",
    "is_erased",
    "pseudonymous",
    "read_events",
    "read_spool",
    "recover",
    "ship",
    "without_erased",
]
