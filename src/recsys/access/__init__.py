"""Tenants, keys and roles, and the pseudonyms users are known by."""

from recsys.access.changes import NewKey, create_key, create_tenant, revoke_key
from recsys.access.directory import Directory, KeyInfo, Principal, Tenant, load_directory
from recsys.access.pseudonyms import PSEUDONYM_LENGTH, Pseudonyms
from recsys.access.records import AccessBroken
from recsys.access.roles import MAY, ROLES, Right, Role, check_role, may

__all__ = [
    "MAY",
    "PSEUDONYM_LENGTH",
    "ROLES",
    "AccessBroken",
    "Directory",
    "KeyInfo",
    "NewKey",
    "Principal",
    "Pseudonyms",
    "Right",
    "Role",
    "Tenant",
    "check_role",
    "create_key",
    "create_tenant",
    "load_directory",
    "may",
    "revoke_key",
]
