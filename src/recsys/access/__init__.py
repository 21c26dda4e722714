"""Tenants, keys and roles, and the pseudonyms users are known by."""

from recsys.access.changes import NewKey, adopt_tenant, check_name_free, create_key, create_tenant, revoke_key
from recsys.access.deletion import DeletedTenant, delete_tenant, plan_deletion
from recsys.access.directory import Deletion, Directory, KeyInfo, Principal, Tenant
from recsys.access.errors import HostsTooOld, KeyMissing, MadeAgain, NotRemovedYet, TenantGone
from recsys.access.loading import Standing, load_directory
from recsys.access.pseudonyms import PSEUDONYM_LENGTH, Pseudonyms
from recsys.access.records import AccessBroken
from recsys.access.remains import Remains
from recsys.access.roles import MAY, ROLES, Right, Role, check_role, may

__all__ = [
    "MAY",
    "PSEUDONYM_LENGTH",
    "ROLES",
    "AccessBroken",
    "DeletedTenant",
    "Deletion",
    "Directory",
    "HostsTooOld",
    "KeyInfo",
    "KeyMissing",
    "MadeAgain",
    "NewKey",
    "NotRemovedYet",
    "Principal",
    "Pseudonyms",
    "Remains",
    "Right",
    "Role",
    "Standing",
    "Tenant",
    "TenantGone",
    "adopt_tenant",
    "check_name_free",
    "check_role",
    "create_key",
    "create_tenant",
    "delete_tenant",
    "load_directory",
    "may",
    "plan_deletion",
    "revoke_key",
]
