"""One sentence over every tenant and surface: can we ship?"""

from recsys.console.health import LAYERS, Seen, headline
from recsys.console.readings import Reading
from recsys.operations.layers import Layer, State, SurfaceHealth, TenantHealth

_WELL = Layer(state="healthy")


def seen(tenant: str = "demo", **surfaces: dict[str, tuple[State, str]]) -> Seen:
    """A tenant whose layers are healthy but for those named, each with its state and why."""
    made = {
        surface: SurfaceHealth(
            **{name: Layer(state=bad[name][0], reasons=(bad[name][1],)) if name in bad else _WELL for name in LAYERS}
        )
        for surface, bad in surfaces.items()
    }
    return Seen(tenant, Reading(TenantHealth(surfaces=made), None, {}, "live", 0.0))


def test_where_all_is_healthy_it_is_safe_to_ship() -> None:
    found = headline([seen(home={}), seen("other", cart={})])
    assert (found.state, found.advice, found.leads) == ("healthy", "Everything is healthy: safe to ship.", None)


def test_what_is_worst_is_named_with_its_reason_and_how_many_are_as_bad() -> None:
    found = headline(
        [
            seen(home={"releases": ("degraded", "held")}, pdp={"serving": ("failing", "empty")}),
            seen("other", cart={"pipelines": ("failing", "too old")}),
        ]
    )
    assert (found.state, found.advice, found.more) == ("failing", "Do not ship.", 1)
    assert (found.what, found.why) == ("serving is failing on demo/pdp", "empty")
    assert found.leads == ("Find the cause", "/console/t/demo/incident")


def test_of_one_tenant_the_surface_is_enough_to_say_where() -> None:
    found = headline([seen(home={"releases": ("degraded", "held")})])
    assert (found.advice, found.what) == ("Look before you ship.", "releases are degraded on home")
    assert found.leads == ("See the releases", "/console/t/demo/releases")


def test_with_the_store_away_that_is_said_and_not_what_follows_from_it() -> None:
    bad = seen(home={"releases": ("failing", "the store does not answer: …"), "pipelines": ("unknown", "away")})
    assert bad.reading is not None
    found = headline([bad._replace(reading=bad.reading._replace(away="no such directory"))])
    assert (found.advice, found.what) == ("Do not ship.", "the store is away")
    assert found.why.startswith("people are answered from this host's own copies")


def test_what_is_not_known_is_not_called_safe() -> None:
    found = headline([seen(home={"evaluation": ("unknown", "no outcomes")})])
    assert (found.state, found.what) == ("unknown", "evaluation is unknown on home")
    found = headline([seen(home={}), Seen("other", None, "gone")])
    assert (found.state, found.what, found.why) == ("unknown", "other cannot be read", "gone")


def test_a_tenant_without_surfaces_serves_nothing_yet() -> None:
    assert headline([seen()]).advice == "Nothing is served yet."
