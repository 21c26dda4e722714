import re

import numpy as np
import pytest
from scipy import stats

from recsys.evaluation import read_report
from recsys.evaluation.errors import NotComparable, NotInData


@pytest.fixture(scope="module")
def visits(new_log):
    """300 requests of 60 users who each click the item they like, ``a`` to ``e``."""
    log, random = new_log(), np.random.default_rng(1)
    for number in range(300):
        user = f"u{random.integers(60)}"
        log.show(f"r{number:03}", "abcde", user=user)
        log.act(f"r{number:03}", "abcde"[random.choice(5, p=[0.4, 0.25, 0.15, 0.1, 0.1])])
    return log


@pytest.fixture
def shop(log, visits):
    log.fill(visits)
    return log


@pytest.fixture(scope="module")
def before(visits):
    """The report of the better order of the items, the baseline of most tests here."""
    return judge(visits, "abcde", ranker="live")


@pytest.fixture(scope="module")
def mixed_run(visits, before):
    return judge(visits, mixed, baseline=before, max_drop=0.5)


def mixed(number):
    """A third of the lists a little worse."""
    return "abcde" if number % 3 else "bacde"


def rank_all(log, order, *, ranker="candidate"):
    """Rank every request by ``order``, a list or a function of the request's number."""
    log.rows["ranklists"] = []
    for number, row in enumerate(log.rows["exposures"]):
        log.rank(row["request_id"], order(number) if callable(order) else order, ranker=ranker)


def judge(log, order, *, baseline=None, ranker="candidate", **gate):
    rank_all(log, order, ranker=ranker)
    gates = [{"metric": "mrr@5"} | gate] if gate else []
    return log.run("mrr@5", "ndcg@5", baseline=baseline, offline={"gates": gates})


def test_the_same_ranker_again_drops_by_exactly_nothing_and_passes(shop, before):
    report = judge(shop, "abcde", baseline=before, max_drop=0.0)
    (gate,) = report.offline.gates
    assert gate.comparison.drop == 0
    assert (gate.comparison.interval.low, gate.comparison.interval.high) == (0, 0)
    assert report.exit_code == 0
    assert report.decision.rule == "gates_passed"


def test_a_clearly_worse_ranker_fails_its_gate_and_names_it(shop, before):
    report = judge(shop, "edcba", baseline=before, max_drop=0.02)
    assert report.exit_code == 4
    assert report.decision.outcome == "gate_failed"
    assert report.decision.rule == "gates_failed"
    assert report.decision.what_happened == (
        "mrr@5 fell from 0.648 to 0.322 (95% interval of the change -0.396 to -0.257); "
        "a drop of at most 0.02 is allowed: it fell too far."
    )
    assert report.baseline.startswith("sha256:")


def test_a_better_ranker_passes(shop):
    worse = judge(shop, "edcba")
    report = judge(shop, "abcde", baseline=worse, max_drop=0.0)
    assert report.exit_code == 0
    assert report.decision.what_happened == (
        "mrr@5 rose from 0.322 to 0.648 (95% interval of the change +0.257 to +0.396); a drop of at most 0 is allowed."
    )


def test_a_drop_the_data_cannot_settle_holds_and_says_how_much_more_is_needed(shop, before):
    report = judge(shop, mixed, baseline=before, max_drop=0.04)
    (gate,) = report.offline.gates
    assert gate.comparison.interval.low <= 0.04 < gate.comparison.interval.high
    assert report.exit_code == 2
    assert report.decision.rule == "gates_unclear"
    assert "mrr@5 fell from" in report.decision.what_happened
    assert re.search(r"allowed: not settled, about \d+\.\d times as many users would settle it", gate.sentence)


def test_a_drop_past_the_margin_that_may_be_chance_holds_rather_than_fails(shop, before, mixed_run):
    drop = mixed_run.offline.gates[0].comparison.drop
    again = judge(shop, mixed, baseline=before, max_drop=0.9 * drop)
    assert again.decision.rule == "gates_unclear"


def test_the_paired_interval_is_that_of_per_user_differences(visits, mixed_run):
    clicked = {row["request_id"]: row["item_id"] for row in visits.rows["outcomes"]}
    drops: dict[str, list[float]] = {}
    for number, row in enumerate(visits.rows["exposures"]):
        item = clicked[row["request_id"]]
        drop = 1 / ("abcde".index(item) + 1) - 1 / (mixed(number).index(item) + 1)
        drops.setdefault(row["user_id"], []).append(drop)
    total, n = np.array([[sum(each), len(each)] for each in drops.values()]).T
    mean = total.sum() / n.sum()
    users = len(n)
    error = np.sqrt(users / (users - 1) * ((total - mean * n) ** 2).sum()) / n.sum()
    half = stats.t.ppf(0.975, users - 1) * error
    found = mixed_run.offline.gates[0].comparison
    assert found.drop == pytest.approx(mean, abs=1e-9)
    assert found.interval.low == pytest.approx(mean - half, abs=1e-9)
    assert found.interval.high == pytest.approx(mean + half, abs=1e-9)


def test_pairing_is_tighter_than_two_separate_intervals(shop, before):
    report = judge(shop, lambda n: "abcde" if n % 10 else "bacde", baseline=before, max_drop=0.5)
    gate = report.offline.gates[0]
    width = gate.comparison.interval.high - gate.comparison.interval.low
    assert width < 0.5 * (gate.interval.high - gate.interval.low)


def test_a_relative_drop_is_a_share_of_the_baseline(shop, before):
    report = judge(shop, "abcde", baseline=before, max_drop=0.1, relative=True)
    gate = report.offline.gates[0]
    assert gate.max_drop == pytest.approx(0.1 * gate.comparison.baseline)
    assert "(10% of the baseline) is allowed" in gate.sentence


@pytest.mark.parametrize(("least", "code"), [(0.1, 0), (0.99, 4), (0.64, 2)])
def test_a_least_value_is_judged_by_its_interval_without_any_baseline(shop, least, code):
    assert judge(shop, "abcde", min_value=least).exit_code == code


def test_an_allowed_missing_baseline_passes_without_calling_it_a_reason_to_ship(shop):
    report = judge(shop, "abcde", max_drop=0.01)
    assert report.exit_code == 0
    assert report.decision.rule == "nothing_to_compare"
    assert report.offline.gates[0].state == "not_judged"
    assert report.decision.what_happened.startswith("Only the data was judged: outcomes_matched, ")
    assert "nothing was judged for a drop: mrr@5" in report.decision.what_happened


def test_without_a_gate_it_is_said_that_only_the_data_was_judged(tiny):
    assert tiny.run().decision.what_happened == (
        "Only the data was judged: outcomes_matched, duplicate_request_ids, repeated_outcomes, clocks and "
        "outcomes_counting are in order; unrecorded could not be measured. The config names no gate."
    )


def test_what_passed_without_a_baseline_is_said_beside_what_was_not_judged(tiny):
    gates = [{"metric": "mrr@2", "min_value": -9}, {"metric": "ndcg@2", "max_drop": 0.1}]
    report = tiny.run("mrr@2", "ndcg@2", offline={"gates": gates})
    assert report.decision.rule == "nothing_to_compare"
    assert report.decision.what_happened.startswith("mrr@2 is 0.25 (95% interval ")
    assert "Only the data" not in report.decision.what_happened
    assert report.decision.what_happened.endswith("nothing was judged for a drop: ndcg@2.")


@pytest.mark.parametrize(("require_shown", "said"), [(True, True), (False, False)])
def test_other_items_are_called_judged_too_harshly_only_when_they_are(tiny, require_shown, said):
    tiny.rank("r1", ["i2"])
    report = tiny.run("mrr@2", attribution={"require_shown": require_shown})
    assert ("more harshly than it deserves" in report.decision.how_sure) == said
    assert ("items that were not shown count too" in report.decision.how_sure) != said


def test_a_baseline_read_from_its_file_is_the_baseline(shop, before, tmp_path):
    path = tmp_path / "baseline.json"
    path.write_bytes(before.to_json())
    assert read_report(path) == before
    again = judge(shop, "edcba", baseline=read_report(path), max_drop=0.02)
    assert again.exit_code == 4


def test_a_baseline_on_other_outcomes_is_refused(shop, before):
    shop.rows["outcomes"].pop()
    with pytest.raises(NotComparable, match="other exposures, outcomes"):
        judge(shop, "abcde", baseline=before, max_drop=0.1)


def test_a_baseline_under_other_attribution_is_refused(tiny):
    before = tiny.run()
    with pytest.raises(NotComparable, match="attribution"):
        tiny.run(baseline=before, attribution={"window_h": 1})


def test_a_baseline_over_other_requests_is_refused(shop, before):
    rank_all(shop, "abcde")
    shop.rows["ranklists"].pop()
    with pytest.raises(NotComparable, match="other requests were judged"):
        shop.run("mrr@5", baseline=before)


def test_a_baseline_that_chose_from_other_candidates_is_refused(shop, before):
    with pytest.raises(NotComparable, match="one chose from shown candidates, the other from open"):
        judge(shop, "abcxy", baseline=before, max_drop=0.1)


def test_logged_and_re_ranked_lists_are_never_compared(tiny):
    before = tiny.run("mrr@2")
    tiny.rank("r1", ["i2"])
    tiny.rank("r2", ["i2"])
    with pytest.raises(NotComparable, match="one judged logged lists, the other reranked"):
        tiny.run("mrr@2", baseline=before)


def test_a_gate_the_baseline_cannot_answer_is_an_error(tiny):
    before = tiny.run("mrr@2")
    with pytest.raises(NotInData, match="the baseline report has no such metric"):
        tiny.run("ndcg@2", baseline=before, offline={"gates": [{"metric": "ndcg@2", "max_drop": 0.1}]})
