"""The family of errors of this part. The command line gives exit code 1 to each: no number came out."""

from recsys.encoding import did_you_mean
from recsys.errors import Refused, UsageError

__all__ = ["BadData", "DataChanged", "NoBaseline", "NotComparable", "NotInData", "SettingsInvalid"]


class SettingsInvalid(UsageError):
    """A dataset or config file that means nothing: an unknown name, a value out of range, a key given
    twice.
    """


class BadData(UsageError):
    """Input that does not keep to its schema; the message carries the first places, with file and line."""


class NotInData(UsageError):
    """The config names a metric, slice or gate the data cannot answer. Never 0 against 0.

    Parameters
    ----------
    what
        ``"slice key"``, ``"gate"``, …
    name
        As the config has it.
    reason
        Why the data cannot answer.
    known
        What could have been meant.
    """

    def __init__(self, what: str, name: str, *, reason: str, known: tuple[str, ...] = ()) -> None:
        super().__init__(f"{what} `{name}`: {reason}", next_step=did_you_mean(name, known))
        self.name = name


class NoBaseline(UsageError):
    """Gates compare with a baseline and none was given."""

    def __init__(self) -> None:
        super().__init__(
            "no baseline to compare with",
            next_step="give --baseline REPORT.json, or --allow-no-baseline to make the first report",
        )


class NotComparable(Refused):
    """The baseline measured something else, so a difference would mean nothing."""

    def __init__(self, differences: tuple[str, ...]) -> None:
        super().__init__(
            "the baseline is not comparable: " + "; ".join(differences),
            next_step="make the baseline report again on the same exposures, outcomes and settings",
        )
        self.differences = differences


class DataChanged(Refused):
    """The data is not what a report was made of, so it cannot explain it."""

    def __init__(self, difference: str) -> None:
        super().__init__(
            f"the data is not what the report was made of: {difference}",
            next_step="run the evaluation again on the data as it is and explain that report, or leave --dataset out",
        )
        self.difference = difference
