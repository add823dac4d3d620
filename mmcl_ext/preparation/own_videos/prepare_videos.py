"""From a folder of videos and their skeletons to what a co-learning training reads."""

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from mmengine.dist import get_rank

from mmcl_ext.config.load_config import load_config
from mmcl_ext.config.shipped_configs import CONFIG_SUFFIXES
from mmcl_ext.datasets.converters import convert_custom, convert_pickle
from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.datasets.store.box_file import BoxFile
from mmcl_ext.datasets.store.feature_file import FeatureFile
from mmcl_ext.datasets.store.name_table import is_pickle
from mmcl_ext.datasets.store.write_store import write_subset
from mmcl_ext.datasets.validation.check_composites import check_composites
from mmcl_ext.datasets.validation.check_features import check_features
from mmcl_ext.datasets.validation.check_store import check_store
from mmcl_ext.datasets.validation.data_issue import DataIssue
from mmcl_ext.fileio.atomic_file import write_json
from mmcl_ext.fileio.printable import counted, printable
from mmcl_ext.fileio.read_json import read_json
from mmcl_ext.parallel.collectives import from_main_process
from mmcl_ext.parallel.resumable_parts import content_hash
from mmcl_ext.preparation.composites.composite_folder import CompositeFolder
from mmcl_ext.preparation.features.image_features import extract_image_features
from mmcl_ext.preparation.own_videos.training_config import TrainingConfig, read_base, try_config
from mmcl_ext.preparation.person_boxes.detect_persons import detect_persons
from mmcl_ext.preparation.person_boxes.pixel_boxes import PixelBoxes
from mmcl_ext.preparation.pose.convert_videos import VideoPoseReader, convert_videos, find_poses
from mmcl_ext.preparation.pose.pose_settings import PoseSettings
from mmcl_ext.preparation.text.extract_text_features import extract_text_features
from mmcl_ext.preparation.videos.video_folder import VideoFolder
from mmcl_ext.preparation.videos.video_source import Boxes, VideoSource

_TEXT_OUTPUTS = ('hidden_states', 'features', 'answer_probs', 'token_ids')  # best first


@dataclass(frozen=True)
class VideoPreparation:
    """All steps for videos of one's own; each goes on where an earlier run stopped.

    Attributes:
        skeletons: Annotation store; annotation pickle of MMAction2 or PYSKL; or folder with a
            file per sample (MMPose's results in JSON, .npy, .csv) and ``labels.csv``. None finds
            the poses in the videos, see :func:`convert_videos`.
        layout: Name or file of the joints of a folder's files (coco), or of a pickle.
        labels: Table of a folder's labels; None for ``labels.csv`` within.
        coordinates: Train on ``'metres'`` where the estimator gives them, or on ``'pixels'``.
        boxes: ``'skeleton'`` (two-dimensional skeletons in pixels of the videos), ``'whole'``
            (whole frames), a box file, or a configuration of a detector.
        training_options: Settings to override in the configuration whose encoder is cached.
        partial: Leave samples without a video out, in a store of their own.
    """

    videos: Path
    skeletons: Path | None
    out: Path
    layout: str | None = None
    labels: Path | None = None
    pose: PoseSettings = field(default_factory=PoseSettings)
    coordinates: str = 'metres'
    boxes: str = 'skeleton'
    text: Path | None = None
    text_options: Mapping[str, Any] = field(default_factory=dict)
    image_features: bool = False
    composite: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    training_options: Mapping[str, Any] = field(default_factory=dict)
    backend: str = 'auto'
    jobs: int = 1
    on_error: str = 'stop'
    partial: bool = False
    progress: bool = True

    def run(self) -> bool:
        """Do all steps, on all processes of the group; tell whether nothing is wrong.

        A ValueError if an input is wrong, or another recipe's results are in the way; an OSError if
        a file cannot be read or written.
        """
        from_main_process(self._check_inputs)
        store = self._with_videos(self._open_store())
        training = TrainingConfig(store, self.out / 'composites', **self.training)
        complete = self._make_composites(store)
        text, text_complete = self._extract_text(store)
        training = dataclasses.replace(training, text=text)
        config = self.out / 'config.py'
        from_main_process(lambda: training.write(config))
        images, images_complete = self._extract_images(store, training, config)
        written = config if images is None else config.with_name('config_image_features.py')
        if complete and text_complete and images_complete:
            from_main_process(lambda: try_config(written))
        findings = from_main_process(lambda: self._check(store, [f for f in (text, images) if f]))
        self._conclude(training, images, written)
        return complete and text_complete and images_complete and not findings

    def _check_inputs(self) -> None:
        """Look at every path and configuration before anything is written.

        A ValueError if one is of the wrong kind, or malformed; an OSError if one is missing.
        """
        _ = VideoFolder(self.videos).names
        self._check_skeletons()
        if self.boxes.endswith('.safetensors'):
            BoxFile(self.boxes)
        elif self.boxes.endswith(CONFIG_SUFFIXES):
            load_config(self.boxes)
        elif self.boxes not in ('whole', 'skeleton'):
            raise ValueError(
                f"boxes: expected 'skeleton', 'whole', a box file (.safetensors) or a "
                f'configuration, got {self.boxes!r}'
            )
        if self.text is not None:
            load_config(self.text)
        if 'base' in self.training:
            read_base(self.training['base'])

    def _check_skeletons(self) -> None:
        if self.labels is not None and not self.labels.is_file():
            raise FileNotFoundError(f'no table of labels at {self.labels}')
        if self.layout and (self.skeletons is None or self._is_store):
            raise ValueError(f'--layout {self.layout} is for skeletons in a folder or a .pkl')
        if self.skeletons is None:
            self.pose.build()  # tells what is not installed
            return
        if not self.skeletons.exists():
            raise FileNotFoundError(f'no skeletons at {self.skeletons}')
        if not (self.skeletons.is_dir() or self._is_store or is_pickle(self.skeletons)):
            raise ValueError(
                f'{self.skeletons}: expected a store (.safetensors), an annotation pickle (.pkl) '
                'or a folder of skeletons'
            )

    @property
    def _is_store(self) -> bool:
        return self.skeletons is not None and self.skeletons.suffix == '.safetensors'

    def _open_store(self) -> SkeletonStore:
        if self.skeletons is None:
            self._find_poses()
            metres = self.out / 'skeletons.safetensors'
            in_pixels = self.coordinates == 'pixels' or not metres.exists()
            return SkeletonStore(self._pixels if in_pixels else metres)
        if self._is_store:
            return SkeletonStore(self.skeletons)
        path = self.out / 'skeletons.safetensors'
        from_main_process(lambda: self._convert(path))
        return SkeletonStore(path)

    def _with_videos(self, store: SkeletonStore) -> SkeletonStore:
        """Leave the samples without a video out where that is wanted."""
        names = set(VideoFolder(self.videos).names)
        if not self.partial or names.issuperset(store.names):
            return store
        if not names.intersection(store.names):
            raise ValueError(f'{self.videos} has no video of any sample of {store.path}')
        path = self.out / 'skeletons_with_videos.safetensors'
        from_main_process(lambda: write_subset(store, path, names))
        kept = SkeletonStore(path)
        self._say(f'{path}: {len(kept)} of {len(store)} samples have a video')
        return kept

    @property
    def _pixels(self) -> Path:
        return self.out / 'pixels.safetensors'

    def _find_poses(self) -> None:
        """Find the poses in the videos, on all processes, unless that is done."""
        folder, metres = self.out / 'poses', self.out / 'skeletons.safetensors'
        from_main_process(lambda: self._claim(folder))
        videos, read = VideoFolder(self.videos), VideoPoseReader(self.pose, folder, metric=False)
        wanted = [self._pixels, *([metres] if read.estimator.metric else [])]
        lacking = from_main_process(lambda: [path for path in wanted if not path.exists()])
        if lacking:
            find_poses(videos, read, self.labels, self.progress)
        for path in wanted:
            if path not in lacking:
                self._say(f'{path}: was there')
                continue
            report = partial(
                convert_videos,
                videos,
                path,
                replace(read, metric=path == metres),
                self.labels,
                processes=1,  # the networks do not survive a fork
                on_error=self.on_error,
                progress=False,
            )
            self._say(str(from_main_process(report)))

    def _claim(self, folder: Path) -> None:
        """Refuse a folder whose poses were made of other videos or settings."""
        recipe = content_hash([asdict(self.pose), str(self.labels), str(self.videos.absolute())])
        note = self.out / 'poses.json'
        if note.exists() and read_json(note) != recipe:
            raise ValueError(f'{folder} was made of other videos or settings: use another folder')
        folder.mkdir(parents=True, exist_ok=True)
        write_json(note, recipe)

    def _convert(self, path: Path) -> None:
        """Convert the skeletons unless that is done; refuse what was made of other ones."""
        skeletons = self.skeletons
        assert skeletons is not None
        labels = None if self.labels is None else os.path.abspath(self.labels)
        recipe = {
            'skeletons': os.path.abspath(skeletons),
            'labels': labels,
            'layout': self.layout,
        }
        note = self.out / 'skeletons.json'
        if path.exists() and note.exists():
            if (found := read_json(note)) != recipe:
                raise ValueError(f'{path} was made of {found}, not of {recipe}: remove it')
            self._say(f'{path}: was there')
            return
        if is_pickle(skeletons):
            report = convert_pickle(skeletons, path, layout=self.layout, progress=self.progress)
        else:
            report = convert_custom(
                skeletons,
                path,
                layout=self.layout or 'coco',
                labels=self.labels,
                processes=self.jobs,
                on_error=self.on_error,
                progress=self.progress,
            )
        write_json(note, recipe)
        self._say(str(report))

    def _make_composites(self, store: SkeletonStore) -> bool:
        videos = VideoFolder(self.videos)
        lacking = sorted(set(store.names) - set(videos.names))
        if lacking and self.on_error == 'stop':
            raise ValueError(
                f'{self.videos} has no video of {len(lacking)} of the {len(store)} samples, such '
                f'as {lacking[0]!r}; --partial leaves them out'
            )
        source = VideoSource(
            videos,
            self._find_boxes(store),
            self.backend,
            tolerance=0.1 if self.boxes == 'skeleton' else None,
        )
        report = CompositeFolder(self.out / 'composites', **self.composite).fill(
            source, store, jobs=self.jobs, on_error=self.on_error, progress=self.progress
        )
        self._say(str(report))
        return report.complete

    def _find_boxes(self, store: SkeletonStore) -> Boxes | None:
        if self.boxes == 'whole':
            return None
        if self.boxes == 'skeleton':
            return PixelBoxes(SkeletonStore(self._pixels) if self.skeletons is None else store)
        if self.boxes.endswith('.safetensors'):
            return BoxFile(self.boxes)
        path = self.out / 'boxes.safetensors'
        cfg = load_config(self.boxes)
        report = detect_persons(cfg, self.videos, path, **self._options(store))
        self._say(str(report))
        return BoxFile(path)

    def _extract_text(self, store: SkeletonStore) -> tuple[Path | None, bool]:
        if self.text is None:
            return None, True
        cfg = load_config(self.text)
        cfg.merge_from_dict(dict(self.text_options))
        out = self.out / 'text'
        report = extract_text_features(cfg, self.out / 'composites', out, **self._options(store))
        self._say(str(report))
        files = [out / f'{output}.safetensors' for output in _TEXT_OUTPUTS]
        return next(file for file in files if file.exists()), report.complete

    def _extract_images(
        self, store: SkeletonStore, training: TrainingConfig, config: Path
    ) -> tuple[Path | None, bool]:
        if not self.image_features:
            return None, True
        features = self.out / 'image_features.safetensors'
        cfg = load_config(config, self.training_options)
        report = extract_image_features(cfg, features, **self._options(store))
        self._say(str(report))
        child = self.out / 'config_image_features.py'
        from_main_process(lambda: training.write_with_features(child, config, features))
        return features, report.complete

    def _options(self, store: SkeletonStore) -> dict[str, Any]:
        """What every extraction takes."""
        return dict(names=list(store.names), on_error=self.on_error, progress=self.progress)

    def _check(self, store: SkeletonStore, features: list[Path]) -> list[DataIssue]:
        names = list(store.names)
        findings = [
            *check_store(store, progress=False),
            *check_composites(self.out / 'composites', names, progress=False),
            *(found for path in features for found in check_features(FeatureFile(path), names)),
        ]
        for finding in findings:
            self._say(finding.describe())
        self._say(
            f'checked: {counted(len(findings), "finding")}' if findings else 'checked: all is well'
        )
        return findings

    def _conclude(self, training: TrainingConfig, images: Path | None, written: Path) -> None:
        train, val = training.splits
        self._say(
            f'skeletons   {training.store.path}\n'
            f'composites  {training.composites}\n'
            f'text        {training.text or "none: trained without refinement"}\n'
            f'images      {images or "read from the composites"}\n'
            f'training    {train or "all samples"}; validation {val or "all samples"}'
            + (' (no held-out split: accuracy of training samples)' if train == val else '')
        )
        self._say(f'train with: python tools/train.py {written}')

    def _say(self, text: str) -> None:
        if get_rank() == 0:
            print('\n'.join(printable(line, 2000) for line in text.split('\n')), flush=True)
