"""Serve the page on this machine."""

import ipaddress
import os
import shutil
import socket
import sys
import tempfile
import threading
from multiprocessing.util import get_temp_dir
from pathlib import Path
from typing import Any, NoReturn

from mmcl_ext.parallel.limited_process import start_process_server
from mmcl_ext.web.middleware import OfflineHeaders, PrivateUploads
from mmcl_ext.web.page import Page
from mmcl_ext.web.web_demo import WebDemo

_QUIET = {
    'GRADIO_ANALYTICS_ENABLED': 'False',
    'GRADIO_RUN_HISTORY': 'False',
    'HF_HUB_DISABLE_TELEMETRY': '1',
    'HF_HUB_OFFLINE': '1',
}
"""What keeps Gradio and its parts from reporting and fetching anything."""
_STYLE = Path(__file__).with_name('style.css')


def serve(demo: WebDemo, host: str = '127.0.0.1', port: int = 7860) -> None:
    """Serve the page until the process is interrupted.

    What browsers upload lies in a temporary folder that goes when the server ends. The default
    address is reachable from this machine only; one that cannot be listened at is an OSError.
    """
    check_address(host, port)
    with tempfile.TemporaryDirectory(prefix='mmcl_ext_web_') as folder:
        os.environ.update(_QUIET, GRADIO_TEMP_DIR=folder)
        blocks = launch(demo, host, port)
        if not is_local(host):
            print(f'{host} can be reached from other machines, and nobody is asked who he is')
        print(f'http://{host}:{port} (Ctrl-C to end)', flush=True)
        try:
            threading.Event().wait()
        finally:
            blocks.close(verbose=False)


def launch(demo: WebDemo, host: str, port: int) -> Any:
    """Start the server in the background; return the ``gradio.Blocks`` of the page."""
    try:
        import gradio as gr
        from starlette.middleware import Middleware
    except ImportError as error:
        raise ImportError(
            f'the page needs Gradio, which cannot be imported ({error}): '
            'pip install -c requirements/constraints.txt -r requirements/web.txt'
        ) from error
    start_process_server('mmcl_ext.web.video_uploads')
    blocks = Page(demo).build()
    blocks.queue(max_size=20, api_open=False)
    blocks.launch(
        server_name=host,
        server_port=port,
        share=False,
        quiet=True,
        prevent_thread_lock=True,
        max_file_size=demo.max_upload,
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        mcp_server=False,
        enable_monitoring=False,
        state_session_capacity=32,
        app_kwargs=dict(middleware=[Middleware(OfflineHeaders), Middleware(PrivateUploads)]),
        theme=gr.themes.Default(
            font=('system-ui', 'sans-serif'), font_mono=('ui-monospace', 'monospace')
        ),
        css_paths=_STYLE,
    )
    return blocks


def leave(status: int) -> NoReturn:
    """End the process at once: threads that wait for browsers still connected would keep it."""
    sys.stdout.flush()
    sys.stderr.flush()
    shutil.rmtree(get_temp_dir(), ignore_errors=True)
    os._exit(status)


def check_address(host: str, port: int) -> None:
    """Raise a ValueError for no port, an OSError for an address that cannot be listened at."""
    if not 0 < port < 65536:
        raise ValueError(f'a port is a number from 1 to 65535, got {port}')
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise OSError(f'cannot listen at {host}, port {port}: {error}') from error


def is_local(host: str) -> bool:
    """Tell whether an address is reachable from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == 'localhost'
