"""Chromium without a window, driven over the WebDriver protocol; needs no package."""

import base64
import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from free_port import free_port

CHROMIUM = shutil.which('chromium') or shutil.which('google-chrome')
CHROMEDRIVER = shutil.which('chromedriver')
_ELEMENT = 'element-6066-11e4-a52e-4f735466cecf'  # the key by which the protocol marks elements


def wait_for(probe: Callable[[], Any], what: str, seconds: float = 300) -> Any:
    """Return the first true answer of ``probe``."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = probe()
        if answer:
            return answer
        time.sleep(0.1)
    raise TimeoutError(f'{what} within {seconds} s')


class Browser:
    """One tab.

    Args:
        url: Of the driver.
        session: Of the driver.
    """

    def __init__(self, url: str, session: str) -> None:
        self._base = f'{url}/session/{session}'

    def open(self, url: str) -> None:
        send(f'{self._base}/url', dict(url=url))

    def run(self, script: str, *args: Any) -> Any:
        """Run the body of a function in the page."""
        return send(f'{self._base}/execute/sync', dict(script=script, args=list(args)))

    def text(self, selector: str) -> str:
        """Return the visible text of an element, '' where there is none."""
        return self.run(
            'const e = document.querySelector(arguments[0]); return e ? e.innerText : "";', selector
        )

    def wait_for_text(self, selector: str, part: str, seconds: float = 300) -> str:
        def found() -> str:
            text = self.text(selector)
            return text if part in text else ''

        return wait_for(found, f'{part!r} in {selector}', seconds)

    def click(self, selector: str) -> None:
        send(f'{self._base}/element/{self._find(selector)}/click', {})

    def type(self, selector: str, text: str) -> None:
        """Type into an element; the path of a file into its input."""
        send(f'{self._base}/element/{self._find(selector)}/value', dict(text=text))

    def choose(self, name: str, value: str) -> None:
        """Choose a value of a drop-down list, as a person does."""
        box = f'#{name} input'
        self.click(box)
        option = f'#{name} ul li[data-index]'
        place = wait_for(
            lambda: self.run(
                'return [...document.querySelectorAll(arguments[0])].findIndex('
                'e => e.innerText.replace("✓", "").trim() === arguments[1]) + 1;',
                option,
                value,
            ),
            f'{value!r} in {name}',
        )
        self.click(f'#{name} ul li[data-index]:nth-of-type({place})')

    def screenshot(self, path: Path) -> None:
        Path(path).write_bytes(base64.b64decode(send(f'{self._base}/screenshot')))

    def size(self, width: int, height: int) -> None:
        send(f'{self._base}/window/rect', dict(width=width, height=height))

    def requests(self) -> list[str]:
        """Return the web addresses that pages have asked for since the last call."""
        entries = send(f'{self._base}/se/log', dict(type='performance'))
        messages = [json.loads(entry['message'])['message'] for entry in entries]
        urls = [
            message['params']['request']['url']
            for message in messages
            if message['method'] == 'Network.requestWillBeSent'
        ]
        return [url for url in urls if url.startswith(('http', 'ws'))]

    def complaints(self) -> list[str]:
        """Return the errors in the page's console since the last call."""
        entries = send(f'{self._base}/se/log', dict(type='browser'))
        return [entry['message'] for entry in entries if entry['level'] == 'SEVERE']

    def _find(self, selector: str) -> str:
        query = {'using': 'css selector', 'value': selector}
        return send(f'{self._base}/element', query)[_ELEMENT]


def send(url: str, body: dict[str, Any] | None = None, method: str | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=120) as answer:
            return json.load(answer)['value']
    except urllib.error.HTTPError as error:
        raise RuntimeError(error.read().decode()) from error


@contextmanager
def open_browser(profile: Path, camera: Path | None = None) -> Iterator[Browser]:
    """Start driver and browser; both end with the context.

    Args:
        profile: Folder of the browser's own files.
        camera: A .y4m file that a camera shows, again and again; any page may use the camera.
    """
    port = free_port()
    driver = subprocess.Popen(
        [str(CHROMEDRIVER), f'--port={port}'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f'http://127.0.0.1:{port}'
    try:
        wait_for(lambda: _ready(url), 'a driver', 60)
        session = send(
            f'{url}/session', dict(capabilities=dict(alwaysMatch=_options(profile, camera)))
        )
        try:
            yield Browser(url, session['sessionId'])
        finally:
            send(f'{url}/session/{session["sessionId"]}', method='DELETE')
    finally:
        driver.terminate()
        driver.wait(30)


def _ready(url: str) -> bool:
    try:
        return send(f'{url}/status')['ready']
    except OSError:
        return False


def _options(profile: Path, camera: Path | None) -> dict[str, Any]:
    switches = (
        'headless no-sandbox disable-gpu disable-quic no-first-run disable-background-networking '
        'disable-component-update disable-sync disable-dev-shm-usage no-proxy-server'
    )
    if camera is not None:
        switches += ' use-fake-ui-for-media-stream use-fake-device-for-media-stream '
        switches += f'use-file-for-fake-video-capture={camera}'
    return {
        'goog:chromeOptions': dict(
            binary=CHROMIUM,
            args=[
                *(f'--{switch}' for switch in switches.split()),
                '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
                f'--user-data-dir={profile}',
                '--window-size=1400,1250',
            ],
        ),
        'goog:loggingPrefs': dict(performance='ALL', browser='ALL'),
    }
