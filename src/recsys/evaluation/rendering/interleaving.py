"""The sections of an interleaving's report, and its plots."""

from collections.abc import Iterable

from recsys.evaluation.interleaving.results import InterleavingResult, Votes
from recsys.evaluation.parts import Interval
from recsys.evaluation.rendering.plots import Whisker, bounds_plot, whiskers_plot
from recsys.evaluation.rendering.tables import NAMED, Column, Section, Table, table
from recsys.evaluation.results import Results
from recsys.evaluation.words import percent

__all__ = ["findings", "plots"]

_NOTE = "A unit prefers the list of which it took more. Half would prefer each if the lists were equally good."


def findings(results: Results) -> list[Section]:
    """Return the preferences over all, by slice and by day."""
    found = _of(results)
    rows = [
        (f"taken of {found.candidate}", f"{found.candidate_votes:,}"),
        (f"taken of {found.control}", f"{found.control_votes:,}"),
        ("p of their difference, with each item a vote", f"{found.p_votes:.2g}"),
        ("algorithm", found.algorithm),
    ]
    return [
        Section("Preference", _NOTE, _table((found.votes,), "over")),
        Section("Items taken", "Who takes much has a larger say here; no rule looks at it.", table(NAMED, rows)),
        Section("Slices", "For diagnosis only.", _table(found.slices, "slice")),
        Section("Day by day", "What was known at the end of each day.", _table(found.days, "day")),
    ]


def plots(results: Results) -> dict[str, str]:
    """Return what is drawn, by the title of its section."""
    found = _of(results)
    shown = [
        Whisker(votes.part, votes.share - 0.5, Interval(low=votes.interval.low - 0.5, high=votes.interval.high - 0.5))
        for votes in (found.votes, *found.slices)
        if votes.share is not None and votes.interval is not None
    ]
    days = [
        (votes.part, votes.share - 0.5, Interval(low=votes.interval.low - 0.5, high=votes.interval.high - 0.5))
        for votes in found.days
        if votes.share is not None and votes.interval is not None
    ]
    return {
        "Preference": whiskers_plot(shown, title="Share that prefers the candidate, minus a half"),
        "Day by day": bounds_plot("share that prefers the candidate, minus a half", days),
    }


def _table(several: Iterable[Votes], title: str) -> Table:
    columns = (
        Column(title),
        Column("prefer candidate", "number"),
        Column("prefer control", "number"),
        Column("neither", "number"),
        Column("share", "number"),
        Column("its interval", "number"),
        Column("p, one look", "number"),
        Column("p, any look", "number"),
    )
    rows = (
        (
            votes.part,
            f"{votes.wins:,}",
            f"{votes.losses:,}",
            f"{votes.ties:,}",
            percent(votes.share),
            "–" if votes.interval is None else f"{percent(votes.interval.low)} to {percent(votes.interval.high)}",
            f"{votes.p_fixed:.2g}",
            f"{votes.p_sequential:.2g}",
        )
        for votes in several
    )
    return table(columns, rows)


def _of(results: Results) -> InterleavingResult:
    assert results.interleaving is not None
    return results.interleaving
