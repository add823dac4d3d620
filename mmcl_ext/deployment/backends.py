"""Runs exported models: skeletons in, logits out."""

import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmcl_ext.checkpoints.load import load_deployed
from mmcl_ext.deployment.model_file import check_self_contained, file_format
from mmcl_ext.deployment.optimize import optimize_for_inference
from mmcl_ext.deployment.portable import (
    CLIP_INPUTS,
    INPUTS,
    OUTPUT,
    clip_logits,
    pack_inputs,
)
from mmcl_ext.fileio.printable import printable
from mmcl_ext.parallel.openvino_core import openvino_core

Backend = Callable[[np.ndarray], np.ndarray]
"""Maps skeletons, float32 (N, M, T, V, C), to logits, float32 (N, K)."""

BACKENDS = ('torch', 'onnxruntime', 'openvino')
PRECISIONS = ('fp32', 'bf16')
_MOST_SHAPES = 4


def load_backend(
    file: str | os.PathLike,
    backend: str = 'torch',
    threads: int | None = None,
    precision: str = 'fp32',
    *,
    trust: bool = False,
) -> Backend:
    """Load a model to run it: it maps skeletons (N, M, T, V, C) to logits (N, K), both float32.

    Empty person slots, those whose coordinates are all exactly zero, are not computed. What cannot
    be run is a ValueError, a backend that is not installed a ModuleNotFoundError.

    Args:
        file: ``.onnx`` for ONNX Runtime and OpenVINO; ``.ts``, ``.pt2`` or a published
            ``.pth`` for PyTorch.
        backend: ``'torch'``, ``'onnxruntime'`` or ``'openvino'``.
        threads: Number of threads; None leaves it to the runtime. PyTorch has one number
            for the whole process.
        precision: ``'fp32'``, or ``'bf16'`` with OpenVINO on a processor that has it.
        trust: Load ``.ts`` and ``.pt2`` files, which can run code of whoever made them.
    """
    if backend not in BACKENDS or precision not in PRECISIONS:
        raise ValueError(
            f'backend is one of {BACKENDS} and precision one of {PRECISIONS}, '
            f'got {backend!r} and {precision!r}'
        )
    if threads is not None and threads < 1:
        raise ValueError(f'threads must be positive, got {threads}')
    kind = file_format(file)
    if (kind == 'onnx') == (backend == 'torch'):
        raise ValueError(f'{backend} cannot run {os.fspath(file)!r}')
    if precision == 'bf16' and backend != 'openvino':
        raise ValueError(f'bf16 runs in OpenVINO, not in {backend}')
    if kind in ('torchscript', 'torch_export') and not trust:
        raise ValueError(
            f'{os.fspath(file)!r} can run code of whoever made it: load it with trust=True '
            '(--trust) if that is you or somebody you trust; ONNX files and published '
            'checkpoints run none'
        )
    if kind == 'onnx':
        check_self_contained(file)
    if backend == 'openvino':
        return OpenVINOBackend(file, threads, precision)
    if backend == 'onnxruntime':
        return OnnxRuntimeBackend(file, threads)
    return TorchBackend(file, kind, threads)


@contextmanager
def _runtime_errors(file: str | os.PathLike, action: str) -> Iterator[None]:
    """Turn the errors of a runtime, which share no base class, into one line."""
    try:
        yield
    except Exception as error:
        raise ValueError(f'{file} cannot be {action}: {printable(str(error), 500)}') from error


def _checked(logits: np.ndarray, clips: int) -> np.ndarray:
    if logits.ndim != 2 or len(logits) != clips:
        raise ValueError(f'expected logits ({clips}, K), got {logits.shape}')
    return logits


class TorchBackend:
    """PyTorch, for a file of a kind that :func:`file_format` tells."""

    def __init__(self, file: str | os.PathLike, kind: str, threads: int | None = None) -> None:
        if threads is not None:
            torch.set_num_threads(threads)
        self.run = self._load(os.fspath(file), kind)

    @staticmethod
    def _load(path: str, kind: str) -> Callable[[np.ndarray], Tensor]:
        try:
            if kind == 'checkpoint':
                model = optimize_for_inference(load_deployed(path)[0])
                return lambda x: clip_logits(model, torch.from_numpy(x))
            if kind == 'torchscript':
                graph: Any = torch.jit.load(path, map_location='cpu')
                number = len(graph.forward.schema.arguments) - 1  # besides the module itself
            else:
                program = torch.export.load(path)
                graph, number = program.module(), len(program.graph_signature.user_inputs)
        except (RuntimeError, zipfile.BadZipFile) as error:
            raise ValueError(f'{path} is not a readable model: {error}') from error
        names = INPUTS if number == len(INPUTS) else CLIP_INPUTS
        return lambda x: graph(*map(torch.from_numpy, pack_inputs(names, x)))

    def __call__(self, keypoint: np.ndarray) -> np.ndarray:
        """Map skeletons (N, M, T, V, C) to logits (N, K)."""
        with torch.inference_mode():
            return self.run(np.ascontiguousarray(keypoint, np.float32)).float().numpy()


class OnnxRuntimeBackend:
    """ONNX Runtime on the CPU."""

    def __init__(self, file: str | os.PathLike, threads: int | None = None) -> None:
        import onnxruntime

        self.file = file
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or 0
        options.log_severity_level = 3  # errors
        with _runtime_errors(file, 'read'):
            self.session = onnxruntime.InferenceSession(
                os.fspath(file), options, providers=['CPUExecutionProvider'], enable_fallback=0
            )
        self.names = [item.name for item in self.session.get_inputs()]

    def __call__(self, keypoint: np.ndarray) -> np.ndarray:
        """Map skeletons (N, M, T, V, C) to logits (N, K)."""
        packed = pack_inputs(self.names, keypoint)
        with _runtime_errors(self.file, 'run'):
            logits = self.session.run([OUTPUT], dict(zip(self.names, packed, strict=True)))[0]
            return _checked(logits, len(keypoint))


class OpenVINOBackend:
    """OpenVINO on the CPU.

    A network compiled for one number of clips and persons is faster than one for any
    number: the first few that occur get their own, which takes a second or two each.
    """

    def __init__(
        self, file: str | os.PathLike, threads: int | None = None, precision: str = 'fp32'
    ) -> None:
        self.file, self.core = file, openvino_core()
        able = self.core.get_property('CPU', 'OPTIMIZATION_CAPABILITIES')
        if precision == 'bf16' and 'BF16' not in able:
            raise ValueError('this processor has no bf16 instructions: use fp32')
        self.settings = {
            'PERFORMANCE_HINT': 'LATENCY',
            'INFERENCE_PRECISION_HINT': 'bf16' if precision == 'bf16' else 'f32',
        }
        if threads is not None:
            self.settings['INFERENCE_NUM_THREADS'] = str(threads)
        with _runtime_errors(file, 'read'):
            self.model = self.core.read_model(os.fspath(file))
        self.names = [item.get_any_name() for item in self.model.inputs]
        self._requests: dict[tuple[int, ...], Any] = {}

    def __call__(self, keypoint: np.ndarray) -> np.ndarray:
        """Map skeletons (N, M, T, V, C) to logits (N, K)."""
        packed = pack_inputs(self.names, keypoint)
        with _runtime_errors(self.file, 'run'):
            inputs = dict(zip(self.names, packed, strict=True))
            logits = np.array(self._request(packed).infer(inputs)[OUTPUT], np.float32)
            return _checked(logits, len(keypoint))

    def _request(self, packed: tuple[np.ndarray, ...]) -> Any:
        shape = packed[-1].shape
        if shape not in self._requests:
            static = len(self._requests) < _MOST_SHAPES
            shape = shape if static else ()
            if shape not in self._requests:
                self._requests[shape] = self._compile(packed if static else None)
        return self._requests[shape]

    def _compile(self, packed: tuple[np.ndarray, ...] | None) -> Any:
        """Compile for the shapes of an input, or for any."""
        model = self.model.clone()
        if packed is not None:
            shapes = zip(self.names, packed, strict=True)
            model.reshape({name: list(array.shape) for name, array in shapes})
        return self.core.compile_model(model, 'CPU', self.settings).create_infer_request()
