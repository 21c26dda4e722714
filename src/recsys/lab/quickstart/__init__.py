"""``recsys quickstart``: from a stranger's file of orders to recommendations with their titles."""

from recsys.lab.quickstart.run import run

__all__ = ["run"]
