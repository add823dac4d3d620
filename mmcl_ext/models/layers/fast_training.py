"""Layers whose training step is faster than PyTorch's and equal to it up to rounding.

:func:`speed_up` puts them in the place of a network's layers: the class of a module changes, its
weights, buffers and names stay. In evaluation they are PyTorch's own.
"""

from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.modules.batchnorm import _BatchNorm

from mmcl_ext.models.layers.ctr_graph_conv import CTRGraphConv
from mmcl_ext.models.layers.matrix_products import multiply, sum_of_products
from mmcl_ext.models.layers.subset_conv import SubsetConv


class _Product:
    """A convolution of size 1: on a CPU one matrix product a sample, without changes of layout."""

    def _conv_forward(self: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if not self.training or x.device.type != 'cpu':
            return super()._conv_forward(x, weight, bias)  # type: ignore[misc]
        if any(step > 1 for step in self.stride):
            steps: Any = tuple(slice(None, None, step) for step in self.stride)
            x = x[(..., *steps)]
        if torch.is_autocast_enabled('cpu') and x.dtype != torch.float64:
            x = x.to(torch.get_autocast_dtype('cpu'))
        y = _Multiply.apply(x.flatten(2), weight.flatten(1), bias)
        return y.view(len(x), -1, *x.shape[2:])


class _Multiply(torch.autograd.Function):
    """Product of a matrix (C', C) and samples (N, C, L), and a bias (C').

    Samples may be in half precision: the matrix is rounded, gradients are summed in its own.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        y = multiply(weight.to(x.dtype), x)
        return y if bias is None else y.add_(bias.to(x.dtype)[:, None])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (x, weight), g = ctx.saved_tensors, grads[0]
        needed, dx = ctx.needs_input_grad, None
        if needed[0]:
            dx = multiply(weight.to(g.dtype).t(), g)
        dweight = sum_of_products(g, x, weight.dtype)
        dbias = g.sum(2).sum(0, dtype=weight.dtype) if needed[2] else None
        return dx, dweight if needed[1] else None, dbias


class ProductConv1d(_Product, nn.Conv1d):
    """``nn.Conv1d`` of size 1."""


class ProductConv2d(_Product, nn.Conv2d):
    """``nn.Conv2d`` of size 1."""


class ProductSubsetConv(_Product, SubsetConv):
    """:class:`SubsetConv`."""


class TemporalMaxPool(nn.MaxPool2d):
    """``nn.MaxPool2d`` over three frames, (N, C, V, T) to (N, C, V, T')."""

    def forward(self, x: Tensor) -> Tensor:
        """Pool; the first of equal maxima gets the gradient, as in PyTorch."""
        if not self.training or x.device.type != 'cpu':
            return super().forward(x)
        return _MaxOfThree.apply(x, cast(tuple[int, int], self.stride)[1])


class _MaxOfThree(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, stride: int) -> Tensor:
        before, here, after = _neighbours(x, stride)
        y = here.clone()
        late, early = y[..., 1:], y[..., : after.shape[-1]]
        torch.maximum(late, before, out=late)
        torch.maximum(early, after, out=early)
        ctx.save_for_backward(x, y)
        ctx.stride = stride
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        x, y = ctx.saved_tensors
        rest = grads[0].clone()
        dx = torch.zeros_like(x)
        before, here, after = _neighbours(x, ctx.stride)
        to_before, to_here, to_after = _neighbours(dx, ctx.stride)
        late, count = rest[..., 1:], after.shape[-1]
        share = late * (before == y[..., 1:])
        late.sub_(share)
        to_before.add_(share)
        share = rest * (here == y)
        rest.sub_(share)
        to_here.add_(share)
        to_after.add_(rest[..., :count])
        return dx, None


def _neighbours(x: Tensor, stride: int) -> tuple[Tensor, Tensor, Tensor]:
    """Views of the frames before windows (from the second on), in their middle and after them."""
    here = x[..., ::stride]
    return x[..., stride - 1 :: stride][..., : here.shape[-1] - 1], here, x[..., 1::stride]


class _WeightedNorm:
    """Batch normalisation of rows that stand for several equal ones.

    Statistics, running statistics and gradients are those of the batch in which each row
    occurs as often as ``multiplicity`` says; without it, PyTorch's own. Where PyTorch
    synchronises the statistics of processes, so does this.
    """

    multiplicity: Tensor | None = None
    """How many rows each of R rows stands for, (R,)."""

    def forward(self: Any, x: Tensor) -> Tensor:
        """Normalise (R, C, ...)."""
        multiplicity = self.multiplicity
        if multiplicity is None and isinstance(self, nn.SyncBatchNorm) and x.device.type == 'cpu':
            multiplicity = x.new_ones(len(x))  # PyTorch's own needs a GPU
        if multiplicity is None or not self.training:
            return super().forward(x)  # type: ignore[misc]
        group = self.process_group if _is_synchronised(self) else False
        rows = x.flatten(2) if x.ndim > 2 else x.unsqueeze(-1)
        y, mean, var, count = _NormalizeWeighted.apply(
            rows, self.weight, self.bias, multiplicity, self.eps, group
        )
        if self.track_running_stats:
            self.num_batches_tracked.add_(1)
            momentum = self.momentum
            if momentum is None:
                momentum = 1 / self.num_batches_tracked.to(mean)
            self.running_mean.lerp_(mean.to(self.running_mean), momentum)
            unbiased = var * (count / (count - 1))
            self.running_var.lerp_(unbiased.to(self.running_var), momentum)
        return y.view(x.shape)


def _is_synchronised(norm: nn.Module) -> bool:
    return isinstance(norm, nn.SyncBatchNorm) and dist.is_available() and dist.is_initialized()


class WeightedBatchNorm1d(_WeightedNorm, nn.BatchNorm1d):
    """``nn.BatchNorm1d`` of rows with multiplicities."""


class WeightedBatchNorm2d(_WeightedNorm, nn.BatchNorm2d):
    """``nn.BatchNorm2d`` of rows with multiplicities."""


class WeightedSyncBatchNorm(_WeightedNorm, nn.SyncBatchNorm):
    """``nn.SyncBatchNorm`` of rows with multiplicities."""


class _NormalizeWeighted(torch.autograd.Function):
    """Normalise (R, C, L) by weighted statistics of all processes.

    A row of multiplicity m gets the sum of the gradients of the m rows that it stands for:
    with xhat = (x - mean) / std and the sums of g and g * xhat over all values::

        dx = weight / std * (g - m * (sum(g) + xhat * sum(g * xhat)) / count)
    """

    @staticmethod
    def forward(
        ctx: Any,
        rows: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        multiplicity: Tensor,
        eps: float,
        group: Any,
    ) -> tuple[Tensor, ...]:
        kind = torch.promote_types(rows.dtype, torch.float32)
        m = multiplicity.to(kind)
        # Not as a matrix product, which autocast would round.
        sums = (m[:, None] * rows.sum(2, dtype=kind)).sum(0)
        total = torch.cat((sums, m.sum(0, keepdim=True) * rows.shape[2]))
        _reduce(total, group)
        count = total[-1]
        mean = total[:-1] / count
        centred = rows - mean[:, None]
        squares = torch.linalg.vector_norm(centred, dim=2).square_()
        total = (m[:, None] * squares).sum(0)
        _reduce(total, group)
        var = total / count
        scale = (var + eps).rsqrt_()
        ctx.save_for_backward(rows, weight, m, mean, scale, var, count)
        ctx.group, ctx.eps = group, eps
        ctx.mark_non_differentiable(mean, var, count)
        gain = scale if weight is None else scale * weight
        shift = None if bias is None else bias[:, None]
        y = centred.mul_(gain[:, None])
        y = y if shift is None else y.add_(shift)
        return y.to(rows.dtype), mean, var, count

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        rows, weight, m, mean, scale, var, count = ctx.saved_tensors
        g = grads[0].contiguous()
        # PyTorch's backward of a normalisation by given statistics sums in one pass.
        ones = torch.ones_like(mean) if weight is None else weight
        _, dweight, dbias = torch.ops.aten.native_batch_norm_backward(
            g, rows, ones, mean, var, None, None, False, ctx.eps, [False, True, True]
        )
        total = torch.stack((dbias, dweight))
        _reduce(total, ctx.group)
        share = total / count  # (2, C)
        gain = scale if weight is None else scale * weight
        factor = m[:, None] * -gain  # (R, C)
        slope = factor * (scale * share[1])
        offset = factor * share[0] - slope * mean
        dx = torch.addcmul(offset.unsqueeze(-1), rows, slope.unsqueeze(-1))
        dx = dx.addcmul_(g, gain[:, None]).to(g.dtype)
        if weight is None:
            dweight = dbias = None
        return dx, dweight, dbias, None, None, None


def _reduce(total: Tensor, group: Any) -> None:
    """Sum over the processes of a group (None: all); False leaves one's own."""
    if group is not False:
        dist.all_reduce(total, group=group)


_FAST: dict[type[nn.Module], type[nn.Module]] = {
    nn.Conv1d: ProductConv1d,
    nn.Conv2d: ProductConv2d,
    SubsetConv: ProductSubsetConv,
    nn.MaxPool2d: TemporalMaxPool,
    nn.BatchNorm1d: WeightedBatchNorm1d,
    nn.BatchNorm2d: WeightedBatchNorm2d,
    nn.SyncBatchNorm: WeightedSyncBatchNorm,
}


def speed_up(network: nn.Module) -> None:
    """Replace the layers of a network for which there is a faster form."""
    for module in network.modules():
        if isinstance(module, CTRGraphConv):
            module.fast = True
        fast = _FAST.get(type(module))
        if fast is not None and _fits(module):
            module.__class__ = fast


def _fits(module: Any) -> bool:
    """Whether a layer is the special case that is faster."""
    if isinstance(module, nn.MaxPool2d):
        plain = module.dilation == 1 and not (module.ceil_mode or module.return_indices)
        shape = (module.kernel_size, module.padding) == ((1, 3), (0, 1))
        return plain and shape and module.stride in ((1, 1), (1, 2))
    if isinstance(module, nn.Conv1d | nn.Conv2d):
        sizes = (*module.kernel_size, module.groups, *module.dilation)
        return set(sizes) == {1} and module.padding in ((0,), (0, 0))
    return True


def weighted_norms(network: nn.Module) -> list[Any] | None:
    """List the normalisations that may get multiplicities; None where rows cannot be merged.

    They cannot be where dropout treats equal rows differently, or with a batch normalisation of
    another class.
    """
    norms = []
    for module in network.modules():
        if isinstance(module, _WeightedNorm):
            norms.append(module)
        elif module.training and (isinstance(module, _BatchNorm) or _drops(module)):
            return None
    return norms


def _drops(module: Any) -> bool:
    """Whether a module leaves out values by chance."""
    rates = (getattr(module, name, 0) for name in ('p', 'drop_prob'))
    chance = 'Drop' in type(module).__name__ or isinstance(module, nn.modules.dropout._DropoutNd)
    return chance and any(isinstance(rate, int | float) and rate > 0 for rate in rates)
