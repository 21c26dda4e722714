"""A healthy log is broken in one way, evaluated for real, and explained: the right cause comes first, with its day, its
slice and request ids that are truly broken.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.unit.evaluation.conftest import Log
from tests.unit.evaluation.explaining.shop import CANDIDATE, CONTROL, DAYS, Shop, evenly

from recsys.errors import Refused
from recsys.evaluation import Explanation, Report, explain
from recsys.evaluation.explaining.explain import SYMPTOMS


class Broken(NamedTuple):
    """A shop whose log is broken, and what is to be said of it. ``bad``: the requests that may be named."""

    shop: Shop
    symptom: str
    cause: str
    bad: set[str]
    first_bad_day: str | None
    last_bad_day: str | None
    stands_out: str | None = None
    metrics: tuple[str, ...] = ("ctr",)
    slice_keys: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    """Symptoms that follow from it."""
    mode: str = "experiment"


def half_a_day_lost(shop: Shop) -> Broken:
    acted = sorted(shop.of(day=DAYS[2]) & shop.acted_on())
    lost = shop.lose(set(acted[::2]))
    return Broken(shop, "low_joins", "an export that was cut off", lost, DAYS[2], DAYS[2], mode="offline")


def shares_changed(shop: Shop) -> Broken:
    """From the fourth day on, on phones, 60 of a hundred get the candidate."""

    def arm(day: int, device: str, nth: int) -> str:
        if day < 3 or device != "phone":
            return evenly(day, device, nth)
        return CONTROL if nth % 5 < 2 else CANDIDATE

    shop.log.rows = {role: [] for role in shop.log.rows}
    shop = Shop(shop.log, a_day=220, arm=arm)
    bad = {
        row["request_id"]
        for row in shop.exposures
        if row["ts"][:10] >= DAYS[3]
        and (row["context"]["device"], row["context"]["experiment_variant"]) == ("phone", CANDIDATE)
    }
    return Broken(
        shop, "sample_ratio", f"something changed on device = phone on {DAYS[3]}", bad, DAYS[3], DAYS[6],
        stands_out="device = phone", slice_keys=("device",),
    )  # fmt: skip


def one_purchase_in_cents(shop: Shop) -> Broken:
    row = next(row for row in shop.outcomes if row["event_type"] == "conversion")
    row["value"] *= 1000
    day = row["ts"][:10]
    return Broken(
        shop, "few_units", "one purchase is not what people pay", {row["request_id"]}, day, day,
        metrics=("ctr", "revenue_per_request"), also=("one_day", "impossible_lift"),
    )  # fmt: skip


def outcomes_an_hour_early(shop: Shop) -> Broken:
    _move(shop, hours=-1)
    return Broken(shop, "clocks", "by 1 h", shop.acted_on(), DAYS[0], DAYS[6], also=("all_zero",), mode="offline")


def an_arm_unlogged_for_a_day(shop: Shop) -> Broken:
    lost = shop.lose(shop.of(arm=CANDIDATE, day=DAYS[4]))
    cause = f"the log of {CANDIDATE} was not written"
    return Broken(shop, "missing_arm", cause, lost, DAYS[4], DAYS[4], also=("low_joins",))


def events_that_no_metric_counts(shop: Shop) -> Broken:
    """A robot's click is the only one, so that the metric can be asked for at all."""
    seen = shop.acted_on()
    for row in shop.outcomes:
        row["event_type"] = "view"
    robot = shop.visit("robot", CONTROL, 0, "tv", first=True, traffic="bot")
    shop.log.act(robot, "i1")
    cause = "of other event types than what is measured: that counts click"
    return Broken(shop, "all_zero", cause, seen, None, None, mode="offline")


def logged_only_when_clicked(shop: Shop) -> Broken:
    shop.lose(shop.of(arm=CANDIDATE) - shop.acted_on())
    bad = shop.of(arm=CANDIDATE)
    cause = f"in {CANDIDATE}, exposures are logged only when somebody acts on them"
    also = ("sample_ratio", "impossible_lift")
    return Broken(shop, "everything_wins", cause, bad, DAYS[0], DAYS[6], also=also)


def _move(shop: Shop, *, hours: float) -> None:
    for row in shop.outcomes:
        moved = datetime.fromisoformat(row["ts"]) + timedelta(hours=hours)
        row["ts"] = moved.isoformat().replace("+00:00", "Z")


BREAKAGES: tuple[Callable[[Shop], Broken], ...] = (
    half_a_day_lost,
    shares_changed,
    one_purchase_in_cents,
    outcomes_an_hour_early,
    an_arm_unlogged_for_a_day,
    events_that_no_metric_counts,
    logged_only_when_clicked,
)


@pytest.fixture
def shop(healthy: Shop, log: Log) -> Shop:
    """The healthy shop, in a folder of its own, to break."""
    made = Shop(log, a_day=0)
    made.number = healthy.number
    made.take(healthy)
    return made


def symptoms(explanation: Explanation) -> list[str]:
    return [finding.symptom for finding in explanation.findings]


@pytest.mark.parametrize("breaks", BREAKAGES, ids=lambda breaks: breaks.__name__)
def test_each_breakage_is_named_first_with_its_day_its_slice_and_true_requests(
    breaks: Callable[[Shop], Broken], shop: Shop
) -> None:
    broken = breaks(shop)
    report = broken.shop.run(metrics=broken.metrics, slice_keys=broken.slice_keys, mode=broken.mode)
    told = explain(report, dataset=broken.shop.log.dataset())
    first, *others = told.findings
    assert first.symptom == broken.symptom
    assert broken.cause in first.cause
    assert (first.first_bad_day, first.last_bad_day) == (broken.first_bad_day, broken.last_bad_day)
    assert first.stands_out == broken.stands_out
    assert set(first.requests) <= broken.bad
    assert len(first.requests) == min(5, len(broken.bad))
    assert {each.symptom for each in others} == set(broken.also)
    assert {each.follows_from for each in others} <= {broken.symptom}
    assert first.cause in told.most_likely
    _by_report_alone(report, broken)


def _by_report_alone(report: Report, broken: Broken) -> None:
    told = explain(report.to_json())
    assert not any(finding.requests for finding in (*told.findings, *told.ruled_out, *told.not_seen))
    assert symptoms(told)[0] == broken.symptom
    assert "--dataset" in told.findings[0].unseen


def test_a_healthy_log_shows_nothing_and_every_symptom_was_asked(healthy: Shop, report: Report) -> None:
    told = explain(report, dataset=healthy.log.dataset())
    assert told.healthy
    assert {finding.symptom for finding in (*told.ruled_out, *told.not_seen)} == set(SYMPTOMS) - {"weights"}
    assert "nothing is wrong with the data" in told.most_likely
    assert explain(report).healthy
    _a_log_that_changed_since_is_refused(report, healthy)


def _a_log_that_changed_since_is_refused(report: Report, shop: Shop) -> None:
    dataset = shop.log.dataset()
    path = Path(dataset["outcomes"]["path"])
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    rows = len(shop.outcomes)
    with pytest.raises(Refused, match=f"outcomes had {rows} rows and has {rows - 1}"):
        explain(report, dataset=dataset)


def test_of_several_breakages_each_is_dated_and_sampled(shop: Shop) -> None:
    shop.exposures.extend([dict(row) for row in shop.exposures[:30]])
    copied = {row["request_id"] for row in shop.exposures[:30]}
    crossed = {shop.visit(f"u5-{n}", _other(n), 6, "phone", first=False) for n in range(0, 60, 2)}
    lossy = shop.of(day=DAYS[4])
    for row in shop.exposures:
        if row["request_id"] in lossy:
            row["context"] = {**row["context"], "unrecorded": "1"}
    elsewhere = set()
    for row in shop.outcomes:
        if row["ts"][:10] >= DAYS[1]:
            row["item_id"] = "parent-of-it"
            elsewhere.add(row["request_id"])
    told = explain(shop.run(), dataset=shop.log.dataset())
    seen: Mapping[str, Any] = {finding.symptom: finding for finding in told.findings}
    expected = {
        "reused_request_ids": (copied, DAYS[0]),
        "crossovers": (crossed, DAYS[6]),
        "unrecorded_answers": (lossy, DAYS[4]),
        "uncounted_outcomes": (elsewhere, DAYS[1]),
    }
    assert symptoms(told)[0] == "reused_request_ids"
    assert set(expected) <= set(seen)
    for symptom, (bad, day) in expected.items():
        assert seen[symptom].first_bad_day == day, symptom
        assert len(seen[symptom].requests) == 5, symptom
        assert set(seen[symptom].requests) <= bad, symptom


def _other(n: int) -> str:
    return CANDIDATE if evenly(0, "", n // 5 if n % 5 == 0 else n - n // 5 - 1) == CONTROL else CONTROL
