"""Every command in the documents is run, and prints what the document says."""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.acceptance.docs.scenes import SCENES
from tests.acceptance.docs.session import Command, Direction, Session, steps_of
from tests.acceptance.docs.shop import Shop

from recsys.lab.shop import make_shop

REPOSITORY = Path(__file__).parents[3]
DOCS = REPOSITORY / "docs"
RETAIL = REPOSITORY.parent / "shared/data/online-retail-ii/2009-2010.parquet"
DOCUMENTS = sorted(
    path.relative_to(DOCS).as_posix()
    for folder in ("tutorials", "how-to", "runbooks")
    for path in (DOCS / folder).glob("*.md")
    if steps_of(path)
)
RUNBOOKS = [name for name in DOCUMENTS if name.startswith("runbooks/")]
LESSONS = [name for name in DOCUMENTS if name not in RUNBOOKS]
ALL = os.environ.get("RECSYS_DOCS") == "all"
"""Every document, as `make docs` has it. Else one, so that every push is tested soon."""
ALWAYS = {"runbooks/empty-recommendations.md"}


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that every scene begins with a copy of."""
    folder = tmp_path_factory.mktemp("shop")
    make_shop(folder)
    return folder


@pytest.mark.timeout(300)
@pytest.mark.parametrize("document", LESSONS)
def test_a_reader_who_types_the_commands_sees_what_the_document_says(
    document: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    _play(document, tmp_path, request)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("document", RUNBOOKS)
def test_a_runbook_ends_its_incident(
    document: str, template: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    _play(document, tmp_path, request)


def test_every_scene_belongs_to_a_document() -> None:
    assert set(SCENES) <= set(DOCUMENTS)


def test_every_runbook_is_run_against_an_incident() -> None:
    assert set(RUNBOOKS) <= set(SCENES)


def _play(document: str, folder: Path, request: pytest.FixtureRequest) -> None:
    if document not in ALWAYS and not ALL:
        pytest.skip("it takes its time: executed by `make docs`")
    steps = steps_of(DOCS / document)
    environment = _environment(steps)
    directions: Mapping[str, object] = {}
    if document in SCENES:
        shutil.copytree(request.getfixturevalue("template"), folder, dirs_exist_ok=True)
        directions = SCENES[document](Shop(folder))
    with Session(folder, environment) as session:
        for step in steps:
            if isinstance(step, Command):
                session.run(step)
                continue
            assert step.text in directions, f"{document}:{step.line}: its scene has no `{step.text}`"
            happens = directions[step.text]
            if callable(happens):
                happens()
            else:
                session.run(Command(step.line, str(happens), expected=["…"]))


def _environment(steps: list[Command | Direction]) -> dict[str, str]:
    """Return what the documents may count on, or skip with the reason."""
    typed = "\n".join(step.text for step in steps)
    if "curl " in typed and shutil.which("curl") is None:
        pytest.skip("needs curl, as its reader does")
    environment = {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "EXAMPLES": str(REPOSITORY / "examples"),
        "RECSYS_ACTOR": "you@shop",
        # Oftener than by default, so that a busy machine does not make a reader's `sleep 6` too short.
        "RECSYS_SERVE_HEARTBEAT_S": "1",
        "RECSYS_SERVE_ACCESS_POLL_S": "0.3",
    }
    if "RETAIL" in typed:
        if not RETAIL.exists():
            where = RETAIL.relative_to(REPOSITORY.parent)
            pytest.skip(f"needs the public data set Online Retail II at {where} beside the checkout")
        environment["RETAIL"] = str(RETAIL)
    return environment
