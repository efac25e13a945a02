"""A headless Chromium driven through chromedriver's W3C WebDriver protocol, with the standard library alone.

Only what the page tests need: https://www.w3.org/TR/webdriver2/
"""

import base64
import contextlib
import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
CHROMEDRIVER = shutil.which("chromedriver")
_ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
)
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class Browser:
    """One browser window."""

    def __init__(self, base: str) -> None:
        self._base = base

    def command(self, path: str, body: dict | None = None, method: str | None = None):
        """Sends one WebDriver command and returns its value; RuntimeError with the driver's words on an error."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._base + path, data, method=method)
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            with error:
                message = json.load(error)["value"]["message"]
            raise RuntimeError(f"{path}: {message}") from None

    def open(self, page: Path, fragment: str = "") -> None:
        """Loads a local page afresh."""
        self.command("/url", {"url": "about:blank"})
        self.command("/url", {"url": page.resolve().as_uri() + fragment})

    def run(self, script: str, *arguments):
        """Runs JavaScript, the body of a function of `arguments`, and returns what it returns."""
        return self.command("/execute/sync", {"script": script, "args": list(arguments)})

    def find(self, css: str) -> str:
        """Id of the first element that a selector names."""
        return self.command("/element", {"using": "css selector", "value": css})[_ELEMENT]

    def click(self, css: str) -> None:
        """Clicks as a person does; an error where something covers the element."""
        self.command(f"/element/{self.find(css)}/click", {})

    def type(self, css: str, keys: str) -> None:
        """Focuses an element and presses keys."""
        self.command(f"/element/{self.find(css)}/value", {"text": keys})

    def press(self, key: str) -> None:
        """Presses one key wherever the focus is."""
        actions = [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        self.command("/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def text(self, css: str) -> str:
        """An element's visible text."""
        return self.command(f"/element/{self.find(css)}/text")

    def point(self, x: float, y: float, drag_to: tuple[float, float] | None = None) -> None:
        """Moves the mouse to a place in the window, and on to another with the button held."""
        moves = [{"type": "pointerMove", "x": round(x), "y": round(y), "duration": 0}]
        if drag_to:
            end = {"type": "pointerMove", "x": round(drag_to[0]), "y": round(drag_to[1]), "duration": 50}
            moves += [{"type": "pointerDown", "button": 0}, end, {"type": "pointerUp", "button": 0}]
        mouse = {"type": "pointer", "id": "mouse", "actions": moves, "parameters": {"pointerType": "mouse"}}
        self.command("/actions", {"actions": [mouse]})

    def wait(self, script: str, seconds: float = 10.0):
        """Polls JavaScript until it returns something true; TimeoutError after `seconds`."""
        end = time.monotonic() + seconds
        while not (value := self.run(script)):
            if time.monotonic() > end:
                raise TimeoutError(script)
            time.sleep(0.02)
        return value

    def devtools(self, command: str, **parameters) -> None:
        """One command of Chromium's own protocol."""
        self.command("/goog/cdp/execute", {"cmd": command, "params": parameters})

    def log(self, kind: str) -> list[dict]:
        """New entries of the "browser" console or the "performance" log."""
        return self.command("/se/log", {"type": kind})

    def screenshot(self, path: Path) -> None:
        """The window as a PNG."""
        path.write_bytes(base64.b64decode(self.command("/screenshot")))


@contextlib.contextmanager
def browser(profile: Path, width: int = 1400, height: int = 900):
    """A `Browser` with its own profile folder, closed at the end."""
    with subprocess.Popen([CHROMEDRIVER, "--port=0"], stdout=subprocess.PIPE, text=True) as driver:
        try:
            port = _port(driver)
            server = Browser(f"http://127.0.0.1:{port}")
            arguments = [*_ARGUMENTS, f"--user-data-dir={profile}", f"--window-size={width},{height}"]
            options = {"args": arguments, "binary": CHROMIUM}
            logs = {"browser": "ALL", "performance": "ALL"}
            wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": logs}
            session = server.command("/session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]
            window = Browser(f"http://127.0.0.1:{port}/session/{session}")
            try:
                yield window
            finally:
                window.command("", method="DELETE")
        finally:
            driver.terminate()


def _port(driver: subprocess.Popen) -> int:
    for line in driver.stdout:
        if match := re.search(r"started successfully on port (\d+)", line):
            return int(match[1])
    raise RuntimeError("chromedriver did not start")
