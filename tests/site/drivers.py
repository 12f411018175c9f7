"""Chromium, Firefox and WebKit (the engine of Safari) by the same few verbs.

Playwright's own Firefox and WebKit are patched builds that it downloads. Those of the
system speak WebDriver: Firefox through the socket called Marionette, WebKit through its
driver's web server.
"""

import base64
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from browser import FLAGS, browser_path
from playwright.sync_api import sync_playwright

PATIENCE = 60  # seconds until a program that does not answer counts as broken
SCREEN = 1300, 950  # pixels


def until(ready, what: str):
    """The first answer that says yes; RuntimeError if none comes."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if answer := ready():
            return answer
        time.sleep(0.05)
    raise RuntimeError(f"{what} does not answer")


class Chromium:
    """As the other checks start it."""

    @staticmethod
    def missing() -> str:
        return ""  # check_site.py asks for it at once

    def __init__(self):
        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(
            executable_path=browser_path(), args=FLAGS
        )
        width, height = SCREEN
        self._page = self._browser.new_page(viewport={"width": width, "height": height})

    def open(self, address: str) -> None:
        """Load a page that holds another in a frame, to which all else refers."""
        self._page.goto(address)
        self._frame = self._page.frames[1]

    def run(self, script: str, *args):
        """What the body of a function returns, in the page."""
        return self._frame.evaluate(f"args => (function() {{{script}}})(...args)", args)

    def later(self, script: str, *args):
        """What a script hands to its last argument."""
        wait = "new Promise(done => (function() {{{}}})(...args, done))"
        return self._frame.evaluate(f"args => {wait.format(script)}", args)

    def keys(self, selector: str, text: str) -> None:
        """Keys pressed in an element; PRESSED names those that are no letters."""
        names = {code: name for name, code in PRESSED.items()}
        self._frame.focus(selector)
        for key in text:
            self._page.keyboard.press(names.get(key, key))

    def picture(self) -> bytes:
        """What is on the screen, as PNG."""
        return self._page.screenshot()

    def close(self) -> None:
        self._browser.close()
        self._playwright.stop()


PRESSED = {"Home": "\ue011", "Enter": "\ue007"}


class WebDriver:
    """What both have in common: ``ask`` sends a command of the standard."""

    def open(self, address: str) -> None:
        self.ask("SwitchToFrame", id=None)
        self.ask("Navigate", url=address)
        self.ask("SwitchToFrame", id=0)

    def run(self, script: str, *args):
        return self.ask("ExecuteScript", script=script, args=list(args))

    def later(self, script: str, *args):
        return self.ask("ExecuteAsyncScript", script=script, args=list(args))

    def keys(self, selector: str, text: str) -> None:
        found = self.ask("FindElement", using="css selector", value=selector)
        self.ask("ElementSendKeys", id=next(iter(found.values())), text=text)

    def picture(self) -> bytes:
        self.ask("SwitchToFrame", id=None)
        found = base64.b64decode(self.ask("TakeScreenshot", full=False))
        self.ask("SwitchToFrame", id=0)
        return found


class Firefox(WebDriver):
    """Headless, with a new profile."""

    PROGRAMS = "firefox", "firefox-esr"

    @classmethod
    def missing(cls) -> str:
        return "" if any(map(shutil.which, cls.PROGRAMS)) else "firefox-esr"

    def __init__(self):
        self._profile = tempfile.TemporaryDirectory()
        port = Path(self._profile.name, "MarionetteActivePort")
        port.with_name("user.js").write_text('user_pref("marionette.port", 0);\n')
        width, height = map(str, SCREEN)
        self._process = subprocess.Popen(
            [next(filter(None, map(shutil.which, self.PROGRAMS))), "--marionette"]
            + ["--headless", "--no-remote", "--profile", self._profile.name],
            env=os.environ
            | {"MOZ_HEADLESS_WIDTH": width, "MOZ_HEADLESS_HEIGHT": height},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        number = until(lambda: port.is_file() and port.read_text().strip(), "Firefox")
        self._socket = socket.create_connection(("127.0.0.1", int(number)))
        self._answers = self._socket.makefile("rb")
        self._answer()  # who is there
        self.ask("NewSession")
        self.ask("SetWindowRect", width=SCREEN[0], height=SCREEN[1])

    def _answer(self):
        """The next message: its length in digits, a colon, JSON."""
        length = b""
        while (sign := self._answers.read(1)) != b":":
            length += sign
        return json.loads(self._answers.read(int(length)))

    def ask(self, name: str, **given):
        message = json.dumps([0, 1, f"WebDriver:{name}", given]).encode()
        self._socket.sendall(b"%d:%s" % (len(message), message))
        _, _, error, found = self._answer()
        if error:
            raise RuntimeError(f"Firefox, {name}: {error['message']}")
        return found.get("value", found) if isinstance(found, dict) else found

    def close(self) -> None:
        self._socket.close()
        self._process.terminate()
        self._process.wait()
        self._profile.cleanup()


class WebKit(WebDriver):
    """WebKitGTK's small browser, on a screen that nobody sees."""

    WAYS = {  # method and path of a command
        "Navigate": ("POST", "url"),
        "SwitchToFrame": ("POST", "frame"),
        "SetWindowRect": ("POST", "window/rect"),
        "ExecuteScript": ("POST", "execute/sync"),
        "ExecuteAsyncScript": ("POST", "execute/async"),
        "FindElement": ("POST", "element"),
        "ElementSendKeys": ("POST", "element/{id}/value"),
        "TakeScreenshot": ("GET", "screenshot"),
    }

    @staticmethod
    def missing() -> str:
        programs = {"WebKitWebDriver": "webkit2gtk-driver", "Xvfb": "xvfb"}
        return " ".join(v for k, v in programs.items() if not shutil.which(k))

    def __init__(self):
        there, here = os.pipe()
        size = "{}x{}x24".format(*SCREEN)
        self._screen = subprocess.Popen(
            ["Xvfb", "-displayfd", str(here), "-screen", "0", size, "-nolisten", "tcp"],
            pass_fds=[here],
            stderr=subprocess.DEVNULL,
        )
        os.close(here)
        with os.fdopen(there) as number, socket.socket() as free:
            display = f":{number.readline().strip()}"
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._process = subprocess.Popen(
            ["WebKitWebDriver", f"--port={port}"],
            env=os.environ
            | {"DISPLAY": display, "GDK_BACKEND": "x11"}
            | {
                "WEBKIT_DISABLE_COMPOSITING_MODE": "1"
            },  # a third less work: no GPU here
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._address = f"http://127.0.0.1:{port}"
        until(self._listens, "WebKitWebDriver")
        found = self._send("POST", "/session", {"capabilities": {}})
        self._address += f"/session/{found['sessionId']}"
        self.ask("SetWindowRect", x=0, y=0, width=SCREEN[0], height=SCREEN[1])

    def _listens(self) -> bool:
        try:
            return bool(self._send("GET", "/status", {}))
        except OSError:
            return False

    def _send(self, method: str, path: str, given: dict):
        data = json.dumps(given).encode() if method == "POST" else None
        request = urllib.request.Request(self._address + path, data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            said = json.load(error)["value"]
            raise RuntimeError(f"WebKit, {path}: {said['message']}") from None

    def ask(self, name: str, **given):
        method, path = self.WAYS[name]
        return self._send(method, "/" + path.format(**given), given)

    def close(self) -> None:
        self._send("DELETE", "", {})
        for process in (self._process, self._screen):
            process.terminate()
            process.wait()


ENGINES = {"Chromium": Chromium, "Firefox": Firefox, "WebKit": WebKit}
