"""What the tests of the console stand on: that they see what goes wrong in a browser."""

import asyncio
import re
from contextlib import contextmanager

import pytest
from tests.integration.console.browsing import Browsing, check_axe, check_narrow, picture


@contextmanager
def noticed(browse, pattern):
    yield
    assert any(re.search(pattern, fault) for fault in browse.faults), browse.faults
    browse.faults.clear()


def test_a_page_of_the_port_is_seen_as_it_is(browse):
    page = browse.open("/docs")
    page.get_by_role("heading", level=1).wait_for()
    picture(page, "docs")


def test_what_goes_wrong_on_a_page_is_kept(browse):
    page = browse.open("/docs")
    page.get_by_role("heading", level=1).wait_for()
    with noticed(browse, "console: a complaint"):
        page.evaluate("console.error('a complaint')")
    with noticed(browse, "error: it broke"), page.expect_event("pageerror"):
        page.evaluate("void setTimeout(() => { throw new Error('it broke') })")
    with noticed(browse, r"console: .*404"), page.expect_event("requestfinished"):
        page.evaluate("fetch('/nowhere').then(() => {})")
    with noticed(browse, "left the origin: http://localhost:9/"), page.expect_event("request"):
        page.evaluate("fetch('http://localhost:9/').catch(() => {})")


def test_axe_says_what_is_wrong_and_where(browse):
    page = browse.open("/docs")
    page.get_by_role("heading", level=1).wait_for()
    page.evaluate("document.body.append(document.createElement('button'))")
    with pytest.raises(AssertionError, match="button-name") as told:
        check_axe(page)
    assert "Buttons must have discernible text" in str(told.value)


def test_a_page_too_wide_for_a_telephone_is_named(browse):
    page = browse.open("/healthz")
    check_narrow(page)
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<hr>'); document.querySelector('hr').width = 700")
    with pytest.raises(AssertionError, match="wider than 400 px"):
        check_narrow(page)


def test_other_tests_find_no_event_loop_running(chromium):
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()
    assert asyncio.run(asyncio.sleep(0, "theirs")) == "theirs"
    assert chromium.is_connected()


def test_a_guest_is_served_beside_the_shop(shop):
    guest = shop.guest()
    (answer,) = guest.recommend()
    assert answer.marks == {"a"}
    assert shop.past.tenant.releases.current().generation == 4
