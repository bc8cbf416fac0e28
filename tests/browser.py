"""A real browser without a window: Chromium, spoken to over WebDriver, which is plain HTTP with JSON.

with browser() as page:      # skips the test where there is no chromium, or it does not start
    page.go("http://127.0.0.1:8088/")
    page.until("document.querySelector('h1')")
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

LIMIT_S = 120.0
BINARIES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,900"]
CONTROL, DOWN, ENTER, ESCAPE = "\ue009", "\ue015", "\ue007", "\ue00c"  # keys, as WebDriver writes them
GONE = ("tab crashed", "not reachable", "disconnected", "invalid session id")
NOT_STARTED = "chromium or chromedriver is not installed, or does not start here"


class Browser:
    """One window."""

    def __init__(self, session: str) -> None:
        self._session = session

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """A command of WebDriver's. Skips the test where the browser itself has crashed."""
        try:
            return _ask(f"{self._session}/{path}", body)
        except AssertionError as why:
            if any(words in str(why) for words in GONE):
                pytest.skip(f"the browser has gone: {why}")
            raise

    def go(self, url: str) -> None:
        """Open a page."""
        self.ask("url", {"url": url})

    def js(self, script: str) -> Any:
        """The value of an expression in the page."""
        return self.ask("execute/sync", {"script": f"return ({script})", "args": []})

    def until(self, script: str) -> Any:
        """Poll until an expression is true; its value. Raises AssertionError with what the page shows."""
        deadline = time.monotonic() + LIMIT_S
        while not (found := self.js(script)):
            if time.monotonic() > deadline:
                raise AssertionError(f"waited in vain for {script}; the page shows:\n{self.text()}")
            time.sleep(0.05)
        return found

    def text(self) -> str:
        """What can be read."""
        return str(self.js("document.body.innerText"))

    def press(self, selector: str, keys: str) -> None:
        """Type into an element, as a hand would."""
        (element,) = self.ask("element", {"using": "css selector", "value": selector}).values()
        self.ask(f"element/{element}/value", {"text": keys})

    def click(self, selector: str) -> None:
        """Click an element."""
        (element,) = self.ask("element", {"using": "css selector", "value": selector}).values()
        self.ask(f"element/{element}/click", {})

    def complaints(self) -> list[str]:
        """What the browser has said is wrong since it was last asked: refused by the policy, not found, thrown."""
        return [entry["message"] for entry in self.ask("se/log", {"type": "browser"}) if entry["level"] == "SEVERE"]


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser, ended with the block."""
    binary = next(filter(None, map(shutil.which, BINARIES)), None)
    driver = shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.skip(NOT_STARTED)
    with subprocess.Popen(
        [driver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            root, session = _started(process, binary)
            try:
                yield Browser(f"{root}/session/{session}")
            finally:
                _ask(f"{root}/session/{session}", method="DELETE")
        finally:
            process.terminate()


def _started(process: subprocess.Popen[str], binary: str) -> tuple[str, str]:
    assert process.stdout is not None
    port = next(
        (line.split("port ")[1].strip(" .\n") for line in process.stdout if "successfully on port" in line), None
    )
    if port is None:
        pytest.skip(NOT_STARTED)
    options = {"binary": str(Path(binary).resolve()) if binary.endswith("chrome") else binary, "args": ARGUMENTS}
    wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
    try:
        made = _ask(f"http://127.0.0.1:{port}/session", {"capabilities": {"alwaysMatch": wanted}})
    except (OSError, AssertionError) as why:
        pytest.skip(f"{NOT_STARTED}: {why}")
    return f"http://127.0.0.1:{port}", str(made["sessionId"])


def _ask(url: str, body: dict[str, Any] | None = None, method: str | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:
            return json.loads(answer.read())["value"]
    except urllib.error.HTTPError as error:
        raise AssertionError(error.read().decode()) from None
