"""The page: what is where on it, and what happens when something is pressed."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mmcl_ext.fileio.printable import counted
from mmcl_ext.graphs.layouts import layout_names
from mmcl_ext.inference.skeleton_clip import SkeletonClip
from mmcl_ext.inference.video_prediction import is_video
from mmcl_ext.preparation.videos.video_folder import VIDEO_SUFFIXES
from mmcl_ext.web import html
from mmcl_ext.web.clip_library import PickedClip
from mmcl_ext.web.uploads import ENDINGS
from mmcl_ext.web.video_uploads import UploadedVideo
from mmcl_ext.web.web_demo import Upload, WebDemo, WebView

TITLE = 'Skeleton action recognition'
FROM_FILE = 'as the file says, or the model'
_CAMERA = Path(__file__).with_name('camera.js')

_BUSY = html.message('Predicting...', 'note')
_START = html.message('Pick or upload a clip, then press Predict.', 'note')
_HIDING = html.message('Hiding the joints one after the other...', 'note')
_LOOKING = html.message('Looking for people in the video...', 'note')
_SLIDING = html.message('Predicting the windows of the clip...', 'note')


class Page:
    """Handlers and layout of the page about a model."""

    def __init__(self, demo: WebDemo) -> None:
        self.demo = demo

    def build(self) -> Any:
        """Return the ``gradio.Blocks`` of the page."""
        import gradio as gr

        self._gr = gr
        with gr.Blocks(
            title=TITLE, analytics_enabled=False, fill_width=True, delete_cache=(600, 600)
        ) as blocks:
            gr.Markdown(f'# {TITLE}')
            with gr.Row():
                with gr.Column(scale=1, min_width=300):
                    with gr.Tabs():
                        triggers = []
                        if self.demo.examples.titles:
                            with gr.Tab('Examples'):
                                triggers.append(self._build_examples(gr))
                        with gr.Tab('Upload'):
                            triggers.append(self._build_upload(gr))
                        with gr.Tab('Model'):
                            gr.HTML(html.model_card(self.demo.inferencer.info))
                    explain = gr.Checkbox(
                        label='Show which joints speak for the class', elem_id='explain'
                    )
                with gr.Column(scale=3, min_width=420):
                    outputs = _build_outputs(gr)
            for button, handler, inputs in triggers:
                button.click(
                    handler,
                    [*inputs, explain],
                    outputs,
                    concurrency_limit=1,
                    concurrency_id='model',
                    show_progress='hidden',
                    api_visibility='private',
                )
        return blocks

    # Examples

    def _build_examples(self, gr: Any) -> tuple[Any, Any, list[Any]]:
        titles = self.demo.examples.titles
        splits, classes, names = self.choices(titles[0])
        source = gr.Dropdown(titles, label='Data', visible=len(titles) > 1, elem_id='source')
        split = _dropdown(gr, splits, 'Split', 'split')
        kind = _dropdown(gr, classes, 'Class', 'class')
        name = _dropdown(gr, names, 'Clip', 'clip', hide_empty=False)
        button = gr.Button('Predict', variant='primary', elem_id='predict')
        steps = (
            (source, [source], [split, kind, name]),
            (split, [source, split], [kind, name]),
            (kind, [source, split, kind], [name]),
        )
        for changed, inputs, outputs in steps:
            # ``input`` is what a person does: the updates made here do not start others.
            changed.input(
                self._update_choices(gr, len(outputs)),
                inputs,
                outputs,
                show_progress='hidden',
                api_visibility='private',
            )
        return button, self.show_example, [source, name]

    def choices(
        self, title: str, split: str | None = None, class_name: str | None = None
    ) -> tuple[list[str], list[str], list[str]]:
        """Return the splits, classes and clips to pick from, given what is picked already."""
        source = self.demo.examples[title]
        splits = source.splits()
        chosen = split if split is not None else (splits or [''])[0]
        classes = source.classes(chosen)
        kind = class_name if class_name is not None else (classes or [''])[0]
        return splits, classes, source.names(chosen, kind)

    def _update_choices(self, gr: Any, count: int) -> Any:
        """Return a handler that fills the last ``count`` of the three lists anew."""

        def update(title: str, split: str | None = None, class_name: str | None = None) -> Any:
            lists = self.choices(title, split, class_name)[-count:]
            hidden = (True, True, False)[-count:]
            updates = [
                gr.update(
                    choices=values,
                    value=values[0] if values else None,
                    visible=bool(values) or not hide,
                )
                for values, hide in zip(lists, hidden, strict=True)
            ]
            return updates if count > 1 else updates[0]

        return update

    def show_example(
        self, title: str, name: str | None, explain: bool = False
    ) -> Iterator[tuple[str, ...]]:
        """Predict one of the examples."""
        if not name:
            yield _failed('Pick a clip first.')
            return
        yield from self._shown(lambda: self.demo.examples.pick(title, name), explain)

    # Uploads

    def _build_upload(self, gr: Any) -> tuple[Any, Any, list[Any]]:
        layouts = [FROM_FILE, *layout_names()]
        layout = gr.Dropdown(layouts, label='Joints', value=FROM_FILE, elem_id='layout')
        file = gr.File(label='Video, or file of skeletons', elem_id='upload', height=150)
        gr.HTML(html_template=html.CAMERA, js_on_load=_CAMERA.read_text(), elem_id='camera')
        status = gr.HTML(_limits(self.demo.max_upload), elem_id='upload-status')
        clips = gr.State([], time_to_live=3600)
        place = gr.Dropdown([], label='Clip', type='index', visible=False, elem_id='upload-clip')
        button = gr.Button('Predict', variant='primary', elem_id='predict-upload')
        file.upload(
            self._take,
            [file, layout],
            [clips, place, status, file],
            concurrency_limit=1,  # a video takes all cores
            show_progress='hidden',
            api_visibility='private',
        )
        layout.input(self._forget, None, [clips, place, status], api_visibility='private')
        return button, self.show_upload, [clips, place]

    def _take(self, path: str | None, layout: str) -> Iterator[tuple[Any, ...]]:
        if is_video(path):
            skip = self._gr.skip()
            yield [], skip, _LOOKING, skip
        clips, status = self.take_upload(path, layout)
        names = [f'{i}: {clip.name}' for i, clip in enumerate(clips, 1)]
        first = names[0] if names else None
        yield (
            clips,
            self._gr.update(choices=names, value=first, visible=len(names) > 1),
            status,
            None,
        )

    def _forget(self) -> tuple[Any, ...]:
        status = _limits(self.demo.max_upload)
        return [], self._gr.update(choices=[], value=None, visible=False), status

    def take_upload(self, path: str | None, layout: str) -> tuple[list[Upload], str]:
        """Read an uploaded file; return its clips, none after a failure, and what to say."""
        if not path:
            return [], _limits(self.demo.max_upload)
        try:
            clips = self.demo.take(path, None if layout == FROM_FILE else layout)
        except ValueError as error:
            return [], html.message(str(error))
        what = f'{counted(len(clips), "clip")} read.'
        if isinstance(video := clips[0], UploadedVideo):
            what = f'{counted(len(video.poses.keypoint), "person")} found.'
            what += f' {video.poses.problem}.' if video.poses.problem else ''
        return clips, html.message(f'{clips[0].name}: {what} The file is deleted.', 'note')

    def show_upload(
        self,
        clips: Sequence[Upload],
        place: int | None,
        explain: bool = False,
    ) -> Iterator[tuple[str, ...]]:
        """Predict an uploaded clip."""
        if not clips:
            yield _failed('Upload a file first.')
            return
        number = place if place is not None and 0 <= place < len(clips) else 0
        clip = clips[number]
        picked = PickedClip(clip) if isinstance(clip, SkeletonClip) else clip
        yield from self._shown(lambda: picked, explain)

    # Results

    def _shown(self, pick: Any, explain: bool) -> Iterator[tuple[str, ...]]:
        yield _values(WebView(head=_BUSY))
        try:
            for view in self.demo.show(pick(), explain):
                hiding = _HIDING if explain and view.timeline else ''
                yield _values(view, otherwise=_SLIDING, hiding=hiding)
        except (ValueError, OSError) as error:
            yield _failed(str(error))
        except Exception:
            logging.getLogger(__name__).exception('a clip could not be predicted')
            yield _failed('This clip could not be predicted; the log of the server says why.')


def _dropdown(gr: Any, values: list[str], label: str, name: str, hide_empty: bool = True) -> Any:
    return gr.Dropdown(
        values,
        value=values[0] if values else None,
        label=label,
        visible=bool(values) or not hide_empty,
        elem_id=name,
    )


def _build_outputs(gr: Any) -> list[Any]:
    head = gr.HTML(_START, elem_id='head')
    with gr.Row():
        with gr.Column(scale=1, min_width=320):
            motion = gr.HTML(elem_id='motion')
        with gr.Column(scale=1, min_width=320):
            scores = gr.HTML(elem_id='scores')
    timeline = gr.HTML(elem_id='timeline')
    relevance = gr.HTML(elem_id='relevance')
    composite = gr.HTML(elem_id='composite')
    return [head, scores, motion, timeline, relevance, composite]


def _values(view: WebView, otherwise: str = '', hiding: str = '') -> tuple[str, ...]:
    timeline, relevance = view.timeline or otherwise, view.relevance or hiding
    return view.head, view.scores, view.motion, timeline, relevance, view.composite


def _failed(text: str) -> tuple[str, ...]:
    return _values(WebView(head=html.message(text)))


def _limits(max_upload: int) -> str:
    endings = ', '.join((*ENDINGS, *VIDEO_SUFFIXES))
    text = f'{endings}; at most {max_upload / 2**20:.0f} MiB. '
    return html.message(text + 'The file is deleted as soon as it is read.', 'note')
