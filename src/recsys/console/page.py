"""How a page is made: from a template, with nothing from elsewhere and nothing that runs in it but our own files."""

import functools
import json
import math
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from litestar import Response
from markupsafe import Markup, escape

from recsys import __version__
from recsys.console.files import address
from recsys.encoding import Invalid, parse_rfc3339, rfc3339

__all__ = ["POLICY", "Page", "at", "render"]

Page = Response[bytes]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # without it browsers keep back where our own forms come from
    "Vary": "HX-Request",
}


def render(template: str, *, status: int = 200, **facts: Any) -> Page:
    """Make a page of a template and what it is to show."""
    return Response(
        _templates().get_template(template).render(facts).encode(),
        status_code=status,
        media_type="text/html",
        headers=_HEADERS,
    )


def at(tenant: str, *parts: object, **query: object) -> str:
    """Return the address of a tenant's page; what is ``None`` in the query is left out."""
    path = "/".join(quote(str(part), safe="") for part in ("console", "t", tenant, *parts))
    asked = {name: str(value).lower() if value is True else value for name, value in query.items() if value is not None}
    return f"/{path}" + (f"?{urlencode(asked)}" if asked else "")


@functools.cache
def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("recsys.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals.update(version=__version__, static=address, at=at, url=_url, csrf_field=_csrf_field)
    made.filters.update(
        ago=_ago, clock=_clock, count=_count, ms=_ms, seconds=_seconds, share=_share, short=_short, json=_json
    )
    return made


@pass_context
def _url(context: Context, *parts: object, **query: object) -> str:
    return at(context["visit"].tenant, *parts, **query)


@pass_context
def _csrf_field(context: Context) -> Markup:
    return Markup('<input type="hidden" name="form_token" value="{}">').format(context["form_token"])


def _moment(value: str | float) -> tuple[float, str]:
    """Return a moment in seconds since 1970 and as RFC 3339."""
    if isinstance(value, str):
        return parse_rfc3339(value, what="time"), value
    return float(value), rfc3339(value)


def _ago(value: str | float | None) -> Markup:
    """Say how long ago something was, with the moment itself beside it for who points at it."""
    if value is None:
        return Markup("never")
    try:
        moment, named = _moment(value)
    except Invalid:
        return escape(value)
    seconds = time.time() - moment
    words = (
        "just now" if abs(seconds) < 1 else f"in {_seconds(-seconds)}" if seconds < 0 else f"{_seconds(seconds)} ago"
    )
    return Markup('<time datetime="{}" title="{}">{}</time>').format(named, named, words)


def _clock(value: str | float) -> str:
    """Return a moment as people write it, UTC, to the minute."""
    return datetime.fromtimestamp(_moment(value)[0], UTC).strftime("%Y-%m-%d %H:%M UTC")


def _seconds(value: float | None) -> str:
    """Say a time span in its largest unit that is at least one."""
    if value is None:
        return "–"
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if value >= size * (2 if unit == "d" else 1):
            return f"{value / size:.0f} {unit}"
    return f"{value:.0f} s" if value >= 1 or value == 0 else f"{value * 1000:.0f} ms"


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} ms" if value < 10 else f"{value:.0f} ms"


def _share(value: float | None) -> str:
    """Say a share (0..1) in per cent; what is not quite nothing, or not quite all, does not look like it."""
    if value is None or math.isnan(value):
        return "–"
    if 0 < value < 0.001:
        return "< 0.1%"
    if 0.999 < value < 1:
        return "> 99.9%"
    return f"{value:.0%}" if value in (0, 1) else f"{value:.1%}"


def _count(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}" if value >= 1000 or value == int(value) else f"{value:,.4g}"


def _short(digest: str | None) -> str:
    """Return as much of a digest as people compare."""
    return "none" if digest is None else digest.removeprefix("sha256:")[:12]


def _json(value: Any) -> str:
    """Write a value for a ``data-`` attribute; the template escapes it."""
    return json.dumps(msgspec.to_builtins(value) if not isinstance(value, Mapping) else dict(value))
