"""Headless Chromium, driven by its own driver over the W3C WebDriver protocol, with no network."""

import base64
import json
import os
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.waiting import eventually

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""The key under which the protocol names an element."""


@dataclass
class Browser:
    """One window.

    Attributes:
        session: The session's address.
    """

    session: str

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        return _request(method, self.session + path, body)

    def open(self, page: Path, width: int, height: int, *, dark: bool = False, fragment: str = "") -> None:
        """Open a page in a window of this size and wait until its script has run."""
        self.call("POST", "/window/rect", {"width": width, "height": height})
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._devtools("Emulation.setDeviceMetricsOverride", metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._devtools("Emulation.setEmulatedMedia", {"features": [scheme]})
        self.call("POST", "/url", {"url": page.as_uri() + fragment})
        eventually(lambda: self.run("return document.documentElement.dataset.ready"), "the page's script", 60)

    def run(self, script: str, *arguments: object) -> Any:
        """Run a script in the page and return what it returns."""
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def wait_for(self, promise: str) -> Any:
        """Return what becomes of a promise of the page."""
        script = f"const done = arguments[0]; {promise}.then(done, (error) => done(String(error)))"
        return self.call("POST", "/execute/async", {"script": script, "args": []})

    def click(self, selector: str, share: float | None = None) -> None:
        """Click as a person does: only what can be seen; in the middle, or at this share of the width."""
        found = self._find(selector)
        if share is None:
            self.call("POST", f"/element/{found}/click", {})
            return
        self.run("document.querySelector(arguments[0]).scrollIntoView({block: 'center'})", selector)
        width = self.run("return document.querySelector(arguments[0]).clientWidth", selector)
        move = {"type": "pointerMove", "origin": {ELEMENT: found}, "x": round((share - 0.5) * width), "y": 0}
        press = [{"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        self.call("POST", "/actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": [move, *press]}]})

    def grant(self, *permissions: str) -> None:
        """Let pages do what a person would be asked about."""
        self._devtools("Browser.grantPermissions", {"permissions": list(permissions)})

    def saved_into(self, folder: Path) -> Callable[[str], str]:
        """Save files into a folder from now on; return what reads the one that matches a pattern, once it is whole."""
        folder.mkdir()
        self._devtools("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)})
        return lambda pattern: next((path.read_text("utf-8") for path in folder.glob(pattern)), "")

    def type(self, selector: str, text: str) -> None:
        """Type into a field after what is in it."""
        self.call("POST", f"/element/{self._find(selector)}/value", {"text": text})

    def texts(self, selector: str) -> list[str]:
        """Return the texts of the elements."""
        script = "return [...document.querySelectorAll(arguments[0])].map((found) => found.textContent)"
        return list(self.run(script, selector))

    def screenshot(self) -> bytes:
        """Return what the window shows, as PNG."""
        return base64.b64decode(self.call("GET", "/screenshot"))

    def log(self) -> list[str]:
        """Return the errors and warnings since the last call, the favicon's apart."""
        return [entry["message"] for entry in self.call("POST", "/se/log", {"type": "browser"})]

    def _find(self, selector: str) -> str:
        return str(self.call("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT])

    def _devtools(self, command: str, parameters: dict[str, Any]) -> None:
        self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})


@contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    """Start a browser with a profile of its own in the folder; skip the test, by name, where there is none.

    FOREGSYTE_TEST_WITHOUT_BROWSER skips it where there is one too.
    """
    if os.environ.get("FOREGSYTE_TEST_WITHOUT_BROWSER"):
        pytest.skip("optional: FOREGSYTE_TEST_WITHOUT_BROWSER is set")
    binary, driver = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if not binary or not driver:
        pytest.skip("chromium and chromedriver are absent; install the Debian packages of these names")
    log = folder / "chromedriver.log"
    with log.open("wb") as output:
        process = subprocess.Popen([driver, "--port=0"], stdout=output, stderr=subprocess.STDOUT)
    try:
        port = eventually(lambda: re.search(r"successfully on port (\d+)", log.read_text()), "the driver", 60)[1]
        yield from _session(f"http://127.0.0.1:{port}/session", binary, folder)
    finally:
        process.terminate()
        process.wait(30)


def _session(address: str, binary: str, folder: Path) -> Iterator[Browser]:
    options = {"binary": binary, "args": [*FLAGS, f"--user-data-dir={folder / 'profile'}"]}
    wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
    session = _request("POST", address, {"capabilities": {"alwaysMatch": wanted}})
    browser = Browser(f"{address}/{session['sessionId']}")
    try:
        yield browser
    finally:
        browser.call("DELETE", "")


def _request(method: str, url: str, body: dict[str, Any] | None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=100) as answer:
            return json.load(answer)["value"]
    except urllib.error.HTTPError as error:
        raise AssertionError(json.load(error)["value"]["message"]) from error
