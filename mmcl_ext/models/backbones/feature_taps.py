"""What a backbone computes on its way: features of inner blocks, the topology of the last one."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from torch import Tensor


class FeatureTaps:
    """Features caught in one forward pass, see :func:`tapped`.

    ``rows`` tells for each of the N*M persons which encoded row is theirs, where empty persons were
    merged; None where there is a row for each.
    """

    def __init__(self, frames_last: bool) -> None:
        self.frames_last = frames_last
        self.rows: Tensor | None = None
        self._blocks: dict[int, Tensor] = {}
        self._topology: Tensor | None = None

    def blocks(self, persons: int) -> dict[int, Tensor]:
        """Give the blocks' features (N, M, C, T, V) of M persons a clip, by number from 1."""
        return {
            number: self._spread(x.transpose(-1, -2) if self.frames_last else x, persons)
            for number, x in self._blocks.items()
        }

    def topology(self, persons: int) -> Tensor | None:
        """Give the topology (N, M, S, C, V, V) without what is alike for all samples."""
        return None if self._topology is None else self._spread(self._topology, persons)

    def _spread(self, x: Tensor, persons: int) -> Tensor:
        return (x if self.rows is None else x.index_select(0, self.rows)).unflatten(
            0, (-1, persons)
        )

    def _keep_block(self, number: int, module: object, inputs: object, output: Tensor) -> None:
        self._blocks[number] = output

    def _keep_topology(self, infer: Any, module: object, inputs: tuple[Tensor, ...]) -> None:
        self._topology = infer(inputs[0])


@contextmanager
def tapped(
    backbone: Any, blocks: Collection[int] = (), topology: bool = False
) -> Iterator[FeatureTaps]:
    """Catch features of some blocks, counted from 1, and the last block's topology.

    Outside of this nothing of the backbone differs; the topology is inferred once more, since a
    fast training step never has it whole.
    """
    taps, layers = FeatureTaps(backbone.frames_last), backbone.block_modules
    handles = [
        layers[number - 1].register_forward_hook(partial(taps._keep_block, number))
        for number in blocks
    ]
    if topology:
        last: Any = layers[-1]
        keep = partial(taps._keep_topology, backbone.infer_topology)
        handles.append(last.gcn.register_forward_pre_hook(keep))
    backbone.taps = taps
    try:
        yield taps
    finally:
        backbone.taps = None
        for handle in handles:
            handle.remove()
