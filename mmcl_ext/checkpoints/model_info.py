"""What a deployed model takes and gives, in plain values that any file format can carry."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mmcl_ext.checkpoints.data_description import default_arguments, last_setting, stream_of
from mmcl_ext.checkpoints.described_types import check_plain
from mmcl_ext.datasets.store.name_table import check_class_names
from mmcl_ext.fileio.name_file import DAMAGE, name_file
from mmcl_ext.fileio.printable import bounded_repr, counted
from mmcl_ext.graphs.layout import Layout
from mmcl_ext.graphs.layouts import get_layout, layout_names, register_layout, resolve_layout
from mmcl_ext.registry import MODELS
from mmcl_ext.version import __version__

FORMAT_VERSION = 1
"""Version of the fields of :class:`ModelInfo`; a reader refuses later ones."""


@dataclass(frozen=True)
class ModelInfo:
    """What a user must know of a deployed model to feed it and to read its answer.

    Every value is a string, number, boolean, None, or a list or dict of such, so that it
    fits the meta data of a checkpoint that loads with ``weights_only=True``, of an ONNX
    file, and a JSON file.

    Attributes:
        skeleton: Description of that layout: ``joint_names``, ``edges`` as (child, parent),
            ``center``, ``pairs`` and ``hd_groups``, see :meth:`Layout.from_dict`.
        num_person: Persons M of the network's input; of C ``in_channels`` coordinates.
        window: Frames T of the network's input; None where the pipeline keeps the clip's.
        average_clips: What is averaged over the clips of a sample: ``'score'``, ``'prob'``
            or None.
        recipe: Where the model comes from: ``config``, ``version`` of this package,
            ``dataset``, ``split``, ``license``, ``metrics``; whatever is known.
        scope: Registry scope in which the transforms and the model are built.
        foreign: The description came with a file, so it may name admitted types only.
    """

    classes: tuple[str, ...]
    layout: str
    skeleton: dict[str, Any]
    stream: str
    num_person: int
    window: int | None
    in_channels: int
    pipeline: tuple[dict[str, Any], ...]
    average_clips: str | None
    backbone: str
    model: dict[str, Any]
    recipe: dict[str, Any] = field(default_factory=dict)
    scope: str = 'mmcl_ext'
    format_version: int = FORMAT_VERSION
    foreign: bool = field(default=False, compare=False, repr=False)

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Names of the V joints, in the order of the data."""
        return tuple(self.skeleton['joint_names'])

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        values = asdict(self)
        del values['foreign']
        return plain_values(values)

    def to_json(self, indent: int | None = None) -> str:
        """Return the fields as JSON."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> 'ModelInfo':
        """Read what :meth:`to_dict` gave; a ValueError if it is of a later version or damaged."""
        version = values.get('format_version')
        if not isinstance(version, int) or version > FORMAT_VERSION:
            raise ValueError(
                f'model information of version {bounded_repr(version)}; this release reads up to '
                f'version {FORMAT_VERSION}'
            )
        check_plain(values)
        names = [item.name for item in fields(cls) if item.name != 'foreign']
        known = {name: values[name] for name in names if name in values}
        missing = [name for name in names if name not in known]
        if missing:
            raise ValueError(f'model information lacks {missing}')
        _check_fields(known)
        lists = {key: tuple(known[key]) for key in ('classes', 'pipeline')}
        return cls(**{**known, **lists}, foreign=True)

    @classmethod
    def from_json(cls, text: str) -> 'ModelInfo':
        """Read what :meth:`to_json` gave; ValueError as of :meth:`from_dict`, or for no JSON."""
        try:
            values = json.loads(text)
        except RecursionError as error:
            raise ValueError('model information is nested too deep') from error
        if not isinstance(values, dict):
            raise ValueError(f'model information is an object, got {type(values).__name__}')
        return cls.from_dict(values)

    @classmethod
    def from_cfg(
        cls,
        cfg: Config,
        *,
        classes: Sequence[str] | None = None,
        layout: str | None = None,
        recipe: Mapping[str, Any] | None = None,
    ) -> 'ModelInfo':
        """Gather what a configuration says, and what else is known of a model.

        Without ``classes`` they are ``class0``, ``class1``, ...; without ``layout`` it is that of
        the network's graph.
        """
        check_config(cfg)
        scope = cfg.get('default_scope') or 'mmcl_ext'
        with DefaultScope.overwrite_default_scope(scope):
            model = _deployed(cfg.model.to_dict())
            backbone, head = model['backbone'], model['cls_head']
            in_channels = _setting(backbone, 'in_channels', 3)
            slots = _setting(backbone, 'num_person', 2)
            average_clips = _setting(head, 'average_clips', None)
        pipeline = [plain_values(step) for step in cfg.test_dataloader.dataset.pipeline]
        description = plain_values(asdict(resolve_layout(layout or _graph_layout(backbone))))
        return cls(
            classes=_classes(classes, head['num_classes']),
            layout=description.pop('name'),
            skeleton=description,
            stream=stream_of(pipeline),
            num_person=last_setting(pipeline, ('num_person',)) or slots,
            window=last_setting(pipeline),
            in_channels=in_channels,
            pipeline=tuple(pipeline),
            average_clips=average_clips,
            backbone=str(backbone['type']),
            model=plain_values(model),
            recipe=_recipe(cfg) | plain_values(dict(recipe or {})),
            scope=scope,
        )

    def ensure_layout(self) -> str:
        """Make the layout known to this process and return its name, if no other one has it."""
        ours = Layout.from_dict(dict(self.skeleton, name=self.layout))
        if self.layout not in layout_names():
            register_layout(ours)
        known = get_layout(self.layout)
        if (known.joint_names, known.parents) != (ours.joint_names, ours.parents):
            raise ValueError(
                f"the model's layout {self.layout!r} is not the one that goes by this name here"
            )
        return self.layout


def _check_fields(known: Mapping[str, Any]) -> None:
    """Refuse values of a type that no description has, before they do harm further on."""
    for key, kinds in _KINDS.items():
        if not isinstance(known[key], kinds):
            raise ValueError(f'model information: {key} is a {type(known[key]).__name__}')
    for key, kind in (('classes', str), ('pipeline', Mapping)):
        if not all(isinstance(item, kind) for item in known[key]):
            raise ValueError(f'model information: {key} does not hold {kind.__name__} alone')
    _check_repeated(known)
    head = known['model'].get('cls_head')
    K = head.get('num_classes') if isinstance(head, Mapping) else None
    if len(known['classes']) != K:
        raise ValueError(
            f'model information: {counted(len(known["classes"]), "class", "classes")} for a head '
            f'of {K}'
        )
    _check_size(known)


_MAX_INPUT = 1 << 22  # numbers of a clip that enters a network, in each of its channels
_MAX_PIXELS = 1 << 26  # the same of heat maps, which enter narrower networks
_AXES = (  # of what a pipeline makes, by the arguments of its transforms
    ('window', 'num_frames', 'clip_len', 'length'),
    ('num_clips',),
    ('num_person', 'max_person'),
    ('scale', 'size', 'crop_size', 'input_size', 'img_shape'),
)


def _check_size(known: Mapping[str, Any]) -> None:
    """Refuse a pipeline that makes gigabytes of any clip."""
    largest = [
        max((_volume(s.get(key)) for s in known['pipeline'] for key in keys), default=1)
        for keys in _AXES
    ]
    joints = known['skeleton'].get('joint_names')
    count = math.prod(largest) * (len(joints) if isinstance(joints, (list, tuple)) else 1)
    most = _MAX_INPUT if largest[-1] == 1 else _MAX_PIXELS
    if count > most:
        raise ValueError(f'model information: a clip becomes {count} numbers, more than {most}')


def _volume(value: Any) -> int:
    numbers = value if isinstance(value, (list, tuple)) else (value,)
    return math.prod(abs(number) for number in numbers if isinstance(number, int)) or 1


def _check_repeated(known: Mapping[str, Any]) -> None:
    """Compare what a description says of its classes, joints and pipeline with itself."""
    check_class_names(known['classes'])
    with name_file('model information: skeleton', DAMAGE):
        Layout.from_dict(dict(known['skeleton'], name=known['layout']))
    pipeline = known['pipeline']
    persons = last_setting(pipeline, ('num_person',))
    told = dict(stream=stream_of(pipeline), window=last_setting(pipeline), num_person=persons)
    for key, value in told.items():
        if value != known[key] and not (key == 'num_person' and value is None):
            raise ValueError(
                f'model information: {key} is {bounded_repr(known[key])}, its pipeline has '
                f'{bounded_repr(value)}'
            )


_KINDS: dict[str, type | tuple[type, ...]] = dict(
    classes=(list, tuple),
    layout=str,
    skeleton=Mapping,
    stream=str,
    num_person=int,
    window=(int, type(None)),
    in_channels=int,
    pipeline=(list, tuple),
    average_clips=(str, type(None)),
    model=Mapping,
    recipe=Mapping,
    scope=str,
)


def check_config(cfg: Config) -> None:
    """Raise a ValueError for a configuration that describes no model and its test."""
    lacking = [key for key in ('model', 'test_dataloader') if key not in cfg]
    if lacking:
        raise ValueError(f'no configuration of a training: it lacks {", ".join(lacking)}')


def plain_values(value: Any) -> Any:
    """Turn nested values into dicts with string keys, lists, strings, finite numbers and None."""
    if isinstance(value, Mapping):
        return {str(key): plain_values(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain_values(item) for item in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return plain_values(value.tolist())
    if isinstance(value, type):
        return f'{value.__module__}.{value.__qualname__}'
    if isinstance(value, float) and not np.isfinite(value):
        raise ValueError(f'{value} cannot be written to a description of a model')
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    raise ValueError(f'cannot describe a model by a {type(value).__name__}: {value!r}')


def _deployed(model: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration of what is left of a model after its training."""
    kind = MODELS.get(model['type'])
    if kind is None:
        raise ValueError(
            f'model.type {model["type"]!r} is not registered: import its module by custom_imports '
            'in the configuration, or by --import'
        )
    return kind.deploy_cfg(model) if hasattr(kind, 'deploy_cfg') else model


def _setting(module: Mapping[str, Any], name: str, otherwise: Any) -> Any:
    """Return a setting of a module: the configuration's, else its class's default."""
    return (default_arguments(MODELS.get(module['type'])) | dict(module)).get(name, otherwise)


def _graph_layout(backbone: Mapping[str, Any]) -> Any:
    graph = backbone.get('graph_cfg') or {}
    layout = graph.get('layout') if isinstance(graph, Mapping) else None
    if layout is None:
        raise ValueError(f'{backbone["type"]} names no layout: say which one the data have')
    return layout


def _classes(names: Sequence[str] | None, number: int) -> tuple[str, ...]:
    names = tuple(f'class{i}' for i in range(number)) if names is None else tuple(names)
    if len(names) != number:
        raise ValueError(
            f'{counted(len(names), "name")} of classes for a model of {number} classes'
        )
    return names


def _recipe(cfg: Config) -> dict[str, Any]:
    """Say what a configuration tells of the training: package version, data, split."""
    dataset = cfg.test_dataloader.dataset
    data = {key: dataset.get(name) for key, name in (('dataset', 'ann_file'), ('split', 'split'))}
    recipe = {'version': __version__, **{k: v for k, v in data.items() if v is not None}}
    if recipe.get('dataset'):  # the file's name, not where it lies on the author's machine
        recipe['dataset'] = str(recipe['dataset']).replace('\\', '/').rpartition('/')[2]
    return recipe
