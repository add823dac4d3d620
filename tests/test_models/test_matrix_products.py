"""Products through oneDNN and through MKL: the same values."""

import pytest
import torch

from mmcl_ext.models.layers import matrix_products
from mmcl_ext.models.layers.matrix_products import multiply, sum_of_products

SHAPES = [(2, 128, 128, 128), (3, 256, 160, 60), (2, 7, 5, 11)]  # the last one is small


@pytest.fixture(params=[True, False], ids=['oneDNN', 'MKL'])
def calls(request, monkeypatch):
    """Count the products that oneDNN computes."""
    if request.param and not hasattr(torch.ops.mkldnn, '_linear_pointwise'):
        pytest.skip('this PyTorch has no oneDNN')
    counted = []
    linear = matrix_products._linear

    def count(*tensors):
        counted.append(tensors)
        return linear(*tensors)

    monkeypatch.setattr(matrix_products, '_linear', count)
    monkeypatch.setattr(matrix_products, '_onednn_is_faster', lambda: request.param)
    counted.append(request.param)
    return counted


@pytest.mark.parametrize('shape', SHAPES)
@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16, torch.float64])
def test_products(calls, shape, dtype):
    n, rows, inner, length = shape
    generator = torch.Generator().manual_seed(1)
    samples = torch.randn(n, inner, length, generator=generator, dtype=torch.float64).to(dtype)
    results = torch.randn(n, rows, length, generator=generator, dtype=torch.float64).to(dtype)
    matrix = torch.randn(rows, inner, generator=generator, dtype=torch.float64).to(dtype)
    tolerance = {torch.float64: 1e-13, torch.float32: 1e-5, torch.bfloat16: 2e-2}[dtype]
    out = results.new_empty(n, 2, rows, length)[:, 1]  # with gaps between the samples
    for found, expected in (
        (multiply(matrix, samples), matrix.double() @ samples.double()),
        (multiply(matrix, samples, out=out), matrix.double() @ samples.double()),
        (multiply(matrix.t(), results), matrix.double().t() @ results.double()),
        (
            sum_of_products(results, samples),
            torch.einsum('nml,nkl->mk', results.double(), samples.double()),
        ),
    ):
        difference = (found.double() - expected).abs().max() / expected.abs().max()
        assert difference < tolerance
    goes = calls[0] and dtype == torch.float32 and rows > 100
    assert len(calls) - 1 == (4 * n if goes else 0)


def test_samples_with_gaps_go_to_mkl(calls):
    """OneDNN has no fast product for them."""
    samples = torch.randn(2, 128, 2, 128)[:, :, 0]
    multiply(torch.randn(128, 128), samples)
    sum_of_products(torch.randn(2, 128, 128), samples)
    assert len(calls) == 1
