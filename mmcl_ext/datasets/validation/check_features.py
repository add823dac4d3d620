"""Check a feature file against the samples that it should serve."""

from collections.abc import Sequence

import numpy as np

from mmcl_ext.datasets.store.feature_file import FeatureFile
from mmcl_ext.datasets.validation.data_issue import DataIssue, collect


def check_features(
    features: FeatureFile, names: Sequence[str], *, others: Sequence[str] = ()
) -> list[DataIssue]:
    """Read the features of every sample and list what is missing, empty, NaN or doubled.

    - missing: a sample without features.
    - empty: features that are all zero.
    - NaN: features that are not finite.
    - doubled: all samples with one and the same row, which tells a network nothing. Some
      samples with equal rows are no fault: answers of a language model repeat.
    - unknown: rows that belong neither to a sample nor to one of the ``others``.
    """
    known = set(features.names)
    present = [name for name in names if name in known]
    rows = {name: features.read(name, finite=False) for name in present}
    distinct = {row.tobytes() for row in rows.values()}
    alike = present if len(present) > 1 and len(distinct) == 1 else []
    return [
        *collect('missing', 'no features', [name for name in names if name not in known]),
        *collect('empty', 'features are all zero', [n for n in present if not rows[n].any()]),
        *collect(
            'NaN',
            'features are not finite',
            [name for name in present if not np.isfinite(rows[name]).all()],
        ),
        *collect('doubled', 'all samples have the same features', alike),
        *collect('unknown', 'a row of no sample', sorted(known - {*names, *others})),
    ]
