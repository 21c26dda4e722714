"""What a document finds when its reader comes: the shop, the incident, and what happens meanwhile.

A scene is a function of the shop. It prepares the folder and returns what the document's stage directions do, by name:
a function to call, or commands for the reader's shell.
"""

import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.acceptance.docs.shop import Shop

__all__ = ["SCENES", "Directions"]

Directions = Mapping[str, Callable[[], None] | str]

_A_SERVICE = """\
export KEY=$(recsys keys create --role client | sed -n 2p)
recsys serve --port 8000 --admin-port 8001 > service.log 2>&1 &
until curl -sf -o /dev/null localhost:8000/readyz; do sleep 0.1; done"""
"""In the background of the reader's shell, which ends it by its process id."""


def _people(shop: Shop, visits: int) -> Directions:
    return {"people come": lambda: shop.people(visits)}


def quiet(shop: Shop) -> Directions:
    """A shop as it should be, with some people in."""
    shop.people(60)
    return _people(shop, 60)


def busy(shop: Shop) -> Directions:
    """A shop with enough answers to judge by."""
    shop.people(900)
    return {}


def empty_recommendations(shop: Shop) -> Directions:
    """A recall list was exported without its filter: a rule blocks every item."""
    shop.people(120)
    shop.put_recall_list_without_its_filter()
    shop.people(120)
    return _people(shop, 120)


def relevance_regressed(shop: Shop) -> Directions:
    """A scraper's made-up users were in the export, and the nightly run shipped what they like."""
    shop.people(2000)
    shop.build(shop.export_with_a_scraper(), reason="nightly run")
    shop.people(2000)
    return _people(shop, 400)


def bad_artifacts(shop: Shop) -> Directions:
    """As above, and nobody has waited for the clicks."""
    shop.build(shop.export_with_a_scraper(), reason="nightly run")
    return {}


def bad_config(shop: Shop) -> Directions:
    """Somebody thought that popularity alone would do."""
    return {
        "a bad config": lambda: _put_config(shop),
        "people come": lambda: shop.people(60),
    }


def _put_config(shop: Shop) -> None:
    shop.put_config({"algorithm": "popularity"}, reason="only what is popular")


def stale_artifacts(shop: Shop) -> Directions:
    """The nightly run did not come: the data ends four days ago."""
    shop.build(days_ago=5, reason="nightly run")
    shop.people(60)
    return _people(shop, 60)


def stale_manifest(shop: Shop) -> Directions:
    """A release is committed; then its largest artifact is damaged on disk, before the host has read it."""

    def damage() -> None:
        with shop.follower_standing_still():
            built = shop.build(days_ago=2, reason="nightly run")
            artifact = shop.largest_artifact_of(built)
            artifact.chmod(0o644)
            artifact.write_bytes(artifact.read_bytes()[:-100])

    return {"a service": _A_SERVICE, "a damaged release": damage}


def pipeline_failed(shop: Shop) -> Directions:
    """The export was cut in the middle of a line."""
    with shop.events[0].open("rb+") as file:
        file.seek(-70, 2)
        file.truncate()
    shop.people(60)
    return {}


def store_unavailable(shop: Shop) -> Directions:
    """The directory of the store goes away under a running service, and comes back."""
    return {
        "a service": _A_SERVICE,
        "the store goes away": shop.store_goes_away,
        "the store comes back": shop.store_comes_back,
    }


def some_logs(shop: Shop) -> Directions:
    """Logs of lists that were shown, and the two files of the page as a reader saves them."""
    page = (Path(__file__).parents[3] / "docs/how-to/evaluate-offline.md").read_text()
    for name in ("dataset", "config"):
        first = re.search(rf"^```yaml\n(# {name}\n.*?)^```", page, re.MULTILINE | re.DOTALL)
        assert first is not None
        (shop.folder / f"{name}.yaml").write_text(first[1])
    for stream in ("exposures", "outcomes"):
        logs = shop.folder / "logs" / stream
        logs.mkdir(parents=True)
        shutil.copy(shop.folder / "shop" / f"{stream}.jsonl", logs / "2026.jsonl")
    return {}


SCENES: Mapping[str, Callable[[Shop], Directions]] = {
    "runbooks/empty-recommendations.md": empty_recommendations,
    "runbooks/relevance-regressed.md": relevance_regressed,
    "runbooks/stale-artifacts.md": stale_artifacts,
    "runbooks/stale-manifest.md": stale_manifest,
    "runbooks/pipeline-failed.md": pipeline_failed,
    "runbooks/roll-back-config-or-rules.md": bad_config,
    "runbooks/roll-back-artifacts.md": bad_artifacts,
    "runbooks/hold-and-resume.md": quiet,
    "runbooks/store-unavailable.md": store_unavailable,
    "how-to/evaluate-offline.md": some_logs,
    "how-to/roll-back.md": quiet,
    "how-to/ship-with-evidence.md": busy,
    "how-to/add-a-key.md": lambda _shop: {"a service": _A_SERVICE},
}
"""By the document's path below ``docs``. A document that is not here begins in an empty folder."""
