"""A compiled shelf answers as one made from plain values."""

import dataclasses
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from tests.unit.ranking.reference import World, answer
from tests.unit.ranking.worlds import IDS, NOW, requests, worlds
from tests.unit.signals import artifacts

from recsys.catalog import pack_catalog
from recsys.ranking import Ranker
from recsys.ranking.request import RecommendRequest
from recsys.signals.neighbours import pack_neighbours
from recsys.snapshot.compiling import compile_shelf
from recsys.snapshot.shelf import MappedShelf
from recsys.store.columns import Columns, Malformed


def artifact(signal: str, near: dict[str, dict[str, float]], scaled: float = 1.0) -> Columns | None:
    """Write what an item-to-item signal knows; ``None`` for nothing, which is no artifact."""
    pairs = {(a, b): weight / scaled for a, row in near.items() for b, weight in row.items()}
    if not pairs:
        return None
    return Columns(pack_neighbours(signal, artifacts.neighbours(pairs), artifacts.HEADING), where="test")


def compiled(world: World) -> tuple[MappedShelf, World]:
    """Compile a world's artifacts; return the world with what these say: their scales, and no empty signal."""
    catalog = Columns(pack_catalog(world.rows.values(), tenant="demo"), where="test")
    popularity = Columns(artifacts.popularity(world.popularity), where="test")
    found = {"cooc": artifact("cooc", world.cooc, 10.0)}
    found |= {signal: artifact(signal, near) for signal, near in world.cosines.items()}
    near = {signal: columns for signal, columns in found.items() if columns is not None}
    shelf = MappedShelf(Columns(compile_shelf(catalog, [popularity], near), where="test"), near)
    return shelf, dataclasses.replace(
        world,
        cooc={a: {b: weight / 10.0 for b, weight in row.items()} for a, row in world.cooc.items()},
        cosines={signal: known for signal, known in world.cosines.items() if signal in near},
        popularity_scale=float(popularity.meta["scale"]),
        cooc_scale=float(near["cooc"].meta["scale"]) if "cooc" in near else 1.0,
        items=tuple(world.rows.values()),
    )


@settings(suppress_health_check=list(HealthCheck))
@given(world=worlds(), request=requests)
def test_a_compiled_shelf_ranks_as_the_reference(world: World, request: RecommendRequest) -> None:
    if not world.rows or not world.popularity:
        return
    shelf, same = compiled(world)
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


def test_a_shelf_and_the_neighbours_of_another_are_not_opened_together() -> None:
    popularity = Columns(artifacts.popularity({"a": 1.0}), where="test")
    near = artifact("implicit", {"a": {"b": 0.5}})
    assert near is not None
    made = Columns(compile_shelf(None, [popularity], {"implicit": near}), where="test")
    assert MappedShelf(made, {"implicit": near}).signals == {"popularity", "implicit"}
    for other in ({}, {"content_sim": near}, {"implicit": near, "cooc": near}):
        with pytest.raises(Malformed, match="do not belong together"):
            MappedShelf(made, other)


def test_every_item_is_found_by_its_id_and_nothing_else_is(tmp_path: Path) -> None:
    names = [*IDS, *(f"item {number}" for number in range(3000)), "a" * 256, "ü" * 100]
    popularity = Columns(artifacts.popularity(dict.fromkeys(names, 1.0)), where="test")
    shelf = MappedShelf(Columns(compile_shelf(None, [popularity], {}), where="test"), {})
    assert shelf.size == len(names)
    numbers = [shelf.find(name) for name in names]
    assert sorted(numbers) == list(range(len(names)))
    assert [shelf.id_of(number) for number in numbers] == names
    assert [shelf.id_of(number) for number in range(shelf.size)] == sorted(names, key=str.encode)
    for stranger in ("", "item", "item 3000", "item 1 ", "\ud800", "I00"):
        assert shelf.find(stranger) is None
