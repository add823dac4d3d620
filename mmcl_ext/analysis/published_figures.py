"""What networks cost as their authors published them, where this package computes them otherwise.

CTRS-GCN, InfoGCN, CTR-GCN, HD-GCN and DG-STGCN merge published layers here and leave out work
that the result does not need, so no counter sees the authors' layers in them. The figures are
recorded for the shipped configurations; docs/complexity.md tells how they were taken.
"""

from typing import NamedTuple


class PublishedFigures(NamedTuple):
    """Multiply-accumulates; parameters and multiply-accumulates as thop 0.1.1 counts them."""

    macs: int
    table_parameters: int
    table_macs: int


# Backbone, parameters of the whole model and input (N, M, T, V, C); then the figures.
_RECORDED = """
CTRSGCN 2108322 1x2x64x25x3 2526958720 2089572 2411793920
CTRSGCN 2092902 1x2x64x25x3 2526943360 2074152 2411778560
CTRSGCN 2073122 1x1x52x20x3  812221760 2061122  783825600
CTRSGCN 2077491 1x1x64x20x3  999661312 2065491  964712192
InfoGCN 1572227 1x2x64x25x3 1783532928 1553752 1664022528
InfoGCN 1556807 1x2x64x25x3 1783517568 1538332 1664007168
InfoGCN 1533722 1x1x52x20x3  569649088 1521642  540932608
InfoGCN 1538091 1x1x64x20x3  701064960 1526011  665721600
CTRGCN  1462092 1x2x64x25x3 1939179520 1443332 1786027520
CTRGCN  1446672 1x2x64x25x3 1939164160 1427912 1786012160
CTRGCN  1426892 1x1x52x20x3  617726720 1414882  579933120
CTRGCN  1431261 1x1x64x20x3  752626432 1419251  706111232
CTRGCN  1427406 1x1x64x20x3  752622592 1415396  706107392
CTRGCN    68663 1x1x32x25x3   25696832   59283   20228032
DGSTGCN 1701172 1x2x64x25x3 1606026240 1650762 1593216768
DGSTGCN 1716592 1x2x64x25x3 1606041600 1666182 1593232128
DGSTGCN 1701172 1x2x100x25x3 2496195360 1650762 2477170560
DGSTGCN 1716592 1x2x100x25x3 2496210720 1666182 2477185920
DGSTGCN 3728796 1x2x64x25x3 3557868288 3678386 3538555008
DGSTGCN 3751896 1x2x64x25x3 3557891328 3701486 3538578048
DGSTGCN 3728796 1x2x100x25x3 5530179840 3678386 5501487840
DGSTGCN 3751896 1x2x100x25x3 5530202880 3701486 5501510880
HDGCN   1675400 1x2x64x25x3 1822435072 1647988 1890193664
HDGCN   1659980 1x2x64x25x3 1822419712 1632568 1890178304
HDGCN   1606450 1x1x52x20x3  579780416 1619538  621901632
HDGCN   1610819 1x1x64x20x3  706835008 1623907  756270464
"""

REWRITTEN = ('CTRSGCN', 'InfoGCN', 'CTRGCN', 'HDGCN', 'DGSTGCN')
"""Backbones that this package computes in another order than their authors."""


def recorded_figures(
    backbone: str, parameters: int, shape: tuple[int, ...]
) -> PublishedFigures | None:
    """Find the recorded figures of a published network by class, all parameters and input."""
    wanted = [backbone, str(parameters), 'x'.join(map(str, shape))]
    for line in _RECORDED.strip().splitlines():
        *key, macs, table_parameters, table_macs = line.split()
        if key == wanted:
            return PublishedFigures(int(macs), int(table_parameters), int(table_macs))
    return None
