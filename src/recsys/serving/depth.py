"""How deep JSON may be nested.

The types of the product's port take nothing deep, and say so while they read; a body they refused is looked at here for
the reason. Documents are looked at before they are read.
"""

import re

from recsys.serving.problems import Refusal

__all__ = ["MAX_DEPTH", "check_depth"]

MAX_DEPTH = 32
"""Several times what any request or document needs. Readers have bounds of their own, which differ from one version of
Python to the next; this one is the same everywhere.
"""

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_SHAPE = bytes.maketrans(b"{}", b"[]")
_OTHERS = bytes(one for one in range(256) if one not in b"[]{}")


def check_depth(body: bytes) -> None:
    """Refuse with 422 what is nested deeper. A small body costs two counts; what is no JSON is left to its reader."""
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return
    marks = _STRING.sub(b"", body).translate(_SHAPE, _OTHERS)
    for _ in range(MAX_DEPTH):
        flatter = marks.replace(b"[]", b"")  # takes the innermost level away, everywhere
        if flatter == marks:
            return
        marks = flatter
    if b"[]" in marks:
        raise Refusal(422, "TOO_DEEP", f"the body is nested deeper than {MAX_DEPTH}")
