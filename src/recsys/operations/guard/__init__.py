"""Guards a running candidate: ends it when it harms people, promotes it when an evaluation says so, else looks on."""

from recsys.operations.guard.judging import Aside, Here
from recsys.operations.guard.terms import Look, Terms
from recsys.operations.guard.watching import Guard

__all__ = ["Aside", "Guard", "Here", "Look", "Terms"]
