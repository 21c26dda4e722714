"""Whatever a page or the code points at is there."""

import re
from pathlib import Path

import pytest
from tests.unit.docs.pages import DOCS

REPOSITORY = DOCS.parent
PAGES = [REPOSITORY / "README.md", REPOSITORY / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]

_LINK = re.compile(r"\[[^\]]*\]\((?P<to>[^)\s]+)\)")
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def _slug(heading: str) -> str:
    """Name a heading's anchor as GitHub does: lower case, no punctuation, hyphens for spaces."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def _anchors(page: Path) -> set[str]:
    return {_slug(line.lstrip("#")) for line in _FENCED.sub("", page.read_text()).splitlines() if line.startswith("#")}


@pytest.mark.parametrize("page", PAGES, ids=[page.relative_to(REPOSITORY).as_posix() for page in PAGES])
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in _LINK.finditer(_FENCED.sub("", page.read_text())):
        to, _, anchor = link["to"].partition("#")
        if "://" in to:
            continue
        target = (page.parent / to).resolve() if to else page
        assert target.exists(), f"{page.name}: {link['to']}"
        if anchor:
            assert anchor in _anchors(target), f"{page.name}: {link['to']}"


def test_every_page_the_code_names_is_there() -> None:
    named = {
        path
        for source in (REPOSITORY / "src").rglob("*.py")
        for path in re.findall(r"docs/[\w/-]+\.md", source.read_text())
    }
    assert {path for path in named if path.startswith("docs/runbooks/")}, "the doctor names runbooks"
    assert not {path for path in named if not (REPOSITORY / path).exists()}


def test_the_index_lists_every_page() -> None:
    listed = {
        (DOCS / link["to"].partition("#")[0]).resolve() for link in _LINK.finditer((DOCS / "index.md").read_text())
    }
    pages = {path for path in (*DOCS.rglob("*.md"), *DOCS.rglob("*.ipynb")) if path.parent.name not in ("docs", "adr")}
    assert not {path.relative_to(DOCS).as_posix() for path in pages - listed}


def test_no_page_names_a_path_of_one_machine() -> None:
    for page in [*PAGES, *DOCS.rglob("*.ipynb")]:
        assert not re.search(r"/(work|home|root|Users)/\w", page.read_text()), page.name
