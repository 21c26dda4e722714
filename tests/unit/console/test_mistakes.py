"""Which line of a document a mistake is on."""

import json

import pytest

from recsys.console.mistakes import spot_of
from recsys.documents import read_config, read_rules
from recsys.encoding import Invalid

RULES = """[
  {
    "id": "sale",
    "action": "boost",
    "target_type": "tag",
    "target_key": "sale, \\"50%\\" [ä]",
    "boost_value": 0.5
  },
  {
    "id": "no 16",
    "action": "block",
    "item_ids": ["i16", "i17"]
  }
]"""
CONFIG = """{
  "weights": {
    "popularity": 0.5,
    "cooc": 1
  },
  "limits": {"max_k": 50},
  "surfaces": {
    "home": {"diversity": {"mmr_lambda": 0.7}},
    "pdp": {
      "weights": {"cooc": 2},
      "signals": {"cooc": {"neighbours": 5}}
    }
  }
}"""


def found(text, check):
    with pytest.raises(Invalid) as told:
        check(text.encode())
    return spot_of(text, told.value, check)


@pytest.mark.parametrize(
    ("old", "new", "line", "path"),
    [
        ('"i17"]', '"i17"],', 13, ""),
        ('"action": "block"', '"action": "blok"', 11, "[1].action"),
        ('"item_ids"', '"itemids"', 12, "[1].itemids"),
        ('"i17"', "17", 12, "[1].item_ids[1]"),
        ('"boost_value": 0.5', '"boost_value": -3', 7, "[0].boost_value"),
        ('"i17"', '"i16"', 12, "[1].item_ids"),
        ('"no 16"', '"sale"', 10, "[1].id"),
        ('"item_ids": ["i16", "i17"]', '"priority": 3', 9, "[1]"),
    ],
)
def test_a_mistake_in_rules_is_found_in_its_line(old, new, line, path):
    spot = found(RULES.replace(old, new), read_rules)
    assert (spot.line, spot.path) == (line, path)


@pytest.mark.parametrize(
    ("old", "new", "line", "path"),
    [
        ('"cooc": 1', '"cooc": "1"', 4, "weights.cooc"),
        ('"cooc": 1', '"coc": 1', 4, "weights.coc"),
        ('"max_k"', '"max_kk"', 6, "limits.max_kk"),
        ("0.7", "7", 8, "surfaces.home.diversity.mmr_lambda"),
        ('"cooc": 2', '"cooc": []', 10, "surfaces.pdp.weights.cooc"),
        ('"neighbours"', '"neighbors"', 11, "surfaces.pdp.signals.cooc.neighbors"),
    ],
)
def test_a_mistake_in_a_config_is_found_in_its_line_also_where_the_error_leaves_names_open(old, new, line, path):
    spot = found(CONFIG.replace(old, new), read_config)
    assert (spot.line, spot.path) == (line, path)


@pytest.mark.parametrize(
    ("text", "line", "column"), [("{", 1, 2), ('{\n "ä": 1,\n}', 3, 1), ('{"a" 1}', 1, 6), ("", 1, 1)]
)
def test_what_is_no_json_is_found_by_line_and_column(text, line, column):
    spot = found(text, read_config)
    assert (spot is None) or (spot.line, spot.column) == (line, column)


def test_a_mistake_of_the_whole_has_no_line():
    assert found("[]", read_config) is None
    assert found(json.dumps({"surfaces": {f"s{number}": {} for number in range(1001)}}), read_config) is None
