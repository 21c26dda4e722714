"""The pictures of the how-to, taken anew: ``python -m tests.integration.console.pictures``."""

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tests.integration.console.browsing import Browsing, chromium_path, in_use, launched
from tests.integration.console.shops import Console, console

if TYPE_CHECKING:
    from playwright.sync_api import Page

PICTURES = Path(__file__).parents[3] / "docs/how-to/pictures"
_ANSWERS = 60
"""As many as the doctor wants before it judges."""


def take(folder: Path) -> None:
    """Play an incident on a small shop, and keep what the console shows of it."""
    path = chromium_path()
    if path is None:
        sys.exit("no Chromium here: install chromium, or say where one is with RECSYS_TEST_CHROMIUM")
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as place,
        console(Path(place)) as shop,
        launched(path) as browser,
        in_use(browser),
    ):
        browsing = Browsing(browser, shop.url, {})
        page = browsing.open("/console/t/demo/health", to=shop, role="operator", width=1200)

        def keep(name: str, *, seen: str) -> None:
            page.locator(seen).first.wait_for()
            page.evaluate("document.activeElement.blur()")
            page.screenshot(path=folder / f"{name}.png", animations="disabled")

        keep("health", seen="#advice")
        page.goto(f"{shop.url}/console/t/demo/releases")
        keep("releases", seen=".timeline")
        page.goto(f"{shop.url}/console/t/demo/try")
        page.get_by_label("User", exact=False).first.fill("u3")
        page.get_by_role("button", name="Show what they get").click()
        keep("try", seen="table.ranked")
        _break(shop)
        _take_back(page, shop, keep)
        browsing.close()


def _break(shop: Console) -> None:
    shop.past.put_recall_list_without_its_filter()
    shop.served.answers_from(shop.past.tenant.releases.current().generation)
    for number in range(_ANSWERS):
        shop.served.recommend(user={"user_id": f"u{number % 7}"})


def _take_back(page: "Page", shop: Console, keep: "_Keep") -> None:
    page.goto(f"{shop.url}/console/t/demo/incident?symptom=all")
    keep("incident", seen="#result")
    page.get_by_role("link", name="Or roll back all rules").click()
    page.get_by_label("Why").fill("the recall list came without its filter")
    keep("rollback", seen=".preview")
    page.get_by_label("to confirm").fill("demo")
    page.get_by_role("button", name="Roll back rules").click()
    keep("verified", seen="#proof")


class _Keep(Protocol):
    def __call__(self, name: str, *, seen: str) -> None: ...


if __name__ == "__main__":
    take(PICTURES)
