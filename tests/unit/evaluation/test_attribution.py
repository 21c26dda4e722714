from math import isclose


def test_outcomes_that_do_not_count_are_reported_by_reason(log, read):
    log.show("r1", "ab", minute=10)
    log.act("r1", "a", minute=11, event_id="e1")
    log.act("r1", "a", minute=12, event_id="e1")
    log.act("r1", "z", minute=11)
    log.act("r1", "b", minute=9)
    log.act("r1", "b", minute=10 + 24 * 60 + 1)
    log.act("elsewhere", "a")
    report = log.run("recall@2", integrity={"min_join_rate": 0, "max_early_outcomes": 1})
    assert read.dropped(report) == {
        "duplicate_event_id": 1,
        "no_exposure": 1,
        "not_shown": 1,
        "before_shown": 1,
        "outside_window": 1,
    }
    assert read.value(report, "recall@2") == 1


def test_the_edges_of_the_window_belong_to_it(log, read):
    log.show("r1", "ab", minute=0)
    log.act("r1", "a", minute=0)
    log.act("r1", "b", minute=60)
    report = log.run("hitrate@2", attribution={"window_h": 1})
    assert read.dropped(report) == {}


def test_a_time_with_an_offset_is_the_same_moment(log, read):
    log.show("r1", "ab", minute=0)
    log.act("r1", "a")
    log.rows["outcomes"][0]["ts"] = "2026-11-22T10:00:30.5+02:00"
    report = log.run("hitrate@2")
    assert read.dropped(report) == {}
    assert read.check(report, "clocks").value == 0


def test_without_require_shown_other_items_are_relevant_too(log, read):
    log.show("r1", "ab")
    log.act("r1", "a")
    log.act("r1", "z")
    report = log.run("recall@2", attribution={"require_shown": False})
    assert read.value(report, "recall@2") == 0.5


def test_joins_are_counted_plainly_over_all_per_day_and_per_slice(log):
    log.show("r1", "ab", context={"surface": "home"})
    log.show("r2", "ab", context={"surface": "home"}, minute=24 * 60)
    log.show("r3", "ab", context={"surface": "pdp"}, minute=24 * 60)
    log.act("r1", "a", surface="home")
    log.act("r1", "z", surface="home")
    log.act("r3", "a", minute=24 * 60 + 1, surface="pdp")
    log.act("gone", "a", minute=24 * 60 + 1, surface="pdp")
    report = log.run(offline={"slice_keys": ["surface"]})
    assert report.joins.exposures == 3
    assert report.joins.outcomes_matched == 3 / 4
    assert isclose(report.joins.exposures_with_outcome, 2 / 3)
    days = {day.day: day.joins for day in report.days}
    assert days["2026-11-22"].outcomes_matched == 1
    assert days["2026-11-23"].outcomes_matched == 1 / 2
    assert days["2026-11-23"].exposures_with_outcome == 1 / 2
    slices = {s.value: s.joins for s in report.offline.slices}
    assert slices["home"].outcomes_matched == 1
    assert slices["pdp"].outcomes_matched == 1 / 2
    assert slices["home"].exposures_with_outcome == 1 / 2


def test_a_slice_an_outcome_cannot_tell_has_no_matched_share(log):
    log.show("r1", "ab", context={"device": "phone"})
    log.act("r1", "a")
    (only,) = log.run(offline={"slice_keys": ["device"]}).offline.slices
    assert only.joins.outcomes is None
    assert only.joins.outcomes_matched is None
    assert only.joins.exposures_with_outcome == 1
