"""What the doctor found, in the words of a page: questions for symptoms, evidence as rows, trials as sentences, and
where the lever is pulled.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from recsys.operations.doctor import Finding, Symptom, levers

__all__ = ["QUESTIONS", "Shown", "Trial", "in_words"]

QUESTIONS: Mapping[Symptom, tuple[str, str]] = {
    "empty-recs": ("Do pages come without recommendations?", "Answers are 200 and have no items."),
    "not-ready": (
        "Does the service not answer, or serve an old release?",
        "A host is down, or does not follow the log.",
    ),
    "latency": ("Do pages wait for their recommendations?", "Answers are slow; clients run into their timeouts."),
    "limit-exceeded": ("Are requests or runs refused?", "429, 503 or 413; or a run ended with a limit."),
    "stale": ("Do people miss what is new?", "The data behind the lists ends too long ago."),
    "regressed": (
        "Do people click less, or see odd things?",
        "Lists are full and fresh, and worse since a change.",
    ),
    "pipeline-failed": ("Did a pipeline run fail?", "It ended with an error; what was live stays live."),
    "validation-failed": ("Did a check stop a pipeline run?", "Events, artifacts or lists failed a check."),
    "eval-wrong": ("Do figures look too good, or wrong?", "An evaluation holds, or nobody believes it."),
}
"""By symptom: what somebody sees, as they would ask; and the same more closely."""

_SHARES = ("_rate", "_share", "overlap_with_before", "outcomes_matched", "share_of_requests")
_UNITS = {"_ms": " ms", "_h": " h", "_s": " s"}
_TRIED: Mapping[str, tuple[str, str]] = {
    "answered_with_it_put_back": ("{name} put back", "{share} of {n} requests that came back empty get items"),
    "overlap_with_it_put_back": ("{name} put back", "lists are {share} as they were before, over {n} requests"),
    "ranking_ms_with_it_put_back": ("{name} put back", "ranking takes {ms} ms, over {n} requests"),
    "answered_at": ("this host at generation {name}", "{share} of {n} requests that came back empty get items"),
}
"""Evidence that the doctor made itself, by ranking recorded requests again: what was tried, and what came of it."""


class Trial(NamedTuple):
    """One lever tried on recorded requests; ``cures``: it is the one that is named."""

    tried: str
    result: str
    cures: bool


class Shown(NamedTuple):
    """One finding as the page shows it."""

    finding: Finding
    question: str
    where: str
    rows: tuple[tuple[str, str], ...]
    trials: tuple[Trial, ...]
    pulled: levers.Pulled | None


def in_words(finding: Finding) -> Shown:
    """Put a finding into words."""
    named = finding.evidence.get("requests_ranked_again", 0)
    rows = tuple(
        (_label(name), _written(name, value))
        for name, value in finding.evidence.items()
        if name not in _TRIED and name != "requests_ranked_again"
    )
    return Shown(
        finding=finding,
        question=QUESTIONS[finding.symptom][0],
        where=finding.surface or (f"host {finding.host}" if finding.host else "every surface"),
        rows=rows,
        trials=tuple(_trials(finding, int(named))),
        pulled=levers.read(finding.command) if finding.command else None,
    )


def _trials(finding: Finding, requests: int) -> Iterator[Trial]:
    for name, (tried, result) in _TRIED.items():
        for lever, value in finding.evidence.get(name, {}).items():
            words = {"name": lever, "share": f"{value:.0%}", "ms": f"{value:.1f}", "n": requests}
            cures = lever == finding.lever or (finding.lever == "pin" and str(lever) in str(finding.command).split())
            yield Trial(tried.format(**words), result.format(**words), cures)


def _label(name: str) -> str:
    words = _plain(name)
    return words[:1].upper() + words[1:]


def _plain(name: str) -> str:
    for unit in _UNITS:
        name = name.removesuffix(unit)
    return name.replace("_", " ")


def _written(name: str, value: Any) -> str:
    """Write a value as people read it: shares in per cent, with units, lists with commas."""
    if isinstance(value, Mapping):
        named = ((key, key if key.endswith(tuple(_UNITS)) else name, each) for key, each in value.items())
        return ", ".join(f"{_plain(key)}: {_written(of, each)}" for key, of, each in named) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(_written(name, each) for each in value) or "none"
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        if name.endswith(_SHARES) or "_rate" in name:
            return f"{value:.1%}"
        unit = next((said for suffix, said in _UNITS.items() if name.endswith(suffix)), "")
        return f"{value:,}{unit}" if isinstance(value, int) else f"{value:,.6g}{unit}"
    return str(value)
