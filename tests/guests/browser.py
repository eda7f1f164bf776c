"""A real browser, for the guests whose pages are made by their scripts."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException, TimeoutException
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from tests.test_docs_browser import BROWSER, DRIVER, FLAGS

# Seconds until a page shows what it is asked for.
PATIENCE = 45.0


def is_installed() -> bool:
    """Tell whether there is a browser and its driver."""
    return bool(BROWSER and DRIVER)


@contextmanager
def open_browser(folder: Path) -> Iterator[Chrome]:
    """Open a browser that keeps what it writes in a folder."""
    options = ChromeOptions()
    options.binary_location = str(BROWSER)
    for flag in [*FLAGS, f"--user-data-dir={folder}"]:
        options.add_argument(flag)
    driver = Chrome(options=options, service=ChromeService(str(DRIVER)))
    try:
        yield driver
    finally:
        driver.quit()


def shown(browser: Chrome, text: str) -> None:
    """Wait until the page shows a text; raise AssertionError with what it shows instead."""
    wait_for(browser, lambda page: text in page.find_element(By.TAG_NAME, "body").text, f"no {text!r}")


def found(browser: Chrome, selector: str) -> WebElement:
    """Wait for an element that can be seen, by its CSS selector, and return it."""

    def visible(page: Chrome) -> WebElement | None:
        return next((each for each in page.find_elements(By.CSS_SELECTOR, selector) if each.is_displayed()), None)

    element: WebElement = wait_for(browser, visible, f"no {selector}")
    return element


def wait_for(browser: Chrome, condition: Callable[[Chrome], Any], missing: str) -> Any:
    """Wait until a condition holds and return it; raise AssertionError with what the page shows instead."""
    try:
        wait = WebDriverWait(
            browser, PATIENCE, ignored_exceptions=[NoSuchElementException, StaleElementReferenceException]
        )
        return wait.until(condition)
    except TimeoutException:
        body = browser.find_element(By.TAG_NAME, "body").text
        raise AssertionError(f"{missing} at {browser.current_url}, which shows {body[:300]!r}") from None
