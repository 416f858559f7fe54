"""In a real browser the forms and scripts of other sites fail."""

from __future__ import annotations

import pytest


@pytest.fixture
def protected(serve):
    return serve("uvicorn-httptools", "site_protected:app", "--no-proxy-headers")


def test_the_sites_own_form_passes_and_that_of_another_origin_does_not(browser, protected, serve):
    page = browser.open(f"{protected.url}/form")
    page.click("button")
    page.wait_for("document.title == 'Transferred'")
    other = serve("uvicorn-httptools", "site_protected:app")
    page.go(f"{other.url}/form?action={protected.url}/transfer")
    page.click("button")
    page.wait_for("document.body.textContent == 'Forbidden: this request comes from another site'")


def test_a_script_without_the_nonce_does_not_run(browser, protected):
    page = browser.open(f"{protected.url}/page")
    page.wait_for("window.good === true")
    assert page.run("window.bad === undefined")
