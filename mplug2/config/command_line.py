"""Values of ``--cfg-options``, kept as written until the key's type is known."""

from __future__ import annotations

import argparse
import ast
from collections.abc import Mapping, Sequence
from typing import Any

# Keys whose values are strings even if the config has none yet: a folder or a run may be called 2026.
TEXTS = ('load_from', 'work_dir', 'experiment_name')
_BRACKETS = {'[': ']', '(': ')', '{': '}'}


class Written(str):
    """A value as on the command line. `interpret` converts it, depending on the key."""


def positive(text: str) -> int:
    """A count from 1 on, for arguments of commands."""
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f'{text!r} is no whole number from 1 on')
    return number


def add_overrides(parser: argparse.ArgumentParser) -> None:
    """The argument that changes keys of a config."""
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={}, metavar='KEY=VALUE', help='override keys')


def add_smoke_test(parser: argparse.ArgumentParser) -> None:
    """The argument that makes a run tiny."""
    parser.add_argument('--smoke-test', metavar='DATA', help='shrink to a tiny size, on the mini benchmark in DATA')


class DictAction(argparse.Action):
    """Parse ``key=value`` words into a dict. A value keeps its blanks, commas and further equal signs.

    MMEngine's action of this name strips blanks and splits at commas.
    """

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, words: Any, option: str | None = None
    ) -> None:
        options = dict(getattr(namespace, self.dest, None) or {})
        for word in words:
            key, equal, value = word.partition('=')
            if not equal or not key:
                parser.error(f'{option}: {word!r} is not KEY=VALUE; quote a value that holds blanks')
            options[key] = Written(value)
        setattr(namespace, self.dest, options)


def interpret(cfg: Mapping, options: Mapping[str, Any]) -> dict[str, Any]:
    """Options with command-line texts converted to values; other values stay as they are.

    Numbers, True, False, None, quoted strings, lists, tuples and dicts are read as in Python; words inside brackets need
    no quotes. A key whose value is a string takes numbers as strings. All else is a string.
    """
    return {
        key: _value(value, _is_text(cfg, key.lstrip('+'))) if isinstance(value, Written) else value
        for key, value in options.items()
    }


def _is_text(cfg: Mapping, key: str) -> bool:
    if key in TEXTS:
        return True
    node: Any = cfg
    for part in key.split('.'):
        try:
            node = node[int(part)] if isinstance(node, (list, tuple)) else node[part]
        except (KeyError, IndexError, ValueError, TypeError):
            return False
    return isinstance(node, str)


def _value(text: str, is_text: bool) -> Any:
    text = str(text)
    bare = text.strip()
    if bare in ('None', 'none'):
        return None
    bracketed = bare[:1] in _BRACKETS and bare[-1:] == _BRACKETS[bare[:1]]
    quoted = len(bare) > 1 and bare[0] == bare[-1] and bare[0] in '\'"'
    if is_text and not bracketed and not quoted:
        return text
    if bare.lower() in ('true', 'false'):
        return bare.lower() == 'true'
    try:
        value = ast.literal_eval(bare)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        pass
    else:  # 0.9,0.95 without brackets is a list, as in MMEngine
        return list(value) if isinstance(value, tuple) and not bracketed else value
    if bracketed and bare[0] in '[(':
        items = [_value(item, False) for item in _split(bare[1:-1])]
        return tuple(items) if bare[0] == '(' else items
    return text


def _split(text: str) -> Sequence[str]:
    """Split at the commas outside brackets and quotes."""
    items, depth, quote = [''], 0, ''
    for sign in text:
        if quote:
            quote = '' if sign == quote else quote
        elif sign in '\'"':
            quote = sign
        elif sign in _BRACKETS:
            depth += 1
        elif sign in _BRACKETS.values():
            depth -= 1
        if sign == ',' and not depth and not quote:
            items.append('')
        else:
            items[-1] += sign
    return [item.strip() for item in items if item.strip()]
