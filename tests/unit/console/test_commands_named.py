"""Commands that pages name are commands that there are."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer

import recsys.console
from recsys.cli.app import app

TEMPLATES = sorted((Path(recsys.console.__file__).parent / "templates").glob("*.html"))
NAMED = sorted(
    {
        (path.name, " ".join(re.sub(r"{[{%].*?[}%]}", "", named).split()))
        for path in TEMPLATES
        for named in re.findall(r"<code>recsys (.*?)</code>", path.read_text(), re.DOTALL)
    }
)


def test_pages_name_commands() -> None:
    assert len(NAMED) > 10


@pytest.mark.parametrize(("page", "named"), NAMED, ids=[f"{page}-{named[:30]}" for page, named in NAMED])
def test_a_command_that_a_page_names_is_one(page: str, named: str) -> None:
    command: Any = typer.main.get_command(app())
    for word in named.split():
        if not hasattr(command, "commands"):
            break
        if word == "rules":  # whether it switches on or off is said by the page
            return
        assert word in command.commands, f"{page}: recsys {named}"
        command = command.commands[word]
    options = {option for parameter in command.params for option in parameter.opts}
    assert set(re.findall(r"--[a-z-]+", named)) <= options, f"{page}: recsys {named}"
