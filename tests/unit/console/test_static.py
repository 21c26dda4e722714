"""The files that pages are made with."""

import hashlib
import re
from pathlib import Path

import recsys.console

STATIC = Path(recsys.console.__file__).parent / "static"
LISTED = Path(__file__).parents[3] / "docs/reference/dependencies.md"


def test_the_copies_are_those_that_are_listed() -> None:
    listed = dict(re.findall(r"\| `([\w.-]+\.(?:js|css))` \|.*\| `([0-9a-f]{64})` \|", LISTED.read_text()))
    kept = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (STATIC / "vendor").glob("*.*s")}
    assert kept == listed
    assert len(kept) == 3


def test_each_copy_has_its_licence_beside_it() -> None:
    for library in {path.name.split("-")[0] for path in (STATIC / "vendor").glob("*.js")}:
        assert (STATIC / "vendor" / f"{library}.LICENSE").stat().st_size > 100


def test_our_own_scripts_evaluate_nothing() -> None:
    for path in STATIC.glob("*.js"):
        assert not re.search(r"\beval\(|new Function|document\.write", path.read_text()), path.name
