import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import softmax
from torch import nn

from mmcl_ext.checkpoints.hub import find_pretrained
from mmcl_ext.checkpoints.load import load_deployed
from mmcl_ext.checkpoints.model_info import ModelInfo
from mmcl_ext.checkpoints.usable_device import usable_device
from mmcl_ext.config.shipped_configs import CONFIG_SUFFIXES, find_config
from mmcl_ext.fileio.name_file import name_file
from mmcl_ext.fileio.printable import counted
from mmcl_ext.inference.clip_preparation import ClipPreparation, takes_metres
from mmcl_ext.inference.inference_report import draw_result
from mmcl_ext.inference.inference_result import InferenceResult
from mmcl_ext.inference.predictors import (
    ExportedPredictor,
    Packed,
    Predictor,
    TorchPredictor,
)
from mmcl_ext.inference.read_clips import ClipDefaults, ClipReader, Source, clip_readers
from mmcl_ext.inference.skeleton_clip import SkeletonClip

BACKENDS = ('torch', 'onnxruntime', 'openvino')
_EXPORTED = ('.onnx', '.ts', '.pt2')
_FindClips = Callable[[Source], Iterator[ClipReader]]


class MMCLInferencer:
    """Predict actions from skeletons of any source.

    Clips run through the test pipeline of the model, so scores are those of ``tools/test.py``. What
    clips may be: :func:`read_clips`; how they are fitted to the model: :class:`ClipPreparation`.
    Files that do not fit together, and an unknown backend or device, are a ValueError; a backend
    that is not installed is a ModuleNotFoundError.

    Args:
        model: Published checkpoint, exported file, or configuration of a training: its path, or
            the name of a shipped one; ``zoo:NAME`` is a model of the zoo.
        checkpoint: Checkpoint, where ``model`` is a configuration.
        backend: ``'torch'``, ``'onnxruntime'`` or ``'openvino'``; None tells from the ending of
            ``model``: ``.onnx`` runs in ONNX Runtime, all else in PyTorch.
        refinement: Keep what refines scores by text features; needs a configuration.
        optimize: Fuse layers of a PyTorch model for speed; scores change by rounding.
        trust: Load ``.ts`` and ``.pt2`` files, which can run code of whoever made them.
    """

    def __init__(
        self,
        model: str | os.PathLike,
        checkpoint: str | os.PathLike | None = None,
        *,
        backend: str | None = None,
        device: str = 'cpu',
        batch_size: int = 8,
        fill_missing: bool = False,
        refinement: bool = False,
        optimize: bool = False,
        trust: bool = False,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f'batch_size must be positive, got {batch_size}')
        model = find_config(model)
        suffix = model.suffix.lower()
        backend = backend or ('onnxruntime' if suffix == '.onnx' else 'torch')
        if backend not in BACKENDS:
            raise ValueError(f'backend is one of {BACKENDS}, got {backend!r}')
        self.backend = backend
        self.batch_size = batch_size
        self.predictor: Predictor
        if backend == 'torch' and suffix not in _EXPORTED:
            _check_pair(model, checkpoint)
            module, self.info = _load_module(model, checkpoint, device, refinement)
            if optimize:
                from mmcl_ext.deployment import optimize_for_inference

                module = optimize_for_inference(module)
            self.predictor = TorchPredictor(module)
        else:
            _check_exported(model, checkpoint, device, optimize, refinement)
            run, self.info = _load_exported(model, backend, trust)
            self.predictor = ExportedPredictor(run, self.info.average_clips)
        with name_file(model):
            self.prepare = ClipPreparation(self.info, fill_missing)

    @classmethod
    def from_pretrained(cls, name: str | os.PathLike, **options: Any) -> 'MMCLInferencer':
        """Load a model of the zoo, a folder of ``to_hub``, or a repository ``USER/NAME``.

        ``options`` are those of the constructor. An unknown name is a FileNotFoundError.
        """
        return cls(find_pretrained(name), **options)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the K classes in the order of the scores."""
        return self.info.classes

    def __call__(self, inputs: Source | Sequence[Source], **kwargs: Any) -> list[InferenceResult]:
        """Predict one source or a sequence of them, see :meth:`iterate`; a list of dicts is one."""
        sources: Any = inputs
        if not isinstance(inputs, (list, tuple)) or (
            inputs and all(isinstance(item, (dict, list)) for item in inputs)
        ):
            sources = [inputs]
        return list(self.iterate(sources, **kwargs))

    def iterate(
        self,
        sources: Iterable[Source],
        *,
        layout: str | None = None,
        axes: str | None = None,
        text: np.ndarray | None = None,
        on_error: str = 'stop',
        progress: Callable[[], None] | None = None,
    ) -> Iterator[InferenceResult]:
        """Predict one source after the other; memory holds one batch.

        Args:
            sources: What :func:`read_clips` takes, each with one clip or many.
            layout: Layout of the joints, where the sources do not say it.
            axes: Order of the axes of arrays, ``'MTVC'`` or ``'CTVM'``; None refuses those that may
                be either.
            text: (N, D) text features of the N clips in their order, to refine the scores by.
            on_error: ``'stop'`` raises what is wrong with a clip, ``'skip'`` yields a result with
                the error and goes on.
        """
        if on_error not in ('stop', 'skip'):
            raise ValueError(f"on_error is 'stop' or 'skip', got {on_error!r}")
        texts = None if text is None else self._check_text(text)
        done = 0
        find = partial(clip_readers, layout=layout, defaults=self.clip_defaults(axes))
        for batch in self._batches(sources, find, on_error == 'skip'):
            rows = None if texts is None else texts[done : done + len(batch)]
            if texts is not None and done + len(batch) > len(texts):
                raise ValueError(f'more clips than {counted(len(texts), "text feature")}')
            done += len(batch)
            for result in self._predict(batch, rows):
                if result.error is not None and on_error == 'stop':
                    raise ValueError(result.error)
                if progress is not None:
                    progress()
                yield result
        if texts is not None and done != len(texts):
            raise ValueError(f'{counted(len(texts), "text feature")} for {counted(done, "clip")}')

    def clip_defaults(self, axes: str | None = None) -> ClipDefaults:
        """Tell how this model reads clips that do not say it themselves."""
        return ClipDefaults(self.info.layout, axes, takes_metres(self.info))

    def predict_clip(self, clip: SkeletonClip) -> InferenceResult:
        """Predict one clip; a ValueError if it cannot be used."""
        result = self._predict([(clip, self.prepare(clip))])[0]
        if result.error is not None:
            raise ValueError(result.error)
        return result

    def draw(self, result: InferenceResult, path: str | os.PathLike) -> None:
        """Draw the skeleton of a clip and the scores of its best classes: :func:`draw_result`."""
        draw_result(result, path, self.info.layout)

    def _batches(
        self, sources: Iterable[Source], find: _FindClips, skip: bool
    ) -> Iterator[list[Any]]:
        """Yield clips with their inputs, of one shape in a batch, and failures among them."""
        batch: list[Any] = []
        shape = None
        for clip, packed in self._prepared(sources, find, skip):
            new = shape if packed is None else _shape(packed)
            if len(batch) == self.batch_size or (shape is not None and new != shape):
                yield batch
                batch = []
            shape = new
            batch.append((clip, packed))
        if batch:
            yield batch

    def _prepared(
        self, sources: Iterable[Source], find: _FindClips, skip: bool
    ) -> Iterator[tuple[Any, Packed | None]]:
        for source in sources:
            readers = find(source)
            while True:
                clip: Any = None
                try:
                    read = next(readers, None)
                    if read is None:
                        break
                    clip = read()
                    item = clip, self.prepare(clip)
                except (ValueError, OSError, TypeError) as error:
                    if not skip:
                        raise
                    name = _name(clip, source)
                    yield InferenceResult(name, self.classes, clip=clip, error=str(error)), None
                else:
                    yield item

    def _predict(self, batch: Sequence[Any], text: np.ndarray | None = None) -> list[Any]:
        good = [i for i, (_, packed) in enumerate(batch) if packed is not None]
        scores = self.predictor([batch[i][1] for i in good]) if good else []
        if text is not None and good:
            assert isinstance(self.predictor, TorchPredictor)
            scores = list(self.predictor.refine(np.stack(scores), text[good]))
        results = [clip for clip, _ in batch]  # failures are results already
        for i, score in zip(good, scores, strict=True):
            results[i] = self._result(batch[i][0], score)
        return results

    def _result(self, clip: SkeletonClip, score: np.ndarray) -> InferenceResult:
        if not np.isfinite(score).all():
            most = np.abs(clip.keypoint[np.isfinite(clip.keypoint)]).max()
            error = f'clip {clip.name!r}: scores are not finite; coordinates reach {most:.1e}'
            return InferenceResult(clip.name, self.classes, clip=clip, error=error)
        probability = score if self.info.average_clips == 'prob' else softmax(score, axis=-1)
        if score.ndim == 2:  # the model keeps its clips apart
            score, probability = score.mean(axis=0), probability.mean(axis=0)
        return InferenceResult(clip.name, self.classes, score, probability, clip)

    def _check_text(self, text: np.ndarray) -> np.ndarray:
        text = np.asarray(text, np.float32)
        if text.ndim != 2:
            raise ValueError(f'text features are (N, D), got {text.shape}')
        model = getattr(self.predictor, 'model', None)
        if not hasattr(model, 'refine'):
            raise ValueError(
                'this model cannot refine scores by text: give the configuration of a training '
                'with refinement, its checkpoint, and refinement=True'
            )
        if self.info.average_clips != 'score':
            raise ValueError(f'refinement needs logits, not {self.info.average_clips!r} averages')
        return text


def _check_pair(model: str | os.PathLike, checkpoint: str | os.PathLike | None) -> None:
    """Refuse a configuration without checkpoint, and a checkpoint beside another one."""
    is_config = Path(model).suffix.lower() in CONFIG_SUFFIXES
    if is_config and checkpoint is None and Path(model).is_file():
        raise ValueError(f'{os.fspath(model)!r} is a configuration: give its checkpoint, too')
    if checkpoint is not None and not is_config:
        raise ValueError(
            f'a checkpoint goes with a configuration ({", ".join(CONFIG_SUFFIXES)}), not with '
            f'{os.fspath(model)!r}'
        )


def _check_exported(
    model: str | os.PathLike,
    checkpoint: str | os.PathLike | None,
    device: str,
    optimize: bool,
    refinement: bool,
) -> None:
    """Refuse what an exported file has no use for, instead of leaving it out."""
    given = dict(
        checkpoint=checkpoint is not None,
        device=str(device) != 'cpu',
        optimize=optimize,
        refinement=refinement,
    )
    names = [name for name, there in given.items() if there]
    if names:
        raise ValueError(f'{os.fspath(model)!r} is to run as exported, without {", ".join(names)}')


def _load_module(
    model: str | os.PathLike,
    checkpoint: str | os.PathLike | None,
    device: str,
    refinement: bool,
) -> tuple[nn.Module, ModelInfo]:
    device = usable_device(device)
    try:
        with name_file(model if checkpoint is None else checkpoint):
            return load_deployed(model, checkpoint, device=device, refinement=refinement)
    except (AttributeError, KeyError, TypeError) as error:
        # Settings of another release or of another kind of configuration.
        raise ValueError(f'{os.fspath(model)!r} describes no model of this release: {error}') from (
            error
        )


def _load_exported(
    path: str | os.PathLike, backend: str, trust: bool
) -> tuple[Callable[[np.ndarray], np.ndarray], ModelInfo]:
    if not Path(path).is_file():
        raise FileNotFoundError(f'there is no exported model {os.fspath(path)!r}')
    from mmcl_ext.deployment import read_model_info
    from mmcl_ext.deployment.backends import load_backend

    try:
        with name_file(path):
            info = read_model_info(path)
            return load_backend(path, backend, trust=trust), info
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{backend} is not installed ({error}): pip install 'mmcl_ext[deploy]'"
        ) from error


def _name(clip: SkeletonClip | None, source: Source) -> str:
    if clip is not None:
        return clip.name
    return str(source) if isinstance(source, (str, os.PathLike)) else type(source).__name__


def _shape(packed: Packed) -> Any:
    inputs = packed['inputs']
    if isinstance(inputs, dict):
        return {key: tuple(value.shape) for key, value in inputs.items()}
    return tuple(inputs.shape)
