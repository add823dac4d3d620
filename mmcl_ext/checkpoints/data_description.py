"""What gives the inputs and outputs of trained weights their meaning, and its comparison."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from mmcl_ext.checkpoints.strip import plain
from mmcl_ext.graphs.layout import Layout
from mmcl_ext.graphs.layouts import get_layout, layout_names, resolve_layout
from mmcl_ext.registry import MODELS, TRANSFORMS

DATA_KEY = 'data_description'
"""Entry of a checkpoint's ``meta`` with :meth:`DataDescription.to_dict`."""

ALLOWED_KEY = 'allow_differences'
"""Variable of a configuration: names of the fields that may differ."""

_WINDOW_KEYS = ('window', 'num_frames', 'clip_len')
_LETTERS = {'j': 'joint', 'b': 'bone', 'jm': 'joint_motion', 'bm': 'bone_motion'}
# Compared as the stream and the layout, or without influence on the meaning of a skeleton.
_OTHER_STEPS = ('SkeletonStream', 'GenSkeFeat', 'InterpolateJoints', 'Pack', 'Load', 'Random')
# Settings of a backbone that its weights hold, or that matter in training only.
_TRAINED_SETTINGS = ('type', 'graph_cfg', 'init_cfg', 'topology', 'pretrained', 'dropout')
_OTHER_SETTINGS = ('type', 'num_clips', 'test_mode', 'seed', *_WINDOW_KEYS)

Step = Mapping[str, Any]


@dataclass(frozen=True)
class DataDescription:
    """The data that a network was trained on; None where it is not known.

    The layout is the one that enters the network, ``preprocessing`` the configurations of the test
    transforms; some of the configuration of the ``backbone`` leaves no trace in the weights, such
    as where frames are halved, or InfoGCN's ``k``.
    """

    stream: str | None = None
    layout: str | None = None
    joints: tuple[str, ...] | None = None
    parents: tuple[int, ...] | None = None
    preprocessing: tuple[Step, ...] | None = None
    window: int | None = None
    unit: str | None = None
    classes: tuple[str, ...] | None = None
    num_classes: int | None = None
    backbone: Mapping[str, Any] | None = None

    @classmethod
    def of(
        cls,
        pipeline: Sequence[Step] | None,
        metainfo: Mapping[str, Any],
        *,
        stream: str | None = None,
        num_classes: int | None = None,
        backbone: Mapping[str, Any] | None = None,
    ) -> 'DataDescription':
        """Describe data by test transforms and ``layout``, ``classes`` and ``unit``, if known."""
        classes = metainfo.get('classes')
        layout = layout_after(pipeline or (), metainfo.get('layout'))
        return cls(
            stream=stream or (None if pipeline is None else stream_of(pipeline)),
            layout=None if layout is None else layout.name,
            joints=None if layout is None else layout.joint_names,
            parents=None if layout is None else layout.parents,
            preprocessing=None if pipeline is None else tuple(map(plain, pipeline)),
            window=None if pipeline is None else last_setting(pipeline, _WINDOW_KEYS),
            unit=metainfo.get('unit'),
            classes=None if classes is None else tuple(classes),
            num_classes=num_classes,
            backbone=plain(backbone) if isinstance(backbone, Mapping) else None,
        )

    @classmethod
    def from_meta(cls, meta: Mapping[str, Any]) -> 'DataDescription':
        """Read the description in the ``meta`` of a checkpoint; old ones say less, or nothing."""
        if isinstance(meta.get(DATA_KEY), Mapping):
            known = {item.name for item in fields(cls)}
            values: dict[str, Any] = {k: v for k, v in meta[DATA_KEY].items() if k in known}
            _check_fields(values)
            values.update({k: tuple(v) for k, v in values.items() if isinstance(v, list)})
            return cls(**values)
        published = meta.get('model_info')
        if not isinstance(published, Mapping):
            return cls.of(None, meta.get('dataset_meta') or {})
        layout = Layout.from_dict(dict(published['skeleton'], name=published['layout']))
        known_data = dict(classes=published['classes'], layout=layout)
        backbone = published['model'].get('backbone')
        stream = published['stream']
        return cls.of(published['pipeline'], known_data, stream=stream, backbone=backbone)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that are known."""
        return {key: value for key, value in asdict(self).items() if value is not None}

    def differences(self, other: 'DataDescription') -> dict[str, tuple[str, str]]:
        """Name the fields in which two descriptions differ, with both values in words."""
        found = {}
        head = self.num_classes or other.num_classes or len(self.classes or ())
        for field in ('stream', 'window', 'unit', 'classes'):
            ours, theirs = getattr(self, field), getattr(other, field)
            named = field != 'classes' or len(ours or ()) == head
            if None not in (ours, theirs) and ours != theirs and named:
                found[field] = _in_words(field, ours, theirs)
        if _unlike(self.joints, other.joints) or (
            str(self.stream).startswith('bone') and _unlike(self.parents, other.parents)
        ):
            found['layout'] = (_layout_text(self), _layout_text(other))
        if self.preprocessing is not None and other.preprocessing is not None:
            ours, theirs = (list(_steps(d.preprocessing or ())) for d in (self, other))
            if ours != theirs:
                found['preprocessing'] = (_only(ours, theirs), _only(theirs, ours))
        if self.backbone is not None and other.backbone is not None:
            ours, theirs = _settings_apart(self.backbone, other.backbone)
            if ours != theirs:
                found['backbone'] = (', '.join(ours), ', '.join(theirs))
        return found


def check_same_data(
    trained: DataDescription,
    used: DataDescription,
    checkpoint: str,
    place: str,
    allowed: str | Sequence[str] = (),
) -> None:
    """Compare the data of a checkpoint with those of a place; a ValueError names what differs."""
    allowed = (allowed,) if isinstance(allowed, str) else allowed
    found = {k: v for k, v in trained.differences(used).items() if k not in allowed}
    if found:
        raise ValueError(
            f'{describe_differences(found, checkpoint, place)}. If that is meant, set '
            f'{ALLOWED_KEY}="{",".join(found)}" in the configuration'
        )


def describe_differences(found: Mapping[str, tuple[str, str]], checkpoint: str, place: str) -> str:
    """Put differences into one line."""
    texts = (f'{field} is {a} in {checkpoint}, {b} in {place}' for field, (a, b) in found.items())
    return '; '.join(texts)


def find_pipeline(loader: Mapping[str, Any] | None) -> list[Step] | None:
    """Return the transforms of a data loader's configuration, inside of any wrappers."""
    node: Any = (loader or {}).get('dataset')
    while isinstance(node, Mapping) and 'pipeline' not in node:
        node = node.get('dataset') or next(iter(node.get('datasets') or ()), None)
    return list(node['pipeline']) if isinstance(node, Mapping) else None


def stream_of(pipeline: Sequence[Step]) -> str:
    """Name the stream that a pipeline computes."""
    for step in pipeline:
        if str(step.get('type')).endswith('SkeletonStream'):
            return step.get('stream', 'joint')
        if str(step.get('type')).endswith('GenSkeFeat'):
            return ', '.join(_LETTERS.get(letter, letter) for letter in step.get('feats', 'j'))
    return 'joint'


def last_setting(pipeline: Sequence[Step], keys: Sequence[str] = _WINDOW_KEYS) -> int | None:
    """Return the last whole number that a pipeline has under one of the keys."""
    values = [step[key] for step in pipeline for key in keys if isinstance(step.get(key), int)]
    return values[-1] if values else None


def _check_fields(values: Mapping[str, Any]) -> None:
    """Refuse what a damaged or hostile file may hold."""
    for key, value in values.items():
        kind, item = _KINDS[key]
        items = value if item is not None and isinstance(value, kind) else ()
        if not isinstance(value, kind) or not all(isinstance(x, item or object) for x in items):
            raise ValueError(f'the checkpoint does not describe its data: {key} is {value!r:.80}')


_KINDS: dict[str, tuple[Any, Any]] = dict(
    stream=(str, None),
    layout=(str, None),
    joints=((list, tuple), str),
    parents=((list, tuple), int),
    preprocessing=((list, tuple), Mapping),
    window=(int, None),
    unit=(str, None),
    classes=((list, tuple), str),
    num_classes=(int, None),
    backbone=(Mapping, None),
)


def layout_after(pipeline: Sequence[Step], layout: Any) -> Layout | None:
    """Return the layout of what a pipeline delivers; None if it is not known here."""
    made = [s['target'] for s in pipeline if str(s.get('type')).endswith('InterpolateJoints')]
    layout = made[-1] if made else layout
    if isinstance(layout, str) and not layout.endswith('.json'):
        return get_layout(layout) if layout in layout_names() else None
    return None if layout is None else resolve_layout(layout)


def _steps(pipeline: Sequence[Step]) -> Iterator[str]:
    """Write the transforms that shape a skeleton as calls, with the defaults of their classes."""
    for step in pipeline:
        name = str(step.get('type')).rpartition('.')[2]
        if not name.startswith(_OTHER_STEPS):
            given = {**_defaults(TRANSFORMS, name), **step}
            settings = {k: v for k, v in given.items() if k not in _OTHER_SETTINGS}
            values = (f'{key}={_plain(settings[key])}' for key in sorted(settings))
            yield f'{name}({", ".join(values)})'


def _settings_apart(a: Step, b: Step) -> tuple[list[str], list[str]]:
    full = [_defaults(MODELS, str(x.get('type')).rpartition('.')[2]) | dict(x) for x in (a, b)]
    keys = sorted(set(full[0]) & set(full[1]) - set(_TRAINED_SETTINGS))
    apart = [key for key in keys if _plain(full[0][key]) != _plain(full[1][key])]
    ours, theirs = ([f'{key}={_plain(x[key])}' for key in apart] for x in full)
    return ours, theirs


def _defaults(registry: Any, name: str) -> dict[str, Any]:
    """Return the defaults of a registered class; a name from a file is never imported."""
    registry.import_from_location()
    while registry is not None and name not in registry.module_dict:
        registry = registry.parent
    return default_arguments(None if registry is None else registry.module_dict[name])


def default_arguments(known: Any) -> dict[str, Any]:
    """Return the defaults of the constructors of a class and of its bases; {} for None."""
    found: dict[str, Any] = {}
    for kind in reversed(getattr(known, '__mro__', ())):
        parameters = inspect.signature(kind).parameters if '__init__' in vars(kind) else {}
        found |= {p.name: p.default for p in parameters.values() if p.default is not p.empty}
    return found


def _plain(value: Any) -> Any:
    """Write tuples as lists, and one number as a list of it: files know no difference."""
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value] if len(value) != 1 else _plain(value[0])
    return value


def _unlike(a: Any, b: Any) -> bool:
    return a is not None and b is not None and tuple(a) != tuple(b)


def _in_words(field: str, a: Any, b: Any) -> tuple[str, str]:
    if field != 'classes':
        return repr(a), repr(b)
    if len(a) != len(b):
        return f'{len(a)} ({_short(a)})', f'{len(b)} ({_short(b)})'
    place = next(i for i in range(len(a)) if a[i] != b[i])
    return f'{a[place]!r} at place {place}', repr(b[place])


def _short(names: Sequence[str]) -> str:
    return ', '.join(names[:4]) + (', ...' if len(names) > 4 else '')


def _layout_text(data: DataDescription) -> str:
    return f'{data.layout!r} with {len(data.joints or ())} joints'


def _only(steps: list[str], others: list[str]) -> str:
    return ', '.join(step for step in steps if step not in others) or (
        'another order' if sorted(steps) == sorted(others) else 'nothing besides'
    )
