from math import log2

import pytest


def test_the_written_example_gives_its_written_figures(tiny, read):
    report = tiny.run("precision@2", "recall@2")
    assert read.value(report, "precision@2") == 0.25
    assert read.value(report, "recall@2", "relevant") == 1
    assert read.value(report, "recall@2") == 0.5
    assert report.data.requests == 2
    assert report.data.requests_with_relevant == 1


# One request, list a b c d; b and d clicked, so R = 2 with hits at ranks 2 and 4.
BY_HAND = [
    ("hitrate@1", 0),
    ("hitrate@2", 1),
    ("precision@3", 1 / 3),
    ("precision@10", 2 / 10),  # a short list is still divided by k
    ("recall@3", 1 / 2),
    ("recall@4", 1),
    ("map@3", (1 / 2) / 2),
    ("map@4", (1 / 2 + 2 / 4) / 2),
    ("map@1", 0),
    ("mrr@1", 0),
    ("mrr@4", 1 / 2),
    ("ndcg@1", 0),
    ("ndcg@2", (1 / log2(3)) / (1 + 1 / log2(3))),
    ("ndcg@4", (1 / log2(3) + 1 / log2(5)) / (1 + 1 / log2(3))),
]


@pytest.fixture(scope="module")
def four(new_log):
    log = new_log()
    log.show("r1", "abcd")
    log.act("r1", "b")
    log.act("r1", "d")
    return log.run(*(label for label, _ in BY_HAND))


@pytest.mark.parametrize(("label", "by_hand"), BY_HAND)
def test_each_metric_is_what_it_is_by_hand(four, read, label, by_hand):
    assert read.value(four, label) == pytest.approx(by_hand, abs=1e-9)


def test_map_divides_by_all_relevant_items_and_its_variant_by_at_most_k(log, read):
    log.show("r1", "abc")
    for item in "abc":
        log.act("r1", item)
    report = log.run("map@1", "map_min@1")
    assert read.value(report, "map@1") == pytest.approx(1 / 3, abs=1e-9)
    assert read.value(report, "map_min@1") == 1


def test_the_ideal_list_of_ndcg_is_no_longer_than_k(log, read):
    log.show("r1", "abc")
    for item in "abc":
        log.act("r1", item)
    assert read.value(log.run("ndcg@2"), "ndcg@2") == pytest.approx(1)


def test_graded_relevance_takes_the_highest_grade_of_an_item(log, read):
    log.show("r1", "ab")
    log.act("r1", "a")
    log.act("r1", "b", "click")
    log.act("r1", "b", "conversion", minute=2)
    report = log.run("ndcg@2", offline={"relevance": {"click": 1, "conversion": 3}})
    ideal = 3 + 1 / log2(3)
    assert read.value(report, "ndcg@2") == pytest.approx((1 + 3 / log2(3)) / ideal, abs=1e-9)


def test_a_view_is_not_relevance(log, read):
    log.show("r1", "ab")
    log.act("r1", "a", "view")
    log.act("r1", "b")
    assert read.value(log.run("mrr@2"), "mrr@2") == 0.5


def test_an_item_twice_in_a_list_counts_once_at_its_best_rank(log, read):
    log.show("r1", ["a", "b", "b"])
    log.act("r1", "b")
    report = log.run("precision@3", "recall@3", "ndcg@3", "coverage@3")
    assert read.value(report, "precision@3") == pytest.approx(1 / 3)
    assert read.value(report, "recall@3") == 1
    assert read.value(report, "ndcg@3") == pytest.approx(1 / log2(3))
    assert read.value(report, "coverage@3", "lists") == 1


def test_an_item_clicked_twice_is_one_relevant_item(log, read):
    log.show("r1", "ab")
    log.act("r1", "a")
    log.act("r1", "a", minute=2)
    assert read.value(log.run("precision@2"), "precision@2") == 0.5


def test_the_rank_says_where_an_item_stood_whatever_the_order_of_the_list(log, read):
    log.show("r1", [])
    log.rows["exposures"][0]["items"] = [{"item_id": "c", "rank": 5}, {"item_id": "a", "rank": 2}]
    log.act("r1", "c")
    report = log.run("mrr@10", "hitrate@4")
    assert read.value(report, "mrr@10") == pytest.approx(0.2)
    assert read.value(report, "hitrate@4") == 0


def test_an_empty_answer_counts_as_a_request(log, read):
    log.show("r1", "a")
    log.show("r2", [])
    log.act("r1", "a")
    assert read.value(log.run("hitrate@1"), "hitrate@1") == 0.5


def test_catalogue_metrics_by_hand(log, read):
    # Places in the first two: a 3, b 1, c 1; d is known from further down, e only from an outcome.
    log.show("r1", ["a", "b", "d"], user="u1")
    log.show("r2", ["a", "c"], user="u2")
    log.show("r3", ["a"], user="u2")
    log.act("r1", "a")
    log.act("r2", "a")
    log.act("r2", "c")
    log.act("r2", "e", minute=2)
    report = log.run("coverage@2", "novelty@2", "diversity@2", "longtail@2")
    assert read.value(report, "coverage@2", "lists") == 3 / 5
    # Two users acted: a by both, c by one, b by none.
    novelty = (3 * log2(3 / 3) + log2(3 / 1) + log2(3 / 2)) / 5
    assert read.value(report, "novelty@2", "lists") == pytest.approx(novelty)
    assert read.value(report, "diversity@2", "lists") == pytest.approx(-(0.6 * log2(0.6) + 2 * 0.2 * log2(0.2)))
    # The head is one item of five: a.
    assert read.value(report, "longtail@2", "lists") == 2 / 5


def test_rates_over_served_and_viewed_requests(log, read):
    for number in range(4):
        log.show(f"r{number}", "ab")
    log.act("r0", "a", "view")
    log.act("r0", "a", "click", minute=2)
    log.act("r1", "a", "view")
    log.act("r2", "b", "click")  # clicked, though no view was recorded
    log.act("r0", "a", "conversion", minute=3, value=10.10)
    log.act("r0", "b", "conversion", minute=3, value=0.20)
    report = log.run("ctr:served", "ctr:viewed", "conversion_rate", "revenue_per_request:viewed", "revenue_per_request")
    assert read.value(report, "ctr:served") == 0.5
    assert read.value(report, "ctr:viewed", "viewed") == 0.5
    assert read.value(report, "conversion_rate:served") == 0.25
    assert read.value(report, "revenue_per_request:served") == pytest.approx(10.30 / 4)
    assert read.value(report, "revenue_per_request:viewed", "viewed") == pytest.approx(10.30 / 2)


def test_slices_add_up_and_name_what_has_no_value(tiny, read):
    tiny.show("r3", "ab")
    report = tiny.run("ndcg@2", offline={"slice_keys": ["surface"]})
    requests = {s.value: s.metrics[0].requests for s in report.offline.slices}
    assert requests == {"(none)": 1, "home": 1, "pdp": 1}
    assert sum(requests.values()) == report.data.requests


def test_bots_and_our_own_traffic_are_out_and_counted(tiny, read):
    tiny.show("r3", "ab", context={"surface": "home", "traffic": "bot"})
    tiny.act("r3", "a")
    report = tiny.run("hitrate@2")
    assert report.data.requests == 2
    assert report.data.requests_not_by_users == 1
    assert read.dropped(report) == {"not_user_traffic": 1}


def test_a_re_ranked_list_is_judged_in_place_of_the_logged_one(log, read):
    log.show("r1", "abc")
    log.show("r2", "abc")
    log.act("r1", "c")
    log.rank("r1", "cab")
    log.rank("r2", "abc")
    report = log.run("mrr@3")
    assert report.data.lists == "reranked"
    assert report.data.ranker == "candidate"
    assert report.data.candidates == "shown"
    assert read.value(report, "mrr@3", "relevant") == 1


def test_a_relevant_item_the_re_ranked_list_lacks_still_counts_in_recall(log, read):
    log.show("r1", "abc")
    log.act("r1", "a")
    log.act("r1", "c")
    log.rank("r1", "cxy")
    report = log.run("recall@3")
    assert report.data.candidates == "open"
    assert read.value(report, "recall@3") == 0.5
