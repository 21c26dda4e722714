"""What tests of pages share: the operators' port with a store, keys of every role and two tenants."""

from tests.unit.console.test_door import door

__all__ = ["door"]
