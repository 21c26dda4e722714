import pytest
from tests.integration.serving.shops import Shop


@pytest.fixture
def shop(tmp_path):
    """A shop whose generation 2 serves the manifest marked ``a``."""
    made = Shop(tmp_path)
    assert made.ship("a") == 2
    return made
