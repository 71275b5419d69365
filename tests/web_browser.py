"""A headless Chromium, and pages in it that may log no error and ask no other host for anything."""

import contextlib
import re
import shutil
from pathlib import Path

import pytest

api = pytest.importorskip("playwright.sync_api")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "google-chrome"))), None)
NEEDS_CHROMIUM = pytest.mark.skipif(
    CHROMIUM is None, reason="needs a Chromium: apt-get install chromium-headless-shell"
)
PATIENCE = 60_000  # milliseconds; the machine may be busy
SIZES = {"desktop": (1280, 800), "phone": (390, 844)}
api.expect.set_options(timeout=PATIENCE)


@contextlib.contextmanager
def launched():
    """The browser."""
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Visitor:
    """Opens pages of an address, and keeps what they log as an error or ask for from elsewhere."""

    def __init__(self, browser, address):
        self.browser, self.address = browser, address
        self.contexts, self.troubles = [], []

    def asked(self, request):
        if not request.url.startswith((self.address, "data:")):
            self.troubles.append(request.url)

    def __call__(self, where="", *, size="desktop", scheme="light", bypass_csp=False):
        width, height = SIZES[size]
        options = {"viewport": {"width": width, "height": height}, "color_scheme": scheme}
        options |= {"reduced_motion": "reduce", "has_touch": size == "phone", "bypass_csp": bypass_csp}
        context = self.browser.new_context(**options)
        self.contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        note = self.troubles.append
        page.on("console", lambda message: message.type in ("error", "warning") and note(message.text))
        page.on("pageerror", lambda error: note(str(error)))
        page.on("request", self.asked)
        page.on("response", lambda response: response.status >= 400 and note(response.url))
        page.goto(self.address + where)
        return page


@contextlib.contextmanager
def visiting(browser, address):
    """At the end no page may have logged an error or asked for anything from elsewhere."""
    go = Visitor(browser, address)
    yield go
    for context in go.contexts:
        context.close()
    assert not go.troubles, go.troubles


def moves(page):
    """The moves on the table, as its list shows them."""
    return [button.inner_text() for button in page.get_by_role("list", name="Moves").get_by_role("button").all()]


def wait_for_moves(page, count):
    page.wait_for_function("count => document.querySelectorAll('.moves .move').length >= count", arg=count)


def column(page, number):
    return page.get_by_role("button", name=re.compile(f"^Column {number}:"))


def settled(page):
    page.wait_for_load_state("networkidle")
    page.wait_for_selector("main h1")
    page.wait_for_function("() => !document.querySelector('[aria-busy]')")


def violations(page):
    """What axe-core finds: names, contrast, roles, structure. The page must have been opened with `bypass_csp`."""
    axe = pytest.importorskip("axe_playwright_python")
    page.add_script_tag(path=Path(axe.__file__).parent / "axe.min.js")
    found = page.evaluate("() => axe.run().then(({violations}) => violations)")
    return [(rule["id"], [node["html"][:200] for node in rule["nodes"]]) for rule in found]
