"""In evaluation, a CPU encodes a few persons at a time: the same features."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from mmcl_ext.models.backbones import per_person
from mmcl_ext.registry import MODELS
from test_models.catalogue import SMALL, coco, names
from test_models.helpers import fill, wave

FRAMES = 11


def count(backbone: torch.nn.Module, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note how many persons are encoded at a time."""
    sizes: list[int] = []
    encode: Callable[[Tensor], Tensor] = backbone.encode  # type: ignore[assignment]

    def noted(rows: Tensor) -> Tensor:
        sizes.append(len(rows))
        return encode(rows)

    monkeypatch.setattr(backbone, 'encode', noted)
    return sizes


@pytest.mark.parametrize('name', names())
def test_parts_give_the_same_features(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = dict(topology=False) if name == 'BlockGCN' else {}  # its topology joins the persons
    backbone = fill(MODELS.build(dict(type=name, graph_cfg=coco(name), **SMALL, **alone))).eval()
    x = wave(5, 2, FRAMES, 17, 3)
    x[1, 1] = 0
    sizes = count(backbone, monkeypatch)
    with torch.no_grad():
        whole = backbone(x)
        assert sizes == [10]  # nine persons and an empty one
        sizes.clear()
        backbone.empty_persons.clear()
        monkeypatch.setattr(per_person, '_POSITIONS', 4 * FRAMES * 17 + 1)
        parts = backbone(x)
        assert sizes == [4, 4, 2]
    scale = float(whole.abs().max())
    torch.testing.assert_close(parts, whole, rtol=1e-5, atol=1e-6 * scale)
    assert parts.stride() == whole.stride()

    sizes.clear()
    backbone(x)  # with gradients, as for saliency
    assert sizes == [10]


def test_a_training_step_is_encoded_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = fill(MODELS.build(dict(type='STGCN', graph_cfg=coco('STGCN'), **SMALL))).train()
    monkeypatch.setattr(per_person, '_POSITIONS', 1)
    sizes = count(backbone, monkeypatch)
    with torch.no_grad():
        backbone(wave(3, 2, FRAMES, 17, 3))
    assert sizes == [6]
