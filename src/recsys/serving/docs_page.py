"""The ``/docs`` page: one file without anything from elsewhere, which renders the port's own ``/openapi.json``."""

from importlib.resources import files

__all__ = ["DOCS_HEADERS", "docs_page"]

DOCS_HEADERS = (
    ("content-type", "text/html; charset=utf-8"),
    (
        "content-security-policy",
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
        "base-uri 'none'; frame-ancestors 'none'",
    ),
)


def docs_page() -> bytes:
    """Return the page."""
    return files("recsys.serving").joinpath("docs.html").read_bytes()
