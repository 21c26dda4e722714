"""The quickstart's guess: which column is which, from strangers' files."""

from pathlib import Path

import pytest

from recsys.errors import UsageError
from recsys.lab.quickstart.guess import guess, mapping_of


def _file(folder: Path, text: str, name: str = "orders.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_an_english_shop_is_understood(tmp_path: Path) -> None:
    found = guess(_file(tmp_path, "Order ID,Order Date,SKU,Product Name\n1,2026-11-01 10:00:00,A,Mug\n"))
    assert found.columns == {"ts": "Order Date", "item_id": "SKU", "session_id": "Order ID", "title": "Product Name"}
    assert (found.first_day, found.last_day) == ("2026-11-01", "2026-11-01")


def test_a_german_shop_is_understood(tmp_path: Path) -> None:
    text = "Bestelldatum;Kundennummer;Artikelnummer;Bezeichnung;Menge\n01.11.2026;7;A;Tasse;1\n"
    found = guess(_file(tmp_path, text))
    assert found.columns["user_id"] == "Kundennummer"
    assert found.columns["item_id"] == "Artikelnummer"
    assert found.time_format == "%d.%m.%Y"


def test_day_and_month_are_read_so_that_no_order_lies_in_the_future(tmp_path: Path) -> None:
    found = guess(_file(tmp_path, "date,sku,customer\n01/12/2026,A,1\n02/12/2026,B,1\n"))
    assert found.time_format == "%m/%d/%Y"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("date,sku,customer\n", "has no rows"),
        ("sku,customer\nA,1\n", "when something was bought"),
        ("date,customer\n2026-11-01,1\n", "which item was bought"),
        ("date,sku\n2026-11-01,A\n", "who bought"),
        ("date,sku,customer\nyesterday,A,1\n", "in no way we know: 'yesterday'"),
    ],
)
def test_what_is_missing_is_said(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        guess(_file(tmp_path, text))


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not CSV, JSONL or Parquet"):
        guess(_file(tmp_path, "x", name="orders.xlsx"))


def test_returns_and_gifts_are_left_out_by_name(tmp_path: Path) -> None:
    mapping = mapping_of(guess(_file(tmp_path, "date,sku,customer,qty,price\n2026-11-01,A,1,1,2.50\n")))
    assert [filter_["name"] for filter_ in mapping["filters"]] == ["no item", "returns", "not paid for"]
