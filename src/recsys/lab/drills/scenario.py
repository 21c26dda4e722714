"""What a scenario is: acts in order, each an incident with what the doctor must say of it and what ends it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from recsys.errors import Failed
from recsys.lab.drills.sandbox import Sandbox

__all__ = ["Act", "Answer", "DrillFailed", "Expected", "Finding", "Scenario", "good_lists", "items", "live", "require"]

Answer = Mapping[str, Any]
"""What the service answered to a probe: the body of ``/v1/recommend``."""
Finding = Mapping[str, Any]
"""One finding as ``recsys doctor --json`` prints it."""


class DrillFailed(Failed):
    """What should hold in a drill does not; the message says what was seen."""


def require(holds: bool, otherwise: str) -> None:
    """Raise ``DrillFailed`` unless something holds."""
    if not holds:
        raise DrillFailed(otherwise)


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What the doctor must find: the symptom, words of the cause (a regular expression), and the smallest lever.

    ``lever`` is ``None`` where nothing that was shipped is at fault: the doctor must then name no command that changes
    the releases.
    """

    symptom: str
    cause: str
    lever: str | None = None

    def matches(self, finding: Finding) -> bool:
        """Whether a finding is the expected one."""
        return (
            finding["symptom"] == self.symptom
            and re.search(self.cause, finding["cause"]) is not None
            and finding.get("lever") == self.lever
        )


@dataclass(frozen=True, kw_only=True)
class Act:
    """One incident.

    Parameters
    ----------
    happens
        Makes the incident, for real.
    expected
        What the doctor must find of it, from the outside.
    cured
        Whether one answer of the service is as it should be again.
    pull
        What the person on call does; by default runs the command that the doctor printed.
    lasts
        Whether the doctor goes on finding it for a while: what happened stands in the logs of the day.
    """

    happens: Callable[[Sandbox], object]
    expected: Expected
    cured: Callable[[Sandbox, Answer], bool]
    pull: Callable[[Sandbox, Finding], object] | None = None
    lasts: bool = False


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One drill.

    Parameters
    ----------
    title
        One line, as a product owner would say it.
    before
        What the sandbox needs before people come.
    acts
        In order; a double fault has more than one, or one whose ``happens`` does two things.
    afterwards
        Raises ``DrillFailed`` when the end is not as it should be.
    most_failed
        How many requests may stay unanswered: 0 unless processes are killed.
    sound
        Whether ``releases verify`` finds the store sound at the end; where not, ``afterwards`` says what it must find.
    """

    title: str
    acts: tuple[Act, ...]
    before: Callable[[Sandbox], object] | None = None
    afterwards: Callable[[Sandbox], object] | None = None
    most_failed: int = 0
    sound: bool = True


def items(_sandbox: Sandbox, answer: Answer) -> bool:
    """An answer has items."""
    return bool(answer["items"])


def good_lists(sandbox: Sandbox, answer: Answer) -> bool:
    """An answer is made of the artifacts that the sandbox began with."""
    return bool(answer["meta"].get("manifest_version") == sandbox.good)


def live(_sandbox: Sandbox, answer: Answer) -> bool:
    """An answer comes from a release that the log confirms."""
    return bool(answer["meta"]["rung"] == "live")
