"""The image, as its file tells it: instructions in order."""

import json
from pathlib import Path
from typing import NamedTuple

__all__ = ["REPOSITORY", "Step", "environment", "steps"]

REPOSITORY = Path(__file__).parents[2]


class Step(NamedTuple):
    """One instruction of one stage, counted from 0; before the first stage it is -1."""

    stage: int
    word: str
    rest: str

    @property
    def listed(self) -> list[str]:
        """Return what an instruction in exec form lists."""
        found: list[str] = json.loads(self.rest[self.rest.index("[") :])
        return found


def steps() -> list[Step]:
    text = (REPOSITORY / "deploy/container/Containerfile").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    found, stage = [], -1
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        word, _, rest = line.partition(" ")
        stage += word == "FROM"
        found.append(Step(stage, word, " ".join(rest.split())))
    return found


def environment() -> dict[str, str]:
    """Return what the finished image sets."""
    last = steps()[-1].stage
    pairs = (pair for step in steps() if step.word == "ENV" and step.stage == last for pair in step.rest.split())
    return dict(pair.split("=", 1) for pair in pairs)
