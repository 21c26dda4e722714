"""The reference page says what the code does: every parameter with its default."""

from pathlib import Path

import msgspec
import pytest

from recsys.pipelines.mapping import CatalogColumns, Constants, EventColumns
from recsys.signals import SIGNALS

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"


@pytest.mark.parametrize("name", sorted(SIGNALS))
def test_every_parameter_stands_on_the_page_with_its_default(name):
    page = (REFERENCE / "signals.md").read_text(encoding="utf-8")
    section = page.split(f"\n## {name}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    documented = {row.split("`")[1]: row.split("|")[2].strip() for row in rows}
    defaults = msgspec.to_builtins(SIGNALS[name].Params())
    assert set(documented) == set(defaults)
    for field, default in defaults.items():
        if isinstance(default, int | float):
            assert float(documented[field]) == default
        elif isinstance(default, dict):
            assert documented[field] == ", ".join(f"`{key}` {value:g}" for key, value in default.items())


def test_every_field_of_a_mapping_stands_on_its_page():
    page = (REFERENCE / "mapping.md").read_text(encoding="utf-8")
    for struct in (EventColumns, Constants, CatalogColumns):
        for field in struct.__struct_fields__:
            assert f"`{field}`" in page, field
