"""What pages are asked about: the words of their addresses that several pages share."""

from typing import Annotated

from litestar.params import QueryParameter

from recsys.operations.doctor import Symptom
from recsys.serving.admin.asking import Surface as OnSurface

__all__ = ["LARGEST", "About", "Generation", "OnSurface"]

LARGEST = 2**53 - 1
"""A larger number is not the same one to every reader of JSON."""

Generation = Annotated[int | None, QueryParameter(ge=1, le=LARGEST, description="A generation.")]
About = Annotated[Symptom | None, QueryParameter(description="What the doctor found before the lever was pulled.")]
