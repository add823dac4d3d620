"""Networks in TensorFlow Lite's format: where their files lie, and what runs them."""

import importlib.util
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmcl_ext.parallel.openvino_core import openvino_core

Network = Callable[[np.ndarray], list[np.ndarray]]
"""Maps an image (1, H, W, 3) float32 to the outputs that were asked for, in their order."""

INSTALL = (
    'pip install -c requirements/constraints.txt -r requirements/pose.txt && '
    'pip install --no-deps mediapipe==0.10.21'
)
"""Installs BlazePose and what runs it."""
_NPM = 'npm install @mediapipe/pose@0.5.1675469404'
_NPM_FOLDER = Path('node_modules', '@mediapipe', 'pose')
RUNTIMES = ('auto', 'openvino', 'litert')


def find_network(path: str) -> Path:
    """Find a network of MediaPipe in the installed package, which is not imported.

    Files that it does not carry are looked for in ``node_modules`` of the current folder.

    ``path`` is its place within ``mediapipe/modules``. A FileNotFoundError says which command
    installs it.
    """
    spec = importlib.util.find_spec('mediapipe')
    folders = [] if spec is None else spec.submodule_search_locations or []
    places = [*(Path(f, 'modules', path) for f in folders), _NPM_FOLDER / Path(path).name]
    for place in places:
        if place.is_file():
            return place
    if Path(path).stem.endswith(('lite', 'heavy')):
        raise FileNotFoundError(
            f'{Path(path).name} is not there: install it with `{_NPM}`, or name the file'
        )
    raise FileNotFoundError(f'{Path(path).name} is not there: install it with `{INSTALL}`')


def open_network(
    path: str | os.PathLike, outputs: Sequence[str], runtime: str = 'auto', threads: int = 0
) -> Network:
    """Open a ``.tflite`` file for the CPU, with float32 arithmetic.

    An ImportError if the runtime is not installed, which says which command installs it; a
    FileNotFoundError if there is no such file; a ValueError if it cannot be read, or lacks an
    output; or the runtime is unknown.

    Args:
        outputs: Names of the outputs to compute; others cost nothing in OpenVINO.
        runtime: One of :data:`RUNTIMES`; ``'auto'`` takes OpenVINO where it is installed.
        threads: Number of threads; 0 for all cores.
    """
    if runtime not in RUNTIMES:
        raise ValueError(f'runtime is one of {RUNTIMES}, got {runtime!r}')
    if not Path(path).is_file():
        raise FileNotFoundError(f'there is no network {os.fspath(path)!r}')
    if runtime == 'auto':
        runtime = 'openvino' if importlib.util.find_spec('openvino') else 'litert'
    try:
        run = _open_openvino if runtime == 'openvino' else _open_litert
        return run(os.fspath(path), outputs, threads)
    except ImportError as error:
        raise ImportError(f'poses need OpenVINO or LiteRT ({error}): `{INSTALL}`') from error
    except (RuntimeError, ValueError, KeyError) as error:
        reason = str(error).strip().partition('\n')[0]
        raise ValueError(f'{os.fspath(path)} is no network of BlazePose: {reason}') from error


def _open_openvino(path: str, outputs: Sequence[str], threads: int) -> Network:
    import openvino

    core = openvino_core()
    whole = core.read_model(path)
    found = {name: output for output in whole.outputs for name in output.get_names()}
    # Only what leads to these outputs is computed; BlazePose's mask alone is a third of the work.
    model = openvino.Model([found[name] for name in outputs], whole.get_parameters())
    settings: dict[str, Any] = {
        'PERFORMANCE_HINT': 'LATENCY',
        # By itself OpenVINO takes bf16 where the CPU has it: landmarks were off by up to 16 pixels.
        'INFERENCE_PRECISION_HINT': 'f32',
    }
    if threads:
        settings['INFERENCE_NUM_THREADS'] = threads
    request = core.compile_model(model, 'CPU', settings).create_infer_request()

    def run(image: np.ndarray) -> list[np.ndarray]:
        request.infer([image])
        return [request.get_output_tensor(i).data.copy() for i in range(len(outputs))]

    return run


def _open_litert(path: str, outputs: Sequence[str], threads: int) -> Network:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=path, num_threads=threads or os.cpu_count() or 1)
    interpreter.allocate_tensors()
    [entry] = interpreter.get_input_details()
    found = {output['name']: output['index'] for output in interpreter.get_output_details()}
    indices = [found[name] for name in outputs]

    def run(image: np.ndarray) -> list[np.ndarray]:
        interpreter.set_tensor(entry['index'], image)
        interpreter.invoke()
        return [interpreter.get_tensor(index) for index in indices]

    return run
