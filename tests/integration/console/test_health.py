"""Health in a browser: what a product owner and whoever is on call see at a glance."""

from tests.integration.console.browsing import check_axe, check_narrow, picture


def test_a_healthy_shop_is_safe_to_ship(browse, shop):
    page = browse.open("/console/t/demo/health", to=shop)
    assert page.locator("#advice").text_content() == "Everything is healthy: safe to ship."
    check_axe(page)
    check_narrow(page)
    picture(page, "health")
