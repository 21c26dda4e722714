"""Quality is measured on what nobody could know, and the figures are what they say."""

import json
import random
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from tests.unit.pipelines.shops import new_shop

from recsys.cli.app import run as command_line
from recsys.errors import Failed, UsageError
from recsys.lab.bench.quality import QualityBench, run
from recsys.lab.bench.quality.fitting import fit
from recsys.lab.bench.quality.judging import Resampling, judge
from recsys.lab.bench.quality.references import references
from recsys.lab.bench.quality.split import Case, Split, Training
from recsys.progress import silent

FIRST = date(2026, 9, 1)
TRAIN_END = date(2026, 10, 10)


def case(history: str, basket: str) -> Case:
    return Case(who=1, history=tuple(history), had=frozenset(history), basket=frozenset(basket))


def orders(*, users: int = 40, items: int = 30, seed: int = 1) -> list[dict[str, object]]:
    """Customers with a taste of their own, who order every ten days or so and come back for some of it."""
    chance = random.Random(seed)
    rows = []
    for user in range(users):
        taste = user % 5
        for visit in range(7):
            day = FIRST + timedelta(days=visit * 10 + chance.randrange(8))
            for _ in range(3):
                item = (taste + 5 * chance.randrange(items // 5)) if chance.random() < 0.8 else chance.randrange(items)
                rows.append(
                    {
                        "ts": f"{day}T{chance.randrange(24):02}:00:00Z",
                        "item_id": f"i{item:02}",
                        "event_type": "purchase",
                        "user_id": f"user-{user}",
                        "session_id": f"{user}-{visit}",
                    }
                )
    return rows


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def catalogue(path: Path) -> Path:
    rows = [{"item_id": f"i{item:02}", "title": f"thing of kind{item % 5} no{item:02}"} for item in range(30)]
    return write(path, rows)


def measured(folder: Path, rows: list[dict[str, object]], **more: object) -> QualityBench:
    settings = {"train_end": TRAIN_END, "start": FIRST, "validation_days": 15, "test_days": 15} | more
    return run(
        events=[str(write(folder / "events.jsonl", rows))],
        catalog=[str(catalogue(folder / "catalog.jsonl"))],
        with_references=bool(settings.pop("with_references", False)),
        progress=silent,
        **settings,
    )


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> QualityBench:
    return measured(tmp_path_factory.mktemp("quality"), orders())


@pytest.mark.bench
def test_what_happens_after_the_split_touches_nothing_that_was_learned(found: QualityBench, tmp_path: Path) -> None:
    """Half of the test period is gone and the other half is other items: weights are fitted to the same digits."""
    rows = [row for row in orders() if str(row["ts"]) < "2026-10-18"]
    for row in rows:
        if str(row["ts"]) >= "2026-10-11":
            row["item_id"] = "i29"
    changed = measured(tmp_path, rows)
    assert changed.fit == found.fit
    assert changed.weights == found.weights
    assert {row.name: row.recall for row in changed.rows} != {row.name: row.recall for row in found.rows}


def test_artifacts_are_the_same_bytes_whatever_comes_after(tmp_path: Path) -> None:
    from recsys.pipelines import run as run_pipelines

    def artifacts(rows: list[dict[str, object]]) -> dict[str, str]:
        events = write(tmp_path / "events.jsonl", rows)
        report = run_pipelines(
            new_shop(),
            surface="home",
            events=events,
            start=FIRST,
            end=Split.at(start=FIRST, train_end=TRAIN_END, validation_days=15, test_days=15).test.trained_to,
            signals=["popularity", "cooc", "implicit"],
            force=True,
            reason="test",
        )
        return {name: signal.artifact for name, signal in report.signals.items()}

    before = [row for row in orders() if str(row["ts"]) < "2026-10-11"]
    assert artifacts(orders()) == artifacts(before)


def test_the_periods_follow_each_other_without_a_gap_or_a_day_in_both() -> None:
    split = Split.at(start=FIRST, train_end=TRAIN_END, validation_days=15, test_days=15)
    assert split.validation.trained_to == date(2026, 9, 25)
    assert split.validation.end == split.test.trained_to == TRAIN_END
    assert (split.test.start, split.test.end) == (date(2026, 10, 11), date(2026, 10, 25))


def test_a_validation_window_with_nothing_to_train_on_before_it_is_refused() -> None:
    with pytest.raises(UsageError, match="training starts on 2026-09-26"):
        Split.at(start=date(2026, 9, 26), train_end=TRAIN_END, validation_days=15, test_days=15)


def test_recall_and_ndcg_are_those_of_a_calculation_by_hand() -> None:
    judged = judge([["a", "x", "b"], ["y"], []], [case("", "abc"), case("", "z"), case("", "a")], k=3)
    best = 1 + 1 / np.log2(3) + 1 / 2
    assert judged.recall == pytest.approx([2 / 3, 0, 0])
    assert judged.ndcg == pytest.approx([(1 + 1 / 2) / best, 0, 0])
    short = judge([["x", "a"]], [case("", "abcdef")], k=2)
    assert short.recall == pytest.approx([1 / 6])
    assert short.ndcg == pytest.approx([1 / np.log2(3) / (1 + 1 / np.log2(3))])


def test_what_was_had_before_is_not_new() -> None:
    assert case("ab", "bc").new_only().basket == {"c"}


def test_intervals_of_paired_differences_cover_the_truth_as_often_as_they_say() -> None:
    chance = np.random.Generator(np.random.PCG64(5))
    covered = 0
    for trial in range(100):
        hard = chance.gamma(2.0, 0.1, 100)  # some baskets are hard for every ranker
        one, other = hard + chance.exponential(0.05, 100), hard + chance.exponential(0.03, 100)
        interval = Resampling(100, seed=trial).mean(one - other)
        covered += interval.low <= 0.02 <= interval.high
    assert 0.88 <= covered / 100 <= 1.0


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.random.Generator(np.random.PCG64(1)).random(50)
    assert Resampling(50, seed=3).mean(values) == Resampling(50, seed=3).mean(values)
    assert Resampling(50, seed=3).mean(values) != Resampling(50, seed=4).mean(values)


def test_coverage_counts_items_in_some_list_and_knows_that_one_list_more_would_show_more() -> None:
    found = Resampling(3, seed=1).coverage([["a", "b"], ["b", "c"], ["b"]], items=10)
    assert found.value == pytest.approx(0.3)
    assert found.low < 0.3 < found.high


def test_weights_are_at_least_as_good_as_every_signal_alone_and_data_without_a_say_changes_none() -> None:
    """NDCG is best at popularity 0.1 beside cooc 1; of session_seq nothing depends."""
    noise = np.random.Generator(np.random.PCG64(2)).normal(0, 0.01, 400)

    def ndcg_of(weights):
        share = weights["popularity"] / sum(weights.values() or [1]) if weights["cooc"] else 1.0
        return 0.3 - abs(share - 0.1) + noise * share

    found = fit(
        ndcg_of,
        ("popularity", "cooc", "session_seq"),
        prior={"popularity": 0.5, "cooc": 1.0, "session_seq": 0.0},
        resampling=Resampling(400, seed=1),
        seed=1,
    )
    signals = ("popularity", "cooc", "session_seq")
    corners = [{name: float(name == only) for name in signals} for only in signals]
    assert all(found.top[0].ndcg.value >= ndcg_of(corner).mean() for corner in corners)
    assert found.chosen.weights == {"popularity": 0.1, "cooc": 1.0, "session_seq": 0.0}
    assert found.chosen.behind.value <= 0.001


@pytest.mark.bench
def test_every_signal_and_the_blend_have_a_row(found: QualityBench) -> None:
    names = [row.name for row in found.rows]
    assert names[:6] == ["popularity", "cooc", "implicit", "content_sim", "session_seq", "blend"]
    assert found.customers == 40
    assert found.newcomers.customers == 0
    assert found.differences[0].name == "blend"
    assert found.fit is not None
    assert all(row.recall.low <= row.recall.value <= row.recall.high for row in found.rows)
    taste = next(row for row in found.rows if row.name == "blend")
    popular = next(row for row in found.rows if row.name == "popularity")
    assert taste.recall.low > popular.recall.high, "the shop's customers have tastes, and lists know them"
    assert "weights of the blend" in found.table()


@pytest.mark.bench
def test_references_are_compared_and_popularity_is_what_a_plain_count_says(tmp_path: Path) -> None:
    report = measured(tmp_path, orders(users=25), weights={"cooc": 1.0}, with_references=True)
    rows = {row.name: row for row in report.rows}
    assert rows["decayed user-days"].recall == rows["popularity"].recall
    assert rows["decayed user-days"].ndcg == rows["popularity"].ndcg
    assert any(found.like for found in report.differences)
    assert report.fit is None
    assert report.weights == {"cooc": 1.0}


@pytest.mark.bench
def test_a_library_that_is_not_there_is_told_and_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    report = measured(tmp_path, orders(users=25), weights={"cooc": 1.0}, with_references=True)
    assert "implicit ALS, best of a grid" in report.left_out
    assert "EASE, from its paper" in [row.name for row in report.rows]
    assert "pip install 'recsys-suite[quality]'" in report.table()


def bought(*baskets: tuple[int, str]) -> Training:
    """Return who took what, basket by basket, a day each."""
    rows = [(who, number, item) for number, (who, items) in enumerate(baskets) for item in items]
    items = sorted({item for _, _, item in rows})
    customer, basket, item = (np.array(column) for column in zip(*rows, strict=True))
    return Training(
        items=items,
        customer=customer.astype(np.int64),
        basket=basket.astype(np.int64),
        item=np.array([items.index(name) for name in item], dtype=np.int64),
        moment=basket * 86400.0,
        day=basket.astype(np.int64),
        number={100 + who: who for who in customer.tolist()},
        last_day=int(basket.max()),
    )


def test_methods_that_know_all_of_a_customers_baskets_count_them_as_their_papers_say() -> None:
    training = bought((0, "ab"), (0, "ac"), (0, "a"), (1, "ad"))
    made = {reference.name: reference.made for reference in references(training, {}, anchors=50)}
    asked = [Case(who=100, history=("a",), had=frozenset("abc"), basket=frozenset("a"))]
    (own,) = made["own baskets, counted"].values()
    assert own()(asked).tolist() == [[3.0, 1.0, 1.0, 0.0]]
    tifu = made["TIFU-KNN, from its paper"]["7 groups, 300 neighbours, within 0.9, over 0.7, own 0.7"]
    old, older = 0.7, 0.7**2  # three baskets are three groups of one
    mine = np.array([1 + old + older, older, old, 0.0]) / 3
    other = np.array([1.0, 0.0, 0.0, 1.0])
    assert tifu()(asked)[0] == pytest.approx(0.7 * mine + 0.3 * other)
    many = bought(*[(0, "a"), (0, "b"), (0, "c"), (0, "d"), (0, "e"), (0, "f"), (1, "a")])
    few = {r.name: r.made for r in references(many, {}, anchors=50)}["TIFU-KNN, from its paper"][
        "3 groups, 900 neighbours, within 0.9, over 0.6, own 0.2"
    ]
    mine = np.array([0.9 * 0.36, 0.36, 0.9 * 0.6, 0.6, 0.9, 1.0]) / 6  # groups of two: means, then the mean of three
    other = np.array([1.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    assert few()(asked)[0] == pytest.approx(0.2 * mine + 0.8 * other)


@pytest.mark.bench
def test_only_the_wanted_kind_of_event_is_to_be_found(tmp_path: Path) -> None:
    """Each visit also looks at something: that is no part of what lists should hold, and a visit of looks is none."""
    rows = [row | {"event_type": "view", "item_id": "i29"} for row in orders(users=25)] + orders(users=25)
    bought_only = measured(tmp_path, rows, weights={"popularity": 1.0}, wanted=("purchase",))
    everything = measured(tmp_path, rows, weights={"popularity": 1.0})
    assert bought_only.customers == everything.customers
    assert "counted are events of type purchase" in bought_only.table()
    popular = {report.wanted: report.rows[0].recall.value for report in (bought_only, everything)}
    assert popular[()] > popular[("purchase",)], "the item everybody looks at is easy to foretell"
    with pytest.raises(Failed, match="nobody who was known"):
        measured(tmp_path, rows, weights={"popularity": 1.0}, wanted=("return",))


def test_a_place_that_cannot_be_written_is_refused_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["bench", "quality", "--events", "nowhere.jsonl", "--train-end", "2026-10-10", "--write-config"]
    assert command_line([*asked, str(tmp_path / "no" / "weights.json")]) == 2
    assert "cannot write" in capsys.readouterr().err


def test_nobody_to_ask_is_an_error_that_says_where_to_look(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="nobody who was known before 2026-12-15"):
        measured(tmp_path, orders(), train_end=date(2026, 12, 29), weights={"cooc": 1.0})


@pytest.mark.bench
def test_the_weights_it_writes_are_a_config_that_is_accepted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events, written = write(tmp_path / "events.jsonl", orders(users=30)), tmp_path / "weights.json"
    asked = ["bench", "quality", "--events", str(events), "--train-end", "2026-10-10", "--start", "2026-09-01"]
    asked += ["--validation-days", "15", "--test-days", "15", "--no-references", "--write-config", str(written)]
    assert command_line([*asked, "--weights", '{"cooc": 1, "implicit": 0.5}', "--json"]) == 0
    shop = new_shop()
    shop.releases.put_config(written.read_bytes())
    assert json.loads(written.read_bytes()) == {"weights": {"cooc": 1.0, "implicit": 0.5}}
    assert json.loads(capsys.readouterr().out)["weights"] == {"cooc": 1.0, "implicit": 0.5}
