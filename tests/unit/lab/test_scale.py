"""What the page on scale says is what the command works out, and the claims under it hold in small."""

from collections import Counter
from datetime import date
from pathlib import Path

import duckdb
import pytest

from recsys.lab.bench.history import Shape, make_history
from recsys.lab.scale import fullest, look_for_news, tables

PAGE = Path(__file__).parents[3] / "docs" / "explanation" / "scale.md"


def test_the_page_shows_every_table_as_it_is_worked_out():
    page, found = PAGE.read_text(encoding="utf-8"), tables()
    for name in found.tables:
        assert found.markdown(name) in page, f"{name}: paste what `recsys bench scale` prints"


def test_within_the_budget_each_head_is_asked_for_once_a_second_and_beyond_it_in_turn():
    mean, worst = look_for_news(40, budget_per_s=50)
    assert mean == pytest.approx(0.5, abs=0.2)
    assert worst <= 1.1
    mean, worst = look_for_news(500, budget_per_s=50)
    assert mean == pytest.approx(500 / 50 / 2, rel=0.1)
    assert worst <= 500 / 50 + 1


def test_more_shards_are_less_even():
    assert 1.0 == fullest(1_000_000, 10, 1) <= fullest(1_000_000, 10, 8) < fullest(1_000_000, 10, 512) < 1.2


def test_counts_of_shards_of_users_add_up_to_the_counts_of_all(tmp_path: Path):
    history = make_history(Shape(events=20_000, users=500, items=200), tmp_path, end=date(2026, 11, 28))
    with duckdb.connect() as db:
        db.execute(
            "CREATE TABLE baskets AS SELECT DISTINCT coalesce(user_id, anonymous_id) AS who, session_id AS basket, "
            f"item_id FROM read_parquet('{history.events}')"
        )

        def counted(inside: str) -> Counter[tuple[str, str]]:
            rows = db.execute(
                "SELECT a.item_id, b.item_id, count(DISTINCT a.who) FROM baskets a JOIN baskets b "
                f"ON b.basket = a.basket AND b.item_id > a.item_id WHERE {inside} GROUP BY 1, 2"
            ).fetchall()
            return Counter({(one, other): users for one, other, users in rows})

        whole = counted("true")
        parts = [counted(f"hash(a.who) % 8 = {shard}") for shard in range(8)]
    assert all(parts)
    assert sum(parts, Counter()) == whole
