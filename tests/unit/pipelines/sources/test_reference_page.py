"""The reference page has every key of every source document, with its default."""

from pathlib import Path

import msgspec
import pytest

from recsys.pipelines.sources import EventLogDocument, FilesDocument, KafkaDocument, PostgresDocument, read_source

PAGE = (Path(__file__).parents[4] / "docs/reference/sources.md").read_text(encoding="utf-8")
TYPES = {"files": FilesDocument, "postgresql": PostgresDocument, "kafka": KafkaDocument, "event_log": EventLogDocument}
NO_VALUE = {"": None, "all": (), "none": {}, "needed": msgspec.NODEFAULT}


def section(name):
    return PAGE.split(f"\n## {name}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize("name", TYPES)
def test_every_key_stands_on_the_page_with_its_default(name):
    rows = [line.split("|") for line in section(name).splitlines() if line.startswith("| `")]
    documented = {row[1].strip().strip("`"): row[2].strip() for row in rows}
    fields = msgspec.structs.fields(TYPES[name])
    assert list(documented) == [field.encode_name for field in fields]
    for field in fields:
        default = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
        said = documented[field.encode_name]
        if said in NO_VALUE:
            assert default == NO_VALUE[said], field.name
        elif isinstance(default, tuple):
            assert said == ", ".join(f"`{one}`" for one in default)
        elif isinstance(default, bool):
            assert said == str(default).lower()
        elif isinstance(default, float):
            assert float(said) == default
        else:
            assert said.strip("`") == default


@pytest.mark.parametrize("name", TYPES)
def test_the_example_of_each_type_is_a_document(name, tmp_path):
    example = section(name).split("```yaml\n")[1].split("```")[0]
    (tmp_path / "source.yaml").write_text(example)
    assert isinstance(read_source(tmp_path / "source.yaml"), TYPES[name])
