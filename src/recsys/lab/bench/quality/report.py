"""What a run of ``recsys bench quality`` found."""

import msgspec

from recsys.lab.bench.quality.fitting import Fit
from recsys.lab.bench.quality.judging import Estimate
from recsys.lab.bench.quality.split import Split
from recsys.lab.machine import Machine

__all__ = ["Difference", "Newcomers", "QualityBench", "Row"]

_COLUMNS = ("recall", "ndcg", "coverage", "new: recall", "new: ndcg")


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One ranker's figures on the test period.

    ``recall``, ``ndcg``, ``coverage``: all that the next basket held. ``new_recall``, ``new_ndcg``: only what the
    customer had not had before, from lists without what they had. ``of``: the signal a reference is compared with,
    ``like`` at the same settings; ``settings``: what was chosen of a grid on the validation window.
    """

    name: str
    kind: str
    recall: Estimate
    ndcg: Estimate
    coverage: Estimate
    new_recall: Estimate
    new_ndcg: Estimate
    of: str = ""
    like: bool = False
    settings: str = ""

    def values(self) -> tuple[Estimate, ...]:
        """Return the figures in the order of the table."""
        return self.recall, self.ndcg, self.coverage, self.new_recall, self.new_ndcg


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """``name`` less ``than``, on the same customers; ``like``: whether the two are one method at the same settings."""

    name: str
    than: str
    like: bool
    recall: Estimate
    ndcg: Estimate
    new_ndcg: Estimate


class Newcomers(msgspec.Struct, frozen=True, kw_only=True):
    """Customers of whom nothing is known before the period: everybody gets what is popular."""

    customers: int
    recall: Estimate | None = None
    ndcg: Estimate | None = None


class QualityBench(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one run. ``weights``: those of the row ``blend``; ``left_out``: references that are not
    installed.
    """

    split: Split
    wanted: tuple[str, ...]
    """Types of events whose items count as taken; none means all."""
    k: int
    anchors: int
    items: int
    customers: int
    new_customers: int
    """Customers with anything new in their basket."""
    newcomers: Newcomers
    weights: dict[str, float]
    fit: Fit | None
    rows: tuple[Row, ...]
    differences: tuple[Difference, ...]
    left_out: tuple[str, ...]
    machine: Machine

    def table(self) -> str:
        """Write the figures for people."""
        at = f"@{self.k}"
        wide = max(len(row.name) for row in self.rows) + 2
        lines = [
            "".join([f"{'':{wide}}", *(f"{name + at:28}" for name in _COLUMNS)]).rstrip(),
            *("".join([f"{row.name:{wide}}", *(f"{value!s:28}" for value in row.values())]) for row in self.rows),
            "",
            *(f"{row.name}: {row.settings}" for row in self.rows if row.settings),
            f"{'less':{2 * wide}}{'recall' + at:28}{'ndcg' + at:28}{'new: ndcg' + at}",
            *(
                f"{found.name + ' − ' + found.than:{2 * wide}}{found.recall!s:28}{found.ndcg!s:28}{found.new_ndcg}"
                for found in self.differences
            ),
            "",
            f"weights of the blend: {_told(self.weights)}",
        ]
        if self.fit is not None:
            lines.append(f"fitted on the validation window, the best of {self.fit.tried} settings:")
            lines += [f"  ndcg{at} {tried.ndcg}  {_told(tried.weights)}" for tried in self.fit.top]
            chosen = self.fit.chosen
            lines.append(
                f"  chosen, nearest to the defaults of those as good: {chosen.ndcg}, behind by {chosen.behind}"
            )
        split, newcomers = self.split, self.newcomers
        lines += [
            f"validation {split.validation.start} to {split.validation.end}, test {split.test.start} to "
            f"{split.test.end}; trained from {split.start} to the day before each; {self.items:,} items, lists of "
            f"{self.k} from the newest {self.anchors} items of each history",
            f"{self.customers:,} customers with a history took a basket in the test period, {self.new_customers:,} of "
            f"them something new; counted are events of type {', '.join(self.wanted) or 'any'}; intervals of 95% "
            "over customers",
        ]
        if newcomers.customers:
            lines.append(
                f"{newcomers.customers:,} customers without a history, who get what is popular: "
                f"recall{at} {newcomers.recall}, ndcg{at} {newcomers.ndcg}"
            )
        if self.left_out:
            lines.append(f"left out: {', '.join(self.left_out)}; pip install 'recsys-suite[quality]'")
        lines.append(self.machine.line())
        return "\n".join(lines)


def _told(weights: dict[str, float]) -> str:
    return ", ".join(f"{name} {weight:g}" for name, weight in weights.items())
