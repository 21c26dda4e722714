"""The files that pages are made with: scripts, styles, and the two libraries we keep a copy of."""

import functools
import hashlib
from importlib.resources import files
from typing import Annotated

from litestar import Response, get
from litestar.params import PathParameter

from recsys.serving.problems import Refusal

__all__ = ["address", "show_file"]

Version = Annotated[str, PathParameter(description="What is in the file, hashed.")]
Name = Annotated[str, PathParameter(description="The file.")]
_KINDS = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


@functools.cache
def _files() -> dict[str, bytes]:
    """Return what there is, by name: a request names one of these and nothing else."""
    folder = files("recsys.console") / "static"
    found = [("", folder), ("vendor/", folder / "vendor")]
    return {
        f"{prefix}{file.name}": file.read_bytes()
        for prefix, place in found
        for file in place.iterdir()
        if file.name.rpartition(".")[2] in _KINDS
    }


@functools.cache
def address(name: str) -> str:
    """Return where a file is got from. The address changes with what is in it, so a browser may keep it."""
    return f"/console/static/{hashlib.sha256(_files()[name]).hexdigest()[:16]}/{name}"


@get("/static/{version:str}/{name:path}", sync_to_thread=False)
def show_file(version: Version, name: Name) -> Response[bytes]:  # noqa: ARG001 - the version is for caches
    """Send a file."""
    name = name.lstrip("/")
    if name not in _files():
        raise Refusal(404, "NO_ROUTE", "there is no such file")
    return Response(
        _files()[name],
        media_type=_KINDS[name.rpartition(".")[2]],
        headers={"Cache-Control": "public, max-age=31536000, immutable"},
    )
