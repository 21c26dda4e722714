import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.documents.parts import config_part, rules_part, with_config_part, with_rules_part
from recsys.encoding import canonical
from recsys.errors import Refused

SURFACES = ["home", "pdp", "cart"]


def rule(number: int, surface: str | None) -> dict[str, object]:
    return {"id": f"{surface}-{number}", "action": "block", "item_ids": ["mug"]} | (
        {"surface": surface} if surface else {}
    )


configs = st.builds(
    lambda k, parts: canonical({"limits": {"max_k": k}} | ({"surfaces": parts} if parts else {})),
    st.integers(1, 9),
    st.dictionaries(st.sampled_from(SURFACES), st.fixed_dictionaries({"freshness_slo_h": st.integers(1, 9)})),
)
rulesets = st.builds(
    lambda picked: canonical(sorted((rule(n, s) for n, s in picked), key=lambda r: str(r["id"]))),
    st.sets(st.tuples(st.integers(0, 3), st.sampled_from([None, *SURFACES]))),
)


@pytest.mark.parametrize(
    ("documents", "part_of", "with_part"),
    [(configs, config_part, with_config_part), (rulesets, rules_part, with_rules_part)],
    ids=["config", "rules"],
)
def test_a_part_put_back_changes_that_surface_and_no_other(documents, part_of, with_part):
    @given(documents, documents)
    def holds(now: bytes, then: bytes) -> None:
        merged = with_part(now, "home", part_of(then, "home"))
        assert part_of(merged, "home") == part_of(then, "home")
        for other in ("pdp", "cart"):
            assert part_of(merged, other) == part_of(now, other)
        assert with_part(merged, "home", part_of(now, "home")) == now

    holds()


def test_a_rule_whose_id_is_used_elsewhere_by_now_does_not_come_back_twice():
    now = canonical([rule(1, None) | {"id": "sale", "surface": "pdp"}])
    then = canonical([rule(1, None) | {"id": "sale", "surface": "home"}])
    with pytest.raises(Refused, match="pdp has that id now"):
        with_rules_part(now, "home", rules_part(then, "home"))


def test_a_config_without_a_part_has_null_for_it():
    assert msgspec.json.decode(config_part(b"{}", "home")) is None
    assert with_config_part(b'{"surfaces":{"home":{}}}', "home", b"null") == b"{}"
