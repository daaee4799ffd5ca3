"""The installation as it runs – the Procfile's web server, two processes – and a real browser in front of it.

One installation serves all tests of this folder: each changes rows of its own. Every page a test opens is
watched: an error on the console, a violation of the Content-Security-Policy, an answer of 500 or a request
to any other host fails the test.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from django.core.management import call_command
from django.db import connection
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    sync_playwright,
)
from pytest_django import DjangoDbBlocker

from apps.sandbox.server import SandboxServer
from apps.tenants.scoping import all_companies
from tests.e2e.world import PASSWORD, World, make_world, scenario
from tests.real_services import chromium
from tools import demo, procfile
from tools.processes import Processes

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PICTURES = ROOT / ".cache" / "e2e"
# As root, and without looking for Google's hosts.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage"]
TELL_VIOLATIONS = """
document.addEventListener('securitypolicyviolation',
    (event) => console.error('CSP: ' + event.violatedDirective + ' ' + event.blockedURI));
"""
LOCALES = {"en": "en-US", "de": "de-DE"}
FAILED = pytest.StashKey[bool]()
Visit = Callable[..., Page]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Last and together, however the others are shuffled: the installation is started once."""
    items.sort(key=lambda item: HERE in item.path.parents)


class Watch:
    """What has gone wrong in the pages since it was last emptied."""

    def __init__(self, server: str) -> None:
        self.server = server
        self.faults: list[str] = []

    def over(self, context: BrowserContext) -> None:
        """Watch every page of this context."""
        context.add_init_script(TELL_VIOLATIONS)
        context.on("request", self._asked)
        context.on("response", self._answered)
        context.on("console", self._said)
        context.on("weberror", lambda error: self.faults.append(f"uncaught: {error.error}"))

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.server, "data:", "blob:")):
            self.faults.append(f"request to another host: {request.url}")

    def _answered(self, answer: Response) -> None:
        if answer.status >= 500:
            self.faults.append(f"{answer.status}: {answer.url}")

    def _said(self, line: ConsoleMessage) -> None:
        if line.type == "error":
            self.faults.append(f"console: {line.text}")


class Visitors:
    """The browser profiles of this run, one for each person and language: who has signed in stays so."""

    def __init__(self, browser: Browser, watch: Watch) -> None:
        self.browser = browser
        self.watch = watch
        self.profiles: dict[tuple[str, str], BrowserContext] = {}

    def fresh(self, *, language: str = "en") -> BrowserContext:
        """A profile of nobody's."""
        context = self.browser.new_context(
            base_url=self.watch.server, locale=LOCALES[language], viewport={"width": 1440, "height": 900}
        )
        context.set_default_timeout(10_000)
        self.watch.over(context)
        return context

    def of(self, name: str, *, language: str = "en") -> BrowserContext:
        """The profile of somebody who has signed in with the form."""
        if (name, language) not in self.profiles:
            context = self.profiles[name, language] = self.fresh(language=language)
            page = context.new_page()
            page.goto("/admin/")
            fill_in_the_form(page, name)
            page.close()
        return self.profiles[name, language]

    def pages(self) -> list[Page]:
        return [page for context in self.browser.contexts for page in context.pages]


def database_url() -> str:
    """The tests' own database under the tests' own role, for another process."""
    settings = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{settings['NAME']}"
    login = f"{quote(settings['USER'])}:{quote(settings['PASSWORD'])}"
    return f"postgres://{login}@{settings['HOST']}:{settings['PORT']}/{settings['NAME']}"


@pytest.fixture(scope="package")
def calendar() -> Iterator[SandboxServer]:
    with SandboxServer(port=0, scenario=scenario()) as server:
        yield server


@pytest.fixture(scope="package")
def world(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, calendar: SandboxServer
) -> Iterator[World]:
    """Rows that another process sees: committed, and taken away at the end."""
    # The browser's driver runs an event loop in this thread; the tests still use the database here.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with django_db_blocker.unblock(), all_companies():
        try:
            yield make_world(calendar_url=calendar.base_url)
        finally:
            call_command("flush", verbosity=0, interactive=False)
            connection.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def transactional_db(world: World) -> None:
    """By this name pytest-django knows that a database is wanted; here it is not emptied after each test."""


@pytest.fixture(scope="package")
def server(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the web server, started by the line that production starts it with."""
    port = demo.free_port(0)
    environment = {
        **os.environ,
        "DEBUG": "false",
        "DATABASE_URL": database_url(),
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "WEB_CONCURRENCY": "2",
    }
    logs = tmp_path_factory.mktemp("server")
    with Processes(folder=ROOT, log_folder=logs, environment=environment, patience=5) as processes:
        processes.start("web", ("sh", "-c", procfile.read(ROOT / "Procfile")["web"]))
        demo.wait_for(processes, port=port, path="/health/live/", what="the web server")
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="package")
def watched(server: str) -> Iterator[Visitors]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield Visitors(browser, Watch(server))
        browser.close()
        connection.close()  # the second one (see ``visitors``), whoever has used it last


@pytest.fixture
def visitors(transactional_db: None, watched: Visitors, request: pytest.FixtureRequest) -> Iterator[Visitors]:
    """Whoever visits; a test that fails leaves a picture of each page in .cache/e2e."""
    watched.watch.faults.clear()
    yield watched
    failed = watched.watch.faults or request.node.stash.get(FAILED, False)
    for number, page in enumerate(watched.pages()):
        if failed:
            page.screenshot(path=PICTURES / f"{request.node.name}-{number}.png", full_page=True)
        page.close()
    # While the driver's event loop runs, this thread has a second connection, which nobody else closes.
    connection.close()
    assert watched.watch.faults == []


@pytest.fixture
def visit(visitors: Visitors) -> Visit:
    """``visit(name, "/admin/…", language="en")``: the page, opened by somebody who has signed in."""

    def visited(name: str, path: str = "/admin/", *, language: str = "en") -> Page:
        page = visitors.of(name, language=language).new_page()
        page.goto(path)
        return page

    return visited


def fill_in_the_form(page: Page, name: str, password: str = PASSWORD) -> None:
    """Sign in as somebody would."""
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", password)
    page.click("#login-form button[type=submit]")
    page.wait_for_load_state()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report
