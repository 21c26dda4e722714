"""The metrics: each is one line of SQL over what is known of one request.

The names in the SQL: ``found`` is the list of relevant items that stand in the ranked list, as ``{rank,
grade}`` by rank; ``ideal`` the grades of all relevant items, highest first; ``k`` the cut. Of the service:
``failed``, ``empty``, ``fell_back``, ``latency_ms``.
``docs/reference/metrics.md`` gives the formulas, their edge cases and sources.
"""

import re
from typing import Literal

import msgspec

from recsys.encoding import did_you_mean
from recsys.evaluation.errors import SettingsInvalid

__all__ = ["METRICS", "SCALE", "Definition", "Denominator", "Metric", "metric_named", "metric_of"]

SCALE = 10**10
"""Values of one request become integers in units of 1/SCALE before they are added: integer sums do not depend
on the order of lines or threads. A single value is off by at most 5e-11, and (Σ value)² still fits 128 bits
for 10⁸ requests."""

Family = Literal["ranking", "rate", "service", "quantile", "catalogue"]
"""``ranking``: of a list against what is relevant. ``rate``: of what users did with a request. ``service``: of how a
request was answered, and ``quantile`` of how fast. ``catalogue``: of all lists together.
"""
Denominator = Literal["served", "viewed"]


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """What a metric's name stands for. ``needs`` is an event type that must occur at all for it to mean
    something; ``share`` says which quantile.
    """

    family: Family
    sentence: str
    sql: str = ""
    needs: str | None = None
    scale: int = SCALE
    lower_is_better: bool = False
    share: float | None = None


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
    "error_rate": Definition(
        family="service",
        sentence="share of requests that were answered with an error",
        sql="failed::INT",
        lower_is_better=True,
    ),
    "empty_rate": Definition(
        family="service", sentence="share of requests answered without an item", sql="empty::INT", lower_is_better=True
    ),
    "fallback_rate": Definition(
        family="service",
        sentence="share of requests answered from another rung than live",
        sql="fell_back::INT",
        lower_is_better=True,
    ),
    **{
        f"latency_p{percent}": Definition(
            family="quantile",
            sentence=f"the latency that {percent}% of requests do not exceed, in milliseconds",
            lower_is_better=True,
            share=percent / 100,
        )
        for percent in (50, 95, 99)
    },
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
    denominator: Denominator | None = None

    @property
    def label(self) -> str:
        """Return the name the report uses: ``ndcg@10``, ``ctr:served``, ``latency_p99``."""
        if self.k is not None:
            return f"{self.name}@{self.k}"
        return self.name if self.denominator is None else f"{self.name}:{self.denominator}"

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


_NAMED = re.compile(r"(?P<name>[^@:]+)(?:@(?P<k>[1-9]\d{0,3})|:(?P<denominator>served|viewed))?")


def metric_named(text: str) -> Metric:
    """Return the metric of a name such as ``ndcg@10``, ``ctr:viewed``, ``ctr`` or ``latency_p99``."""
    found = _NAMED.fullmatch(text)
    if found is None:
        raise SettingsInvalid(f"config: `{text}` names no metric", next_step="write ndcg@10, ctr:viewed, latency_p99")
    denominator: Denominator | None = {"served": "served", "viewed": "viewed"}.get(found["denominator"])  # type: ignore[assignment]
    return metric_of(found["name"], k=int(found["k"]) if found["k"] else None, denominator=denominator)


def metric_of(name: str, *, k: int | None, denominator: Denominator | None) -> Metric:
    """Return a metric; raises :class:`SettingsInvalid` for an unknown name, and for what its kind does not take."""
    definition = METRICS.get(name)
    if definition is None:
        raise SettingsInvalid(f"config: unknown metric `{name}`", next_step=did_you_mean(name, METRICS))
    ranked = definition.family in ("ranking", "catalogue")
    if ranked and k is None:
        raise SettingsInvalid(f"config: `{name}` needs k", next_step=f"like {{name: {name}, k: 10}}, or {name}@10")
    if ranked and denominator is not None:
        raise SettingsInvalid(f"config: `{name}` takes no denominator", next_step="it is a mean over requests")
    if not ranked and k is not None:
        raise SettingsInvalid(f"config: `{name}` takes no k", next_step="it is not of a list")
    if definition.family == "rate":
        return Metric(name=name, denominator=denominator or "served")
    if denominator is not None and not ranked:
        raise SettingsInvalid(f"config: `{name}` takes no denominator", next_step="it is of every request")
    return Metric(name=name, k=k)
