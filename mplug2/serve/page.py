"""The web page: one clip or image, and a tab for each thing that can be asked of it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

os.environ['GRADIO_ANALYTICS_ENABLED'] = 'False'  # before gradio reads it
import gradio as gr

from ..apis.attention import KINDS
from ..apis.results import Result
from ..visualization.attention import draw_attention
from .service import Limits, RequestError, Service
from .words import Say, speaker

FONT = dict(font=['system-ui', 'sans-serif'], font_mono=['ui-monospace', 'monospace'])  # no web fonts: nothing is fetched
SHOWN_MAPS = 24


def mount_page(app: Any, page: gr.Blocks, limits: Limits) -> Any:
    """Put the page at / of the application. It reads its own uploads, and no other file of the server."""
    mounted = gr.mount_gradio_app(
        app,
        page,
        path='/',
        max_file_size=limits.upload,
        allowed_paths=[],
        show_error=True,
        ssr_mode=False,
        footer_links=[],
        theme=gr.themes.Default(**FONT),
    )
    # Gradio checks that an input is an upload, and no other file of the server, only of pages that it launched itself.
    page.has_launched = True
    return mounted


def build_page(service: Service, language: str = 'en') -> gr.Blocks:
    """The page of a service; it has the tabs of what the service can do. language: of `words.LANGUAGES`."""
    say = speaker(language)
    with gr.Blocks(title='mPLUG-2', analytics_enabled=False, delete_cache=(600, 3600)) as page:
        model = say('model', name=service.model.name or say('in_memory'))
        gr.Markdown(f'# mPLUG-2\n{model}')
        with gr.Row():
            with gr.Column(scale=2):
                media = _inputs(service, say)
            with gr.Column(scale=3), gr.Tabs():
                for name, build in TABS.items():
                    if name in service.methods:
                        with gr.Tab(say(name), elem_id=f'tab-{name}'):
                            build(service, media, say)
    page.queue(max_size=service.limits.waiting, default_concurrency_limit=4)  # the service lets one run at a time
    return page


class Inputs:
    """clip, image: components. shown: which of them is in front. start, end: seconds. say: words of the page."""

    def __init__(self, clip: gr.Video, image: gr.Image, shown: gr.State, start: gr.Number, end: gr.Number, say: Say) -> None:
        self.components = [clip, image, shown, start, end]
        self.say = say

    def chosen(
        self, clip: str | None, image: str | None, shown: str, start: float | None, end: float | None
    ) -> tuple[str, dict]:
        """The file that is in front, or else the only one, and the part of it.

        Raises:
            RequestError: there is none.
        """
        first, second = (image, clip) if shown == 'image' else (clip, image)
        path = first or second
        if path is None:
            raise RequestError(self.say('no_media'))
        part = {} if path == image else {key: value for key, value in (('start', start), ('end', end)) if value}
        return path, part


def _inputs(service: Service, say: Say) -> Inputs:
    shown = gr.State('clip')
    with gr.Tab(say('clip')) as clip_tab:
        # Without audio gradio would encode the clip again.
        clip = gr.Video(sources=['upload', 'webcam'], include_audio=True, label=say('clip'), height=260, elem_id='clip')
        with gr.Row():
            start = gr.Number(0, label=say('from_second'), minimum=0)
            end = gr.Number(0, label=say('to_second'), minimum=0)
    with gr.Tab(say('image')) as image_tab:
        image = gr.Image(type='filepath', image_mode=None, label=say('image'), height=260, elem_id='image')
    gr.Markdown(say('frames'))
    frames = gr.Gallery(
        show_label=False, columns=4, fit_columns=False, height=220, object_fit='contain', buttons=[], elem_id='frames'
    )
    inputs = Inputs(clip, image, shown, start, end, say)

    def look(*values: Any) -> list[tuple[np.ndarray, str]]:
        if not any(values[:2]):
            return []
        path, part = inputs.chosen(*values)
        seen = service.frames(path, **part)
        names = [f'{time:.2f} s' for time in seen.times] or [
            say('frame', number=number) for number in range(1, len(seen.frames) + 1)
        ]
        return list(zip(seen.frames, names, strict=True))

    clip_tab.select(lambda: 'clip', None, shown, api_visibility='private')
    image_tab.select(lambda: 'image', None, shown, api_visibility='private')
    for component in (clip, image, start, end):
        component.change(_shielded(look), inputs.components, frames, api_visibility='private')
    return inputs


def _shielded(call: Callable) -> Callable:
    """Errors of a request, shown in the page as one sentence."""

    def shielded(*values: Any) -> Any:
        try:
            return call(*values)
        except RequestError as error:
            raise gr.Error(str(error), print_exception=False) from None

    return shielded


def _latency(service: Service, say: Say, seconds: float) -> str:
    return say('latency', seconds=seconds, device=service.model.device)


def _connect(
    name: str, service: Service, media: Inputs, extra: list, outputs: list, run: Callable, submit: gr.Textbox | None = None
) -> None:
    """A button, and the line under it that says how long it took; `run` gives (values of the outputs, seconds)."""
    button = gr.Button(media.say('run'), variant='primary', elem_id=f'run-{name}')
    latency = gr.Markdown(elem_id=f'latency-{name}')

    def call(*values: Any) -> tuple:
        count = len(media.components)
        path, part = media.chosen(*values[:count])
        shown, seconds = run(path, part, *values[count:])
        return *shown, _latency(service, media.say, seconds)

    arguments = dict(
        fn=_shielded(call), inputs=[*media.components, *extra], outputs=[*outputs, latency], api_visibility='private'
    )
    button.click(**arguments)
    if submit is not None:
        submit.submit(**arguments)


def _scores(result: Result) -> list[list[Any]]:
    rows = result.candidates or [result]
    return [[row.text, None if row.score is None else round(row.score, 4)] for row in rows]


def _caption(service: Service, media: Inputs, say: Say) -> None:
    count = gr.Slider(1, 10, value=3, step=1, label=say('how_many'))
    beams = gr.Slider(1, 10, value=5, step=1, label=say('beams'))
    table = gr.Dataframe(
        headers=[say('caption_column'), say('score_column')], label=say('captions'), elem_id='captions', wrap=True
    )

    def run(path: str, part: dict, count: int, beams: int) -> tuple:
        answer = service.ask('caption', path, n_best=int(count), num_beams=int(max(count, beams)), **part)
        return (_scores(answer.result),), answer.seconds

    _connect('caption', service, media, [count, beams], [table], run)


def _answer(service: Service, media: Inputs, say: Say) -> None:
    history = gr.Chatbot(label=say('history'), height=260, elem_id='history')
    question = gr.Textbox(label=say('question'), elem_id='question')
    choices = gr.Textbox(label=say('choices'))

    def run(path: str, part: dict, question: str, choices: str, history: list | None) -> tuple:
        if not question.strip():
            raise RequestError(say('no_question'))
        listed = _listed(choices)
        answer = service.ask('answer', path, question, choices=listed or None, n_best=min(3, len(listed) or 3), **part)
        best, *others = _scores(answer.result)
        reply = f'{best[0]}  \n<small>{", ".join(f"{text} ({score})" for text, score in [best, *others])}</small>'
        turns = [dict(role='user', content=question), dict(role='assistant', content=reply)]
        return ([*(history or []), *turns], ''), answer.seconds

    _connect('answer', service, media, [question, choices, history], [history, question], run, question)


def _search(service: Service, media: Inputs, say: Say) -> None:
    text = gr.Textbox(label=say('query'), elem_id='query')
    count = gr.Slider(1, 24, value=6, step=1, label=say('how_many'))
    button = gr.Button(say('search'), variant='primary', elem_id='run-search')
    hits = gr.Gallery(label=say('hits'), columns=3, elem_id='hits')
    latency = gr.Markdown(elem_id='latency-search')

    def call(text: str, count: int) -> tuple:
        if not text.strip():
            raise RequestError(say('no_query'))
        answer = service.search(text, int(count))
        shown = []
        for result in answer.result:
            part = '' if result.times is None else say('part', start=result.times[0], end=result.times[1])
            shown.append((service.thumbnail(result), f'{Path(result.source).name}{part}: {result.similarity:.3f}'))
        return shown, _latency(service, say, answer.seconds)

    for event in (button.click, text.submit):
        event(_shielded(call), [text, count], [hits, latency], api_visibility='private')


def _ground(service: Service, media: Inputs, say: Say) -> None:
    phrase = gr.Textbox(label=say('phrase'), elem_id='phrase')
    image = gr.AnnotatedImage(label=say('found'), height=360, elem_id='grounded')

    def run(path: str, part: dict, phrase: str) -> tuple:
        answer = service.ask('ground', path, phrase)
        name = phrase if answer.result.boxes else say('nothing_found', phrase=phrase)
        return ((service.frames(path).frames[0], _marks(answer.result.boxes, [name])),), answer.seconds

    _connect('ground', service, media, [phrase], [image], run, phrase)


def _classify(service: Service, media: Inputs, say: Say) -> None:
    names = gr.Textbox(label=say('class_names'))
    label = gr.Label(num_top_classes=5, label=say('class'), elem_id='class')

    def run(path: str, part: dict, names: str) -> tuple:
        answer = service.ask('classify', path, class_names=_listed(names) or None, **part)
        return (dict(_scores(answer.result)),), answer.seconds

    _connect('classify', service, media, [names], [label], run, names)


def _detect(service: Service, media: Inputs, say: Say) -> None:
    threshold = gr.Slider(0.05, 0.95, value=0.3, step=0.05, label=say('threshold'))
    image = gr.AnnotatedImage(label=say('objects'), height=360, elem_id='objects')
    masks = gr.Checkbox(False, label=say('masks'))

    def run(path: str, part: dict, threshold: float, masks: bool) -> tuple:
        answer = service.ask('segment' if masks else 'detect', path, threshold=threshold)
        result = answer.result
        names = [f'{label} {score:.2f}' for label, score in zip(result.labels, result.scores, strict=True)]
        marks = list(zip(result.masks, names, strict=True)) if masks else _marks(result.boxes, names)
        return ((service.frames(path).frames[0], marks),), answer.seconds

    _connect('detect', service, media, [threshold, masks], [image], run)


def _attention(service: Service, media: Inputs, say: Say) -> None:
    text = gr.Textbox(label=say('explained'), elem_id='explained')
    with gr.Row():
        parts = [(say('of_text'), 'fusion'), (say('of_written'), 'decoder'), (say('of_queries'), 'queries')]
        part_of = gr.Dropdown(parts, label=say('maps_of'))
        kind = gr.Dropdown(list(KINDS), value=KINDS[0], label=say('kind'))
    image = gr.Image(label=say('looks'), format='png', interactive=False, elem_id='maps')

    def run(path: str, part: dict, text: str, part_of: str, kind: str) -> tuple:
        words = text.strip() or None
        method = 'caption' if words is None or part_of == 'decoder' or 'match' not in service.methods else 'match'
        answer = service.ask('attention', path, words, method=method, part=part_of if words else None, kind=kind, **part)
        maps, seen = answer.result.attention, service.frames(path, **part)
        with tempfile.TemporaryDirectory() as folder:
            names = maps.names[:SHOWN_MAPS]
            drawn = draw_attention(seen.frames, names, maps.maps[:SHOWN_MAPS], Path(folder, 'maps.png'), seen.times)
            with Image.open(drawn) as image:
                return (np.asarray(image.convert('RGB')),), answer.seconds

    _connect('attention', service, media, [text, part_of, kind], [image], run, text)


def _summarize(service: Service, media: Inputs, say: Say) -> None:
    text = gr.Textbox(label=say('document'), lines=6, elem_id='document')
    summary = gr.Textbox(label=say('summary'), elem_id='summary')
    button = gr.Button(say('run'), variant='primary', elem_id='run-summarize')
    latency = gr.Markdown()

    def call(text: str) -> tuple:
        answer = service.ask('summarize', None, text)
        return answer.result.text, _latency(service, say, answer.seconds)

    button.click(_shielded(call), text, [summary, latency], api_visibility='private')


def _listed(text: str | None) -> list[str]:
    return [part.strip() for part in (text or '').replace('，', ',').split(',') if part.strip()]  # noqa: RUF001


def _marks(boxes: list, names: list[str]) -> list[tuple[tuple[int, ...], str]]:
    return [(tuple(round(side) for side in box), name) for box, name in zip(boxes, names, strict=False)]


TABS: dict[str, Callable[[Service, Inputs, Say], None]] = {
    'caption': _caption,
    'answer': _answer,
    'search': _search,
    'ground': _ground,
    'classify': _classify,
    'detect': _detect,
    'attention': _attention,
    'summarize': _summarize,
}
