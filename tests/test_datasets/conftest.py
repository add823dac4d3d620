from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mmengine.registry import DefaultScope, init_default_scope

from mmcl_ext.datasets.store import write_store


@pytest.fixture(autouse=True)
def default_scope() -> Iterator[None]:
    """Look types up in our registries, and leave the scope as it was."""
    before = DefaultScope.get_current_instance()
    init_default_scope('mmcl_ext')
    yield
    if before is not None:
        init_default_scope(before.scope_name)


@pytest.fixture
def samples() -> list[dict[str, Any]]:
    """Twelve sequences of one or two persons and 10 to 21 frames, with 25 joints."""
    rng = np.random.default_rng(0)
    return [
        dict(
            name=f'clip_{i:02d}_é',
            label=i % 3,
            keypoint=rng.normal(size=(1 + i % 2, 10 + i, 25, 3)).astype(np.float32),
        )
        for i in range(12)
    ]


@pytest.fixture
def make_store(tmp_path: Path, samples: list[dict[str, Any]]) -> Callable[..., Path]:
    """Write the samples, with arguments replaced at will; return the file."""

    def make(name: str = 'data.safetensors', **changes: Any) -> Path:
        names = [sample['name'] for sample in samples]
        arguments = dict(
            samples=iter(samples),
            layout='nturgb+d-ctrgcn',
            classes=('wave', 'kick', 'sit'),
            splits=dict(train=names[:8], val=names[:7:-1], empty=[]),
            metadata=dict(source='generated'),
        )
        path = tmp_path / name
        write_store(path, **(arguments | changes))
        return path

    return make


@pytest.fixture
def store_path(make_store: Callable[..., Path]) -> Path:
    return make_store()
