"""Words that are easily got wrong; that they work is shown by tests/plugin/test_iterate.py."""

from __future__ import annotations

from fairseq_xling.cli.main import verb_parser
from fairseq_xling.languages import Pair
from fairseq_xling.rounds import commands
from fairseq_xling.rounds.options import PretrainConfig, TrainingConfig

PAIR = Pair("aa", "bb")


def test_every_verb_takes_its_words() -> None:
    for command in (
        commands.prepare_text(["aa", "bb"], ["--vocabulary-size", "90"], 1),
        commands.prepare_pairs("aa,bb", ["x"], "{model}/model", 2),
        commands.slim("c.pt", "files", "aa,bb"),
        commands.encode("aa", "text", "out", ["--precision", "bf16"]),
        commands.mine(["--mining-k", "3"], 2),
        commands.mine(["--memory-limit", "2G"], None),
        *commands.tile(["--mining-k", "3", "--unify"], 2, 4, 6),
        commands.merge_tiles(["--threshold", "1.1"], 2, ["tile.0", "tile.1"]),
        commands.mine_surface(["aa", "bb"], PAIR, [], None),
        commands.assemble(PAIR, [], 1),
        commands.translate(["--beam", "1"]),
        commands.evaluate("tatoeba", PAIR, "test", ["--source", "a", "--target", "b"]),
    ):
        verb, *words = command.rendered({})[1:]
        assert verb_parser(verb).parse_args(words)


def test_a_search_in_parts_goes_on_after_a_kill() -> None:
    assert "--resume" not in commands.mine(["--mining-k", "3"], 2).rendered({})
    for words in (["--memory-limit", "2G"], ["--workers", "2"]):
        assert commands.mine(words, None).indifferent == ("--resume",)


def test_training_starts_from_the_original_model() -> None:
    words = commands.train("aa,bb", TrainingConfig(args="--lr 1"), 7, 3, from_original=True).words
    assert words[words.index("--finetune-from-model") + 1] == "{model}/model/model.pt"
    assert words[words.index("--max-update") + 1] == "7"
    assert words[-2:] == ("--lr", "1")
    assert "--finetune-from-model" not in commands.train("aa,bb", TrainingConfig(), 7, 3, from_original=False).words


def test_the_best_model_needs_validation() -> None:
    assert "--disable-validation" in commands.train("aa", TrainingConfig(), 7, 3, True).words
    assert "--disable-validation" not in commands.train("aa", TrainingConfig(keep="best"), 7, 3, True).words


def test_how_often_is_saved_decides_nothing() -> None:
    often, seldom = (commands.pretrain(["aa"], "criss_tiny", PretrainConfig(save_every=n), 1) for n in (10, 20))
    assert "10" in often.rendered({})
    assert (often.words, often.stdout) == (seldom.words, seldom.stdout)


def test_the_end_of_an_epoch_saves_nothing_unless_it_is_asked_to() -> None:
    """Updates say how often is saved; only validation, which chooses the best model, comes with every epoch."""
    intervals = []
    for config in (TrainingConfig(), TrainingConfig(args="--save-interval 3"), TrainingConfig(keep="best")):
        words = commands.train("aa", config, 7, 3, True).rendered(
            {"user-dir": "U", "out": "O", "pairs": "P", "model": "M"}
        )
        intervals.append(
            [int(after) for word, after in zip(words, words[1:], strict=False) if word == "--save-interval"]
        )
    assert intervals == [[1_000_000_000], [3], []]


def test_how_often_is_saved_decides_what_is_best() -> None:
    often, seldom = (commands.train("aa", TrainingConfig(keep="best", save_every=n), 7, 3, True) for n in (10, 20))
    assert often.words != seldom.words


def test_ranks_decide() -> None:
    one = commands.train("aa", TrainingConfig(), 7, 3, True)
    assert commands.on_ranks(one, 1, 0) == commands.on_ranks(one, 1, 1) == one
    for nodes, gpus in ((4, 0), (2, 2), (1, 4)):
        words = commands.on_ranks(one, nodes, gpus).words
        assert words[words.index("--distributed-world-size") + 1] == "4"


def test_a_rank_may_load_its_own_data() -> None:
    one = commands.train("aa", TrainingConfig(), 7, 3, True)
    assert commands.loading_itself(one).indifferent[-2:] == ("--num-workers", "0")
    asked = commands.train("aa", TrainingConfig(args="--num-workers 3"), 7, 3, True)
    assert commands.loading_itself(asked).rendered({}).count("--num-workers") == 1


def test_scores_of_a_direction_have_a_file_of_their_own() -> None:
    assert commands.evaluate("tatoeba", PAIR, "dev", []).stdout == "tatoeba.dev.aa-bb.json"
    assert commands.evaluate("translation", None, "dev", []).stdout == "translation.dev.json"
