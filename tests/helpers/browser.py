"""Chromium without a window, in a chroot: pages as a person has them before them.

    with Browser(chroot) as browser:
        page = browser.open("http://127.0.0.1:8080/", width=1280)
        page.wait_for("document.querySelector('h1')")
        page.picture()

It is led through its DevTools protocol, whose messages go through its standard input and output.
"""

from __future__ import annotations

import base64
import json
import os
import time
from types import TracebackType
from typing import Any, NamedTuple

from tests.helpers.chroot import Chroot

COMMAND = """\
exec chromium --headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run \
  --disable-background-networking --disable-component-update --disable-sync \
  --disable-dev-shm-usage --no-proxy-server --hide-scrollbars --user-data-dir="$(mktemp -d)" \
  --remote-debugging-pipe about:blank 3<&0 4>&1 < /dev/null > /tmp/chromium.log 2>&1
"""
# Of a page on a busy machine.
SECONDS = 120


class Box(NamedTuple):
    """A part of a page, in pixels."""

    x: float
    y: float
    width: float
    height: float


class Browser:
    """A browser with an empty profile, on the network of the chroot."""

    def __init__(self, chroot: Chroot) -> None:
        self.chroot = chroot

    def __enter__(self) -> Browser:
        self._process = self.chroot.start("sh", "-c", COMMAND)
        self._number = 0
        self._unread = b""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def send(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Send a command, return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\0")
        self._process.stdin.flush()
        while True:
            answer = json.loads(self._read())
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return dict(answer["result"])

    def _read(self) -> bytes:
        assert self._process.stdout is not None
        while b"\0" not in self._unread:
            octets = os.read(self._process.stdout.fileno(), 1 << 16)
            if not octets:
                log = (self.chroot.root / "tmp/chromium.log").read_text(errors="replace")
                raise EOFError(f"Chromium has ended:\n{log}")
            self._unread += octets
        message, _, self._unread = self._unread.partition(b"\0")
        return message

    def open(self, url: str, width: int = 1280, height: int = 900) -> Page:
        """Open a page in a window of that size, in pixels."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            self._session,
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.send("Page.navigate", self._session, url=url)
        page = Page(self, self._session)
        page.wait_for("document.readyState == 'complete'")
        return page


class Page:
    """The page that is open."""

    def __init__(self, browser: Browser, session: str) -> None:
        self.browser = browser
        self.session = session

    def value(self, expression: str) -> Any:
        """What an expression in JavaScript has as its value."""
        answer = self.browser.send(
            "Runtime.evaluate", self.session, expression=expression, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait_for(self, expression: str) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + SECONDS
        while not self.value(f"!!({expression})"):
            if time.monotonic() > end:
                raise TimeoutError(f"{expression}\n{self.text()}")
            time.sleep(0.2)

    def text(self) -> str:
        """What can be read on the page."""
        return str(self.value("document.body.innerText"))

    def box(self, selector: str) -> Box:
        """Where the first element of that kind is."""
        found = self.value(
            f"""(() => {{
              const box = document.querySelector({json.dumps(selector)}).getBoundingClientRect();
              return [box.x, box.y, box.width, box.height];
            }})()"""
        )
        return Box(*found)

    def picture(self, box: Box | None = None) -> bytes:
        """A picture of the window or of a part of it, as PNG."""
        clip = {"clip": {**box._asdict(), "scale": 1}} if box else {}
        answer = self.browser.send("Page.captureScreenshot", self.session, format="png", **clip)
        return base64.b64decode(answer["data"])
