import importlib.util
import io
import struct
import zipfile

import cv2
import numpy as np
import pytest
from PIL import Image
from utd_raw import skeleton

from mmcl_ext.preparation.videos.decoders import pyav_decoder
from mmcl_ext.preparation.videos.sample_frames import match_frames
from mmcl_ext.preparation.videos.utdmhad_clips import UTD_RGB_LAG, UTDVideoSource
from mmcl_ext.preparation.videos.video import count_frames, iter_frames, read_frames

BACKENDS = [
    'opencv',
    *(
        pytest.param(
            name,
            marks=pytest.mark.skipif(
                importlib.util.find_spec(module) is None, reason=f'{module} is not installed'
            ),
        )
        for name, module in (('pyav', 'av'),)
    ),
]


@pytest.fixture(params=BACKENDS)
def backend(request):
    return request.param


def save_video(path, frames, size=(64, 48)):
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 15, size)
    assert writer.isOpened()
    for index in range(frames):
        writer.write(np.full((size[1], size[0], 3), 10 * index, np.uint8))
    writer.release()
    return path


def save_encoded(path, frames, gop, codec='libx264', size=(64, 48), rate=25):
    """A video with keyframes every ``gop`` frames and frames stored out of order between them."""
    av = pytest.importorskip('av')
    generator = np.random.default_rng(3)
    scene = cv2.resize(generator.integers(0, 256, (24, 64, 3)).astype(np.uint8), (256, 96))
    with av.open(str(path), 'w') as container:
        stream = container.add_stream(codec, rate=rate, options={'bf': '2'})
        stream.width, stream.height, stream.pix_fmt = *size, 'yuv420p'
        stream.codec_context.gop_size = gop
        for index in range(frames):
            image = np.ascontiguousarray(scene[20 : 20 + size[1], index : index + size[0]])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format='bgr24')))
        container.mux(stream.encode())
    return path


def test_frames_come_in_the_order_asked_for(tmp_path, backend):
    path = save_video(tmp_path / 'clip.avi', 20)
    assert count_frames(path, backend) == 20
    frames = read_frames(path, [3, 17, 3, 0], backend)
    assert frames[0].shape == (48, 64, 3)
    np.testing.assert_allclose([frame.mean() for frame in frames], [30, 170, 30, 0], atol=2)


def test_colours_are_blue_green_red(tmp_path, backend):
    path = tmp_path / 'clip.avi'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 15, (64, 48))
    writer.write(np.full((48, 64, 3), (200, 100, 30), np.uint8))
    writer.release()
    (frame,) = read_frames(path, [0], backend)
    np.testing.assert_allclose(frame.mean((0, 1)), (200, 100, 30), atol=6)


def test_frame_after_the_end_is_named(tmp_path, backend):
    path = save_video(tmp_path / 'clip.avi', 6)
    with pytest.raises(ValueError, match=r'clip.avi: frames \[6, 9\]'):
        read_frames(path, [2, 9, 6], backend)
    with pytest.raises(ValueError, match='frame -1'):
        read_frames(path, [-1], backend)


@pytest.mark.parametrize('content', [b'no video' * 100, b''], ids=['text', 'empty'])
def test_file_that_is_no_video_is_named(tmp_path, backend, content):
    (tmp_path / 'clip.avi').write_bytes(content)
    with pytest.raises(ValueError, match=r'clip.avi: (not a readable|video without)'):
        count_frames(tmp_path / 'clip.avi', backend)
    with pytest.raises(ValueError, match=r'clip.avi: (not a readable|frames \[1\])'):
        read_frames(tmp_path / 'clip.avi', [1], backend)


def test_a_frame_that_claims_gigabytes_names_the_file(tmp_path):
    """OpenCV has an error of its own for it, where FFmpeg refuses the file."""
    path = save_video(tmp_path / 'clip.avi', 6)
    content = bytearray(path.read_bytes().replace(b'strf', b'xxxx', 1))
    chunk = content.index(b'00dc', content.index(b'00dc', content.index(b'movi')) + 4)
    content[chunk + 4 : chunk + 8] = (2**31 - 1).to_bytes(4, 'little')
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r'clip\.avi: .*m_size'):
        read_frames(path, [1], 'opencv')
    frames = iter_frames(path, 'opencv')
    next(frames)
    with pytest.raises(ValueError, match=r'clip\.avi: .*m_size'):
        list(frames)


def test_unknown_or_absent_backend_is_named(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="unknown video backend 'ffmpeg'"):
        read_frames(tmp_path / 'clip.avi', [0], 'ffmpeg')
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(ValueError, match="'pyav' needs the package 'av'"):
        read_frames(tmp_path / 'clip.avi', [0], 'pyav')


@pytest.mark.parametrize('ending', ['mp4', 'mkv', 'avi'])
@pytest.mark.parametrize('gop', [8, 50])
def test_seeking_gives_the_frames_of_full_decoding(tmp_path, ending, gop):
    path = save_encoded(tmp_path / f'clip.{ending}', 50, gop)
    whole = pyav_decoder._read_from_start(path, set(range(60)))
    assert sorted(whole) == list(range(50))
    assert count_frames(path, 'pyav') == 50
    shots = [frame.tobytes() for frame in whole.values()]
    assert len(set(shots)) == 50
    generator = np.random.default_rng(gop)
    for size in (1, 2, 5, 20):
        chosen = generator.choice(50, size, replace=False)
        for number, frame in zip(chosen, read_frames(path, chosen, 'pyav'), strict=True):
            np.testing.assert_array_equal(frame, whole[number])
    # AVI has no true time stamps: frames must be counted there.
    assert (pyav_decoder._read_by_seeking(path, {30}) is None) == (ending == 'avi')
    np.testing.assert_array_equal(read_frames(path, [31], 'opencv')[0], whole[31])


def test_seeking_decodes_from_the_keyframe_only(tmp_path, monkeypatch):
    path = save_encoded(tmp_path / 'clip.mp4', 50, 10)
    numbers = []
    with pyav_decoder._open(path) as container:
        index = pyav_decoder._FrameIndex.of(container)
        real = container.decode
        assert index.groups({3, 9, 47}) == {
            index._stamps[0]: {3, 9},
            index._stamps[40]: {47},
        }

        class Spy:
            def decode(self, **where):
                for frame in real(**where):
                    numbers.append(index.numbers[frame.pts])
                    yield frame

        container.seek(index._stamps[40], stream=container.streams.video[0])
        assert list(pyav_decoder._read_group(Spy(), index, {47})) == [47]
    assert numbers == list(range(40, 48))


@pytest.mark.parametrize('degrees', [90, 180, 270])
def test_video_of_a_turned_phone_is_turned_back(tmp_path, backend, degrees):
    """All decoders must agree with OpenCV, by which pose estimators read."""
    path = save_encoded(tmp_path / 'clip.mp4', 6, 3)
    upright = read_frames(path, [4], 'opencv')[0]
    turn(path, degrees)
    (turned,) = read_frames(path, [4], backend)
    assert turned.shape == ((64, 48, 3) if degrees != 180 else (48, 64, 3))
    expected = np.rot90(upright, -degrees // 90)
    assert np.abs(turned.astype(int) - expected).mean() < 2


def turn(path, degrees):
    """Write a clockwise rotation into the track header of an MP4 file."""
    data = bytearray(path.read_bytes())
    start = data.index(b'tkhd') + 4 + 40  # past version, flags, times, layer and volume
    cos, sin = {90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    one = 1 << 16
    matrix = (cos * one, sin * one, 0, -sin * one, cos * one, 0, 0, 0, 1 << 30)
    data[start : start + 36] = struct.pack('>9i', *matrix)
    path.write_bytes(bytes(data))


def test_cut_video_is_read_up_to_its_end(tmp_path, backend):
    path = save_video(tmp_path / 'clip.avi', 20)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=r'clip\.avi: '):
        read_frames(path, [19], backend)


def test_real_clip(shared, backend):
    path = shared / 'datasets/mmaction2_samples/demo_skeleton.mp4'
    count = count_frames(path, backend)
    first, last = read_frames(path, [0, count - 1], backend)
    assert first.shape == last.shape
    assert np.abs(first.astype(int) - last).mean() > 1
    with pytest.raises(ValueError, match='ends before'):
        read_frames(path, [count], backend)


def test_frames_of_h264_in_avi_are_numbered_as_shown(shared, backend):
    """The videos of NTU RGB+D store frames out of order and tell wrong time stamps."""
    path = shared / 'datasets/ntu_sample/S001C001P001R001A001_rgb.avi'
    assert count_frames(path, backend) == 103
    frames = read_frames(path, [1, 2, 3, 4, 60], backend)
    for frame, expected in zip(frames, read_frames(path, [1, 2, 3, 4, 60], 'opencv'), strict=True):
        assert np.abs(frame.astype(int) - expected).mean() < 0.05


def test_video_frames_follow_the_skeleton_with_a_lag_of_three():
    # As many video frames as skeleton frames: the lag alone remains.
    assert match_frames(np.array([0, 3, 10, 49]), 50, 50, UTD_RGB_LAG).tolist() == [0, 0, 7, 46]
    # Three skeleton frames for two of the video: frame 23 shows 20.5 / 40 of the clip.
    assert match_frames(np.array([23]), 40, 60, UTD_RGB_LAG).tolist() == [30]


def test_mirrored_video_is_boxed_at_the_person(tmp_path):
    """The person of the fixture stands at +x, so on the left of a video."""
    frames = 20
    path = save_video(tmp_path / 'RGB' / 'a1_s1_t1_color.avi', frames, size=(640, 480))
    joints = skeleton(frames)
    joints[:, 0] = 0.6
    keypoint = joints.transpose(2, 0, 1)[None]
    clip = UTDVideoSource(tmp_path).load('a1_s1_t1', keypoint, 5, 'center')
    center = 320 - 531.15 * 0.6 / 3.0
    np.testing.assert_allclose((clip.boxes[:, 0] + clip.boxes[:, 2]) / 2, center)
    means = [frame.mean() for frame in clip.frames]
    np.testing.assert_allclose(means, [20, 60, 100, 140, 180], atol=2)

    packed = tmp_path / 'packed'
    packed.mkdir()
    with zipfile.ZipFile(packed / 'RGB-part2.zip', 'w') as archive:
        archive.write(path, 'RGB/a1_s1_t1_color.avi')
    again = UTDVideoSource(packed).load('a1_s1_t1', keypoint, 5, 'center')
    np.testing.assert_array_equal(again.frames, clip.frames)


def test_video_of_another_size_is_refused(tmp_path):
    save_video(tmp_path / 'RGB' / 'a1_s1_t1_color.avi', 5)
    with pytest.raises(ValueError, match='expected 640x480'):
        UTDVideoSource(tmp_path).load('a1_s1_t1', np.ones((1, 9, 20, 3)), 5, 'center')


def motion_jpeg(images):
    """An AVI of JPEG files, whatever their sizes; its header says 64 x 64."""

    def chunk(name, data):
        return name + struct.pack('<I', len(data)) + data + bytes(len(data) % 2)

    def part(name, data):
        return chunk(b'LIST', name + data)

    avih = struct.pack('<14I', 40000, 0, 0, 16, len(images), 0, 1, 0, 64, 64, 0, 0, 0, 0)
    strh = b'vidsMJPG' + struct.pack('<12I', 0, 0, 0, 1, 25, 0, len(images), 0, 2**32 - 1, 0, 0, 0)
    strf = struct.pack('<IiiHH4sIiiII', 40, 64, 64, 1, 24, b'MJPG', 12288, 0, 0, 0, 0)
    header = chunk(b'avih', avih) + part(b'strl', chunk(b'strh', strh) + chunk(b'strf', strf))
    movie = part(b'movi', b''.join(chunk(b'00dc', image) for image in images))
    return chunk(b'RIFF', b'AVI ' + part(b'hdrl', header) + movie)


def jpeg(width, height):
    file = io.BytesIO()
    Image.new('L', (width, height)).save(file, 'jpeg', quality=1)
    return file.getvalue()


def test_frames_that_would_take_all_memory_are_refused(tmp_path, backend):
    path = tmp_path / 'bomb.avi'
    path.write_bytes(motion_jpeg([jpeg(64, 64)] * 2))
    assert count_frames(path, backend) == 2
    path.write_bytes(motion_jpeg([jpeg(60000, 1200)] * 2))
    for read in (lambda: read_frames(path, [0], backend), lambda: list(iter_frames(path, backend))):
        with pytest.raises(ValueError, match=r'bomb\.avi: an image of 60000 x 1200 pixels'):
            read()


def test_a_folder_of_images_is_read_as_other_images(tmp_path):
    (tmp_path / '1.jpg').write_bytes(jpeg(60000, 1200))
    with pytest.raises(ValueError, match=r'1\.jpg: an image of 60000 x 1200 pixels'):
        read_frames(tmp_path, [0])
    (tmp_path / '1.jpg').write_bytes(b'none')
    with pytest.raises(ValueError, match=r'1\.jpg: not a readable image'):
        read_frames(tmp_path, [0])
