"""Images whose headers would take the memory are refused before OpenCV decodes them."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from mmcl_ext.fileio.image import decode_image

IMAGE = np.random.default_rng(0).integers(0, 255, (12, 20, 3), np.uint8)


def encode(ending: str) -> bytes:
    return cv2.imencode(ending, IMAGE)[1].tobytes()


def size(width: int, height: int) -> bytes:
    content = b'IHDR' + struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    return struct.pack('>I', 13) + content + struct.pack('>I', zlib.crc32(content))


@pytest.mark.parametrize('ending', ['.png', '.bmp', '.jpg', '.webp'])
def test_formats_that_are_read(ending: str) -> None:
    decoded = decode_image(encode(ending))
    assert decoded.shape == IMAGE.shape
    if ending in ('.png', '.bmp'):
        np.testing.assert_array_equal(decoded, IMAGE)


def forged() -> dict[str, bytes]:
    png = encode('.png')
    place = png.index(b'IDAT')
    gif = io.BytesIO()
    Image.fromarray(IMAGE).save(gif, 'gif')
    wide = io.BytesIO()
    Image.fromarray(np.zeros((1, 2**21), np.uint8)).save(wide, 'png')
    return {
        'a part that takes 3 GB': png[: place - 4] + b'\xb0\0\0\0' + png[place:],
        'a second size of 3 GB': png[:8] + size(30000, 30000) + png[8:],
        'cut short': png[: place + 20],
        'longer than OpenCV reads': wide.getvalue(),
        'another format': gif.getvalue(),
    }


@pytest.mark.parametrize('name', forged())
def test_forged_images_are_none(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if name != 'longer than OpenCV reads':
        monkeypatch.delattr(cv2, 'imdecode')  # which would take the memory
    assert decode_image(forged()[name]) is None
