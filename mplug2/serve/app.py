"""The HTTP API: the methods of `Inferencer` under /v1, described at /openapi.json and /docs."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, File, Form, Request, UploadFile
from fastapi.responses import HTMLResponse, JSONResponse

from ..apis.results import Result
from ..evaluation.predictions import encode_masks
from ..version import __version__
from .page import build_page, mount_page
from .service import Answer, BusyError, RequestError, Service

Media = Annotated[UploadFile, File(description='an image or a clip')]
Start = Annotated[float | None, Form(description='seconds of a clip, from here')]
End = Annotated[float | None, Form(description='seconds of a clip, up to here')]
FORM_ROOM = 2**20  # bytes of a request beside the file


def build_app(service: Service, page: bool = True, language: str = 'en') -> FastAPI:
    """The application: the page at /, the API at /v1, its description at /docs.

    Args:
        page: False leaves the page out. language: of the page, 'en' or 'zh'.
    """
    app = FastAPI(title='mPLUG-2', version=__version__, docs_url=None, redoc_url=None)  # theirs load scripts from elsewhere
    limit = service.limits.upload + FORM_ROOM

    @app.middleware('http')
    async def refuse_large(request: Request, follow: Callable) -> Any:
        """Refuse a body before it is read; a server reads no more than the length that is announced."""
        if request.url.path.startswith('/v1/') and request.method == 'POST':
            length = request.headers.get('content-length', '')
            if not length.isdecimal():
                return JSONResponse({'error': 'the request says no content-length'}, 411)
            if int(length) > limit:
                problem = f'the request has {int(length) / 2**20:.0f} MiB; at most {limit / 2**20:.0f} are read'
                return JSONResponse({'error': problem}, 413)
        return await follow(request)

    @app.exception_handler(RequestError)
    def in_one_sentence(request: Request, error: RequestError) -> JSONResponse:
        return JSONResponse({'error': str(error)}, 503 if isinstance(error, BusyError) else 400)

    @app.get('/v1/methods', summary='What this server can do')
    def methods() -> list[str]:
        return service.methods

    for name, endpoint in _endpoints(service).items():
        if name in service.methods:
            summary = f'{(endpoint.__doc__ or name).strip().rstrip(".")}'
            app.post(f'/v1/{name}', summary=summary, name=name)(endpoint)

    @app.get('/docs', include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(_docs(app.openapi()))

    return mount_page(app, build_page(service, language), service.limits) if page else app


def _endpoints(service: Service) -> dict[str, Callable]:
    """Method -> what answers it."""

    def on_file(verb: str, file: UploadFile, /, *texts: str | None, **options: Any) -> dict[str, Any]:
        suffix = Path(file.filename or '').suffix[:12]
        with tempfile.NamedTemporaryFile(suffix=suffix) as copy:
            while block := file.file.read(2**20):
                copy.write(block)
            copy.flush()
            return _content(service.ask(verb, copy.name, *texts, name=file.filename or 'upload', **options))

    def caption(
        file: Media,
        n_best: Annotated[int, Form(ge=1, le=20)] = 1,
        num_beams: Annotated[int | None, Form(ge=1, le=20)] = None,
        max_length: Annotated[int | None, Form(ge=1, le=200)] = None,
        start: Start = None,
        end: End = None,
    ) -> dict[str, Any]:
        """Describe an image or a clip."""
        settings = {key: value for key, value in dict(num_beams=num_beams, max_length=max_length).items() if value}
        return on_file('caption', file, n_best=n_best, start=start, end=end, **settings)

    def answer(
        file: Media,
        question: Annotated[str, Form()],
        choices: Annotated[list[str] | None, Form(description='answers to rank')] = None,
        n_best: Annotated[int, Form(ge=1, le=20)] = 1,
        start: Start = None,
        end: End = None,
    ) -> dict[str, Any]:
        """Answer a question about an image or a clip."""
        return on_file('answer', file, question, choices=choices, n_best=n_best, start=start, end=end)

    def match(file: Media, text: Annotated[str, Form()], start: Start = None, end: End = None) -> dict[str, Any]:
        """Say whether a text belongs to an image or a clip."""
        return on_file('match', file, text, start=start, end=end)

    def embed(file: Media, start: Start = None, end: End = None) -> dict[str, Any]:
        """Embed an image or a clip."""
        return on_file('embed', file, start=start, end=end)

    def ground(file: Media, phrase: Annotated[str, Form()]) -> dict[str, Any]:
        """Find what a phrase refers to in an image."""
        return on_file('ground', file, phrase)

    def classify(
        file: Media,
        class_names: Annotated[list[str] | None, Form(description='classes to choose from, by their texts')] = None,
        start: Start = None,
        end: End = None,
    ) -> dict[str, Any]:
        """Classify an image or a clip."""
        return on_file('classify', file, class_names=class_names, start=start, end=end)

    def detect(file: Media, threshold: Annotated[float, Form(ge=0, le=1)] = 0.3) -> dict[str, Any]:
        """Find the objects of an image."""
        return on_file('detect', file, threshold=threshold)

    def segment(file: Media, threshold: Annotated[float, Form(ge=0, le=1)] = 0.3) -> dict[str, Any]:
        """Find the objects of an image and their masks, in COCO's run lengths."""
        return on_file('segment', file, threshold=threshold)

    def attention(
        file: Media,
        text: Annotated[str | None, Form()] = None,
        method: Annotated[str | None, Form()] = None,
        part: Annotated[str | None, Form(description='fusion, decoder or queries')] = None,
        kind: Annotated[str, Form(description='grad_cam or attention')] = 'grad_cam',
        start: Start = None,
        end: End = None,
    ) -> dict[str, Any]:
        """Show where the model looks: a map over the frames for each word or query."""
        return on_file('attention', file, text, method=method, part=part, kind=kind, start=start, end=end)

    def search(
        text: Annotated[str, Form()], top_k: Annotated[int, Form(description='how many, up to 100')] = 10
    ) -> dict[str, Any]:
        """Find what a text describes in the server's index."""
        answer = service.search(text, top_k)
        hits = [result.to_dict() | dict(source=Path(result.source).name) for result in answer.result]
        return dict(results=hits, seconds=round(answer.seconds, 4))

    def classify_text(text: Annotated[str, Form()], other: Annotated[str | None, Form()] = None) -> dict[str, Any]:
        """Classify a text, or a pair of texts."""
        return _content(service.ask('classify_text', None, text, other))

    def answer_text(text: Annotated[str, Form()], question: Annotated[str, Form()]) -> dict[str, Any]:
        """Answer a question by words of a text."""
        return _content(service.ask('answer_text', None, text, question))

    def summarize(text: Annotated[str, Form()], n_best: Annotated[int, Form(ge=1, le=20)] = 1) -> dict[str, Any]:
        """Summarise a text."""
        return _content(service.ask('summarize', None, text, n_best=n_best))

    endpoints = (caption, answer, match, embed, ground, classify, detect, segment, attention, search)
    return {endpoint.__name__: endpoint for endpoint in (*endpoints, classify_text, answer_text, summarize)}


def _content(answer: Answer) -> dict[str, Any]:
    result: Result = answer.result
    content = dataclasses.replace(result, masks=[]).to_dict() | dict(seconds=round(answer.seconds, 4))
    if result.masks:
        content['masks'] = encode_masks(result.masks)
    if result.attention is not None:
        content['attention'] = dict(names=result.attention.names, maps=result.attention.maps.tolist())
    return content


def _docs(schema: dict[str, Any]) -> str:
    """A page of the endpoints and their fields that loads nothing."""
    rows = []
    for path, verbs in schema['paths'].items():
        for verb, operation in verbs.items():
            content = operation.get('requestBody', {}).get('content', {})
            fields: dict[str, Any] = {}
            required: list[str] = []
            for body in content.values():
                name = body['schema'].get('$ref', '').rsplit('/', 1)[-1]
                form = schema['components']['schemas'].get(name, body['schema'])
                fields, required = form.get('properties', {}), form.get('required', [])
            listed = ''.join(
                f'<li><code>{field}</code>{" (required)" if field in required else ""} {about.get("description", "")}</li>'
                for field, about in fields.items()
            )
            sent = ' '.join(f'-F {field}={"@clip.mp4" if field == "file" else "..."}' for field in required)
            command = f'curl{f" {sent}" if sent else ""} http://HOST:PORT{path}'
            rows.append(
                f'<section><h2><code>{verb.upper()} {path}</code></h2><p>{operation["summary"]}.</p>'
                f'<ul>{listed}</ul><pre>{command}</pre></section>'
            )
    style = 'body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}'
    style += 'pre{background:#f3f4f6;padding:.6rem;overflow:auto}h2{font-size:1.05rem;margin:2rem 0 .2rem}p{margin:.2rem 0}'
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>mPLUG-2 API</title><style>{style}</style>'
        f'<h1>mPLUG-2 API {schema["info"]["version"]}</h1><p>Forms in, JSON out. An error is <code>{{"error": ...}}</code>, '
        f'one sentence. The schema is <a href="/openapi.json">/openapi.json</a>, the page <a href="/">/</a>.</p>{"".join(rows)}'
    )
