"""Experiments and exploration as a config says them."""

import pytest

from recsys.documents import read_config
from recsys.encoding import Invalid, canonical


def put(**settings):
    return read_config(canonical(settings))


def ab(**changes):
    variants = {"plain": {"share": 0.5}, "varied": {"share": 0.5, "diversity": {"mmr_lambda": 0.7}}}
    return {"e1": {"type": "ab", "variants": variants, **changes}}


def interleave(**changes):
    return {"e1": {"type": "interleave", "variants": {"a": {}, "b": {"algorithm": "popularity"}}, **changes}}


def test_a_variant_is_laid_over_the_surface_key_by_key():
    config = put(
        weights={"pop": 1},
        diversity={"max_per_brand": 3},
        surfaces={"home": {"personalization": {"boost": 0.2}, "experiments": ab()}},
    )
    variants = config.at("home").variants()
    assert variants["plain"] == config.at("home")
    assert variants["varied"].diversity.mmr_lambda == 0.7
    assert variants["varied"].diversity.max_per_brand == 3
    assert variants["varied"].personalization.boost == 0.2
    assert variants["varied"].weights == {"pop": 1}
    assert config.at("pdp").variants() == {}


def test_a_surface_takes_the_tenants_experiment_or_its_own_or_none():
    config = put(
        experiments=ab(), surfaces={"home": {}, "pdp": {"experiments": interleave()}, "cart": {"experiments": {}}}
    )
    assert [next((e.type for e in config.at(s).experiments.values()), None) for s in ("home", "pdp", "cart")] == [
        "ab",
        "interleave",
        None,
    ]


def test_exploration_is_off_unless_asked_for_and_a_surface_sets_it_key_by_key():
    assert put().exploration.policy == "none"
    config = put(
        exploration={"policy": "plackett_luce", "temperature": 2.0}, surfaces={"home": {"exploration": {"slots": 3}}}
    )
    found = config.at("home").exploration
    assert (found.policy, found.temperature, found.slots) == ("plackett_luce", 2.0, 3)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"experiments": {**ab(), "e2": ab()["e1"]}}, "one experiment runs on a surface at a time"),
        ({"experiments": {"E 1": ab()["e1"]}}, "is not a name"),
        ({"experiments": ab(variants={"a": {"share": 1.0}})}, "2 to 20 are compared"),
        ({"experiments": ab(variants={"a": {"share": 0.5}, "b": {}})}, "each variant needs its `share`"),
        ({"experiments": ab(variants={"a": {"share": 0.5}, "b": {"share": 0.4}})}, "add up to 0.9"),
        ({"experiments": ab(variants={"a": {"share": 1.5}, "b": {"share": -0.5}})}, "must add up to 1"),
        ({"experiments": ab(variants={"a": {"share": 0.5}, "interleaved": {"share": 0.5}})}, "that word"),
        ({"experiments": ab(share=1.1)}, "must lie in 0..1"),
        ({"experiments": ab(unit="browser")}, "Invalid enum value 'browser'"),
        (
            {"experiments": ab(variants={"a": {"share": 0.5}, "b": {"share": 0.5, "weights": {"coc": 1}}})},
            "unknown signal `coc` in `experiments.e1.variants.b.weights`",
        ),
        (
            {"surfaces": {"home": {"experiments": ab(variants={"a": {"share": 0.5}, "b": {"share": 0.5, "k": 1}})}}},
            "unknown field `k`",
        ),
        ({"experiments": interleave(variants={"a": {}, "b": {}, "c": {}})}, "two lists are interleaved"),
        ({"experiments": interleave(variants={"a": {"share": 0.5}, "b": {}})}, "both take turns"),
        ({"experiments": interleave(), "exploration": {"policy": "plackett_luce"}}, "drawn and interleaved"),
        (
            {"experiments": interleave(), "surfaces": {"home": {"exploration": {"policy": "plackett_luce"}}}},
            "`surfaces.home.experiments.e1.variants.a` would be drawn",
        ),
        ({"exploration": {"policy": "greedy"}}, "greedy"),
        ({"exploration": {"temperature": 0}}, "`exploration.temperature` is 0"),
        ({"exploration": {"slots": 0}}, "`exploration.slots` is 0"),
        ({"exploration": {"slots": 51}}, "`exploration.slots` is 51"),
        ({"surfaces": {"home": {"exploration": {"temperature": 1e9}}}}, "`surfaces.home.exploration.temperature`"),
    ],
)
def test_what_is_ambiguous_or_means_nothing_is_refused_with_its_place(settings, problem):
    with pytest.raises(Invalid) as refused:
        put(**settings)
    assert problem in refused.value.message
