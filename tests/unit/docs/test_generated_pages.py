"""Pages made from the code say what the code says."""

import pytest
from tests.unit.docs.pages import DOCS, GENERATED, REPORT_SCHEMA, report_schema, write

from recsys.operations.doctor import SYMPTOMS


@pytest.mark.parametrize("page", sorted(GENERATED))
def test_the_page_is_what_the_code_says(page: str) -> None:
    assert (DOCS / page).read_text() == write(page), "write it anew: python -m tests.unit.docs.pages"


def test_the_schema_of_reports_that_is_installed_is_what_the_code_writes() -> None:
    assert REPORT_SCHEMA.read_bytes() == report_schema(), "write it anew: python -m tests.unit.docs.pages"


def test_every_symptom_of_the_doctor_is_described() -> None:
    text = (DOCS / "reference/health.md").read_text()
    assert not [symptom for symptom in SYMPTOMS if f"| `{symptom}` |" not in text]
