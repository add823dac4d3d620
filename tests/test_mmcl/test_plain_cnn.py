import pytest
import torch

from mmcl_ext.mmcl import PlainCNN


def test_declares_the_width_it_gives() -> None:
    encoder = PlainCNN(channels=(4, 6))
    assert encoder.out_channels == 6
    assert encoder(torch.randn(2, 3, 32, 20)).shape == (2, 6)


def test_number_of_parameters_by_hand() -> None:
    """Two convolutions without bias, and scale and shift of each batch norm."""
    encoder = PlainCNN(channels=(4, 6))
    assert sum(p.numel() for p in encoder.parameters()) == 3 * 4 * 9 + 8 + 4 * 6 * 9 + 12


def test_frozen_stays_in_eval_and_gets_no_gradient() -> None:
    encoder = PlainCNN(frozen=True).train()
    assert not any(module.training for module in encoder.modules())
    assert not encoder(torch.randn(2, 3, 32, 32)).requires_grad


def test_no_layers_are_refused() -> None:
    with pytest.raises(ValueError, match=r'channels is \(\)'):
        PlainCNN(channels=())
