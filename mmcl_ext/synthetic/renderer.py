"""Pictures of synthetic scenes, drawn with OpenCV."""

import cv2
import numpy as np

from mmcl_ext.preparation.videos.camera import PinholeCamera
from mmcl_ext.synthetic.canvas import Canvas
from mmcl_ext.synthetic.kinematics import JOINT
from mmcl_ext.synthetic.scene import Scene

CAMERA = PinholeCamera(focal=370.0, center=(160.0, 160.0), size=(320, 320))
"""Camera of all synthetic pictures; not mirrored in the Kinect's axes, like its skeletons."""

_NEAREST = 0.5  # metres; what flies closer to the camera has left the view


def render(scene: Scene, frame: int, background: np.ndarray | None = None) -> np.ndarray:
    """Draw frame number ``frame`` of a scene: (H, W, 3) uint8, BGR.

    The painted room may be given as ``background``, to paint it once for several frames.

    Raises:
        ValueError: The scene has no such frame.
    """
    if not 0 <= frame < scene.num_frames:
        raise ValueError(f'frame {frame} of a scene of {scene.num_frames}')
    picture = scene.room.paint(CAMERA) if background is None else background.copy()
    _paint_shadow(picture, scene, frame)
    canvas = Canvas(picture, CAMERA)
    _add_person(canvas, scene, frame)
    _add_item(canvas, scene, frame)
    return canvas.finish()


def _paint_shadow(picture: np.ndarray, scene: Scene, frame: int) -> None:
    spot = scene.joints[frame, JOINT['spine_base']] * (1.0, 0.0, 1.0)
    spot[1] = scene.room.floor_y
    column, row = CAMERA.project(spot).round().astype(int).tolist()
    wide = round(CAMERA.focal * 0.32 / spot[2])
    layer = picture.copy()
    cv2.ellipse(layer, (column, row), (wide, wide // 4), 0, 0, 360, (30, 30, 30), cv2.FILLED)
    cv2.addWeighted(layer, 0.35, picture, 0.65, 0, dst=picture)


def _add_person(canvas: Canvas, scene: Scene, frame: int) -> None:
    at = {name: scene.joints[frame, index] for name, index in JOINT.items()}
    subject = scene.subject
    thick = subject.body.girth * subject.body.height / 1.75
    for side in ('left', 'right'):
        _add_leg(canvas, at, side, thick, scene)
        _add_arm(canvas, at, side, thick, scene)
        shoulder = 0.82 * at[f'{side}_shoulder'] + 0.18 * at['spine_shoulder']
        canvas.capsule(shoulder, at[f'{side}_hip'], (0.075 * thick, 0.095 * thick), subject.shirt)
    canvas.capsule(
        at['spine_shoulder'],
        at['spine_base'],
        (0.10 * thick, 0.12 * thick),
        subject.shirt,
        nearer=0.01,
    )
    canvas.capsule(at['spine_shoulder'], at['neck'], (0.05, 0.05), subject.skin, nearer=0.02)
    _add_head(canvas, at, scene)


def _add_leg(
    canvas: Canvas, at: dict[str, np.ndarray], side: str, thick: float, scene: Scene
) -> None:
    trousers = scene.subject.trousers
    hip, knee, ankle, foot = (at[f'{side}_{name}'] for name in ('hip', 'knee', 'ankle', 'foot'))
    canvas.capsule(hip, knee, (0.09 * thick, 0.065 * thick), trousers)
    canvas.capsule(knee, ankle, (0.065 * thick, 0.045 * thick), trousers)
    canvas.capsule(ankle, foot, (0.045, 0.04), (35, 35, 40))


def _add_arm(
    canvas: Canvas, at: dict[str, np.ndarray], side: str, thick: float, scene: Scene
) -> None:
    names = ('shoulder', 'elbow', 'wrist', 'hand', 'hand_tip', 'thumb')
    shoulder, elbow, wrist, hand, tip, thumb = (at[f'{side}_{name}'] for name in names)
    subject = scene.subject
    canvas.capsule(shoulder, elbow, (0.062 * thick, 0.048 * thick), subject.shirt, nearer=0.06)
    canvas.capsule(elbow, wrist, (0.046 * thick, 0.034 * thick), subject.skin, nearer=0.06)
    canvas.capsule(wrist, hand, (0.036, 0.045), subject.skin, nearer=0.06)
    canvas.capsule(hand, tip, (0.042, 0.022), subject.skin, nearer=0.06)
    canvas.capsule(hand, thumb, (0.02, 0.016), subject.skin, nearer=0.06)


def _add_head(canvas: Canvas, at: dict[str, np.ndarray], scene: Scene) -> None:
    neck, head = at['neck'], at['head']
    up = (head - neck) / np.linalg.norm(head - neck)
    right = at['right_shoulder'] - at['left_shoulder']
    front = np.cross(up, right / np.linalg.norm(right))
    front = front / np.linalg.norm(front)
    right = np.cross(front, up)
    size = 0.058 * scene.subject.body.height
    canvas.capsule(
        head - 0.25 * size * up,
        head + 0.3 * size * up,
        (0.85 * size, size),
        scene.subject.skin,
        nearer=0.03,
    )
    crown = head + 0.55 * size * up - 0.35 * size * front
    canvas.capsule(crown, crown + 0.15 * size * up, (0.98 * size, 0.9 * size), scene.subject.hair)
    fringe = head + 0.92 * size * up + 0.25 * size * front
    canvas.capsule(
        fringe - 0.4 * size * right,
        fringe + 0.4 * size * right,
        (0.38 * size, 0.38 * size),
        scene.subject.hair,
        nearer=0.05,
    )
    for sign in (-1.0, 1.0):
        eye = head + 0.2 * size * up + 0.9 * size * front + 0.36 * sign * size * right
        canvas.capsule(eye, eye, (0.012, 0.012), (40, 35, 35), nearer=0.05)


def _add_item(canvas: Canvas, scene: Scene, frame: int) -> None:
    if scene.item is None or scene.place[frame, 2] < _NEAREST:
        return
    place, axes = scene.place[frame], scene.axes[frame]
    if scene.item.radius:
        radius = scene.item.radius
        canvas.capsule(place, place, (radius, radius), scene.item.colour, nearer=0.12)
        return
    faces = [(corners @ axes.T + place, colour) for corners, colour in scene.item.faces()]
    order = sorted(range(len(faces)), key=lambda i: -faces[i][0][:, 2].mean())
    # A held object is drawn between the arm and what is nearer, its own faces in their order.
    base = place[2] - 0.11
    for rank, index in enumerate(order):
        canvas.polygon(*faces[index], depth=base - 1e-4 * rank)
