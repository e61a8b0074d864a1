"""The hand-written instructions: one for each task and kind of media, put before the task's own text.

The paper uses instructions "to discriminate tasks and modalities" (Section 3.2) and does not print them; these are ours.
Their words are plain, so that the mini benchmark's small vocabulary holds them. A package registers those of its own tasks by
`register_instruction`; a config may also give the text itself.
"""

from __future__ import annotations

import difflib

# (task, media) -> instruction; the rows of Table 2 that read text, and the text completion of pre-training.
_INSTRUCTIONS: dict[tuple[str, str], str] = {
    ('retrieval', 'video'): 'find the video .',
    ('question_answering', 'video'): 'answer the question about the video .',
    ('captioning', 'video'): 'describe the video .',
    ('retrieval', 'image'): 'find the image .',
    ('question_answering', 'image'): 'answer the question about the image .',
    ('captioning', 'image'): 'describe the image .',
    ('grounding', 'image'): 'locate in the image .',
    ('classification', 'text'): 'classify the text .',
    ('question_answering', 'text'): 'answer the question about the text .',
    ('summarization', 'text'): 'summarize the text .',
    ('completion', 'text'): 'complete the text .',
}


def registered_instructions() -> dict[tuple[str, str], str]:
    """(task, media) -> every registered instruction."""
    return dict(_INSTRUCTIONS)


def register_instruction(task: str, media: str, text: str) -> None:
    """Register an instruction, so that configs can give ``instruction='TASK'``.

    Args:
        task: an identifier. media: 'image', 'video' or 'text'.

    Raises:
        ValueError: the name is not an identifier, so `instruction` would read it as a text. KeyError: the name is taken.
    """
    if not task.isidentifier():
        raise ValueError(f'an instruction is named by an identifier, such as captioning, not {task!r}')
    if _INSTRUCTIONS.setdefault((task, media), text) != text:
        raise KeyError(f'the instruction for {task!r} of {media!r} is {_INSTRUCTIONS[task, media]!r} already')


def instruction(task: str, media: str) -> str:
    """The instruction of a task over a kind of media ('image', 'video' or 'text').

    Args:
        task: a registered name; or the instruction itself: any text that is not an identifier, such as 'count the cats .'

    Raises:
        KeyError: none is registered for task and media; names the registered ones.
    """
    if not task.isidentifier():
        return task
    try:
        return _INSTRUCTIONS[task, media]
    except KeyError:
        near = difflib.get_close_matches(task, sorted({name for name, _ in _INSTRUCTIONS} - {task}), n=1)
        hint = f' (did you mean {near[0]!r}?)' if near else ''
        known = ', '.join(f'{name} of {kind}' for name, kind in _INSTRUCTIONS)
        raise KeyError(
            f'no instruction is registered for {task!r} of {media!r}{hint}; there are {known}. Register one by '
            'mplug2.text.register_instruction, or give its text, of several words'
        ) from None
