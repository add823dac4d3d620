"""Weights that estimate the joints of one sensor (source) from those of another (target).

A joint of the target that a table does not list has a namesake in the source.
"""

from collections.abc import Mapping

Weights = Mapping[str, Mapping[str, float]]
_Row = dict[str, float]

_SIDES = ('left', 'right')


def _blend(*terms: tuple[float, str | _Row]) -> _Row:
    """Add weighted joints, or weighted rows, to one row."""
    row: _Row = {}
    for weight, part in terms:
        for joint, share in ({part: 1.0} if isinstance(part, str) else part).items():
            row[joint] = row.get(joint, 0.0) + weight * share
    return row


def _between(start: str | _Row, end: str | _Row, place: float) -> _Row:
    """The point at a place on the line from start (0) to end (1); beyond 1 it extrapolates."""
    return _blend((1 - place, start), (place, end))


def _kinect_v2_from_v1(tip: float) -> dict[str, _Row]:
    """Kinect v2's joints from Kinect v1's; the hand's tip lies at ``tip`` from wrist to hand.

    The weights put the joints where NTU RGB+D has them in the median, measured along the
    line from the middle of the hips to the shoulders' centre on UTD-MHAD and NTU RGB+D:
    Kinect v1 has its hip centre at 0.15 and its spine at 0.29 of that line, Kinect v2 its
    spine base at 0 and its spine middle at 0.574; v2's neck is at a third of the way from
    there to the head. A thumb's 4 cm to the side cannot be seen from the hand.
    """
    rows = {
        'spine_base': _between('left_hip', 'right_hip', 0.5),
        'spine_mid': _between('spine', 'shoulder_center', 0.4),
        'neck': _between('shoulder_center', 'head', 0.35),
        'spine_shoulder': {'shoulder_center': 1.0},
    }
    for side in _SIDES:
        rows[f'{side}_hand_tip'] = _between(f'{side}_wrist', f'{side}_hand', tip)
        rows[f'{side}_thumb'] = {f'{side}_hand': 1.0}
    return rows


def _kinect_v2_lifted() -> dict[str, _Row]:
    """As :func:`_kinect_v2_from_v1`, with the shoulders lifted to where Kinect v2 sees them."""
    rows = _kinect_v2_from_v1(1.75)
    for side in _SIDES:
        rows[f'{side}_shoulder'] = _blend(
            (1.0, f'{side}_shoulder'),
            (0.15, 'shoulder_center'),
            (-0.15, _between('left_hip', 'right_hip', 0.5)),
        )
    return rows


def _kinect_v2_naive() -> dict[str, _Row]:
    """Namesakes taken for the same points, which they are not: for comparison."""
    return _kinect_v2_from_v1(1.0) | {
        'spine_base': {'hip_center': 1.0},
        'spine_mid': {'spine': 1.0},
        'neck': _between('shoulder_center', 'head', 0.5),
    }


def _kinect_v1_from_v2(spine: float) -> dict[str, _Row]:
    """Kinect v1's joints from Kinect v2's, with the spine joint between base and middle."""
    return {
        'hip_center': _between('spine_base', 'spine_mid', 0.26),
        'spine': _between('spine_base', 'spine_mid', spine),
        'shoulder_center': {'spine_shoulder': 1.0},
    }


def _kinect_v2_from_photo(head: str | _Row) -> dict[str, _Row]:
    """Kinect v2's joints from those that detectors find in photographs.

    The trunk follows NTU RGB+D's proportions: the middle of the shoulders lies at 0.922 and
    the spine's middle at 0.574 of the line from the hips to the spine's shoulder joint.
    Hands continue the forearms, the hand by a fifth and its tip by two fifths of their length
    (medians of NTU RGB+D). Feet cannot be seen from knees and ankles: they are the ankles.
    """
    hips = _between('left_hip', 'right_hip', 0.5)
    shoulders = _between('left_shoulder', 'right_shoulder', 0.5)
    top = _between(hips, shoulders, 1 / 0.922)
    rows = {
        'spine_base': hips,
        'spine_mid': _between(hips, top, 0.574),
        'neck': _between(top, head, 0.35),
        'head': _blend((1.0, head)),
        'spine_shoulder': top,
    }
    for side in _SIDES:
        forearm = f'{side}_elbow', f'{side}_wrist'
        rows[f'{side}_hand'] = rows[f'{side}_thumb'] = _between(*forearm, 1.2)
        rows[f'{side}_hand_tip'] = _between(*forearm, 1.4)
        rows[f'{side}_foot'] = {f'{side}_ankle': 1.0}
    return rows


def _kinect_v2_from_blazepose() -> dict[str, _Row]:
    """Kinect v2's joints from BlazePose's 33, which has points of hands and feet.

    The trunk is that of :func:`_kinect_v2_from_photo`. A hand lies between the wrist and the
    knuckles, its tip beyond these by half of their distance from the wrist.
    """
    rows = _kinect_v2_from_photo(_EARS)
    for side in _SIDES:
        knuckles = _between(f'{side}_index', f'{side}_pinky', 0.5)
        rows[f'{side}_hand'] = _between(f'{side}_wrist', knuckles, 0.75)
        rows[f'{side}_hand_tip'] = _between(f'{side}_wrist', knuckles, 1.5)
        rows[f'{side}_thumb'] = {f'{side}_thumb': 1.0}
        rows[f'{side}_foot'] = _between(f'{side}_ankle', f'{side}_foot_index', 0.75)
    return rows


_EARS = _between('left_ear', 'right_ear', 0.5)
_FACE = ('nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear')
_FACE_AT_HEAD: dict[str, _Row] = {joint: {'head': 1.0} for joint in _FACE}

TABLES: Mapping[tuple[str, str], Mapping[str, Weights]] = {
    ('kinect_v1', 'nturgb+d'): {
        'A': _kinect_v2_from_v1(1.75),
        'A-copy': _kinect_v2_from_v1(1.0),
        'A-naive': _kinect_v2_naive(),
        'B': _kinect_v2_lifted(),
    },
    ('nturgb+d', 'kinect_v1'): {
        'inverse': _kinect_v1_from_v2(0.5),
        # Undoes `_kinect_v2_from_v1` for the spine, at the price of more noise.
        'inverse-exact': _kinect_v1_from_v2(0.5)
        | {'spine': _between('spine_shoulder', 'spine_mid', 1 / 0.6)},
    },
    ('coco', 'nturgb+d'): {'ears': _kinect_v2_from_photo(_EARS)},
    ('openpose', 'nturgb+d'): {'ears': _kinect_v2_from_photo(_EARS)},
    ('blazepose', 'nturgb+d'): {'ears': _kinect_v2_from_blazepose()},
    # No sensor sees a face in Kinect's joints: all of it is put at the head.
    ('nturgb+d', 'coco'): {'head': _FACE_AT_HEAD},
    ('nturgb+d', 'openpose'): {'head': _FACE_AT_HEAD | {'neck': {'spine_shoulder': 1.0}}},
    ('coco', 'openpose'): {'shoulders': {'neck': _between('left_shoulder', 'right_shoulder', 0.5)}},
}
"""For a pair (source, target) of layouts the tables by name, the default first."""
