"""``mplug2 completion``: what a shell needs to complete commands, options and files."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

SHELLS = {
    'bash': 'mplug2 completion bash > ~/.local/share/bash-completion/completions/mplug2',
    'zsh': 'mplug2 completion zsh > FOLDER/_mplug2, a folder of $fpath',
    'fish': 'mplug2 completion fish > ~/.config/fish/completions/mplug2.fish',
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('shell', choices=list(SHELLS), help='; '.join(SHELLS.values()))


def run(args: argparse.Namespace) -> None:
    print({'bash': bash, 'zsh': zsh, 'fish': fish}[args.shell](dict(words_of_commands())))


def words_of_commands() -> Iterator[tuple[str, list[str]]]:
    """Commands, and those within them as 'data check', with their options and commands."""
    from . import COMMANDS, module_of

    for name in COMMANDS:
        parser = argparse.ArgumentParser(name)
        module_of(name).add_arguments(parser)
        yield from _words(name, parser)


def _words(name: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, list[str]]]:
    words: list[str] = []
    for action in parser._actions:
        words += [option for option in action.option_strings if option.startswith('--')]
        if isinstance(action, argparse._SubParsersAction):
            words += list(action.choices)
            for word, inner in action.choices.items():
                yield from _words(f'{name} {word}', inner)
    yield name, words


def bash(commands: dict[str, list[str]]) -> str:
    """A function that completes by the first two words; files where nothing else fits."""
    first = ' '.join(name for name in commands if ' ' not in name)
    cases = [f"    '{name}'{'' if ' ' in name else ' *'}) words='{' '.join(words)}' ;;" for name, words in commands.items()]
    cases = [case.replace("' *)", " '*)") for case in cases]
    listed = '\n'.join(cases)  # those within a command come before it
    return f"""_mplug2() {{
  local words='' current="${{COMP_WORDS[COMP_CWORD]}}"
  if [ "$COMP_CWORD" -eq 1 ]; then
    words='{first} --help --version'
  else
    case "${{COMP_WORDS[1]}} ${{COMP_WORDS[2]}}" in
{listed}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o default -F _mplug2 mplug2"""


def zsh(commands: dict[str, list[str]]) -> str:
    """Bash's function, which zsh runs."""
    return f'#compdef mplug2\nautoload -U +X bashcompinit && bashcompinit\n{bash(commands)}'


def fish(commands: dict[str, list[str]]) -> str:
    from . import COMMANDS

    lines = ['complete -c mplug2 -n __fish_use_subcommand -l version']
    for name, summary in COMMANDS.items():
        text = summary.replace("'", "\\'")
        lines.append(f"complete -c mplug2 -n __fish_use_subcommand -a {name} -d '{text}'")
    for name, words in commands.items():
        seen = '; and '.join(f'__fish_seen_subcommand_from {word}' for word in name.split())
        for word in words:
            what = f'-l {word[2:]}' if word.startswith('--') else f'-a {word}'
            lines.append(f"complete -c mplug2 -n '{seen}' {what}")
    return '\n'.join(lines)
