"""The operators' port: health, metrics and the levers. A process of its own, free to be slow.

One file per topic holds its routes; ``app`` puts them together, with those of rooms above this one; ``described`` reads
what the OpenAPI says of a route off the route itself.
"""

from recsys.serving.admin.app import ROUTES, admin_app
from recsys.serving.admin.asking import Key, Reason, Request, Tenant, aside, office_of, said
from recsys.serving.admin.process import serve_operators

__all__ = [
    "ROUTES",
    "Key",
    "Reason",
    "Request",
    "Tenant",
    "admin_app",
    "aside",
    "office_of",
    "said",
    "serve_operators",
]
