"""What holds for every test."""

import os

import pytest
from hypothesis import settings

# How long an example takes says how busy the machine is, and nothing about the code. Every push tries other examples:
# seeds differ, so a few each time come to many.
settings.register_profile("suite", deadline=None, max_examples=100 if "RECSYS_TEST_LONG" in os.environ else 40)
settings.load_profile("suite")


_ASKED_FOR = {
    "bench": ("RECSYS_TEST_BENCH", "benchmarks run small by: make test-bench"),
    "long": ("RECSYS_TEST_LONG", "it takes many seconds: make test-long"),
}


def pytest_collection_modifyitems(items):
    """Leave what takes long to who asks for it, so that every push is tested soon."""
    for marker, (variable, reason) in _ASKED_FOR.items():
        if variable not in os.environ:
            for item in items:
                if item.get_closest_marker(marker):
                    item.add_marker(pytest.mark.skip(reason=reason))
