"""The ``mplug2`` command; each subcommand is a module of this folder with ``add_arguments`` and ``run``."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import FrameType, ModuleType

from ..version import __version__

COMMANDS = {
    'caption': 'describe images and clips',
    'answer': 'answer a question about images and clips',
    'match': 'say whether a text belongs to images and clips',
    'embed': 'embed images and clips',
    'ground': 'find what a phrase refers to in images',
    'classify': 'classify images and clips',
    'detect': 'find objects in images, with the weights of a detection config',
    'segment': 'as detect, with masks',
    'summarize': 'summarise texts',
    'classify-text': 'classify texts, or pairs of them',
    'answer-text': 'answer a question by the words of texts',
    'index': 'embed images and clips into an index on disk, and keep it up to date',
    'search': 'find what a text describes in an index',
    'serve': 'open a web page and an HTTP API for a model',
    'attention': 'draw where a model looks, for each word or query',
    'train': 'train a config',
    'test': 'test a checkpoint of a config',
    'predict': 'run a config and its weights on images, clips or texts without labels',
    'evaluate': 'score predictions that mplug2 test --predictions wrote',
    'analyze': 'show the predictions of a test as a page: classes, confusions, worst samples',
    'gap': 'measure and draw the modality gap between vision and text embeddings',
    'publish': 'write a work directory as a model folder with a card',
    'push': 'upload a model folder to the hub',
    'data': 'check data of your own, build the mini benchmark, or draw samples of it',
    'configs': 'list the shipped configs with task, data set, size, samples a step and result',
    'config': 'print the whole recipe of a config, ready to save and run',
    'explain': "print a config key's value and the line that set it",
    'doctor': 'say which tasks can run on this machine, and what the others miss',
    'compare': 'train and test several configs under the same recipe, and print one table',
    'bench': 'measure the loader, a training step, generation, inference, the vision encoder, or models of the field',
    'convert': 'turn weights of one format into another (CLIP, BERT, DINOv2, the published files, ours)',
    'modules': "list a config's modules with their parameters and FLOPs, and its tasks' rows of Table 2",
    'plan': 'memory by part, FLOPs, time and loader throughput that a training needs on some GPUs',
    'completion': 'print the completion of commands and options for a shell',
    'demo': 'build the benchmark, train, test and draw predictions, from nothing',
}


def main(arguments: list[str] | None = None) -> int:
    """Run a command line; returns the exit status, which is 130 after Ctrl-C and after a SIGTERM that nothing else answers."""
    try:
        with _interrupted_by_sigterm():
            return _run(arguments)
    except KeyboardInterrupt:
        print('mplug2: stopped by a signal', file=sys.stderr)
        return 130


@contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end this process as Ctrl-C does; a training answers it with a checkpoint (`StopOnSignal`)."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    owner = os.getpid()

    def interrupt(number: int, frame: FrameType | None) -> None:
        if os.getpid() == owner:
            raise KeyboardInterrupt
        signal.signal(number, signal.SIG_DFL)  # a child inherited this and is to end as ever
        os.kill(os.getpid(), number)

    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _run(arguments: list[str] | None) -> int:
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(prog='mplug2', description='mPLUG-2: text, image and video on MMEngine.')
    parser.add_argument('--version', action='version', version=f'mplug2 {__version__}')
    commands = parser.add_subparsers(dest='command', metavar='COMMAND', required=True)
    wanted = next((word for word in arguments if word in COMMANDS), None)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + '.')
        if name == wanted:  # the others stay unimported: `mplug2 --help` needs no torch
            module_of(name).add_arguments(command)
            command.add_argument('--traceback', action='store_true', help='print where in the code an error came from')
    parsed = parser.parse_args(arguments)
    os.environ.setdefault('TOKENIZERS_PARALLELISM', 'false')
    try:
        return module_of(parsed.command).run(parsed) or 0
    except Exception as error:
        if _was_interrupted(error):
            raise KeyboardInterrupt from None
        # The traceback is for whoever writes modules; the last line is for whoever runs them.
        if parsed.traceback:
            traceback.print_exc()
        elif log := _log_traceback():
            print(f'the traceback is in {log}', file=sys.stderr)
        else:
            print('--traceback prints where it came from', file=sys.stderr)
        print(f'mplug2 {parsed.command}: {_cause(error)}', file=sys.stderr)
        return 1


def _was_interrupted(error: BaseException | None) -> bool:
    """Whether an error comes from a Ctrl-C, which libraries that catch everything turn into one of theirs."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False


def module_of(command: str) -> ModuleType:
    return import_module(f'.{command.replace("-", "_")}', __name__)


def _cause(error: Exception) -> str:
    """What an error says; where another process of the run was lost, which one it was."""
    peers = sys.modules.get('mplug2.engine.parallel.peers')
    lost = peers.lost_peers(error) if peers is not None else ''
    if lost:
        return f'{lost}; this process cannot go on without it, and --resume goes on from the latest checkpoint'
    lacks = isinstance(error, ImportError) and '.so' in str(error)
    return sentence(error) + ('; mplug2 doctor says what this machine lacks' if lacks else '')


def _log_traceback() -> str | None:
    """Write the present error's traceback to the files of MMEngine's current logger; returns one of them, if there is any."""
    if 'mmengine.logging' not in sys.modules:
        return None
    import logging

    from mmengine.logging import MMLogger

    logger = MMLogger.get_current_instance()
    files = [handler for handler in logger.handlers if isinstance(handler, logging.FileHandler)]
    record = logger.makeRecord(logger.name, logging.ERROR, __file__, 0, traceback.format_exc(), (), None)
    for handler in files:
        handler.handle(record)
    return files[0].baseFilename if files else None


def sentence(error: BaseException) -> str:
    """What an error says, on one line: without a KeyError's quotes or the traceback that a loader's worker sends along."""
    message = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    if 'Original Traceback' in message:
        message = message.strip().splitlines()[-1].partition(': ')[2]
    return ' '.join(message.split()) or type(error).__name__
