"""Is this installation fit for production? What a machine can see it checks, the rest is asked of people."""

from recsys.operations.readiness.answers import Answer, read_answers, written
from recsys.operations.readiness.checklist import ITEMS, Checked, Readiness, check, judged
from recsys.operations.readiness.facts import Facts, Urls, gathered
from recsys.operations.readiness.item import AREAS, Item, Result
from recsys.operations.readiness.limits import LIMITS, Limits
from recsys.operations.readiness.rendering import headline, rendered
from recsys.operations.readiness.reports import read_drills, read_load

__all__ = [
    "AREAS",
    "ITEMS",
    "LIMITS",
    "Answer",
    "Checked",
    "Facts",
    "Item",
    "Limits",
    "Readiness",
    "Result",
    "Urls",
    "check",
    "gathered",
    "headline",
    "judged",
    "read_answers",
    "read_drills",
    "read_load",
    "rendered",
    "written",
]
