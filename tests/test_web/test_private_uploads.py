"""Files that a browser uploads are its own; no Gradio needed."""

import asyncio
import json
from typing import Any

import pytest

from mmcl_ext.web.middleware import COOKIE, PrivateUploads

PATH = '/tmp/gradio/0123/walk.npy'
EVENT = json.dumps(dict(data=[dict(path=PATH, meta={'_type': 'gradio.FileData'}), 'layout']))


class Gradio:
    """Answers an upload with its path, anything else with what it was sent."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.paths.append(scope['path'])
        body = (await receive())['body']
        if scope['path'] == '/gradio_api/upload':
            body = json.dumps([PATH]).encode()
        await send(dict(type='http.response.start', status=200, headers=[]))
        await send(dict(type='http.response.body', body=body))


@pytest.fixture
def gradio() -> Gradio:
    return Gradio()


@pytest.fixture
def app(gradio: Gradio) -> PrivateUploads:
    return PrivateUploads(gradio)


def ask(app: PrivateUploads, path: str, body: str = '', cookie: str = '') -> tuple[int, bytes, str]:
    """Return status, body and the cookie that the answer sets."""
    sent: list[Any] = []
    half = len(body) // 2
    parts = [
        dict(type='http.request', body=body[:half].encode(), more_body=True),
        dict(type='http.request', body=body[half:].encode()),
    ]
    if not path.endswith('queue/join'):
        parts = [dict(type='http.request', body=body.encode())]

    async def receive() -> Any:
        return parts.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b'cookie', f'other=1; {COOKIE}={cookie}'.encode())] if cookie else []
    asyncio.run(app(dict(type='http', path=path, headers=headers), receive, send))
    given = dict(sent[0]['headers']).get(b'set-cookie', b'').decode()
    return sent[0]['status'], sent[1]['body'], given.partition(';')[0].partition('=')[2]


def test_a_browser_may_use_its_upload_once(app):
    _, _, secret = ask(app, '/')
    assert len(secret) > 30
    assert ask(app, '/gradio_api/upload', 'a file', secret)[2] == ''
    assert ask(app, '/gradio_api/queue/join', EVENT, secret)[:2] == (200, EVENT.encode())
    assert ask(app, '/gradio_api/queue/join', EVENT, secret)[0] == 403


def test_another_browser_may_not_use_it(app, gradio):
    (_, _, mine), (_, _, other) = ask(app, '/'), ask(app, '/')
    assert mine != other
    ask(app, '/gradio_api/upload', 'a file', mine)
    before = len(gradio.paths)
    for cookie in (other, ''):
        status, text, _ = ask(app, '/gradio_api/queue/join', EVENT, cookie)
        assert (status, text) == (403, b'this file was not uploaded from here')
    assert len(gradio.paths) == before
    assert ask(app, '/gradio_api/queue/join', EVENT, mine)[0] == 200


@pytest.mark.parametrize(
    'body',
    [
        EVENT.replace(PATH, 'http://example.org/walk.npy'),
        EVENT.replace(PATH, '/etc/passwd'),
        EVENT.replace('"path"', '"path": "/etc/passwd", "path"'),
        EVENT.replace('"path"', r'"p\u0061th": "/etc/passwd", "path"'),
        '{"data": ' + '[' * 300_000,
        'no JSON',
    ],
)
def test_events_that_name_other_files_are_refused(app, body):
    _, _, secret = ask(app, '/')
    ask(app, '/gradio_api/upload', 'a file', secret)
    assert ask(app, '/gradio_api/queue/join', body, secret)[0] == 403


def test_long_events_are_refused(app, gradio):
    assert ask(app, '/gradio_api/queue/join', '"' + 'x' * 2**20 + '"')[0] == 413
    assert gradio.paths == []


@pytest.mark.parametrize(
    'route',
    ['file=/tmp/a.npy', 'file/tmp/a.npy', 'proxy=http://a', 'stream/a', 'run/f', 'api/f', 'call/f'],
)
def test_what_the_page_does_not_need_is_not_served(app, gradio, route):
    assert ask(app, f'/gradio_api/{route}')[0] == 404
    assert ask(app, f'/behind/a/proxy/gradio_api/{route}')[0] == 404
    assert gradio.paths == []
