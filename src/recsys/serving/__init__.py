"""The service: a supervisor, a follower, workers that answer, and the operators' port.

Light on purpose, because every worker imports it: ``recsys.serving.supervisor.serve`` runs a service here,
``recsys.serving.process.ServiceProcess`` runs one beside.
"""

from recsys.serving.settings import Setting, Settings, read_settings, settings_table

__all__ = ["Setting", "Settings", "read_settings", "settings_table"]
