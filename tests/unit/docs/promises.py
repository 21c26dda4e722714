"""What the suite promises, and what proves it: the table of docs/explanation/reliability-and-rollback.md.

A promise names its proof, and the figure is looked up where the proof's last run left it: a drill in
``reference/drills.md``, a fault in ``reference/reliability.md``, a goal in ``reference/benchmarks.md``, a simulation in
``reference/statistics.md``. A proof without a figure, or with a bad one, is an error: then the page cannot be written.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

__all__ = ["PROMISES", "Promise", "figure_of", "table"]

_REFERENCE = Path(__file__).parents[3] / "docs" / "reference"


class Promise(NamedTuple):
    """One promise: the sentence, the kind of its proof, and which of that kind."""

    said: str
    proof: str
    which: str


AVAILABLE = (
    Promise("With the store or the database down, hung or slow, every request is answered", "fault", "F9"),
    Promise("A host that starts without the store answers from its own copies, or from its floor", "fault", "F10"),
    Promise("A damaged release is never served; the one before it stays", "fault", "F11"),
    Promise("A release that can be read and is unfit is refused twice: at publishing, and by hosts", "fault", "F12"),
    Promise("A full disk fails no answer", "fault", "F13"),
    Promise("No clock, however wrong, changes what is served", "fault", "F14"),
    Promise("No answer mixes two releases", "fault", "F8"),
    Promise("The store goes away for a while: people notice nothing", "drill", "store-away"),
)
REVERSIBLE = (
    Promise("A publisher killed at any moment leaves the old or the new release, never a part", "fault", "F1"),
    Promise("What was acknowledged survives a power loss", "fault", "F3"),
    Promise("After a hold nothing ships, and a rollback passes it", "fault", "F15"),
    Promise("One bad rule is switched off, alone", "drill", "rule-blocks-all"),
    Promise("A bad config is taken back", "drill", "limit-mistyped"),
    Promise("Bad artifacts are taken back", "drill", "scraper-in-the-export"),
    Promise("With the store down too, a host is kept at what it served before", "drill", "bad-artifacts-store-away"),
    Promise("Two people who pull the same lever at once make one change", "drill", "two-roll-back-at-once"),
    Promise("A rule incident ends without ending the candidate beside it", "drill", "rule-during-a-candidate"),
    Promise("A lost store is put back from a backup, and hosts follow it", "drill", "restored-from-backup"),
    Promise(
        "A rollback has taken effect a second after its command returned", "goal", "at most 1 s, with 100 MB at most"
    ),
    Promise("Bad data is stopped before it is published", "drill", "bot-in-the-export"),
    Promise("A candidate that leaves 5% of people without answers is ended by the guard", "fault", "F19"),
)
AUDITABLE = (
    Promise("A recorded answer is computed again from the store, the same to the last bit", "fault", "F22"),
    Promise("A log that was edited, cut, reordered or replaced is told", "fault", "F17"),
    Promise("An event that was acknowledged is found exactly once", "fault", "F18"),
    Promise("What is deleted is nothing that is kept", "fault", "F16"),
    Promise("An evaluation in which nothing differs ships at its planned look no oftener than it says", "simulation",
            "whole evaluations, nothing differs: shipped at the planned look"),
    Promise("Looking at an experiment as often as one likes does not make noise ship", "simulation",
            "peeking after every unit: equal rates"),
)  # fmt: skip
PROMISES: Mapping[str, tuple[Promise, ...]] = {
    "Serving stays available": AVAILABLE,
    "Every change is reversible": REVERSIBLE,
    "Every decision is auditable": AUDITABLE,
}


def table() -> str:
    """Return the promises by kind, each with its proof and the figure of its last run."""
    parts = []
    for title, promises in PROMISES.items():
        parts += [f"### {title}\n\n", "| promise | proof | latest figure |\n|---|---|---|\n"]
        parts += (f"| {one.said} | {_link(one)} | {figure_of(one)} |\n" for one in promises)
        parts.append("\n")
    return "".join(parts).rstrip("\n") + "\n"


def figure_of(promise: Promise) -> str:
    """Return the latest figure; raises ``LookupError`` when there is none, ``ValueError`` when it is a bad one."""
    return _FIGURES[promise.proof](promise.which)


def _drill(name: str) -> str:
    rows = list(_rows("drills.md"))
    first = next((number for number, row in enumerate(rows) if row[0] == name), None)
    if first is None:
        raise LookupError(f"drills.md has no row of {name}: play it")
    row = rows[first]
    if row[1] != "passed":
        raise ValueError(f"drill {name}: {row[1]}")
    times = f"found after {row[4]}, effect {row[5]} after the command, healthy after {row[6]}"
    return f"{times}; {row[8]} of {row[7]} unanswered"


def _fault(number: str) -> str:
    rows = [row for row in _rows("reliability.md") if len(row) > 3 and re.fullmatch(rf"{number}[a-z]?", row[0])]
    if not rows:
        raise LookupError(f"reliability.md has no row of {number}: make faults")
    bad = sum(int(row[3].replace(",", "")) for row in rows)
    if bad:
        raise ValueError(f"{number}: {bad} bad")
    return f"{sum(int(row[2].replace(',', '')) for row in rows):,} counted, 0 bad"


def _simulation(name: str) -> str:
    row = next((row for row in _rows("statistics.md") if row[0] == name), None)
    if row is None:
        raise LookupError(f"statistics.md has no simulation `{name}`: make statistics")
    if row[5] != "holds":
        raise ValueError(f"{name}: {row[5]}")
    return f"{row[2]} of {row[4]} trials, nominal {row[1]}"


def _goal(said: str) -> str:
    row = next((row for row in _rows("benchmarks.md") if row[0] == said), None)
    if row is None:
        raise LookupError(f"benchmarks.md has no goal `{said}`: measure it")
    if row[2] != "reached":
        raise ValueError(f"{said}: {row[1]}, {row[2]}")
    return row[1]


_FIGURES: Mapping[str, Callable[[str], str]] = {
    "drill": _drill,
    "fault": _fault,
    "simulation": _simulation,
    "goal": _goal,
}
_PAGES = {"drill": "drills.md", "fault": "reliability.md", "simulation": "statistics.md", "goal": "benchmarks.md"}


def _link(promise: Promise) -> str:
    named = promise.proof in ("drill", "fault")
    what = f"{promise.proof} {promise.which}" if named else promise.proof
    return f"[{what}](../reference/{_PAGES[promise.proof]})"


def _rows(page: str) -> Iterator[list[str]]:
    for line in (_REFERENCE / page).read_text().splitlines():
        if line.startswith("| ") and not line.startswith("| ---"):
            yield [cell.strip() for cell in line.strip().strip("|").split("|")]
