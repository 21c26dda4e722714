"""A real browser in tests: pages as somebody who is signed in sees them, and what may never happen on one."""

import asyncio
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from recsys.access import Role

if TYPE_CHECKING:  # a machine without it skips these tests
    from playwright.sync_api import Browser, BrowserContext, Page

__all__ = [
    "Browsing",
    "Tenanted",
    "check_axe",
    "check_narrow",
    "chromium_path",
    "expect",
    "in_use",
    "launched",
    "picture",
    "tab_to",
]

_ARGUMENTS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_AXE = Path(__file__).with_name("vendor") / "axe.min.js"
_WIDE, _NARROW = {"width": 1280, "height": 800}, {"width": 400, "height": 800}
_PATIENCE_MS = 15_000


class Tenanted(Protocol):
    """A tenant with keys: what a browser signs in to."""

    tenant: str
    keys: Mapping[Role, str]


def chromium_path() -> str | None:
    """Return where a Chromium is: ``RECSYS_TEST_CHROMIUM``, or the first of the usual names on the path."""
    return os.environ.get("RECSYS_TEST_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)


@contextmanager
def launched(path: str) -> "Iterator[Browser]":
    """Run a headless Chromium for a while."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=_PATIENCE_MS)
    sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()  # Chromium as root refuses to run with one
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*_ARGUMENTS, *sandbox])
        loop = asyncio.get_running_loop()
        asyncio._set_running_loop(None)
        yield browser
        asyncio._set_running_loop(loop)
        browser.close()


def expect(what: Any) -> Any:
    """Expect something of a page, as Playwright does; where there is none, no test comes as far as this."""
    from playwright.sync_api import expect as expect_it

    return expect_it(what)


@contextmanager
def in_use(browser: "Browser") -> Iterator[None]:
    """Use a browser for a while. Playwright leaves its event loop marked as running between two calls; tests elsewhere
    run loops of their own, and this process must not seem to be in one.
    """
    asyncio._set_running_loop(browser._loop)
    try:
        yield
    finally:
        asyncio._set_running_loop(None)


class Browsing:
    """Opens pages of one origin, and keeps what went wrong on them: see :attr:`faults`.

    ``states`` holds who signed in already, as cookies by tenant and role: give the same mapping to every test.
    """

    def __init__(self, browser: "Browser", origin: str, states: dict[tuple[str, Role], Any]) -> None:
        self.origin = origin
        self.faults: list[str] = []
        self._browser, self._states = browser, states
        self._contexts: list[BrowserContext] = []
        self._allowed: list[re.Pattern[str]] = []

    def allow(self, pattern: str) -> None:
        """Take a fault that the test brings about on purpose for none: a refusal answered 403, say."""
        self._allowed.append(re.compile(pattern))

    def open(
        self, path: str, *, to: Tenanted | None = None, role: Role = "viewer", dark: bool = False, width: int = 1280
    ) -> "Page":
        """Open a path of the origin: signed in to a tenant as a role, or as nobody.

        Each page has a browser's profile of its own.
        """
        page = self._page(None if to is None else self._signed_in(to, role), dark=dark, width=width)
        page.goto(self.origin + path)
        return page

    def sign_in(self, page: "Page", key: str) -> None:
        """Sign in as people do: fill in the form of the door, and send it."""
        page.goto(f"{self.origin}/console/sign-in")
        page.get_by_label("API key").fill(key)
        page.get_by_role("button", name="Sign in").click()

    def close(self) -> None:
        """Close every page."""
        for context in self._contexts:
            context.close()

    def _page(self, state: Any, *, dark: bool = False, width: int = 1280) -> "Page":
        context = self._browser.new_context(
            storage_state=state,
            color_scheme="dark" if dark else "light",
            viewport={**_WIDE, "width": width},
            locale="en-GB",
        )
        context.set_default_timeout(_PATIENCE_MS)
        self._contexts.append(context)
        page = context.new_page()
        page.on("console", lambda told: self._complained(page, told))
        page.on("pageerror", lambda error: self._fault(page, "error", str(error)))
        page.on("request", lambda request: self._left(page, request.url))
        page.on("requestfailed", lambda request: self._failed(page, request))
        return page

    def _signed_in(self, to: Tenanted, role: Role) -> Any:
        who = (to.tenant, role)
        if who not in self._states:
            context = self._browser.new_context()
            form = {"credential": to.keys[role]}
            answer = context.request.post(f"{self.origin}/console/sign-in", form=form, max_redirects=0)
            assert answer.status == 303, answer.text()
            self._states[who] = context.storage_state()
            context.close()
        return self._states[who]

    def _complained(self, page: "Page", told: Any) -> None:
        if told.type == "error":
            self._fault(page, "console", f"{told.text} ({told.location['url']})")

    def _left(self, page: "Page", url: str) -> None:
        if not url.startswith((self.origin + "/", "data:", "blob:")):
            self._fault(page, "left the origin", url)

    def _failed(self, page: "Page", request: Any) -> None:
        if request.failure != "net::ERR_ABORTED":  # a page that was left while something loaded
            self._fault(page, "request failed", f"{request.url} {request.failure}")

    def _fault(self, page: "Page", kind: str, text: str) -> None:
        fault = f"{page.url}: {kind}: {text}"
        if not any(pattern.search(fault) for pattern in self._allowed):
            self.faults.append(fault)


def check_axe(page: "Page", *, without: tuple[str, ...] = ()) -> None:
    """Fail with what axe-core finds on a page that keeps people from using it; ``without``: rules not looked at.

    It comes in by the debugger's protocol, past the content security policy, which stays in force for the page.
    """
    session = page.context.new_cdp_session(page)
    rules = {rule: {"enabled": False} for rule in without}
    options = json.dumps({"preload": False, "resultTypes": ["violations"], "rules": rules})
    for expression in (_AXE.read_text(), f"axe.run(document, {options}).then(found => found.violations)"):
        told = session.send("Runtime.evaluate", {"expression": expression, "awaitPromise": True, "returnByValue": True})
        assert "exceptionDetails" not in told, told
    session.detach()
    found = told["result"]["value"]
    assert not found, f"axe on {page.url}\n" + "\n".join(_violation(one) for one in found)


def _violation(found: dict[str, Any]) -> str:
    where = [f"    {node['target']}: {node['html'][:200]}\n      {node['failureSummary']}" for node in found["nodes"]]
    return "\n".join([f"  {found['id']} ({found['impact']}): {found['help']}", *where])


def check_narrow(page: "Page") -> None:
    """Fail when a page does not fit a window of 400 px; leaves it wide."""
    page.set_viewport_size(_NARROW)
    beyond = page.evaluate(
        """() => document.documentElement.scrollWidth <= innerWidth ? [] :
             [...document.querySelectorAll("body *")].filter(one => one.getBoundingClientRect().right > innerWidth + 1)
             .map(one => one.outerHTML.slice(0, 120))"""
    )
    page.set_viewport_size(_WIDE)
    assert not beyond, f"{page.url} is wider than 400 px: {beyond[:5]}"


def tab_to(page: "Page", said: str, *, most: int = 60) -> None:
    """Go with the tab key to what is called so, as somebody without a mouse does."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if said in page.evaluate("document.activeElement.innerText || document.activeElement.name || ''"):
            return
    raise AssertionError(f"{said!r} is not reached with {most} tabs on {page.url}")


def picture(page: "Page", name: str) -> None:
    """Take pictures of a page, light, dark and narrow, into the folder that ``RECSYS_TEST_PICTURES`` names."""
    folder = os.environ.get("RECSYS_TEST_PICTURES")
    if not folder:
        return
    for look, scheme, size in (("light", "light", _WIDE), ("dark", "dark", _WIDE), ("narrow", "light", _NARROW)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        page.screenshot(path=Path(folder) / f"{name}-{look}.png", full_page=True, animations="disabled")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(_WIDE)
