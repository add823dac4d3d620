"""Writing of predictions during a test."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.evaluator import DumpResults as _DumpResults
from mmengine.logging import print_log
from torch import Tensor

from mmcl_ext.evaluation.score_files import NAME_FIELDS
from mmcl_ext.fileio.atomic_file import write_pickle
from mmcl_ext.registry import METRICS


@METRICS.register_module()
class DumpResults(_DumpResults):
    """MMEngine's metric of this name with four differences.

    A prediction without a sample name is refused at the first batch, since files are fused by
    name. Each tensor is copied: on a CPU the scores of a sample are a row of their batch, and
    pickling a row writes the whole batch with it. Every entry names the classes, so that files
    of other classes are not fused. The file appears only when it is whole.
    """

    def process(self, data_batch: Any, predictions: Sequence[dict]) -> None:
        """Keep copies of the predictions of one batch."""
        for prediction in predictions:
            if not any(field in prediction for field in NAME_FIELDS):
                raise ValueError(
                    "a dump needs sample names: add 'sample_name' to the meta_keys of "
                    f'PackActionInputs in the test pipeline; there are {sorted(prediction)}'
                )
        self.results.extend(_copy(prediction) for prediction in predictions)

    def compute_metrics(self, results: list) -> dict:
        """Write the file; there are no metrics."""
        classes = (self.dataset_meta or {}).get('classes')
        if classes:  # one tuple for all: it is pickled once
            named = {'classes': tuple(classes)}
            results = [{**item, **named} for item in results]
        write_pickle(self.out_file_path, results)
        print_log(f'predictions are in {self.out_file_path}', logger='current')
        return {}


def _copy(value: Any) -> Any:
    """Copy tensors to the CPU, without the batch that they are a part of."""
    if isinstance(value, Tensor):
        return value.detach().cpu().clone()
    if isinstance(value, Mapping):
        return {key: _copy(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_copy(item) for item in value)
    return value
