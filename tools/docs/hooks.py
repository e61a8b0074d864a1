"""Hooks of MkDocs: pages made from the code itself, and links from a page to a file of the repository.

Nothing that the code states is written twice: commands come from argparse, classes from docstrings, recipes from their configs.
"""

from __future__ import annotations

import argparse
import functools
import posixpath
import re
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]

# Packages whose public names are documented, with one line on each.
API = {
    'apis': ('mplug2.apis', 'what a caller uses'),
    'model': ('mplug2.model', 'a network and its tasks'),
    'modules': ('mplug2.modules', 'the parts of a network'),
    'contracts': ('mplug2.modules.contracts', 'what the parts promise each other'),
    'networks': ('mplug2.networks', 'wirings'),
    'tasks': ('mplug2.tasks', 'what is asked of a network'),
    'objectives': ('mplug2.objectives', 'losses'),
    'datasets': ('mplug2.datasets', 'benchmarks, transforms, samplers, shards'),
    'evaluation': ('mplug2.evaluation', 'metrics and galleries'),
    'checkpoints': ('mplug2.checkpoints', 'weights: find, load, save, convert'),
    'engine': ('mplug2.engine', 'runner, loops, hooks, optimizers'),
    'detection': ('mplug2.detection', 'backbones for mmdet and mmaction2'),
    'visualization': ('mplug2.visualization', 'images and pages for people'),
}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put a page for each package beside the API's contents page."""
    (reference,) = (section['Reference'] for section in config.nav if 'Reference' in section)
    (api,) = (entry['API'] for entry in reference if isinstance(entry, dict) and 'API' in entry)
    api += [{module: f'reference/api/{name}.md'} for name, (module, _) in API.items()]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    pages = {f'reference/{name}.md': page() for name, page in PAGES.items()}
    pages |= {f'reference/api/{name}.md': classes(module, summary) for name, (module, summary) in API.items()}
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links that leave docs/ at the repository; without `repo_url` only their text stays."""
    folder = PurePosixPath('docs', page.file.src_uri).parent

    def replace(match: re.Match) -> str:
        text, target, anchor = match['text'], match['target'], match['anchor'] or ''
        path = PurePosixPath(posixpath.normpath(folder / target))
        if path.parts[:1] == ('docs',) or not (ROOT / path).exists():
            return match[0]
        return f'[{text}]({config.repo_url.rstrip("/")}/blob/main/{path}{anchor})' if config.repo_url else text

    return re.sub(r'(?<!!)\[(?P<text>[^\]]*)\]\((?P<target>\.\.?/[^)#\s]*)(?P<anchor>#[^)\s]*)?\)', replace, markdown)


def models() -> str:
    """Every model that goes by a name, with its results and the commands that measure them."""
    from mplug2.pretrained import zoo

    text = ['# Models', '', 'Which models go by a name, what do they reach, and who measured that?', '']
    for model in zoo():
        where = 'in the package' if model['where'] == 'package' else 'on the hub under that name'
        text += [f'## {model["name"]}', '', f'Weights {where}, trained by `{model["config"]}` on {model["data"]}.']
        text += [f'{model["training"]}, commit {model["commit"]}. Measured by {model["measured_by"]}.', '']
        text += ['| command | metric | value |', '|---|---|---|']
        text += [f'| `{result["command"]}` | {result["metric"]} | {result["value"]} |' for result in model['results']]
        text.append('')
    return '\n'.join(text)


def commands() -> str:
    """Every subcommand with its arguments."""
    from mplug2.cli import COMMANDS

    text = ['# Commands', '', 'What can the `mplug2` command do, and with which arguments?', '']
    for name, summary in COMMANDS.items():
        parser = argparse.ArgumentParser(prog=f'mplug2 {name}', add_help=False)
        import_module(f'mplug2.cli.{name.replace("-", "_")}').add_arguments(parser)
        text += [f'## mplug2 {name}', '', summary[0].upper() + summary[1:] + '.', '', *_arguments(parser, f'mplug2 {name}')]
    return '\n'.join(text)


def _arguments(parser: argparse.ArgumentParser, name: str) -> list[str]:
    text = ['```', _usage(parser), '```', '']
    rows, nested = [], []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            nested = list(action.choices.items())
        elif action.help != argparse.SUPPRESS:
            flags = ', '.join(action.option_strings) or str(action.metavar or action.dest)
            default = (
                '' if action.default in (None, False, argparse.SUPPRESS) or not action.option_strings else f'`{action.default}`'
            )
            rows.append(f'| `{flags}` | {_cell(action.help or "")} | {default} |')
    if rows:
        text += ['| argument | | default |', '|---|---|---|', *rows, '']
    for choice, parser_of_choice in nested:
        text += [f'### {name} {choice}', '', *_arguments(parser_of_choice, f'{name} {choice}')]
    return text


def _usage(parser: argparse.ArgumentParser) -> str:
    parser.formatter_class = functools.partial(argparse.HelpFormatter, width=88)
    return parser.format_usage().removeprefix('usage: ').rstrip()


def recipes() -> str:
    """The table that `mplug2 configs` prints."""
    from mplug2.cli.configs import HEADER, names, summary

    rows = [summary(name) for name in names('*')]
    text = ['# Recipes', '', 'Which configs come with the package?', '`mplug2 configs [PATTERN]` prints this table.', '']
    text += [f'| {" | ".join(HEADER)} |', '|---' * len(HEADER) + '|']
    return '\n'.join([*text, *(f'| `{row[0]}` | {" | ".join(map(_cell, row[1:]))} |' for row in rows)])


def contents() -> str:
    text = ['# API', '', 'Which package has which classes?', '', '| package | what it holds |', '|---|---|']
    return '\n'.join([*text, *(f'| [`{module}`]({name}.md) | {summary} |' for name, (module, summary) in API.items())])


def classes(module: str, summary: str) -> str:
    """The public names of a package, which its contents page lists."""
    package = import_module(module)
    public = getattr(package, '__all__', None) or [
        name for name, value in vars(package).items() if getattr(value, '__module__', '') == module and name[0] != '_'
    ]
    text = [f'# {module}', '', f'{summary[0].upper()}{summary[1:]}.', '']
    homes = [_home(package, name) for name in public]
    return '\n'.join([*text, *(line for home in homes if _documented(home, module) for line in (f'::: {home}', ''))])


def _home(package: Any, name: str) -> str:
    """The module that defines a name, which mkdocstrings reads without importing it."""
    value = getattr(package, name)
    home = getattr(value, '__module__', None)
    return f'{home}.{value.__qualname__}' if home and hasattr(value, '__qualname__') else f'{package.__name__}.{name}'


def _documented(home: str, module: str) -> bool:
    """Whether a name belongs on this package's page, and not on the page of a module inside it that has one of its own."""
    inside = [other for other, _ in API.values() if other.startswith(f'{module}.')]
    return not any(home.startswith(f'{other}.') for other in inside)


def _cell(text: str) -> str:
    return ' '.join(text.replace('|', '\\|').replace('%%', '%').split())


# Pages that no file holds, beside those of `API`.
PAGES = {'cli': commands, 'recipes': recipes, 'model_zoo': models, 'api/index': contents}
