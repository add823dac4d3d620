"""What stands between browsers and Gradio (ASGI middleware)."""

import json
import re
import secrets
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any

POLICY = '; '.join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)
"""What a browser may load for the page: what this server gives, and nothing else."""

PERMISSIONS = 'camera=(self), microphone=(), geolocation=(), display-capture=()'
"""What the page may ask the browser for: the camera, without sound."""

_HEADERS = (
    (b'content-security-policy', POLICY.encode()),
    (b'permissions-policy', PERMISSIONS.encode()),
    (b'x-content-type-options', b'nosniff'),
    (b'referrer-policy', b'no-referrer'),
)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

COOKIE = 'mmcl_browser'
"""Holds a secret by which a browser is known again."""

_SERVED = {'cancel', 'heartbeat', 'info', 'queue', 'startup-events', 'theme.css', 'upload'}
_SERVED |= {'upload_progress'}
"""What the page asks of Gradio; others give files out, fetch addresses or call functions."""
_MAX_BODY = 2**20
_MAX_PENDING = 10_000


class OfflineHeaders:
    """Forbid browsers to fetch anything for the page from elsewhere (ASGI middleware)."""

    def __init__(self, app: Application) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request, with headers added to the response."""

        async def send_with_headers(message: Message) -> None:
            if message['type'] == 'http.response.start':
                message['headers'] = [*message.get('headers', ()), *_HEADERS]
            await send(message)

        await self.app(scope, receive, send_with_headers)


class PrivateUploads:
    """Let a browser use the files that it uploaded itself, and fetch no file (ASGI middleware).

    Gradio gives an uploaded file to everyone who knows its path, and takes any uploaded file as
    input of an event. Here an event may name a file once, and only from where it was uploaded.
    """

    def __init__(self, app: Application) -> None:
        self.app = app
        self._pending: dict[tuple[str, str], None] = {}  # secrets and paths, the oldest first

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request, with a cookie for a browser that has none."""
        if scope['type'] != 'http':
            await self.app(scope, receive, send)
            return
        known = _secret_of(scope)
        secret = known or secrets.token_urlsafe(32)
        route = scope['path'].partition('/gradio_api/')[2]
        is_upload = route.rstrip('/') == 'upload'

        async def send_on(message: Message) -> None:
            if message['type'] == 'http.response.start' and not known:
                cookie = f'{COOKIE}={secret}; Path=/; HttpOnly; SameSite=Strict'
                message['headers'] = [
                    *message.get('headers', ()),
                    (b'set-cookie', cookie.encode()),
                ]
            if message['type'] == 'http.response.body' and is_upload:
                self._remember(secret, message.get('body', b''))
            await send(message)

        if route and re.match(r'[\w.-]*', route)[0] not in _SERVED:  # type: ignore[index]
            await _refuse(send_on, 404, 'not found')
        elif route.startswith('queue/join'):
            await self._join(scope, receive, send_on, secret)
        else:
            await self.app(scope, receive, send_on)

    async def _join(self, scope: Message, receive: Receive, send: Send, secret: str) -> None:
        """Hand an event on whose files are those of the browser."""
        body = await _body(receive)
        if body is None:
            await _refuse(send, 413, 'the request is too long')
            return
        if not self._take(secret, body):
            await _refuse(send, 403, 'this file was not uploaded from here')
            return
        messages = [dict(type='http.request', body=body, more_body=False)]

        async def replay() -> Message:
            return messages.pop() if messages else await receive()

        await self.app(scope, replay, send)

    def _remember(self, secret: str, answer: bytes) -> None:
        """Note the paths in the answer to an upload."""
        try:
            paths = json.loads(answer)
        except ValueError:  # a refusal
            return
        for path in paths if isinstance(paths, list) else ():
            self._pending[secret, str(path)] = None
        while len(self._pending) > _MAX_PENDING:
            del self._pending[next(iter(self._pending))]

    def _take(self, secret: str, body: bytes) -> bool:
        """Tell whether a request names pending files of this browser only, and forget them."""
        named: set[tuple[str, str]] = set()

        def note(pairs: Iterable[tuple[str, Any]]) -> None:
            named.update((secret, str(value)) for key, value in pairs if key == 'path')

        try:
            json.loads(body, object_pairs_hook=note)
        except (ValueError, RecursionError):
            return False
        if not named <= self._pending.keys():
            return False
        for key in named:
            del self._pending[key]
        return True


def _secret_of(scope: Message) -> str | None:
    lines = [value.decode('latin1') for name, value in scope['headers'] if name == b'cookie']
    try:
        cookie = SimpleCookie('; '.join(lines)).get(COOKIE)
    except CookieError:
        return None
    return cookie.value if cookie else None


async def _body(receive: Receive) -> bytes | None:
    """Return the body of a request, or None if it is too long."""
    body, more = b'', True
    while more:
        message = await receive()
        body += message.get('body', b'')
        more = message.get('more_body', False)
        if len(body) > _MAX_BODY:
            return None
    return body


async def _refuse(send: Send, status: int, text: str) -> None:
    headers = [(b'content-type', b'text/plain')]
    await send(dict(type='http.response.start', status=status, headers=headers))
    await send(dict(type='http.response.body', body=text.encode()))
