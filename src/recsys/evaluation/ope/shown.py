"""The log as arrays: what was shown, how likely it was, how likely the target policy shows it, and what it earned."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from recsys.evaluation.engine import Engine, sql_text
from recsys.evaluation.errors import BadData, NotInData
from recsys.evaluation.ope.config import OpeSettings
from recsys.evaluation.statistics.weighting import Placed

__all__ = ["Shown", "read_shown"]

_MOST_ITEMS = 50_000_000
"""Shown items that are held at once: some 4 GB. More is a dataset for several runs."""


class Shown(NamedTuple):
    """The log as arrays: ``placed`` with weights, and what the reward model may look at."""

    placed: Placed
    item: npt.NDArray[Any]
    rank: npt.NDArray[Any]
    context: dict[str, npt.NDArray[Any]]
    clipped: float
    unsupported: float


def read_shown(engine: Engine, asked: OpeSettings) -> Shown:
    """Take the shown items over; raises when the log has no propensities, or far too many items."""
    (items,) = engine.row("SELECT sum(len(items)) FROM evaluated")
    if items > _MOST_ITEMS:
        raise BadData(f"{items:,} shown items are more than {_MOST_ITEMS:,}", next_step="give a part of the log")
    _check_lists(engine)
    fields = {str(row[0]) for row in engine.rows("DESCRIBE SELECT unnest(items[1]) FROM evaluated")}
    names = [f"s.one.{name}" for name in ("logging_propensity", "propensity") if name in fields]
    holes = {
        "logging": f"coalesce({', '.join(names)})" if names else "NULL::DOUBLE",
        "target": "s.one.target_propensity" if "target_propensity" in fields else "NULL::DOUBLE",
        "context": "".join(f", context_{number}" for number in range(len(asked.context_keys))),
    }
    found = engine.run(sql_text("placed", holes), event=asked.reward_event).fetchnumpy()
    logging = np.ma.filled(np.ma.asarray(found["logging"], dtype=np.float64), np.nan)
    target = np.ma.filled(np.ma.asarray(found["target"], dtype=np.float64), np.nan)
    if np.isnan(target).all():
        raise NotInData(
            "ope", "target_propensity", reason="no shown item has one: how likely the target policy shows it"
        )
    if np.isnan(logging).all():
        raise NotInData("ope", "propensity", reason="no shown item has one: how likely it was to be shown")
    _check_probabilities(engine, found, logging=logging, target=target)
    unsupported = np.isnan(logging) | np.isnan(target) | ((logging <= 0) & (target > 0))
    low = (logging < asked.min_propensity) & ~unsupported
    with np.errstate(invalid="ignore"):
        weight = np.where(unsupported, 0.0, target / np.maximum(logging, asked.min_propensity))
    request = np.asarray(found["request"]).astype(np.int64)
    first = np.flatnonzero(np.diff(request, prepend=-1))
    _, unit = np.unique(np.asarray(found["unit"])[first], return_inverse=True)
    return Shown(
        Placed(request, weight, np.asarray(found["reward"], dtype=np.float64), unit),
        np.asarray(found["item"]),
        np.asarray(found["rank"]).astype(np.int64),
        {key: np.asarray(found[f"context_{number}"]) for number, key in enumerate(asked.context_keys)},
        clipped=float(low.mean()),
        unsupported=float(unsupported.mean()),
    )


_ROUNDING = 1e-6
"""A product or a sum of probabilities may miss 1 by so much."""


def _check_probabilities(engine: Engine, found: Mapping[str, Any], **given: npt.NDArray[Any]) -> None:
    """Refuse what is no probability; one that is absent is, and is counted as unsupported."""
    for name, values in given.items():
        absent = np.ma.getmaskarray(np.ma.asarray(found[name]))
        with np.errstate(invalid="ignore"):
            wrong = np.flatnonzero(~absent & ~((values >= 0) & (values <= 1 + _ROUNDING)))
        if len(wrong):
            first = int(wrong[0])
            (request,) = engine.row(
                "SELECT request_id FROM evaluated ORDER BY request_id LIMIT 1 OFFSET $n", n=int(found["request"][first])
            )
            raise BadData(
                f"exposures: request `{request}`: the {name} propensity of `{found['item'][first]}` is "
                f"{values[first]:g}; {len(wrong):,} are no probability",
                next_step="a share from 0 to 1, not a percentage or a score",
            )


def _check_lists(engine: Engine) -> None:
    """Refuse an item twice in a list: it has two propensities, and would earn twice."""
    names = "list_transform(items, lambda x: x.item_id)"
    twice = engine.rows(
        f"SELECT request_id FROM evaluated WHERE len(list_distinct({names})) < len(items) "  # noqa: S608 - of ours
        "ORDER BY 1 LIMIT 1"
    )
    if twice:
        raise BadData(
            f"exposures: request `{twice[0][0]}` shows an item twice", next_step="its propensity is of one place"
        )
