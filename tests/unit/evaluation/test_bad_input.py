import json

import pytest

from recsys.errors import UsageError
from recsys.evaluation import evaluate
from recsys.evaluation.errors import BadData, NoBaseline, NotInData, SettingsInvalid

ONE = {"offline": {"metrics": [{"name": "ndcg", "k": 10}]}}


def test_a_misspelt_metric_is_an_error_with_the_nearest_name(tiny):
    with pytest.raises(SettingsInvalid, match=r"unknown metric `ndgc`.*did you mean `ndcg`"):
        tiny.run("ndgc@10")


def test_a_misspelt_key_is_an_error_with_the_nearest_name(tiny):
    with pytest.raises(SettingsInvalid, match=r"unknown field `min_join_rat`.*did you mean `min_join_rate`"):
        tiny.run(integrity={"min_join_rat": 0.5})
    with pytest.raises(SettingsInvalid, match=r"unknown field `outcome`.*did you mean `outcomes`"):
        evaluate(dataset={"outcome": {}}, config=ONE)


def test_a_gate_on_what_is_not_measured_is_an_error(tiny):
    with pytest.raises(NotInData, match=r"gate `ndcg@5`: not among offline.metrics.*did you mean `ndcg@10`"):
        tiny.run("ndcg@10", offline={"gates": [{"metric": "ndcg@5", "max_drop": 0.1}]})


def test_a_gate_without_an_interval_to_decide_by_is_an_error(tiny):
    with pytest.raises(SettingsInvalid, match="no interval to decide by"):
        tiny.run("coverage@5", offline={"gates": [{"metric": "coverage@5", "max_drop": 0.1}]})


def test_a_slice_that_is_not_in_the_data_is_an_error(tiny):
    with pytest.raises(NotInData, match=r"slice key `surfac`.*did you mean `surface`"):
        tiny.run(offline={"slice_keys": ["surfac"]})


def test_a_slice_that_is_an_id_is_an_error(log):
    for number in range(1001):
        log.show(f"r{number}", "a", context={"visit": str(number)})
    log.act("r1", "a")
    with pytest.raises(BadData, match="slice key `visit` has 1001 values"):
        log.run(offline={"slice_keys": ["visit"]})


@pytest.mark.parametrize("label", ["conversion_rate", "revenue_per_request", "ctr:viewed"])
def test_a_rate_of_what_never_happens_is_an_error_not_zero(tiny, label):
    with pytest.raises(NotInData, match="the outcomes hold no"):
        tiny.run(label)


def test_revenue_without_any_value_is_an_error_not_zero(tiny):
    tiny.act("r1", "i2", "conversion")
    with pytest.raises(NotInData, match="no conversion has a value"):
        tiny.run("revenue_per_request")


def test_a_rate_of_a_list_nobody_saw_is_an_error(tiny):
    tiny.rank("r1", ["i2"])
    with pytest.raises(NotInData, match="shown to nobody"):
        tiny.run("ctr")


def test_no_baseline_is_an_error_unless_allowed(tiny):
    with pytest.raises(NoBaseline, match="--allow-no-baseline"):
        evaluate(dataset=tiny.dataset(), config=ONE)


def test_swapped_roles_are_named(tiny):
    dataset = tiny.dataset()
    swapped = {"exposures": dataset["outcomes"], "outcomes": dataset["exposures"]}
    with pytest.raises(BadData, match=r"row of outcome.v1, not of exposure.v1 \(are two inputs swapped\?\)"):
        evaluate(dataset=swapped, config=ONE, allow_no_baseline=True)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"items": [{"item_id": "a", "rank": 0}]}, r"line 2: `items\[0\].rank`: is 0; ranks count from 1"),
        (
            {"items": [{"item_id": "a", "rank": 1}, {"item_id": "b", "rank": 1}]},
            r"line 2: `items\[1\].rank`: 1 is given twice",
        ),
        ({"items": [{"item_id": "", "rank": 1}]}, r"`items\[0\].item_id`: is empty"),
        ({"items": [{"item_id": "a", "rank": 10**9}]}, "no list is that long"),
        ({"items": [{"item_id": "a", "rank": "1"}]}, r"`items\[0\].rank`: Expected `int`, got `str`"),
        ({"request_id": ""}, "`request_id`: is empty"),
        ({"requestid": "r"}, "unknown field `requestid`.*did you mean `request_id`"),
        ({"ts": "2026-11-22 08:00:00"}, "`ts`: .*not an RFC 3339 time with a zone"),
        ({"ts": 1795334400}, "`ts`: Expected `str`, got `int`"),
    ],
)
def test_a_bad_line_is_named_with_its_place_and_reason(tiny, change, says):
    tiny.rows["exposures"][1] |= change
    with pytest.raises(BadData, match=says):
        tiny.run()


def test_a_missing_field_is_named(tiny):
    del tiny.rows["exposures"][1]["items"]
    with pytest.raises(BadData, match=r"line 2: `items`: Object missing required field"):
        tiny.run()


@pytest.mark.parametrize("value", ["NaN", "1e400", "1e13"])
def test_a_value_that_is_no_amount_is_an_error(tiny, value):
    dataset = tiny.dataset()
    path = tiny.folder / "outcomes.jsonl"
    path.write_text(path.read_text().replace("}\n", f', "value": {value}}}\n'))
    with pytest.raises(BadData, match="outcomes: 1 of 1 rows break the schema"):
        evaluate(dataset=dataset, config=ONE, allow_no_baseline=True)


def test_broken_json_is_named_with_its_line(tiny):
    dataset = tiny.dataset()
    path = tiny.folder / "exposures.jsonl"
    path.write_text(path.read_text() + '{"request_id": "torn')
    with pytest.raises(BadData, match=r"exposures.jsonl, line 3"):
        evaluate(dataset=dataset, config=ONE, allow_no_baseline=True)


@pytest.mark.parametrize("role", ["exposures", "outcomes"])
@pytest.mark.parametrize(("content", "says"), [("", "is empty"), ("\n\n", "no rows")])
def test_an_empty_file_is_an_error(tiny, role, content, says):
    dataset = tiny.dataset()
    (tiny.folder / f"{role}.jsonl").write_text(content)
    with pytest.raises(BadData, match=rf"{role}: .*{says}"):
        evaluate(dataset=dataset, config=ONE, allow_no_baseline=True)


def test_a_line_of_sixteen_megabytes_is_an_error_that_names_it(tiny):
    dataset = tiny.dataset()
    path = tiny.folder / "exposures.jsonl"
    row = json.loads(path.read_text().splitlines()[0])
    row["context"] = {"surface": "x" * 16_000_000}
    path.write_text(path.read_text() + json.dumps(row) + "\n")
    with pytest.raises(BadData, match=r"exposures.jsonl, line 3: longer than 16,000,000 bytes"):
        evaluate(dataset=dataset, config=ONE, allow_no_baseline=True)


def test_a_file_without_line_ends_is_refused_without_holding_it(tmp_path):
    from recsys.evaluation import validate

    path = tmp_path / "exposures.jsonl"
    path.write_bytes(b"x" * 40_000_000)
    found = validate(schema="exposure.v1", inputs=path)
    assert (found.rows, found.bad, found.errors[0].line) == (1, 1, 1)


def test_a_file_that_is_not_there_is_an_error(tiny):
    dataset = tiny.dataset() | {"outcomes": {"type": "jsonl", "path": "nowhere/*.jsonl"}}
    with pytest.raises(BadData, match=r"outcomes: no file at .*nowhere"):
        evaluate(dataset=dataset, config=ONE, allow_no_baseline=True)


def test_only_bots_are_nothing_to_judge(log):
    log.show("r1", "a", context={"traffic": "bot"})
    log.act("r1", "a")
    with pytest.raises(BadData, match="no request is by a user"):
        log.run()


@pytest.mark.parametrize(
    ("lists", "says"),
    [
        ([("r1", "a"), ("r2", "b")], "several rankers: a, b"),
        ([("r1", "a"), ("r1", "a")], "request `r1` has more than one list"),
        ([("r9", "a")], "no exposure has request `r9`"),
    ],
)
def test_ranklists_that_cannot_be_judged_are_errors(tiny, lists, says):
    for request, ranker in lists:
        tiny.rank(request, ["i1"], ranker=ranker)
    with pytest.raises(BadData, match=says):
        tiny.run()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("offline: {metrics: [{name: ndcg, k: 10}]}\noffline: {}", "line 2: `offline` is given twice"),
        ("offline: {metrics: []}", "offline.metrics is empty"),
        ("offline: {metrics: [{name: ndcg}]}", "`ndcg` needs k"),
        ("offline: {metrics: [{name: ctr, k: 3}]}", "`ctr` takes no k"),
        ("offline: {metrics: [{name: ndcg, k: 0}]}", "k"),
        ("offline: {metrics: [{name: mrr, k: 1}, {name: mrr, k: 1}]}", "`mrr@1` twice"),
        ("offline: {metrics: [{name: mrr, k: 1}], gates: [{metric: mrr@1}]}", "demands nothing"),
        ("offline: {metrics: [{name: mrr, k: 1}], gates: [{metric: mrr@1, max_drop: .nan}]}", "max_drop"),
        ("offline: {metrics: [{name: mrr, k: 1}], relevance: {click: 0}}", "makes nothing relevant"),
        ("mode: experimnt\noffline: {metrics: [{name: mrr, k: 1}]}", "mode"),
    ],
)
def test_a_config_file_that_means_nothing_is_an_error(tmp_path, text, says):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=says):
        evaluate(dataset={}, config=path)
