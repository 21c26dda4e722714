"""A compiled shelf answers as one made from plain values."""

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from tests.unit.ranking.reference import World, answer
from tests.unit.ranking.worlds import IDS, NOW, requests, worlds
from tests.unit.signals import artifacts

from recsys.catalog import pack_catalog
from recsys.ranking import Ranker
from recsys.ranking.request import RecommendRequest
from recsys.snapshot.compiling import compile_shelf
from recsys.snapshot.shelf import MappedShelf
from recsys.store.columns import Columns


def compiled(world: World) -> tuple[MappedShelf, float, float]:
    """Compile a world's artifacts; their scales are what the artifacts say."""
    pairs = {(a, b): w / 10.0 for a, row in world.cooc.items() for b, w in row.items() if a < b}
    catalog = Columns(pack_catalog(world.rows.values(), tenant="demo"), where="test")
    popularity = Columns(artifacts.popularity(world.popularity), where="test")
    cooc = Columns(artifacts.cooc(pairs), where="test") if pairs else None
    shelf = MappedShelf(Columns(compile_shelf(catalog, [popularity], cooc), where="test"), cooc=cooc)
    return shelf, float(popularity.meta["scale"]), float(cooc.meta["scale"]) if cooc else 1.0


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(world=worlds(), request=requests)
def test_a_compiled_shelf_ranks_as_the_reference(world: World, request: RecommendRequest) -> None:
    if not world.rows or not world.popularity:
        return
    shelf, popularity_scale, cooc_scale = compiled(world)
    both: dict[str, dict[str, float]] = {}
    for a, row in world.cooc.items():
        for b, w in row.items():
            if a < b:
                both.setdefault(a, {})[b] = w / 10.0
                both.setdefault(b, {})[a] = w / 10.0
    same = World(
        items=tuple(world.rows.values()),
        popularity=world.popularity,
        cooc=both,
        rules=world.rules,
        withdrawn=world.withdrawn,
        config=world.config,
        popularity_scale=popularity_scale,
        cooc_scale=cooc_scale,
        segment=world.segment,
    )
    ranker = Ranker(
        shelf,
        config=world.config,
        rules=world.rules,
        withdrawn=world.withdrawn,
        surface="home",
        segment=world.segment,
    )
    found = [(item.item_id, item.score) for item in ranker.recommend(request, now=NOW).items]
    assert found == answer(same, request, now=NOW)


def test_every_item_is_found_by_its_id_and_nothing_else_is(tmp_path: Path) -> None:
    names = [*IDS, *(f"item {number}" for number in range(3000)), "a" * 256, "ü" * 100]
    popularity = Columns(artifacts.popularity(dict.fromkeys(names, 1.0)), where="test")
    shelf = MappedShelf(Columns(compile_shelf(None, [popularity], None), where="test"), cooc=None)
    assert shelf.size == len(names)
    numbers = [shelf.find(name) for name in names]
    assert sorted(numbers) == list(range(len(names)))
    assert [shelf.id_of(number) for number in numbers] == names
    assert [shelf.id_of(number) for number in range(shelf.size)] == sorted(names, key=str.encode)
    for stranger in ("", "item", "item 3000", "item 1 ", "\ud800", "I00"):
        assert shelf.find(stranger) is None
