"""The metrics of offline evaluation: each is one line of SQL over what is known of one request.

The names in the SQL: ``found`` is the list of relevant items that stand in the ranked list, as ``{rank,
grade}`` by rank; ``ideal`` the grades of all relevant items, highest first; ``k`` the cut.
``docs/reference/metrics.md`` gives the formulas, their edge cases and sources.
"""

from typing import Literal

import msgspec

__all__ = ["METRICS", "SCALE", "Definition", "Metric"]

SCALE = 10**10
"""Values of one request become integers in units of 1/SCALE before they are added: integer sums do not depend
on the order of lines or threads. A single value is off by at most 5e-11, and (Σ value)² still fits 128 bits
for 10⁸ requests."""

Family = Literal["ranking", "rate", "catalogue"]


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """What a metric's name stands for. ``needs`` is an event type that must occur at all for it to mean
    something.
    """

    family: Family
    sentence: str
    sql: str = ""
    needs: str | None = None
    scale: int = SCALE


_WITHIN = "list_filter(found, lambda x: x.rank <= {k})"
_DCG = f"coalesce(list_sum(list_transform({_WITHIN}, lambda x: x.grade / log2(x.rank + 1))), 0)"
_IDEAL = "list_sum(list_transform(ideal[:{k}], lambda grade, i: grade / log2(i + 1)))"
_PRECISIONS = f"coalesce(list_sum(list_transform({_WITHIN}, lambda x, i: i / x.rank)), 0)"

METRICS: dict[str, Definition] = {
    "hitrate": Definition(
        family="ranking",
        sentence="share of requests with a relevant item in the first k",
        sql=f"(len({_WITHIN}) > 0)::INT",
    ),
    "precision": Definition(
        family="ranking",
        sentence="relevant items in the first k, divided by k",
        sql=f"len({_WITHIN}) / {{k}}",
    ),
    "recall": Definition(
        family="ranking",
        sentence="relevant items in the first k, divided by all relevant items",
        sql=f"len({_WITHIN}) / len(ideal)",
    ),
    "map": Definition(
        family="ranking",
        sentence="mean over relevant items of the precision at their rank, divided by |R|",
        sql=f"{_PRECISIONS} / len(ideal)",
    ),
    "map_min": Definition(
        family="ranking",
        sentence="as map, divided by min(|R|, k)",
        sql=f"{_PRECISIONS} / least(len(ideal), {{k}})",
    ),
    "ndcg": Definition(
        family="ranking",
        sentence="discounted gain of the first k over that of the best possible list of min(|R|, k)",
        sql=f"{_DCG} / {_IDEAL}",
    ),
    "mrr": Definition(
        family="ranking",
        sentence="one over the rank of the first relevant item, 0 past k",
        sql=f"coalesce(1 / list_extract({_WITHIN}, 1).rank, 0)",
    ),
    "ctr": Definition(
        family="rate",
        sentence="share of requests with an attributed click",
        sql="clicked::INT",
        needs="click",
    ),
    "conversion_rate": Definition(
        family="rate",
        sentence="share of requests with an attributed conversion",
        sql="converted::INT",
        needs="conversion",
    ),
    "revenue_per_request": Definition(
        family="rate",
        sentence="attributed conversion value divided by requests",
        sql="revenue",
        needs="conversion",
        # Money is added in millionths: exact for cents, and room for 10¹³ in all before the squares leave 128
        # bits.
        scale=10**6,
    ),
    "coverage": Definition(
        family="catalogue",
        sentence="distinct items in the first k of all lists, over all items the data knows",
    ),
    "novelty": Definition(
        family="catalogue",
        sentence="mean of log2((U+1)/(u+1)) over places, u of U users having acted on the item",
    ),
    "diversity": Definition(family="catalogue", sentence="entropy, in bits, of how places are spread over items"),
    "longtail": Definition(
        family="catalogue", sentence="share of places given to items outside the fifth most acted on"
    ),
}


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """One metric as asked for: a definition with its cut or its denominator."""

    name: str
    k: int | None = None
    denominator: Literal["served", "viewed"] | None = None

    @property
    def label(self) -> str:
        """Return the name the report uses: ``ndcg@10``, ``ctr:served``."""
        return f"{self.name}@{self.k}" if self.k is not None else f"{self.name}:{self.denominator}"

    @property
    def definition(self) -> Definition:
        return METRICS[self.name]

    @property
    def family(self) -> Family:
        return self.definition.family

    @property
    def scale(self) -> int:
        return self.definition.scale

    def value_sql(self) -> str:
        """Return the SQL of one request's value, as an integer in units of 1/scale."""
        value = self.definition.sql.format(k=self.k)
        return f"round(({value}) * {self.scale})::HUGEINT"
