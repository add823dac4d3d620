"""Data sets inside of the wrappers that hold them."""

from collections.abc import Iterator
from typing import Any


def iterate_datasets(dataset: Any) -> Iterator[Any]:
    """Yield a dataset and, depth first, all datasets that its wrappers hold."""
    yield dataset
    inner = getattr(dataset, 'datasets', None) or [getattr(dataset, 'dataset', None)]
    for child in inner:
        if child is not None:
            yield from iterate_datasets(child)


def sample_names(dataset: Any) -> list[str]:
    """Names of a data set's samples, without reading the samples where it can tell them."""
    names = getattr(dataset, 'sample_names', None)
    if names is not None:
        return list(names)
    return [dataset.get_data_info(i)['sample_name'] for i in range(len(dataset))]
