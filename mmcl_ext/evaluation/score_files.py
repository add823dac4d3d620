"""Score files: ours, MMAction2's, PYSKL's and the reference repositories'."""

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from mmcl_ext.evaluation.annotation_source import SplitLabels
from mmcl_ext.evaluation.scores import Scores, check_same_names
from mmcl_ext.fileio.atomic_file import write_pickle
from mmcl_ext.fileio.name_file import names_file
from mmcl_ext.fileio.printable import bounded_repr, counted
from mmcl_ext.fileio.safe_pickle import load_pickle

NAME_FIELDS = ('sample_name', 'frame_dir', 'filename')
"""Fields of a dump that tell which sample it is, in the order they are looked for."""

SEARCHED_ON_TEST = 'searched_on_test_data'
"""Field by which an ensemble's scores say that its weights were searched on these samples."""

_POSITION = re.compile(r'(?:test_)?(\d+)')


class _Content(NamedTuple):
    """What a file holds: names and labels are None where it has none."""

    names: list[str] | None
    values: list[Any]
    labels: list[int] | None
    searched_on_test: bool = False
    classes: tuple[str, ...] | None = None


@names_file
def read_scores(
    path: str | os.PathLike, split: SplitLabels | None = None, *, by_position: bool = False
) -> Scores:
    """Read the scores of a ``split`` without running what the file says.

    Known are the dumps of ``tools/test.py --dump`` and of MMAction2 (a list of dicts), the score
    pickles of CTR-GCN, HD-GCN, InfoGCN and MMCL (a dict from sample name to scores) and PYSKL's
    ``result.pkl`` (a list of score arrays). Labels of the file are compared with those of the
    split, which is needed where there are none. ``by_position`` takes names from its order where
    the file has none, or numbers (``test_0``, 0), as CTR-GCN's and MMCL's feeders give. A
    ValueError if the file is refused or of no known kind, lacks names or labels, or does not have
    the samples and labels of the split.
    """
    source = os.fspath(path)
    content = _content(load_pickle(path), source)
    names = _resolve_names(content, split, by_position, source)
    if split is not None:
        check_same_names(names, source, split.names, split.source)
    labels = _labels(names, content.labels, split, source)
    values = _stack(content.values, names, source)
    scores = Scores(
        names, values, labels, source, content.searched_on_test, classes=content.classes
    )
    if split is not None and content.labels is not None:
        for name, label in zip(names, content.labels, strict=True):
            if split.label_of[name] != label:
                raise ValueError(
                    f'sample {name!r} has label {label} in {source} and {split.label_of[name]} in '
                    f'{split.source}'
                )
    return scores


def _content(loaded: Any, source: str) -> _Content:
    """Tell the kind of a file by its content."""
    if isinstance(loaded, Mapping) and loaded:
        return _Content([str(key) for key in loaded], list(loaded.values()), None)
    if isinstance(loaded, np.ndarray) and loaded.ndim == 2:
        return _Content(None, list(loaded), None)
    if isinstance(loaded, Sequence) and not isinstance(loaded, str) and loaded:
        if all(isinstance(item, Mapping) for item in loaded):
            return _dump_content(loaded, source)
        if all(isinstance(item, np.ndarray) for item in loaded):
            return _Content(None, list(loaded), None)
    raise ValueError(
        f'{source} holds no scores: expected a list of dicts with pred_score, or a dict from '
        'sample name to scores'
    )


def _dump_content(items: Sequence[Mapping[str, Any]], source: str) -> _Content:
    field = next((f for f in NAME_FIELDS if all(f in item for item in items)), None)
    names = None if field is None else [str(item[field]) for item in items]
    values = [
        _field(item, i, ('pred_score', 'pred_scores'), source) for i, item in enumerate(items)
    ]
    labels = [_field(item, i, ('gt_label', 'gt_labels'), source) for i, item in enumerate(items)]
    numbers = [_single(label, i, source) for i, label in enumerate(labels)]
    searched = any(item.get(SEARCHED_ON_TEST) for item in items)
    classes = items[0].get('classes')
    known = tuple(classes) if isinstance(classes, (list, tuple)) else None
    for i, item in enumerate(items):
        given = item.get('classes')
        if given is not classes and (None if given is None else tuple(given)) != known:
            raise ValueError(f'{source}: entry {i} names other classes than entry 0')
        _check_entry(item, values[i], f'{source}: entry {i}')
    return _Content(names, values, numbers, searched, known)


def _check_entry(item: Mapping[str, Any], scores: Any, where: str) -> None:
    """Compare what an entry says twice."""
    array, number = np.asarray(scores), item.get('num_classes')
    if number is not None and array.shape != (number,):
        raise ValueError(f'{where}: num_classes is {bounded_repr(number)}, scores {array.shape}')
    label = np.asarray(item.get('pred_label', ()))
    if label.size == 1 and label.dtype.kind in 'iu' and array.ndim == 1 and array.size:
        best = int(label.reshape(()))
        if not 0 <= best < array.size or array[best] < array.max():
            raise ValueError(f'{where}: pred_label {best} is not the class of the highest score')


def _field(item: Mapping[str, Any], index: int, fields: tuple[str, str], source: str) -> Any:
    """Return a field under its present name or that of MMAction2 1.0 and 1.1."""
    value = next((item[field] for field in fields if field in item), None)
    if isinstance(value, Mapping) and set(value) == {'item'}:
        value = value['item']
    if value is None or isinstance(value, Mapping):
        raise ValueError(f'{source}: entry {index} has no {fields[0]}; it has {sorted(item)}')
    return value


def _single(label: Any, index: int, source: str) -> int:
    array = np.asarray(label)
    if array.size != 1 or array.dtype.kind not in 'iu':
        raise ValueError(f'{source}: entry {index}: expected one label, got {label!r}')
    return int(array.reshape(()))


def _resolve_names(
    content: _Content, split: SplitLabels | None, by_position: bool, source: str
) -> list[str]:
    names = content.names
    known = () if split is None else split.names
    numbers = names is not None and all(_POSITION.fullmatch(name) for name in names)
    if names is not None and (split is None or not numbers or names[0] in set(known)):
        return names
    if not by_position or split is None:
        what = 'no sample names' if names is None else f'numbers such as {names[0]!r} as names'
        raise ValueError(
            f'{source} has {what}: say --by-position with --store and --split if its order is '
            f'that of the split, or test again with one of {NAME_FIELDS} among the meta_keys'
        )
    if len(content.values) != len(split.names):
        raise ValueError(
            f'{source} has {counted(len(content.values), "sample")}, {split.source} has '
            f'{len(split.names)}'
        )
    if names is None:
        return list(split.names)
    return [_name_at(name, split, source) for name in names]


def _name_at(number: str, split: SplitLabels, source: str) -> str:
    match = _POSITION.fullmatch(number)
    position = -1 if match is None else int(match[1])
    if not 0 <= position < len(split.names):
        raise ValueError(f'{source}: {number!r} is no position in {split.source}')
    return split.names[position]


def _labels(
    names: Sequence[str], labels: list[int] | None, split: SplitLabels | None, source: str
) -> np.ndarray:
    if labels is not None:
        return np.array(labels, np.int64)
    if split is None:
        raise ValueError(f'{source} holds no labels: name --store and --split')
    return np.array([split.label_of[name] for name in names], np.int64)


def _stack(values: Sequence[Any], names: Sequence[str], source: str) -> np.ndarray:
    """Stack score vectors to (N, K)."""
    arrays = [np.asarray(value) for value in values]
    for array, name in zip(arrays, names, strict=True):
        if array.ndim != 1 or array.dtype.kind not in 'fiu' or array.shape != arrays[0].shape:
            raise ValueError(
                f'{source}: sample {name!r}: expected {counted(arrays[0].size, "score")}, got '
                f'{array.dtype} of shape {array.shape}'
            )
    return np.stack(arrays).astype(np.float64)


def write_scores(path: str | os.PathLike, scores: Scores) -> None:
    """Write scores in float32 as ``tools/test.py --dump`` does, so that ensembles nest."""
    values = torch.from_numpy(scores.values).float()
    mark: dict[str, Any] = {SEARCHED_ON_TEST: True} if scores.searched_on_test else {}
    if scores.classes:
        mark['classes'] = scores.classes
    items = [
        dict(
            sample_name=name,
            num_classes=scores.num_classes,
            # a copy: a row of a matrix would be pickled with the whole matrix
            pred_score=value.clone(),
            pred_label=value.argmax(dim=0, keepdim=True),
            gt_label=torch.tensor([label]),
            **mark,
        )
        for name, value, label in zip(scores.names, values, scores.labels.tolist(), strict=True)
    ]
    write_pickle(path, items)
