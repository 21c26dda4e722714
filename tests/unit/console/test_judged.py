"""Joins and reports in the words of the page Evaluation."""

from recsys.console.judged import facts_of, joined
from recsys.documents.groups import Gate
from recsys.events.observed import JoinDay
from recsys.pipelines.gate import GateReport


def day(number: int, *, exposures: int = 100, outcomes: int = 20, matched: int = 20) -> JoinDay:
    return JoinDay(
        day=f"2026-11-{number:02}", exposures=exposures, exposures_acted_on=matched, outcomes=outcomes, matched=matched
    )


def test_good_joins_are_said_in_one_sentence() -> None:
    found = joined([day(1), day(2)])
    assert (found.state, found.sentence) == ("healthy", "100.0% of 40 outcomes find the answer they belong to.")


def test_days_below_what_a_decision_needs_are_named_however_good_the_whole_is() -> None:
    found = joined([day(1), day(2, outcomes=10, matched=9), day(3, outcomes=400, matched=400)])
    assert (found.state, [one.day for one in found.low]) == ("degraded", ["2026-11-02"])
    assert found.sentence == "99.8% of 430 outcomes find the answer they belong to; on 1 of 3 days fewer than 95% do."


def test_where_nothing_came_back_nothing_is_known() -> None:
    assert joined([]).sentence == "Nothing was answered, and nothing was done."
    silent = joined([day(1, outcomes=0, matched=0)])
    assert (silent.state, silent.low) == ("unknown", ())
    assert "no outcome came back" in silent.sentence
    assert silent.chart.series[0].values == (None,)


def test_a_gate_is_told_before_and_after_with_its_limits() -> None:
    report = GateReport(
        tenant="demo", surface="home", manifest="sha256:aa", generation=7, requests=200, empty_rate=(0.01, 0.2),
        overlap=0.5, p99_ms=(1.0, 2.0), taken=0, hit_rate=None, violations=("r1", "r2"), limits=Gate(max_p99_ms=5.0),
        failed=("20.0% of the lists are empty",), forced=True,
    )  # fmt: skip
    told = dict(facts_of(report))
    assert told["empty lists"].startswith("1.0% before, 20.0% after; at most 5%")
    assert told["ranking one request, p99"] == "1 ms before, 2 ms after; at most 5 ms"
    assert told["lists with what must not be shown"] == "2: requests r1, r2"
    assert told["what failed"] == "20.0% of the lists are empty"


def test_other_reports_are_told_by_the_ways_to_their_values_and_not_without_end() -> None:
    found = facts_of({"a": {"b": [{"c": 1}, {"c": None}]}, "d": [1, 2], "e": "x" * 999})
    assert found[:3] == (("a.b[1].c", "1"), ("a.b[2].c", "–"), ("d", "1, 2"))
    assert len(found[3][1]) < 320
    many = facts_of({str(number): number for number in range(999)})
    assert len(many) == 201
    assert many[-1] == ("…", "and 799 more, in the store")


def test_what_lies_deeper_than_anybody_reads_is_left_out() -> None:
    deep: dict[str, object] = {"a": 1}
    for _ in range(5_000):
        deep = {"a": deep}
    ((name, value),) = facts_of(deep)
    assert (len(name), value) == (65, "…")
