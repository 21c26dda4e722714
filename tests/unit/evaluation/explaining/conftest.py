"""The healthy shop and its report, made once."""

from collections.abc import Callable

import pytest
from tests.unit.evaluation.conftest import Log
from tests.unit.evaluation.explaining.shop import Shop

from recsys.evaluation import Report


@pytest.fixture(scope="session")
def healthy(new_log: Callable[[], Log]) -> Shop:
    return Shop(new_log())


@pytest.fixture(scope="session")
def report(healthy: Shop) -> Report:
    return healthy.run(metrics=("ctr", "revenue_per_request"), slice_keys=("device",))
