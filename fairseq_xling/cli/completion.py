"""Print a completion script for your shell: verbs, and each verb's options.

- bash: eval "$(fairseq-xling completion bash)" in ~/.bashrc
- zsh: eval "$(fairseq-xling completion zsh)" in ~/.zshrc, after compinit
- fish: fairseq-xling completion fish > ~/.config/fish/completions/fairseq-xling.fish
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from fairseq_xling.cli.output import emit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell to complete for")


def run(args: argparse.Namespace) -> int:
    words = option_words()
    emit(_fish(words) if args.shell == "fish" else _bash(words, zsh=args.shell == "zsh"))
    return 0


def option_words() -> dict[str, list[str]]:
    """Every verb with its long options, the choices of its positional arguments, and the options of its sub-verbs."""
    from fairseq_xling.cli.main import VERBS, verb_parser

    return {verb: list(dict.fromkeys(_words(verb_parser(verb)))) for verb in VERBS}


def _words(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        yield from (name for name in action.option_strings if name.startswith("--"))
        if not action.option_strings and action.choices:
            yield from map(str, action.choices)
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from _words(inner)


def _bash(words: dict[str, list[str]], zsh: bool) -> str:
    cases = "\n".join(f"    {verb}) words='{' '.join(found)}' ;;" for verb, found in words.items())
    head = "autoload -U +X bashcompinit && bashcompinit\n" if zsh else ""
    return f"""{head}_fairseq_xling() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" words=''
  case "${{COMP_CWORD}}:${{COMP_WORDS[1]}}" in
    1:*) words='{" ".join(words)} --help --version' ;;
    *) case "${{COMP_WORDS[1]}}" in
{cases}
    esac ;;
  esac
  local IFS=$' \\t\\n'
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  IFS=$'\\n'
  [ ${{#COMPREPLY[@]}} -gt 0 ] || COMPREPLY=($(compgen -f -- "$current"))
}}
complete -o filenames -F _fairseq_xling fairseq-xling"""


def _fish(words: dict[str, list[str]]) -> str:
    lines = [f"complete -c fairseq-xling -n __fish_use_subcommand -a '{' '.join(words)}'"]
    for verb, found in words.items():
        for word in found:
            form = f"-l {word[2:]}" if word.startswith("--") else f"-a {word}"
            lines.append(f"complete -c fairseq-xling -n '__fish_seen_subcommand_from {verb}' {form}")
    return "\n".join(lines)
