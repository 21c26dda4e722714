"""The filters of the templates: what people read for a figure, a moment, a digest."""

import json
import math
import re
import time

import msgspec
import pytest

from recsys.console.page import _templates, at

FILTERS = _templates().filters
AT_S = 1_800_000_000.0
AT = "2027-01-15T08:00:00.000Z"


class Pair(msgspec.Struct):
    a: int
    b: tuple[int, ...]


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (None, "–"),
        (math.nan, "–"),
        (0, "0%"),
        (0.0004, "< 0.1%"),
        (0.001, "0.1%"),
        (0.123456, "12.3%"),
        (0.999, "99.9%"),
        (0.9996, "> 99.9%"),
        (1 - 1e-12, "> 99.9%"),
        (1.0, "100%"),
    ],
)
def test_what_is_not_quite_nothing_or_all_does_not_look_like_it(share: float | None, said: str) -> None:
    assert FILTERS["share"](share) == said


@pytest.mark.parametrize(
    ("span_s", "said"),
    [
        (None, "–"),
        (0, "0 s"),
        (0.25, "250 ms"),
        (1, "1 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3_600, "1 h"),
        (86_400, "24 h"),
        (172_800, "2 d"),
    ],
)
def test_a_time_span_is_said_in_its_largest_unit(span_s: float | None, said: str) -> None:
    assert FILTERS["seconds"](span_s) == said


@pytest.mark.parametrize(
    ("ago_s", "said"), [(0.0, "just now"), (180.0, "3 min ago"), (-7_200.0, "in 2 h"), (400_000.0, "5 d ago")]
)
def test_a_moment_is_said_from_now_with_itself_beside_it(
    monkeypatch: pytest.MonkeyPatch, ago_s: float, said: str
) -> None:
    monkeypatch.setattr(time, "time", lambda: AT_S + ago_s)
    assert str(FILTERS["ago"](AT_S)) == str(FILTERS["ago"](AT)) == f'<time datetime="{AT}" title="{AT}">{said}</time>'


def test_what_is_no_moment_is_never_or_stays_as_it_is() -> None:
    assert FILTERS["ago"](None) == "never"
    assert FILTERS["ago"]("<b>") == "&lt;b&gt;"


@pytest.mark.parametrize("moment", [AT_S, AT, AT_S + 59])
def test_a_clock_goes_to_the_minute(moment: float | str) -> None:
    assert FILTERS["clock"](moment) == "2027-01-15 08:00 UTC"


@pytest.mark.parametrize(("took_ms", "said"), [(None, "–"), (0.04, "0.0 ms"), (9.44, "9.4 ms"), (12.6, "13 ms")])
def test_milliseconds_have_a_decimal_while_they_are_few(took_ms: float | None, said: str) -> None:
    assert FILTERS["ms"](took_ms) == said


@pytest.mark.parametrize(
    ("number", "said"), [(None, "–"), (0, "0"), (12, "12"), (1_234_567, "1,234,567"), (1_234.5, "1,234"), (0.5, "0.5")]
)
def test_a_count_has_commas(number: float | None, said: str) -> None:
    assert FILTERS["count"](number) == said


def test_a_digest_is_as_long_as_people_compare() -> None:
    assert FILTERS["short"](None) == "none"
    assert FILTERS["short"]("sha256:" + "ab" * 32) == FILTERS["short"]("ab" * 32) == "ab" * 6


def test_what_scripts_read_is_json() -> None:
    assert json.loads(FILTERS["json"](Pair(a=1, b=(2, 3)))) == {"a": 1, "b": [2, 3]}
    assert json.loads(FILTERS["json"]({"x": [1.5], "none": None})) == {"x": [1.5], "none": None}


def test_it_cannot_end_its_attribute() -> None:
    page = _templates().from_string("<p data-x='{{ value | json }}'>").render(value={"x": "'>\"<"})
    assert not re.search("['\"<>]", page[len("<p data-x='") : -len("'>")])


def test_an_address_says_what_is_asked_and_leaves_out_what_is_not() -> None:
    assert at("demo", "try", "a/b", surface=None, k=3, on=True) == "/console/t/demo/try/a%2Fb?k=3&on=true"
