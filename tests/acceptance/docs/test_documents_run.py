"""Every command in the documents is run, and prints what the document says."""

import os
import sys
from pathlib import Path

import pytest
from tests.acceptance.docs.session import Session, commands_of

REPOSITORY = Path(__file__).parents[3]
RETAIL = REPOSITORY.parent / "shared/data/online-retail-ii/2009-2010.parquet"
DOCUMENTS = sorted(
    path
    for folder in ("tutorials", "how-to", "runbooks")
    for path in (REPOSITORY / "docs" / folder).glob("*.md")
    if commands_of(path)
)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("document", DOCUMENTS, ids=[path.stem for path in DOCUMENTS])
def test_a_reader_who_types_the_commands_sees_what_the_document_says(document: Path, tmp_path: Path) -> None:
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "EXAMPLES": str(REPOSITORY / "examples"),
    }
    commands = commands_of(document)
    if any("RETAIL" in command.text for command in commands):
        if not RETAIL.exists():
            pytest.skip(
                f"needs the public data set Online Retail II at {RETAIL.relative_to(REPOSITORY.parent)} beside the checkout"
            )
        environment["RETAIL"] = str(RETAIL)
    session = Session(tmp_path, environment)
    try:
        for command in commands:
            session.run(command)
    finally:
        session.close()


def test_the_documents_with_commands_are_found() -> None:
    assert DOCUMENTS
