"""A model that learnt three invented languages from 2 000 sentence pairs translates meanings it never saw."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from references.criss_world import ADAM, LOSS, PLUGIN, QUIET, World, binarise, done, logged, make_world, run
from references.criss_world import bleu as bleu_of
from references.criss_world import hypotheses as translations
from references.grammar import LANGUAGES, sentence

pytestmark = pytest.mark.plugin

LANGS = ["--criss-langs", ",".join(LANGUAGES)]
DIRECTIONS = list(itertools.permutations(LANGUAGES, 2))
UPDATES = 350


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Path]:
    """The world and a checkpoint chosen by retrieval on its validation sets."""
    world = make_world(tmp_path_factory.mktemp("world"), pairs=2000)
    options = ["--arch", "criss_tiny", "--warmup-updates", "100", "--max-tokens", "400", "--dropout", "0"]
    options += ["--max-update", str(UPDATES), "--validate-interval-updates", "50", "--validate-interval", "99"]
    options += ["--best-checkpoint-metric", "retrieval", "--maximize-best-checkpoint-metric", "--criss-eval-retrieval"]
    log = done(
        run("fairseq-train", world.binarised, *PLUGIN, *LANGS, "--criss-pairs", "all", *LOSS, *ADAM, *QUIET, *options,
            "--save-dir", world.root / "save", cwd=world.root)
    )  # fmt: skip
    retrieval = [float(record["valid_retrieval"]) for record in logged(log, "valid")]
    assert len(retrieval) == 7
    assert retrieval[-1] > 0.8 > retrieval[0]
    return world, world.root / "save" / "checkpoint_last.pt"


def generate(data: Path, checkpoint: Path, source: str, target: str, *more: str) -> str:
    options = ["-s", source, "-t", target, "--cpu", "--remove-bpe", "sentencepiece", "--scoring", "sacrebleu"]
    arguments = [*PLUGIN, *LANGS, *options, "--path", checkpoint, "--beam", "3", "--max-tokens", "4000", *more]
    return done(run("fairseq-generate", data, *arguments, cwd=data.parent))


def test_the_test_set_is_held_out(trained: tuple[World, Path]) -> None:
    world, _ = trained
    known = {tuple(meaning.values()) for meaning in [*world.train, *world.valid]}
    assert len(world.train) == 2000
    assert len(world.test) == 200
    assert not known & {tuple(meaning.values()) for meaning in world.test}


@pytest.mark.parametrize(("source", "target"), DIRECTIONS)
def test_all_six_directions(trained: tuple[World, Path], source: str, target: str) -> None:
    world, checkpoint = trained
    log = generate(world.binarised, checkpoint, source, target)
    assert bleu_of(log) > 60
    expected = [sentence(meaning, target) for meaning in world.test]
    found = translations(log)
    assert sum(a == b for a, b in zip(found, expected, strict=True)) > 100
    assert "[" not in "".join(found)


@pytest.mark.parametrize(("source", "meant", "said"), [("aa", "bb", "cc"), ("cc", "bb", "aa")])
def test_the_target_token_decides(trained: tuple[World, Path], source: str, meant: str, said: str) -> None:
    """References in one language, the token of another: nearly nothing matches."""
    world, checkpoint = trained
    data = world.root / f"wrong-{source}-{meant}-{said}"
    data.mkdir()
    (data / "dict.txt").write_bytes((world.binarised / "dict.txt").read_bytes())
    binarise(world, f"test.{source}-{said}.{source}", world.test, source, data)
    binarise(world, f"test.{source}-{said}.{said}", world.test, meant, data)
    assert bleu_of(generate(data, checkpoint, source, said)) < 20


def test_raw_text_over_stdin(trained: tuple[World, Path]) -> None:
    world, checkpoint = trained
    said = world.test[:40]
    lines = "".join(sentence(meaning, "bb") + "\n" for meaning in said)
    options = ["-s", "bb", "-t", "cc", "--path", checkpoint, "--cpu", "--beam", "2", "--lenpen", "0.8"]
    options += [
        "--bpe",
        "sentencepiece",
        "--sentencepiece-model",
        world.spm,
        "--buffer-size",
        "16",
        "--batch-size",
        "8",
    ]
    log = done(
        run("fairseq-interactive", world.binarised, *PLUGIN, *LANGS, *options, cwd=world.root, stdin=lines + "\n")
    )
    found = translations(log)
    assert len(found) == 41  # the empty line is a sentence
    expected = [sentence(meaning, "cc") for meaning in said]
    assert sum(a == b for a, b in zip(found, expected, strict=False)) > 20


def test_sampling_and_n_best(trained: tuple[World, Path]) -> None:
    world, checkpoint = trained
    options = ["--sampling", "--sampling-topk", "3", "--nbest", "3", "--seed", "4"]
    log = generate(world.binarised, checkpoint, "aa", "cc", *options)
    assert log.count("\nD-") == 3 * len(world.test)
    assert bleu_of(log) > 40


def test_scores_of_given_translations(trained: tuple[World, Path]) -> None:
    world, checkpoint = trained
    log = generate(world.binarised, checkpoint, "aa", "cc", "--score-reference")
    assert translations(log) == [sentence(meaning, "cc") for meaning in world.test]
