"""A headless Chromium, driven over its DevTools protocol: pages that are opened, asked and photographed.

    with Browser(executable, profile_folder) as browser:
        page = browser.open("http://127.0.0.1:8000/")
        page.wait_for("document.title == 'Pinboard'")
        page.photograph(Path("page.png"))

What a page wrote to its console as an error, and what it threw, stands in `page.errors`.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 60
OPTIONS = (
    "--headless --remote-debugging-port=0 --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-dev-shm-usage "
    "--disable-background-networking --disable-component-update --disable-sync --hide-scrollbars"
)


def chromium(profile: Path) -> Browser:
    """Start the Chromium of this machine; skip the test where there is none."""
    program = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
    if program is None:
        pytest.skip("no chromium: apt-get install chromium")
    pytest.importorskip("websockets", reason="pip install websockets")
    return Browser(program, profile)


class Browser:
    """A process of Chromium and one connection to it, over which every page is spoken to."""

    def __init__(self, executable: str, profile: Path) -> None:
        self.pages: dict[str, Page] = {}
        self.number = 0
        self.process = subprocess.Popen(
            [executable, *OPTIONS.split(), f"--user-data-dir={profile}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        end = time.monotonic() + PATIENCE
        while not (address := read(profile / "DevToolsActivePort")):
            assert self.process.poll() is None, f"chromium stopped with {self.process.returncode}"
            assert time.monotonic() < end, "chromium does not listen"
            time.sleep(0.05)
        port, path = address.split()
        self.context = contextlib.ExitStack()
        from websockets.sync.client import connect

        # Chromium answers no ping while it is busy: it is not to be hung up on for that.
        options = {"max_size": None, "ping_interval": None, "compression": None}
        self.socket = self.context.enter_context(connect(f"ws://127.0.0.1:{port}{path}", **options))

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *exc: object) -> None:
        with contextlib.suppress(Exception):
            self.context.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Call a method and return its result; events that come meanwhile go to their pages."""
        self.number += 1
        wanted = self.number
        message = {"id": wanted, "method": method, "params": parameters} | ({"sessionId": session} if session else {})
        self.socket.send(json.dumps(message))
        while True:
            reply = json.loads(self.socket.recv(PATIENCE))
            if reply.get("id") == wanted:
                assert "error" not in reply, f"{method}: {reply['error']}"
                return reply["result"]
            if reply.get("sessionId") in self.pages:
                self.pages[reply["sessionId"]].hear(reply["method"], reply["params"])

    def open(self, url: str, *, width: int = 1280, height: int = 900, scheme: str = "light") -> Page:
        """A page in a new tab with cookies of its own, its size and its colour scheme ("light" or "dark")."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self.pages[session] = Page(self, session, context)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(f"{domain}.enable")
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        page.call("Emulation.setDeviceMetricsOverride", **metrics)
        page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        page.go(url)
        return page


class Page:
    def __init__(self, browser: Browser, session: str, context: str) -> None:
        self.browser, self.session, self.context = browser, session, context
        self.errors: list[str] = []
        self.requests: list[str] = []

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self.browser.call(method, self.session, **parameters)

    def hear(self, method: str, event: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.requests.append(event["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.errors.append(str(event["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and event["type"] in ("error", "warning"):
            self.errors.append(str(event["args"]))
        elif method == "Log.entryAdded" and event["entry"]["level"] == "error":
            self.errors.append(f"{event['entry']['text']} {event['entry'].get('url', '')}")

    def go(self, url: str) -> None:
        self.run("window.leaving = true")
        self.call("Page.navigate", url=url)
        self.wait_for(f"!window.leaving && document.readyState == 'complete' && location.href == {url!r}")

    def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait_for(self, condition: str) -> None:
        end = time.monotonic() + PATIENCE
        while True:
            # The page may be on its way to another one: then there is nothing to ask.
            with contextlib.suppress(AssertionError):
                if self.run(condition):
                    return
            assert time.monotonic() < end, f"never true: {condition}\n{self.run('document.body.innerHTML')}"
            time.sleep(0.03)

    def allow_clipboard(self) -> None:
        """Let the page read and write the clipboard, as one that has the focus and was allowed to."""
        permissions = ["clipboardReadWrite", "clipboardSanitizedWrite"]
        self.browser.call("Browser.grantPermissions", permissions=permissions, browserContextId=self.context)
        self.call("Emulation.setFocusEmulationEnabled", enabled=True)

    def close(self) -> None:
        """Close the tab, and forget its cookies."""
        self.browser.call("Target.disposeBrowserContext", browserContextId=self.context)
        del self.browser.pages[self.session]

    def write(self, selector: str, text: str) -> None:
        """Type into a field, as the keyboard does."""
        self.run(f"document.querySelector({selector!r}).focus()")
        self.call("Input.insertText", text=text)

    def press_enter(self) -> None:
        for kind in ("keyDown", "keyUp"):
            key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}
            self.call("Input.dispatchKeyEvent", type=kind, **key)

    def click(self, selector: str) -> None:
        """Click in the middle of an element with the mouse."""
        x, y = self.run(
            f"(() => {{ const e = document.querySelector({selector!r}); e.scrollIntoView({{block: 'center'}});"
            " const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2] })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def choose_file(self, selector: str, path: Path) -> None:
        found = self.call("Runtime.evaluate", expression=f"document.querySelector({selector!r})")
        self.call("DOM.setFileInputFiles", files=[str(path)], objectId=found["result"]["objectId"])

    def photograph(self, path: Path) -> None:
        """The whole page as a PNG."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))


def read(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""
