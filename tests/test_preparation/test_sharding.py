import errno
import json
import os

import numpy as np
import pytest

from mmcl_ext.datasets.store.feature_file import FeatureFile
from mmcl_ext.preparation.composites import composite
from mmcl_ext.preparation.extraction.sharding import FeatureShards, SampleFeatures, extract_features

NAMES = tuple(f'{letter}{i}' for i in range(5) for letter in 'zya')  # not sorted


class Toy:
    """Values that tell the sample and the batch that it was computed in."""

    def __init__(self, scale=1.0, stop_after=None, broken=()):
        self.scale, self.stop_after, self.broken = scale, stop_after, set(broken)
        self.computed = []

    padding = {'vector': None, 'tokens': -1}  # noqa: RUF012

    @property
    def recipe(self):
        return {'scale': self.scale}

    def load(self):
        pass

    def read(self, name):
        if name in self.broken:
            raise ValueError(f'{name} is broken')
        return np.array([NAMES.index(name)])

    def compute(self, items):
        if self.stop_after is not None and len(self.computed) >= self.stop_after:
            raise KeyboardInterrupt
        numbers = [int(item[0]) for item in items]
        self.computed += numbers
        return [
            SampleFeatures(
                {
                    'vector': np.float32([number * self.scale, sum(numbers)]),
                    'tokens': np.arange(1 + number % 3),
                },
                text=f'number {number}',
            )
            for number in numbers
        ]


def shards(folder, names=NAMES, **sizes):
    return FeatureShards(
        folder / 'shards',
        {'vector': folder / 'vector.safetensors', 'tokens': folder / 'tokens.safetensors'},
        names,
        **{'batch_size': 2, 'chunk_size': 4, **sizes},
        texts=folder / 'texts.jsonl',
    )


def run(folder, toy=None, names=NAMES, on_error='stop', **sizes):
    return extract_features(
        toy or Toy(),
        shards(folder, names, **sizes),
        target=folder,
        on_error=on_error,
        progress=False,
    )


def contents(folder):
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir()) if p.is_file()}


def test_rows_have_the_order_of_the_names(tmp_path):
    report = run(tmp_path)
    file = FeatureFile(tmp_path / 'vector.safetensors')
    assert file.names == NAMES
    assert [file.read(name)[0] for name in NAMES] == list(range(15))
    assert report.complete
    assert (report.total, report.present) == (15, 0)
    assert report.shapes == {'vector': (15, 2), 'tokens': (15, 3)}
    report.seconds = 61.0
    assert str(report).endswith(
        '15 samples, 15 extracted, 0 were there, 0 skipped; vector (15, 2), tokens (15, 3); 0:01:01'
    )
    assert sorted(contents(tmp_path)) == ['texts.jsonl', 'tokens.safetensors', 'vector.safetensors']
    assert not (tmp_path / 'shards').exists()


def test_batches_are_cut_within_chunks(tmp_path):
    run(tmp_path, batch_size=3, chunk_size=4)
    file = FeatureFile(tmp_path / 'vector.safetensors')
    sums = [int(file.read(name)[1]) for name in NAMES]
    assert sums[:8] == [3, 3, 3, 3, 15, 15, 15, 7]  # 0+1+2 | 3 || 4+5+6 | 7


def test_short_samples_are_padded(tmp_path):
    run(tmp_path)
    file = FeatureFile(tmp_path / 'tokens.safetensors')
    assert file.read(NAMES[1]).tolist() == [0, 1, -1]
    assert file.read(NAMES[2]).tolist() == [0, 1, 2]


def test_texts_lie_beside_the_features(tmp_path):
    run(tmp_path)
    lines = [json.loads(line) for line in (tmp_path / 'texts.jsonl').read_text().splitlines()]
    assert lines[4] == {'name': NAMES[4], 'text': 'number 4'}
    assert len(lines) == 15


def test_interrupted_run_goes_on_without_loss_or_doubling(tmp_path):
    run(tmp_path / 'whole')
    first = Toy(stop_after=10)  # in the middle of the third chunk
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / 'broken', first)
    assert not (tmp_path / 'broken/vector.safetensors').exists()
    second = Toy()
    report = run(tmp_path / 'broken', second)
    assert sorted(second.computed) == list(range(8, 15))  # whole chunks are kept
    assert report.present == 8
    assert contents(tmp_path / 'broken') == contents(tmp_path / 'whole')


def test_finished_run_computes_nothing(tmp_path):
    run(tmp_path)
    again = Toy()
    report = run(tmp_path, again)
    assert again.computed == []
    assert (report.present, report.shapes['vector']) == (15, (15, 2))


def test_interruption_of_the_clean_up(tmp_path, monkeypatch):
    """The features are there, but shards of the same run lie beside them."""
    from mmcl_ext.parallel import resumable_parts

    def power_cut(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(resumable_parts.shutil, 'rmtree', power_cut)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    monkeypatch.undo()
    (tmp_path / 'shards/000001.safetensors').unlink()
    again = Toy()
    assert run(tmp_path, again).complete
    assert again.computed == []
    assert not (tmp_path / 'shards').exists()


def test_interruption_of_the_merge(tmp_path, monkeypatch):
    run(tmp_path / 'whole')
    from mmcl_ext.preparation.extraction import sharding

    real = sharding.write_feature_file

    def second_fails(path, *args):
        if path.name == 'tokens.safetensors':
            raise KeyboardInterrupt
        real(path, *args)

    monkeypatch.setattr(sharding, 'write_feature_file', second_fails)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / 'broken')
    monkeypatch.undo()
    again = Toy()
    run(tmp_path / 'broken', again)
    assert again.computed == []
    assert contents(tmp_path / 'broken') == contents(tmp_path / 'whole')


@pytest.mark.parametrize('finished', [True, False])
def test_another_recipe_is_refused(tmp_path, finished):
    if finished:
        run(tmp_path)
    else:
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, Toy(stop_after=4))
    with pytest.raises(ValueError, match=r'another recipe \(scale: 1.0 there, 2.0 now\)'):
        run(tmp_path, Toy(scale=2.0))
    with pytest.raises(ValueError, match='batch_size: 2 there, 1 now'):
        run(tmp_path, batch_size=1)
    with pytest.raises(ValueError, match='samples_hash'):
        run(tmp_path, names=NAMES[::-1])
    assert run(tmp_path).complete  # the first one is unharmed


def test_a_foreign_shard_is_refused(tmp_path):
    for folder, scale in (('a', 1.0), ('b', 2.0)):
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / folder, Toy(scale=scale, stop_after=4))
    os.replace(tmp_path / 'b/shards/000000.safetensors', tmp_path / 'a/shards/000000.safetensors')
    with pytest.raises(ValueError, match=r'000000\.safetensors belongs to another extraction'):
        run(tmp_path / 'a')


def test_unreadable_sample_stops(tmp_path):
    with pytest.raises(ValueError, match='y2 is broken'):
        run(tmp_path, Toy(broken=['y2']))
    assert not (tmp_path / 'vector.safetensors').exists()


def test_unreadable_samples_are_counted_and_tried_again(tmp_path):
    run(tmp_path / 'whole')
    report = run(tmp_path / 'out', Toy(broken=['y2', 'z4']), on_error='skip')
    assert report.skipped == {'y2': 'y2 is broken', 'z4': 'z4 is broken'}
    assert not report.complete
    assert 'SKIPPED y2: y2 is broken' in str(report)
    assert '15 samples, 13 extracted, 0 were there, 2 skipped' in str(report)
    file = FeatureFile(tmp_path / 'out/vector.safetensors')
    assert file.names == tuple(name for name in NAMES if name not in ('y2', 'z4'))
    assert set(json.loads(file.metadata['skipped'])) == {'y2', 'z4'}
    repaired = Toy()
    report = run(tmp_path / 'out', repaired)
    assert sorted(repaired.computed) == [4, 5, 6, 7, 12, 13, 14]  # their chunks alone
    assert report.complete
    assert contents(tmp_path / 'out') == contents(tmp_path / 'whole')


def test_a_chunk_without_any_readable_sample(tmp_path):
    report = run(tmp_path, Toy(broken=NAMES[4:8]), on_error='skip')
    assert len(report.skipped) == 4
    assert report.shapes['vector'] == (11, 2)
    with pytest.raises(ValueError, match='no sample could be read'):
        run(tmp_path / 'none', Toy(broken=NAMES), on_error='skip')


def test_a_full_disk_leaves_no_half_written_file(tmp_path, monkeypatch):
    run(tmp_path / 'whole')
    real, calls = os.fsync, []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) > 3:  # the recipe and two shards are through
            raise OSError(errno.ENOSPC, 'No space left on device')
        real(descriptor)

    monkeypatch.setattr(composite.os, 'fsync', full)
    with pytest.raises(OSError, match='No space left'):
        run(tmp_path / 'out', on_error='skip')  # nothing to do with unreadable samples
    monkeypatch.undo()
    found = sorted(path.name for path in (tmp_path / 'out/shards').iterdir())
    assert found == ['000000.safetensors', '000001.safetensors', 'recipe.json']
    run(tmp_path / 'out')
    assert contents(tmp_path / 'out') == contents(tmp_path / 'whole')


def test_metadata_tell_recipe_and_source(tmp_path):
    run(tmp_path / 'a')
    metadata = FeatureFile(tmp_path / 'a/vector.safetensors').metadata
    recipe = json.loads(metadata['recipe'])
    assert recipe['scale'] == 1.0
    assert (recipe['batch_size'], recipe['chunk_size'], recipe['num_samples']) == (2, 4, 15)
    assert len(metadata['source_hash']) == 64

    class OtherInput(Toy):
        def read(self, name):
            return super().read(name) + (name == 'y2')

    run(tmp_path / 'b', OtherInput())
    other = FeatureFile(tmp_path / 'b/vector.safetensors').metadata
    assert other['recipe'] == metadata['recipe']
    assert other['source_hash'] != metadata['source_hash']


class Ragged(Toy):
    padding = {'vector': None, 'tokens': None}  # noqa: RUF012


class NotFinite(Toy):
    def compute(self, items):
        return [
            SampleFeatures({'vector': np.array([np.nan]), 'tokens': np.arange(1)}) for _ in items
        ]


def test_malformed_features_name_the_sample(tmp_path):
    with pytest.raises(ValueError, match="'tokens' of sample 'z0' has 1 value, others have 3"):
        run(tmp_path / 'ragged', Ragged())
    with pytest.raises(ValueError, match="'vector' of sample 'z0' is not finite"):
        run(tmp_path / 'nan', NotFinite())


def test_bad_arguments(tmp_path):
    with pytest.raises(ValueError, match='no samples'):
        shards(tmp_path, ())
    with pytest.raises(ValueError, match="'z0' occurs more than once"):
        shards(tmp_path, ('y0', 'z0', 'z0'))
    with pytest.raises(ValueError, match='chunk size 0'):
        shards(tmp_path, chunk_size=0)
    with pytest.raises(ValueError, match="'ignore'"):
        run(tmp_path, on_error='ignore')


def test_progress_counts_the_samples_of_all_processes(tmp_path, capsys):
    extract_features(Toy(), shards(tmp_path), target=tmp_path)
    assert '15/15 samples, ' in capsys.readouterr().out.splitlines()[-1]
