"""The hand-written instructions: one for each task and kind of media, put before the task's own text.

The paper uses instructions "to discriminate tasks and modalities" (Section 3.2) and does not print them; these are ours.
Their words are plain, so that the mini benchmark's small vocabulary holds them.
"""

from __future__ import annotations

# (task, media) -> instruction; the rows of Table 2, and the text completion of pre-training.
INSTRUCTIONS: dict[tuple[str, str], str] = {
    ('retrieval', 'video'): 'find the video .',
    ('question_answering', 'video'): 'answer the question about the video .',
    ('captioning', 'video'): 'describe the video .',
    ('retrieval', 'image'): 'find the image .',
    ('question_answering', 'image'): 'answer the question about the image .',
    ('captioning', 'image'): 'describe the image .',
    ('grounding', 'image'): 'locate in the image .',
    ('classification', 'video'): 'name the action in the video .',
    ('classification', 'image'): 'name the object in the image .',
    ('detection', 'image'): 'detect all objects in the image .',
    ('segmentation', 'image'): 'segment all objects in the image .',
    ('classification', 'text'): 'classify the text .',
    ('question_answering', 'text'): 'answer the question about the text .',
    ('summarization', 'text'): 'summarize the text .',
    ('completion', 'text'): 'complete the text .',
}


def instruction(task: str, media: str) -> str:
    """The instruction of a task over a kind of media ('image', 'video' or 'text').

    Raises:
        KeyError: none is written for the two; names those that are.
    """
    try:
        return INSTRUCTIONS[task, media]
    except KeyError:
        known = ', '.join(f'{task} of {media}' for task, media in INSTRUCTIONS)
        raise KeyError(f'no instruction is written for {task!r} of {media!r}; there are {known}') from None
