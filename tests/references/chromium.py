"""Headless chromium by its DevTools pipe: open a page, hear its console, ask it, take its picture."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-extensions",
)


class Browser:
    """One page of one browser; messages go through file descriptors 3 and 4, each ended by a zero byte."""

    def __init__(self, profile: Path) -> None:
        assert PROGRAM is not None
        from_browser, to_us = os.pipe()
        to_read, from_us = os.pipe()
        command = [PROGRAM, *_FLAGS, "--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank"]
        # Whatever numbers the pipes have here, chromium looks for them at 3 and 4.
        words = ["bash", "-c", 'exec 3<&"$0" 4>&"$1"; shift; exec "$@"', str(to_read), str(to_us), *command]
        self._process = subprocess.Popen(words, pass_fds=(to_read, to_us), stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(to_us)
        self._in, self._out, self._buffer, self._number = from_browser, from_us, b"", 0
        self._session: str | None = None
        self.console: list[str] = []
        """Errors and warnings of the pages that were opened, and everything that their scripts printed."""
        self.asked: list[str] = []
        """Addresses that the pages asked for."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        """One command and its answer; what happens meanwhile is noted."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._number:
            self._note(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def open(self, page: Path, width: int, height: int = 900, dark: bool = False) -> None:
        """Show a page as a screen of `width` CSS pixels would."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.call("Page.navigate", url=page.resolve().as_uri())
        limit = time.monotonic() + 60
        while self.ask("document.readyState") != "complete" or self.ask("location.protocol") != "file:":
            assert time.monotonic() < limit, "the page does not finish loading"
            time.sleep(0.05)

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def picture(self, selector: str = "html") -> bytes:
        """A PNG of an element, however long it is."""
        box = self.ask(
            f"(b => [b.x + scrollX, b.y + scrollY, b.width, b.height])(document.querySelector('{selector}')"
            ".getBoundingClientRect())"
        )
        clip = dict(zip(("x", "y", "width", "height"), box, strict=True)) | {"scale": 1}
        shot = self.call("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)
        return base64.b64decode(shot["data"])

    def close(self) -> None:
        os.close(self._out)
        self._process.terminate()
        self._process.wait(30)
        os.close(self._in)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._in], [], [], 90)
            read = os.read(self._in, 1 << 20) if ready else b""
            if not read:
                raise RuntimeError("chromium says nothing any more")
            self._buffer += read
        message, _, self._buffer = self._buffer.partition(b"\0")
        return dict(json.loads(message))

    def _note(self, event: dict[str, Any]) -> None:
        said, parameters = event.get("method"), event.get("params", {})
        if said == "Log.entryAdded":
            self.console.append(parameters["entry"]["text"])
        elif said in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Page.javascriptDialogOpening"):
            self.console.append(json.dumps(parameters))
        elif said == "Network.requestWillBeSent":
            self.asked.append(parameters["request"]["url"])
