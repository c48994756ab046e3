"""The three invented languages as data for fairseq's commands, and the commands themselves."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sentencepiece
from fairseq.data import Dictionary, indexed_dataset
from references.grammar import LANGUAGES, Meaning, meanings, sentence, write

PAIRS = tuple(itertools.combinations(LANGUAGES, 2))
TESTED, VALIDATED = 200, 40
PLUGIN = ["--user-dir", "fairseq_xling", "--task", "criss"]
LOSS = ["--criterion", "label_smoothed_cross_entropy", "--label-smoothing", "0.1"]
ADAM = ["--optimizer", "adam", "--adam-betas", "(0.9,0.98)", "--lr", "2e-3", "--lr-scheduler", "inverse_sqrt"]
QUIET = ["--cpu", "--no-epoch-checkpoints", "--log-format", "json", "--no-progress-bar"]
SMALL = ["--arch", "criss_tiny", "--encoder-embed-dim", "32"]
SMALL += ["--encoder-layers", "1", "--decoder-layers", "1"]


@dataclass(frozen=True)
class World:
    """Folders and files of one world; `binarised` is the DATA of the commands."""

    root: Path
    train: list[Meaning]
    valid: list[Meaning]
    test: list[Meaning]

    @property
    def binarised(self) -> Path:
        return self.root / "bin"

    @property
    def spm(self) -> Path:
        return self.root / "spm.model"

    def pieces(self) -> sentencepiece.SentencePieceProcessor:
        return sentencepiece.SentencePieceProcessor(model_file=str(self.spm))


def make_world(root: Path, pairs: int = 2000) -> World:
    """`pairs` sentence pairs to train on, a third for each pair of languages; none of their meanings is tested."""
    drawn = meanings(TESTED + VALIDATED + pairs, seed=1)
    world = World(root, drawn[TESTED + VALIDATED :], drawn[TESTED:][:VALIDATED], drawn[:TESTED])
    root.mkdir(parents=True, exist_ok=True)
    world.binarised.mkdir()
    for language in LANGUAGES:
        write(root / f"mono.{language}", world.train, language)
    sentencepiece.SentencePieceTrainer.Train(
        input=",".join(str(root / f"mono.{language}") for language in LANGUAGES),
        model_prefix=str(root / "spm"),
        vocab_size=200,
        hard_vocab_limit=False,
        model_type="bpe",
        character_coverage=1.0,
        minloglevel=2,
    )
    pieces = world.pieces()
    symbols = Dictionary()
    for piece in range(3, pieces.get_piece_size()):
        symbols.add_symbol(pieces.id_to_piece(piece))
    symbols.save(str(world.binarised / "dict.txt"))
    third = len(world.train) // len(PAIRS)
    for number, pair in enumerate(PAIRS):
        share = world.train[number * third : (number + 1) * third]
        for split, said in (("train", share), ("valid", world.valid), ("test", world.test)):
            for language in pair:
                binarise(world, f"{split}.{'-'.join(pair)}.{language}", said, language)
    return world


def binarise(world: World, name: str, said: Sequence[Meaning], language: str, folder: Path | None = None) -> None:
    """What fairseq-preprocess would write of the sentences' pieces."""
    path = str((folder or world.binarised) / name)
    symbols, pieces = Dictionary.load(str(world.binarised / "dict.txt")), world.pieces()
    builder = indexed_dataset.make_builder(f"{path}.bin", impl="mmap", vocab_size=len(symbols))
    for meaning in said:
        line = " ".join(pieces.encode(sentence(meaning, language), out_type=str))
        builder.add_item(symbols.encode_line(line, add_if_not_exist=False))
    builder.finalize(f"{path}.idx")


def run(command: str, *arguments: str | Path, cwd: Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """One of fairseq's commands as a person starts it, with one thread."""
    script = Path(sys.executable).with_name(command)
    return subprocess.run(
        [str(script), *map(str, arguments)],
        cwd=cwd,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def done(finished: subprocess.CompletedProcess[str]) -> str:
    """The log of a command that must have succeeded."""
    assert finished.returncode == 0, finished.stdout[-2000:] + finished.stderr[-3000:]
    return finished.stdout


def logged(log: str, kind: str) -> list[dict[str, Any]]:
    """The JSON records of one kind: train_inner, train, valid."""
    return [json.loads(found) for found in re.findall(rf"\| {kind} \| (\{{.*\}})$", log, re.MULTILINE)]


def bleu(log: str) -> float:
    """What fairseq-generate --scoring sacrebleu says at the end."""
    (found,) = re.findall(r"^Generate test with beam=\d+: BLEU\S* = ([\d.]+)", log, re.MULTILINE)
    return float(found)


def hypotheses(log: str) -> list[str]:
    """The detokenised translations in the order of the sentences."""
    found = re.findall(r"^D-(\d+)\t\S+\t?(.*)$", log, re.MULTILINE)
    return [text for _, text in sorted(found, key=lambda item: int(item[0]))]
