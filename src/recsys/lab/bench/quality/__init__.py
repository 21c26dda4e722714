"""How good recommendations are: on events, split in time, against the same methods by others."""

from recsys.lab.bench.quality.report import QualityBench
from recsys.lab.bench.quality.run import run

__all__ = ["QualityBench", "run"]
