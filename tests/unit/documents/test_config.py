import pytest

from recsys.documents import Config, canonical_config, read_config
from recsys.encoding import Invalid, canonical


def put(**settings: object) -> Config:
    return read_config(canonical(settings))


def test_an_empty_document_is_valid_and_has_every_default():
    config = put()
    assert config.algorithm == "blend"
    assert config.limits.max_k == 200
    assert config.at("home") == config


@pytest.mark.parametrize(
    ("settings", "problem", "suggestion"),
    [
        ({"wieghts": {}}, "unknown field `wieghts`", "did you mean `weights`?"),
        ({"limits": {"maxk": 3}}, "unknown field `maxk` in `limits`", "did you mean `max_k`?"),
        ({"weights": {"populrity": 1}}, "unknown signal `populrity` in `weights`", "did you mean `popularity`?"),
        ({"surfaces": {"home": {"weights": {"coc": 1}}}}, "in `surfaces.home.weights`", "did you mean `cooc`?"),
        ({"signals": {"poplarity": {}}}, "unknown signal `poplarity` in `signals`", "did you mean `popularity`?"),
        (
            {"signals": {"popularity": {"half_life": 3}}},
            "`signals.popularity`: unknown field `half_life`",
            "did you mean `half_life_days`?",
        ),
        ({"surfaces": {"home": {"diversity": {"mmr_lamda": 1}}}}, "mmr_lamda", "did you mean `mmr_lambda`?"),
    ],
)
def test_a_wrong_name_is_refused_with_its_place_and_the_nearest_right_one(settings, problem, suggestion):
    with pytest.raises(Invalid) as refused:
        put(**settings)
    assert problem in refused.value.message
    assert suggestion in refused.value.next_step


@pytest.mark.parametrize(
    "settings",
    [
        {"weights": {"popularity": -0.1}},
        {"weights": {"pop": 1, "popularity": 1}},
        {"weights": {"pop": 1e9}},
        {"exclude_seen": {"days": -1}},
        {"exclude_seen": {"days": 10_000}},
        {"exclude_seen": {"events": [""]}},
        {"exclude_seen": {"events": ["purchase"] * 101}},
        {"exclude_seen": {"event": ["purchase"]}},
        {"surfaces": {"home": {"exclude_seen": {"days": -1}}}},
        {"limits": {"max_k": 0}},
        {"limits": {"max_k": 1001}},
        {"personalization": {"boost": -1}},
        {"diversity": {"mmr_lambda": 1.5}},
        {"diversity": {"max_per_brand": 0}},
        {"freshness_slo_h": 0},
        {"floor_items": ["mug", "mug"]},
        {"floor_items": [""]},
        {"algorithm": "magic"},
        {"signals": {"popularity": {"half_life_days": 0}}},
        {"surfaces": {"Home!": {}}},
        {"surfaces": {"home": {"limits": {"max_k": 0}}}},
        {"surfaces": {"home": {"signals": {"cooc": {"min_support": 0}}}}},
    ],
)
def test_a_value_that_means_nothing_is_refused(settings):
    with pytest.raises(Invalid):
        put(**settings)


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"null", b'{"weights":{"pop":NaN}}', b'{"weights":{"pop":1e999}}', b"\xff"]
)
def test_what_is_not_a_json_object_of_settings_is_refused(data):
    with pytest.raises(Invalid):
        read_config(data)


def test_a_surface_lays_its_own_keys_over_the_tenants():
    config = put(
        weights={"pop": 1, "cooc": 2},
        limits={"max_k": 50, "max_exclude_ids": 7},
        diversity={"mmr_lambda": 0.7, "max_per_brand": 2},
        signals={"popularity": {"half_life_days": 3, "recommended_weight": 0.1}},
        exclude_seen={"events": ["purchase"], "days": 9},
        surfaces={
            "home": {
                "weights": {"cooc": 1},
                "limits": {"max_k": 10},
                "diversity": {"max_per_brand": None},
                "exclude_seen": {"events": []},
                "signals": {"popularity": {"half_life_days": 5}},
            }
        },
    )
    home, pdp = config.at("home"), config.at("pdp")
    assert (home.exclude_seen.events, home.exclude_seen.days) == ((), 9)
    assert pdp.exclude_seen.events == ("purchase",)
    assert home.weights == {"cooc": 1}  # weights replace: a mixture of two sets is nobody's choice
    assert (home.limits.max_k, home.limits.max_exclude_ids) == (10, 7)
    assert (home.diversity.mmr_lambda, home.diversity.max_per_brand) == (0.7, None)
    assert home.signals["popularity"] == {"half_life_days": 5, "recommended_weight": 0.1}
    assert pdp.weights == {"pop": 1, "cooc": 2}
    assert pdp.limits.max_k == 50
    assert home.surfaces == {}


def test_the_stored_form_keeps_what_was_written_and_not_how():
    assert canonical_config(b'{ "limits":{}, "algorithm" : "blend" }') == b'{"algorithm":"blend","limits":{}}'
