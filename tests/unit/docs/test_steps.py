"""How a document's commands are read, and when what is printed fits it."""

from pathlib import Path

import pytest
from tests.acceptance.docs.session import Command, Direction, Session, steps_of

_PAGE = """\
# A page

```console
$ echo one \\
>   two
one …
```

<!-- stage: people come -->

```console
$ false
[exit 1]
```

```bash
not a command of the test
```
"""


def _steps(tmp_path: Path) -> list[Command | Direction]:
    page = tmp_path / "page.md"
    page.write_text(_PAGE)
    return steps_of(page)


def test_commands_and_stage_directions_come_in_the_order_of_the_page(tmp_path: Path) -> None:
    first, direction, second = _steps(tmp_path)
    assert isinstance(first, Command)
    assert first.text == "echo one \\\n  two"
    assert first.expected == ["one …"]
    assert direction == Direction(9, "people come")
    assert isinstance(second, Command)
    assert second.exit_code == 1


def test_what_fits_passes(tmp_path: Path) -> None:
    with Session(tmp_path, {}) as session:
        for step in _steps(tmp_path):
            if isinstance(step, Command):
                session.run(step)


@pytest.mark.parametrize(
    "command",
    [
        Command(1, "echo a", expected=["b"]),
        Command(1, "echo a; echo b", expected=["a"]),
        Command(1, "true", exit_code=1),
        Command(1, "false"),
    ],
)
def test_what_does_not_fit_fails(command: Command, tmp_path: Path) -> None:
    with Session(tmp_path, {}) as session, pytest.raises(AssertionError, match="line 1"):
        session.run(command)


def test_a_line_of_dots_is_any_number_of_lines(tmp_path: Path) -> None:
    with Session(tmp_path, {}) as session:
        session.run(Command(1, "seq 5", expected=["1", "…", "5"]))
        session.run(Command(1, "seq 2", expected=["1", "…", "2"]))
