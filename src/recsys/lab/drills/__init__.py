"""Every incident as a drill: in a sandbox with the real service, pipelines and store; found, ended, and timed."""

from recsys.lab.drills.running import names, read_scenario, run

__all__ = ["names", "read_scenario", "run"]
