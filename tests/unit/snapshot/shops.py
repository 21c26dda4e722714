"""Small shops in a store, as the pipelines and the releases would leave them."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
from tests.unit.signals import artifacts

from recsys.catalog import Item, pack_catalog
from recsys.encoding import canonical
from recsys.releases.manifest import ArtifactRef, Manifest, Window
from recsys.releases.record import Release, Surface
from recsys.signals import Heading
from recsys.store import Store, open_store

NOW = 1_764_000_000.0
ITEMS = tuple(
    Item(
        item_id=f"i{number:02d}",
        title=f"Thing {number}",
        tags=("red",) if number % 2 else ("blue", "wool"),
        brand="acme" if number % 3 else None,
        category="hats" if number < 10 else "socks",
        price=float(number),
        available=number != 7,
        countries=("gb",) if number == 9 else (),
        created_at="2026-11-01T00:00:00Z" if number < 15 else None,
    )
    for number in range(20)
)
POPULARITY = {f"i{number:02d}": float(number) for number in range(1, 18)}
COOC = {("i01", "i02"): 0.9, ("i01", "i03"): 0.5, ("i02", "i05"): 0.4, ("i19", "x1"): 0.3}
HEADING = artifacts.HEADING


class Shop:
    """A tenant ``demo`` in a store in memory; every ``put`` returns a digest."""

    def __init__(self, store: Store | None = None) -> None:
        self.store = store or open_store("memory:")

    def put(self, data: bytes, tenant: str = "demo") -> str:
        return self.store.blobs.put(tenant, data)

    def ref(self, data: bytes, *, scope: str = "tenant", segment: str | None = None) -> ArtifactRef:
        return ArtifactRef(
            artifact=self.put(data),
            rows=1,
            size_bytes=len(data),
            scope=scope,
            segment=segment,  # type: ignore[arg-type]
        )

    def manifest(
        self,
        *,
        surface: str = "home",
        catalog: bytes | None = None,
        popularity: bytes | None = None,
        cooc: bytes | None = None,
        more: Mapping[str, tuple[ArtifactRef, ...]] | None = None,
        end: str = "2026-11-22",
    ) -> str:
        signals: dict[str, tuple[ArtifactRef, ...]] = {
            "popularity": (self.ref(popularity or artifacts.popularity(POPULARITY)),),
            "cooc": (self.ref(cooc or artifacts.cooc(COOC)),),
        }
        for name, refs in (more or {}).items():
            signals[name] = (*signals.get(name, ()), *refs)
        manifest = Manifest(
            tenant="demo",
            surface=surface,
            window=Window(start="2026-11-01", end=end),
            inputs="sha256:" + "0" * 64,
            signals=signals,
            catalog=self.ref(catalog or pack_catalog(ITEMS, tenant="demo")),
        )
        return self.put(canonical(manifest))

    def release(
        self,
        *,
        generation: int = 1,
        config: object = None,
        rules: object = None,
        withdrawn: list[str] | None = None,
        manifests: Mapping[str, str] | None = None,
        **more: object,
    ) -> Release:
        release = Release(
            tenant="demo",
            generation=generation,
            log="log",
            attempt="attempt",
            at="2026-11-23T00:00:00Z",
            actor="test",
            action="ship",
            reason="test",
            config=self.put(canonical(config or {})),
            rules=self.put(canonical(rules or [])),
            withdrawn=None if withdrawn is None else self.put(canonical(withdrawn)),
            surfaces={
                name: Surface(manifest=digest)
                for name, digest in (manifests if manifests is not None else {"home": self.manifest()}).items()
            },
        )
        return msgspec.structs.replace(release, **more)


def tree(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def heading(**more: object) -> Heading:
    return msgspec.structs.replace(HEADING, **more)
