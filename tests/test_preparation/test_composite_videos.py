"""Composites from folders of videos, by the class and by the tool."""

import json
import os
import resource
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from tool_module import load_tool, run_main
from tool_processes import ToolProcesses

from mmcl_ext.datasets.store.box_file import BoxFile, SampleBoxes, write_box_file
from mmcl_ext.preparation.composites.composite_folder import CompositeFolder, SampleNames
from mmcl_ext.preparation.videos.video_folder import VideoFolder
from mmcl_ext.preparation.videos.video_source import VideoSource

NO_SKELETON = np.zeros((0, 0, 0, 0), np.float32)
SIZE = (160, 120)


def save_video(path, frames, size=SIZE):
    """A bright square that walks by two pixels a frame; the background tells the frame."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 15, size)
    for index in range(frames):
        image = np.full((size[1], size[0], 3), 5 * index, np.uint8)
        x = 10 + 2 * index
        image[40:80, x : x + 30] = 255
        writer.write(image)
    writer.release()


def square_boxes(numbers, num_frames, found=None, size=SIZE):
    numbers = np.asarray(numbers)
    boxes = np.stack(
        [
            10 + 2 * numbers,
            np.full_like(numbers, 40),
            40 + 2 * numbers,
            np.full_like(numbers, 80),
        ],
        axis=1,
    )
    found = np.ones(len(numbers), bool) if found is None else np.asarray(found)
    return SampleBoxes(boxes.astype(float), found, numbers, num_frames, size)


def load(folder, boxes, tiles=5):
    write_box_file(folder / 'boxes.safetensors', {'a': boxes}, {'made by': 'hand'})
    source = VideoSource(VideoFolder(folder), BoxFile(folder / 'boxes.safetensors'))
    return source.load('a', NO_SKELETON, tiles, 'center')


def background(clip):
    return [round(float(frame[:20].mean()) / 5) for frame in clip.frames]


def test_frames_are_taken_from_those_with_a_person(tmp_path):
    save_video(tmp_path / 'a.avi', 40)
    found = np.zeros(40, bool)
    found[10:20] = True
    clip = load(tmp_path, square_boxes(np.arange(40), 40, found))
    assert background(clip) == [11, 13, 15, 17, 19]
    np.testing.assert_array_equal(clip.boxes[:, 0], [32, 36, 40, 44, 48])
    assert clip.found.all()
    for frame, box in zip(clip.frames, clip.boxes.astype(int), strict=True):
        assert frame[box[1] : box[3], box[0] : box[2]].min() > 200


def test_boxes_of_some_frames_belong_to_those_frames(tmp_path):
    save_video(tmp_path / 'a.avi', 40)
    clip = load(tmp_path, square_boxes(np.arange(0, 40, 4), 40))
    assert background(clip) == [4, 12, 20, 28, 36]


def test_frames_without_a_person_are_whole_and_counted(tmp_path):
    save_video(tmp_path / 'a.avi', 40)
    clip = load(tmp_path, square_boxes(np.arange(40), 40, np.zeros(40, bool)))
    assert background(clip) == [4, 12, 20, 28, 36]
    assert not clip.found.any()
    # Boxes of just the frames wanted: the fallback that their maker chose is kept.
    clip = load(tmp_path, square_boxes([4, 12, 20, 28, 36], 40, [1, 1, 0, 1, 1]))
    assert background(clip) == [4, 12, 20, 28, 36]
    assert clip.found.tolist() == [True, True, False, True, True]
    np.testing.assert_array_equal(clip.boxes[2], [50, 40, 80, 80])


def test_box_outside_the_frame_counts_as_none(tmp_path):
    save_video(tmp_path / 'a.avi', 5)
    boxes = square_boxes(np.arange(5), 5)
    boxes.boxes[1] = (-20, 30, 15, 300)
    boxes.boxes[2] = (160, 0, 200, 90)
    boxes.boxes[4] = (159.5, 0, 200, 90)  # half a pixel
    clip = load(tmp_path, boxes)
    np.testing.assert_array_equal(clip.boxes[1], [0, 30, 15, 120])
    np.testing.assert_array_equal(clip.boxes[[2, 4]], [[0, 0, 160, 120]] * 2)
    assert clip.found.tolist() == [True, True, False, True, False]


def test_whole_frames_without_boxes(tmp_path):
    save_video(tmp_path / 'a.avi', 20)
    clip = VideoSource(VideoFolder(tmp_path)).load('a', NO_SKELETON, 5, 'first')
    assert background(clip) == [0, 4, 8, 12, 16]
    np.testing.assert_array_equal(clip.boxes, [[0, 0, 160, 120]] * 5)
    assert clip.found.all()  # asked for, not a fallback


def test_video_and_boxes_must_fit(tmp_path):
    save_video(tmp_path / 'a.avi', 20)
    with pytest.raises(ValueError, match=r'a\.avi: frames \[20, 28, 36\].*of 40 frames'):
        load(tmp_path, square_boxes(np.arange(40), 40))
    with pytest.raises(ValueError, match='frames of 160x120, but its boxes are of 320x240'):
        load(tmp_path, square_boxes(np.arange(20), 20, size=(320, 240)))
    boxes = square_boxes(np.arange(10), 10)
    assert background(load(tmp_path, boxes)) == [1, 3, 5, 7, 9]
    strict = VideoSource(
        VideoFolder(tmp_path), BoxFile(tmp_path / 'boxes.safetensors'), tolerance=0.1
    )
    with pytest.raises(ValueError, match='20 frames, but its boxes are of 10 frames'):
        strict.load('a', NO_SKELETON, 5, 'center')
    save_video(tmp_path / 'b.avi', 20)
    more = VideoSource(VideoFolder(tmp_path), strict.boxes)
    with pytest.raises(ValueError, match="'b' has no boxes"):
        more.load('b', NO_SKELETON, 5, 'center')


@pytest.fixture
def damaged(tmp_path):
    """Four good videos, a torn one, an empty one and one shorter than its boxes."""
    samples = {}
    for name in ('a', 'b', 'c', 'd', 'short'):
        save_video(tmp_path / f'videos/{name}.avi', 12)
        samples[name] = square_boxes(np.arange(12), 12)
    samples['short'] = square_boxes(np.arange(20), 20)
    samples |= dict.fromkeys(('torn', 'empty'), samples['a'])
    (tmp_path / 'videos/torn.avi').write_bytes(b'RIFF' + bytes(200))
    (tmp_path / 'videos/empty.avi').touch()
    write_box_file(tmp_path / 'boxes.safetensors', samples)
    return tmp_path


@pytest.mark.parametrize('jobs', [1, 2])
def test_damaged_videos_are_counted_or_stop(damaged, jobs):
    boxes = BoxFile(damaged / 'boxes.safetensors')
    source = VideoSource(VideoFolder(damaged / 'videos'), boxes)
    folder, names = CompositeFolder(damaged / 'out'), SampleNames(source.names)
    with pytest.raises(ValueError, match=r'(torn|empty|short)\.avi'):
        folder.fill(source, names, jobs=jobs, progress=False)
    report = folder.fill(source, names, jobs=jobs, progress=False, on_error='skip')
    assert report.failed.keys() == {'torn', 'empty', 'short'}
    assert 'its boxes are of 20 frames' in report.failed['short']
    assert folder.existing() == {'a', 'b', 'c', 'd'}
    assert {path.name for path in (damaged / 'out').iterdir()} == {
        *(f'{name}.jpg' for name in 'abcd'),
        'problems.json',
        'recipe.json',
    }


@pytest.fixture
def tool(repo, monkeypatch, capsys):
    """Run the tool in this process: exit status, standard output and error."""
    module = load_tool(repo / 'tools/data/make_composites.py')

    def run(*arguments):
        return run_main(module, arguments, monkeypatch, capsys)

    return run


@pytest.fixture
def absent(tmp_path):
    """Six videos; nobody was found in two tiles of the first, one of the third, all of the last."""
    wanted = [1, 3, 6, 8, 10]
    found = dict(a=[1, 0, 1, 0, 1], c=[1, 1, 1, 1, 0], f=[0] * 5)
    for name in 'abcdef':
        save_video(tmp_path / f'videos/{name}.avi', 12)
    samples = {name: square_boxes(wanted, 12, found.get(name)) for name in 'abcdef'}
    write_box_file(tmp_path / 'boxes.safetensors', samples)
    return tmp_path


def fill_absent(folder, out, jobs=1):
    boxes = BoxFile(folder / 'boxes.safetensors')
    source = VideoSource(VideoFolder(folder / 'videos'), boxes)
    return CompositeFolder(out).fill(source, SampleNames(source.names), jobs=jobs, progress=False)


@pytest.mark.parametrize('jobs', [1, 2])
def test_absences_of_all_runs_are_counted(absent, monkeypatch, jobs):
    whole, out = absent / 'whole', absent / 'out'
    assert fill_absent(absent, whole, jobs).frames_without_person == 8
    assert json.loads((whole / 'without_person.json').read_text()) == dict(a=2, c=1, f=5)
    replace = os.replace

    def interrupted(source, target):
        if str(target).endswith('c.jpg'):
            raise OSError('power cut')
        replace(source, target)

    monkeypatch.setattr(os, 'replace', interrupted)
    with pytest.raises(OSError, match='power cut'):
        fill_absent(absent, out, jobs)
    monkeypatch.undo()
    made = {path.stem for path in out.glob('*.jpg')}
    assert 'a' in made
    assert 'c' not in made
    (notes,) = (out / '.without_person.json').iterdir()
    notes.write_bytes(notes.read_bytes() + b'["tor')  # the next line was never finished
    report = fill_absent(absent, out, jobs)
    assert (report.present, report.frames_without_person) == (len(made), 8)
    assert contents(out) == contents(whole)
    assert '8 tiles without a person' in str(fill_absent(absent, out))


def test_absences_are_those_of_the_images_that_are_there(absent):
    out = absent / 'out'
    fill_absent(absent, out)
    (out / 'f.jpg').unlink()
    (absent / 'videos/f.avi').unlink()
    assert fill_absent(absent, out).frames_without_person == 3
    for name in 'ac':
        (out / f'{name}.jpg').unlink()
        (absent / f'videos/{name}.avi').unlink()
    assert fill_absent(absent, out).frames_without_person == 0
    assert not (out / 'without_person.json').exists()


def test_wrong_paths_leave_nothing_behind(tool, absent):
    out, videos, nowhere = absent / 'out', absent / 'videos', absent / 'nowhere'
    empty = absent / 'empty'
    empty.mkdir()
    for arguments, message in (
        (('videos', nowhere, out), 'no folder of videos'),
        (('videos', empty, out), 'has no video'),
        (('videos', videos, out, '--boxes', nowhere), 'no box file at'),
        (('videos', videos, out, '--store', nowhere), 'no skeleton store'),
        (('ntu', videos, nowhere, out), 'neither a folder nor an archive'),
        (('ntu', videos, empty, out), 'has no *.skeleton'),
        (('utdmhad', nowhere, nowhere, out), 'no skeleton store'),
    ):
        status, _, error = tool(*arguments, '--quiet')
        assert status == 1
        assert error.startswith('error: ')
        assert message in error
        assert not out.exists()


def test_videos_of_other_samples_are_an_error(absent):
    source = VideoSource(VideoFolder(absent / 'videos'))
    with pytest.raises(ValueError, match=r"none of the 2 samples, such as 'x', has a clip"):
        CompositeFolder(absent / 'out').fill(source, SampleNames(('x', 'y')), progress=False)
    with pytest.raises(ValueError, match='there are no samples'):
        CompositeFolder(absent / 'out').fill(source, SampleNames(()), progress=False)
    assert not (absent / 'out').exists()


def test_a_recipe_without_images_binds_nobody(damaged):
    source = VideoSource(VideoFolder(damaged / 'videos'))
    broken = SampleNames(('torn',))
    with pytest.raises(ValueError, match='torn'):
        CompositeFolder(damaged / 'out', margin=0.5).fill(source, broken, progress=False)
    assert CompositeFolder(damaged / 'out').fill(source, SampleNames(('a',)), progress=False).made
    with pytest.raises(ValueError, match='the composites have the recipe'):
        CompositeFolder(damaged / 'out', margin=0.5).fill(source, broken, progress=False)


def test_tool_counts_skips_and_names_errors(tool, damaged):
    arguments = ('videos', damaged / 'videos', damaged / 'out', '--jobs', '1', '--quiet')
    boxed = (*arguments, '--boxes', damaged / 'boxes.safetensors')
    status, _, error = tool(*boxed)
    assert status == 1
    assert error.startswith('error: ')
    assert 'empty.avi' in error
    status, output, _ = tool(*boxed, '--on-error', 'skip', '--contact-sheets', damaged / 'sheets')
    assert status == 2
    assert '0 without a clip, 3 failed; 0 tiles without a person' in output.splitlines()[-1]
    assert [path.name for path in (damaged / 'sheets').iterdir()] == ['000_all.jpg']
    status, output, error = tool('videos', damaged / 'nowhere', damaged / 'out')
    assert (status, output) == (1, '')
    assert 'nowhere' in error


def test_file_size_limit_leaves_no_half_written_image(tool, damaged):
    arguments = ('videos', damaged / 'videos', damaged / 'out', '--quiet', '--on-error', 'skip')
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, limits[1]))
    try:
        status, _, error = tool(*arguments, '--jobs', '1')
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert status == 1
    assert 'File too large' in error
    assert '.jpg' in error
    assert [path.name for path in (damaged / 'out').iterdir()] == ['recipe.json']


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def kill_at(run, folder, images, ranks=None):
    end = time.monotonic() + 300
    while len(list(folder.glob('*.jpg'))) < images:
        assert time.monotonic() < end, [process.poll() for process in run.processes]
        assert all(process.poll() is None for process in run.processes), run.wait()
        time.sleep(0.001)
    run.kill(ranks)


def still_running(out):
    """Whether any process has the folder on its command line."""
    for line in Path('/proc').glob('[0-9]*/cmdline'):
        try:
            if os.fsencode(out) in line.read_bytes():
                return True
        except OSError:  # it ended meanwhile
            continue
    return False


@pytest.mark.parametrize(
    'kills',
    [
        pytest.param([(5, None)], id='once'),
        pytest.param([(5, None), (30, (1,)), (50, (0,))], id='three times', marks=pytest.mark.slow),
    ],
)
def test_killed_processes_lose_and_double_nothing(repo, tmp_path, kills):
    names = [f'clip{index:03d}' for index in range(80)]
    save_video(tmp_path / 'videos/clip000.avi', 12)
    for name in names[1:]:
        os.link(tmp_path / 'videos/clip000.avi', tmp_path / f'videos/{name}.avi')
    videos, out = tmp_path / 'videos', tmp_path / 'out'
    source = VideoSource(VideoFolder(videos))
    CompositeFolder(tmp_path / 'whole').fill(source, SampleNames(names), progress=False)
    line = [repo / 'tools/data/make_composites.py', 'videos', videos, out, '--jobs', '2']
    for images, ranks in kills:
        with ToolProcesses(line) as run:
            kill_at(run, out, images, ranks)
    end = time.monotonic() + 60
    while still_running(out):  # the workers of killed processes end by themselves
        assert time.monotonic() < end
        time.sleep(0.1)
    there = len(list(out.glob('*.jpg')))
    assert kills[-1][0] <= there < 80
    kept = {path.name: path.stat().st_mtime_ns for path in out.glob('*.jpg')}
    with ToolProcesses(line) as run:
        statuses, outputs = run.wait()
    assert statuses == [0, 0], outputs
    assert f'{80 - there} composites made, {there} were there' in outputs[0].splitlines()[-1]
    assert outputs[1] == ''
    assert contents(out) == contents(tmp_path / 'whole')
    assert kept.items() <= {path.name: path.stat().st_mtime_ns for path in out.iterdir()}.items()


def test_ntu_videos_are_boxed_by_their_skeletons(tool, shared, tmp_path):
    sample = shared / 'datasets/ntu_sample'
    arguments = ('ntu', sample, sample, tmp_path / 'out', '--jobs', '1')
    status, output, _ = tool(*arguments, '--contact-sheets', tmp_path / 'sheets')
    assert status == 0
    assert '1 composites made, 0 were there' in output
    assert [path.name for path in (tmp_path / 'sheets').iterdir()] == ['000_drink_water.jpg']
    image = cv2.imread(str(tmp_path / 'out/S001C001P001R001A001.jpg'))
    assert image.shape == (480, 480, 3)
    # A dark shirt in the middle of every tile, the bright wall beside the head.
    tiles = image.reshape(480, 5, 96, 3).mean(-1)
    assert (tiles[160:200, :, 35:60].mean((0, 2)) < 80).all()
    assert (tiles[10:60, :, :10].mean((0, 2)) > 120).all()


def test_wrong_joint_count_of_a_skeleton_file(tool, shared, tmp_path):
    name = 'S001C001P001R001A001'
    sample = shared / 'datasets/ntu_sample'
    (tmp_path / 'data').mkdir()
    os.symlink(sample / f'{name}_rgb.avi', tmp_path / f'data/{name}_rgb.avi')
    lines = (sample / f'{name}.skeleton').read_text().splitlines()
    lines[3] = '24'
    (tmp_path / f'data/{name}.skeleton').write_text('\n'.join(lines) + '\n')
    arguments = ('ntu', tmp_path / 'data', tmp_path / 'data', tmp_path / 'out', '--quiet')
    status, _, error = tool(*arguments)
    assert status == 1
    assert f'{name}.skeleton, line 4: expected 25 joints' in error
    status, *_ = tool(*arguments, '--on-error', 'skip')
    assert status == 2
    assert 'expected 25 joints' in json.loads((tmp_path / 'out/problems.json').read_text())[name]
