"""From a broken surface to a verified rollback, as somebody walks it who is woken at night and types like a person."""

import json
import os
import time
from pathlib import Path

import pytest
from tests.integration.console.browsing import expect, picture

pytestmark = pytest.mark.long

KEY_MS = 60
"""Between two keys; 200 characters a minute are a slow typist."""
LOOK_S = 1.0
"""How long a page is looked at before the next click."""


def test_who_is_woken_signs_in_finds_what_broke_and_takes_it_back(browse, shop):
    guest = shop.guest()
    guest.recommend(60)
    bad = guest.block_everything()
    assert not guest.recommend(60)[-1].json["items"]
    page = browse.open("/console")
    began = time.monotonic()
    page.get_by_label("API key").fill(guest.keys["operator"])  # from where secrets are kept: pasted
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#advice")).to_contain_text("Do not ship.")
    _look(page)
    page.get_by_role("link", name="Incident").click()
    page.get_by_role("button", name="Walk the whole checklist").click()
    expect(page.get_by_role("link", name="Or roll back all rules")).to_be_visible()
    _look(page)
    page.get_by_role("link", name="Or roll back all rules").click()
    expect(page.get_by_text("rule removed: recall")).to_be_visible()
    _look(page)
    page.get_by_label("Why").press_sequentially("nobody gets anything", delay=KEY_MS)
    page.get_by_label("to confirm").press_sequentially(guest.tenant, delay=KEY_MS)
    page.get_by_role("button", name="Roll back rules").click()
    expect(page.locator("#proof")).to_contain_text("Verified")
    _tell(time.monotonic() - began)
    picture(page, "verified")
    assert guest.recommend()[0].json["items"]
    assert guest.releases.current().generation == bad + 1


def _look(page):
    page.wait_for_timeout(LOOK_S * 1000)


def _tell(seconds):
    """Keep the figure beside the pictures; how busy the machine of a test is decides nothing."""
    folder = os.environ.get("RECSYS_TEST_PICTURES")
    if folder:
        Path(folder, "within-a-minute.json").write_text(json.dumps({"seconds": round(seconds, 1)}))
    print(f"from the door to a verified rollback: {seconds:.1f} s")
