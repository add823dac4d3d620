"""The page as a browser sees it; needs Gradio, and Chromium with its driver."""

import importlib.util
import itertools
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from browser import CHROMEDRIVER, CHROMIUM, Browser, open_browser, wait_for
from free_port import free_port

from mmcl_ext.inference import MMCLInferencer
from mmcl_ext.preparation.videos.video import iter_frames
from mmcl_ext.web.middleware import PERMISSIONS, POLICY
from mmcl_ext.web.page import FROM_FILE

REPO = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow

_PLAYS = 'const v = document.querySelector("#camera video"); return !v.hidden && v.currentTime > 0;'


@pytest.fixture(scope='module')
def server(
    model: Path, clips: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict]:
    """The tool, started as a user starts it; its address and folder of temporary files."""
    pytest.importorskip('gradio', reason='the page needs Gradio: requirements/web.txt')
    port, temporary = free_port(), tmp_path_factory.mktemp('tmp')
    options = ('--examples', clips['store'], '--composites', clips['composites'])
    command = ('tools/web.py', '--model', model, *options, '--port', port, '--max-upload', 1)
    paths = os.pathsep.join([str(REPO), os.environ.get('PYTHONPATH', '')])
    process = subprocess.Popen(
        [sys.executable, *map(str, command)],
        cwd=REPO,
        env={**os.environ, 'PYTHONPATH': paths, 'TMPDIR': str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    url = f'http://127.0.0.1:{port}'
    try:
        wait_for(lambda: answers(url) or process.poll() is not None, 'the server answers', 300)
        assert process.poll() is None, process.stdout.read()
        yield dict(url=url, process=process, temporary=temporary)
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope='module')
def browser(server: dict, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser with the page open."""
    if CHROMIUM is None or CHROMEDRIVER is None:
        pytest.skip('Chromium or chromedriver is not installed')
    with open_browser(tmp_path_factory.mktemp('profile')) as browser:
        browser.open(server['url'])
        browser.wait_for_text('#head', 'press Predict')
        yield browser


def get(
    url: str, data: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, bytes, dict[str, str]]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        request = urllib.request.Request(url, data, headers or {})
        with opener.open(request, timeout=60) as answer:
            return answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read(), dict(error.headers)


def answers(url: str) -> bool:
    try:
        return get(url)[0] == 200
    except OSError:
        return False


def switch_to(browser: Browser, tab: str) -> None:
    browser.run(
        '[...document.querySelectorAll("button[role=tab]")]'
        '.find(e => e.innerText.trim() === arguments[0]).click()',
        tab,
    )


def test_page_may_fetch_nothing_from_elsewhere(server):
    status, _, headers = get(server['url'])
    assert status == 200
    assert headers['content-security-policy'] == POLICY
    assert headers['x-content-type-options'] == 'nosniff'


def test_page_may_use_the_camera_alone(server):
    permissions = get(server['url'])[2]['permissions-policy']
    assert permissions == PERMISSIONS
    assert permissions.startswith('camera=(self), microphone=()')


def test_files_of_the_machine_are_not_served(server, model):
    for path in ('/etc/passwd', REPO / 'README.md', model):
        status, content, _ = get(f'{server["url"]}/gradio_api/file={path}')
        assert status in (403, 404), path
        assert b'root:' not in content


def test_uploads_are_private(server):
    """An upload that was not read yet: nobody can fetch it, and no other browser can use it."""
    url = server['url']
    cookies = [get(url)[2]['set-cookie'].partition(';')[0] for _ in range(2)]
    form = (
        b'--x\r\nContent-Disposition: form-data; name="files"; filename="mine.csv"\r\n'
        b'Content-Type: text/csv\r\n\r\nframe,joint,x,y\r\n--x--\r\n'
    )
    kind = 'multipart/form-data; boundary=x'
    status, answer, _ = get(
        f'{url}/gradio_api/upload', form, {'Content-Type': kind, 'Cookie': cookies[0]}
    )
    assert status == 200
    [path] = json.loads(answer)
    assert Path(path).is_file()
    for cookie in cookies:
        for route in (f'file={path}', f'file/{path}', f'proxy={url}/gradio_api/file={path}'):
            assert get(f'{url}/gradio_api/{route}', headers={'Cookie': cookie})[0] == 404
        assert get(f'{url}/file={path}', headers={'Cookie': cookie})[0] == 404
    config = json.loads(get(f'{url}/config')[1])
    [number] = [d['id'] for d in config['dependencies'] if d['targets'][0][1] == 'upload']
    file = dict(path=path, meta={'_type': 'gradio.FileData'})
    event = dict(data=[file, FROM_FILE], fn_index=number, session_hash='abc')
    for cookie, expected in ((cookies[1], 403), (cookies[0], 200)):
        headers = {'Content-Type': 'application/json', 'Cookie': cookie}
        status, *_ = get(f'{url}/gradio_api/queue/join', json.dumps(event).encode(), headers)
        assert status == expected
    wait_for(lambda: not Path(path).exists(), 'the upload is deleted')


def test_picked_clip(browser, clips, model):
    expected = MMCLInferencer(model)(f'{clips["store"]}::s2')[0]
    browser.choose('class', '<b>jump</b>')
    wait_for(
        lambda: browser.run('return document.querySelector("#clip input").value') == 's2',
        'the clips of the class',
    )
    browser.click('#predict')
    browser.wait_for_text('#timeline', 'Each point')
    best, probability = expected.top(1)[0]
    assert browser.text('#head .mmcl-best') == best
    assert browser.text('#head .mmcl-percent') == f'{probability:.1%}'
    assert 'true class: <b>jump</b>' in browser.text('#head')
    cells = browser.run(
        'return [...document.querySelectorAll("#scores tbody tr")]'
        '.map(e => [e.querySelector("th").innerText, e.querySelector(".mmcl-number").innerText])'
    )
    assert cells == [[name, f'{p:.3f}'] for name, p in expected.top(5)]
    for place in ('motion', 'timeline', 'composite'):
        wait_for(
            lambda place=place: browser.run(
                'const e = document.querySelector(arguments[0]);'
                'return e !== null && e.complete && e.naturalWidth > 100;',
                f'#{place} img',
            ),
            f'a picture in {place}',
        )


def test_clip_without_composite(browser):
    browser.choose('split', 'xsub_train')
    wait_for(
        lambda: browser.run('return document.querySelector("#clip input").value') == 's0',
        'the clips of the split',
    )
    browser.click('#predict')
    browser.wait_for_text('#head', 's0: 30 frames')
    browser.wait_for_text('#timeline', 'Each point')
    assert browser.run('return document.querySelector("#composite img")') is None


def test_uploads(browser, server, inferencer, walk, tmp_path):
    switch_to(browser, 'Upload')
    damaged, good = tmp_path / 'damaged.npy', tmp_path / 'walk.npy'
    damaged.write_bytes(b'\x93NUMPY garbage')
    np.save(good, walk)
    browser.type('#upload input[type=file]', str(damaged))
    browser.wait_for_text(
        '#upload-status [role=alert]', 'damaged.npy: we only support format version'
    )
    browser.click('#predict-upload')
    browser.wait_for_text('#head [role=alert]', 'Upload a file first')
    bomb = tmp_path / 'bomb.pkl'
    bomb.write_bytes(b'\x80\x02})' + b'\x85' * 300_000 + b'K\x01s.')  # overflows the stack
    browser.type('#upload input[type=file]', str(bomb))
    browser.wait_for_text('#upload-status [role=alert]', 'bomb.pkl')
    browser.type('#upload input[type=file]', str(good))
    browser.wait_for_text('#upload-status', '1 clip read')
    browser.click('#predict-upload')
    browser.wait_for_text('#head', 'walk: 30 frames')
    assert browser.text('#head .mmcl-best') == inferencer(walk)[0].label_name
    browser.wait_for_text('#timeline', 'Each point')
    left = [path for path in server['temporary'].rglob('*.[np][pk][yl]') if path.stat().st_size]
    assert left == []


def test_uploaded_video(browser, server, shared):
    """Overlay, a line and a plot for each person, and the joints that speak for the class."""
    if any(importlib.util.find_spec(name) is None for name in ('mediapipe', 'openvino')):
        pytest.skip('BlazePose is not installed: make pose')
    video = shared / 'datasets/mmaction2_samples/demo_skeleton.mp4'
    browser.click('#explain input')
    browser.type('#upload input[type=file]', str(video))
    browser.wait_for_text('#upload-status', 'persons found. The file is deleted', 300)
    browser.click('#predict-upload')
    browser.wait_for_text('#head', 'demo_skeleton: ', 300)
    people = browser.run(
        'return [...document.querySelectorAll("#scores .mmcl-people th")].map(e => e.innerText)'
    )
    assert len(people) >= 2
    assert people[0].startswith('person 1, 0.0-')
    wait_for(
        lambda: browser.run(
            'const e = document.querySelector("#motion img");'
            'return e.complete && e.naturalWidth > 100 && e.src.startsWith("data:image/webp");'
        ),
        'the overlay',
    )
    for place in ('timeline', 'relevance'):
        count = min(len(people), 4)
        wait_for(
            lambda place=place, count=count: browser.run(
                'return document.querySelectorAll(arguments[0]).length >= arguments[1];',
                f'#{place} img',
                count,
            ),
            f'a picture of each person in {place}',
            600,
        )
    browser.click('#explain input')
    left = [path for path in server['temporary'].rglob('*.mp4') if path.stat().st_size]
    assert left == []


def save_y4m(path: Path, video: Path, frames: int, size: tuple[int, int] = (640, 360)) -> Path:
    """Write the first frames of a video as a camera gives them."""
    with path.open('wb') as file:
        file.write(f'YUV4MPEG2 W{size[0]} H{size[1]} F15:1 Ip A1:1 C420jpeg\n'.encode())
        for _, image in itertools.islice(iter_frames(video), frames):
            small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
            file.write(b'FRAME\n' + cv2.cvtColor(small, cv2.COLOR_BGR2YUV_I420).tobytes())
    return path


def test_recording_of_the_camera(server, shared, tmp_path):
    """What the browser records is predicted as an uploaded video is, and deleted."""
    if CHROMIUM is None or CHROMEDRIVER is None:
        pytest.skip('Chromium or chromedriver is not installed')
    if any(importlib.util.find_spec(name) is None for name in ('mediapipe', 'openvino')):
        pytest.skip('BlazePose is not installed: make pose')
    video = shared / 'datasets/mmaction2_samples/demo_skeleton.mp4'
    camera = save_y4m(tmp_path / 'camera.y4m', video, 40)
    with open_browser(tmp_path / 'profile', camera) as browser:
        browser.open(server['url'])
        browser.wait_for_text('#head', 'press Predict')
        switch_to(browser, 'Upload')
        wait_for(lambda: 'Record' in browser.text('#camera button'), 'the button')
        browser.click('#camera button')
        wait_for(lambda: browser.run(_PLAYS), 'the picture of the camera', 60)
        time.sleep(3)  # of the recording
        browser.click('#camera button')
        browser.wait_for_text('#upload-status', 'recording: ', 300)
        assert 'recording: 0 ' not in browser.text('#upload-status')
        assert browser.run('return document.querySelector("#camera video").hidden')
        browser.click('#predict-upload')
        browser.wait_for_text('#head', 'recording: ', 300)
        browser.wait_for_text('#scores .mmcl-people', 'person 1', 300)
        assert browser.complaints() == []
        assert [url for url in browser.requests() if not url.startswith(server['url'])] == []
    left = [path for path in server['temporary'].rglob('*.webm') if path.stat().st_size]
    assert left == []


def test_upload_over_the_limit(browser, tmp_path):
    large = tmp_path / 'large.npy'
    large.write_bytes(bytes(2 * 2**20))
    browser.type('#upload input[type=file]', str(large))
    wait_for(lambda: 'exceed' in browser.text('body').lower(), 'a message on the size')


def test_nothing_was_asked_of_others(browser, server):
    """The requests of all tests above."""
    asked = browser.requests()
    assert any('/gradio_api/' in url for url in asked)
    assert [url for url in asked if not url.startswith(server['url'])] == []


def test_text_is_not_cut(browser):
    """No piece of ours is wider than its place, in a wide and in a narrow window."""
    for width in (1400, 600):
        browser.size(width, 1250)
        wide = browser.run(
            'return [...document.querySelectorAll("[class^=mmcl-]")]'
            '.filter(e => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0)'
            '.map(e => e.outerHTML.slice(0, 100));'
        )
        assert wide == []


def test_the_end_leaves_nothing_behind(server):
    """The last test: it ends the server."""
    server['process'].send_signal(signal.SIGTERM)
    assert server['process'].wait(60) == 130
    output = server['process'].stdout.read()
    assert f'{server["url"]} (Ctrl-C to end)' in output
    assert 'Traceback' not in output
    assert list(server['temporary'].glob('mmcl_ext_web_*')) == []
    assert list(server['temporary'].glob('pymp-*')) == []
