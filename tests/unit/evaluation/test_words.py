import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.evaluation.parts import Interval
from recsys.evaluation.words import decimals, exact, figure, fixed, percent, span, value_and_span


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.0, "0"),
        (5138.0, "5,138"),
        (0.08107510, "0.08108"),
        (12345.678, "12,345.68"),
        (0.99996, "0.99996"),
        (2.000004, "2.000004"),
    ],
)
def test_a_lone_figure_has_four_digits_and_never_passes_for_a_whole_number(value, text):
    assert figure(value) == text


@given(st.floats(min_value=-900, max_value=900))
def test_a_figure_says_a_whole_number_only_of_one(value):
    text = figure(value)
    assert float(text).is_integer() == value.is_integer()
    assert float(text) == pytest.approx(value, rel=6e-4)


@pytest.mark.parametrize(("value", "text"), [(None, "–"), (0.99996, "0.99996"), (0.95, "0.95"), (1.0, "1")])
def test_a_threshold_is_written_as_it_was_set(value, text):
    assert exact(value) == text


@pytest.mark.parametrize(
    ("value", "low", "high", "texts"),
    [
        (0.14886, 0.13568, 0.16204, ("0.149", "0.136 to 0.162")),
        (0.52, 0.5, 0.54, ("0.520", "0.500 to 0.540")),
        (12.345, 10.02, 14.67, ("12.3", "10.0 to 14.7")),
        (1234.5, 1100.4, 1380.2, ("1,234", "1,100 to 1,380")),
        (0.99962, 0.99950, 0.99974, ("0.99962", "0.99950 to 0.99974")),
        (0.0, 0.0, 0.0, ("0", "0 to 0")),
        (None, 0.1, 0.2, ("–", "0.100 to 0.200")),
    ],
)
def test_a_value_and_its_interval_have_the_same_decimals(value, low, high, texts):
    assert value_and_span(value, Interval(low=low, high=high)) == texts


@given(st.floats(min_value=-10, max_value=10), st.floats(min_value=1e-9, max_value=5))
def test_an_interval_of_some_width_is_never_written_as_a_point(low, width):
    text = span(Interval(low=low, high=low + width))
    left, _, right = text.partition(" to ")
    assert left != right


def test_a_change_shows_its_sign_and_no_negative_zero():
    assert span(Interval(low=-0.0529, high=0.08273), sign=True) == "-0.0529 to +0.0827"
    assert fixed(-0.0001, 2) == "0.00"


def test_figures_that_stand_together_take_the_decimals_of_the_largest():
    places = decimals(0.08108, 0.14887)
    assert (fixed(0.08108, places), fixed(0.14887, places)) == ("0.081", "0.149")


@pytest.mark.parametrize(
    ("share", "text"),
    [(None, "–"), (1.0, "100%"), (0.999999, "just under 100%"), (0.991, "99.10%"), (0.9, "90%"), (1e-6, "under 0.01%")],
)
def test_a_share_is_never_rounded_up_to_all_of_it(share, text):
    assert percent(share) == text
