"""The task in this process: data, generation with language tokens, what stands between it and a checkpoint."""

from __future__ import annotations

import logging
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
import torch
from fairseq import checkpoint_utils
from fairseq.criterions.label_smoothed_cross_entropy import LabelSmoothedCrossEntropyCriterion
from fairseq.data import LanguagePairDataset, indexed_dataset
from fairseq.options import get_training_parser, parse_args_and_arch
from fairseq.tasks import setup_task
from references import releases, small_criss

from fairseq_xling.data.sampling import SampledDirections, SeparateDirections
from fairseq_xling.errors import CheckpointError, ConfigError, CorpusError
from fairseq_xling.languages import MBART_CC25
from fairseq_xling.models._checkpoints import weights_hash
from fairseq_xling.models.criss import CrissModel
from fairseq_xling.tasks.criss import CrissTask

PAIRS = ("aa-bb", "aa-cc", "bb-cc")


def write_pairs(folder: Path, split: str, sentences: int = 5) -> None:
    for number, pair in enumerate(PAIRS):
        for side, language in enumerate(pair.split("-")):
            lines = [f"w{(i + number) % 9} w{9 + side}" + " w3" * (i % 3) for i in range(sentences)]
            (folder / f"{split}.{pair}.{language}").write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    small_criss.dictionary(languages=None).save(str(tmp_path / "dict.txt"))
    for split in ("train", "valid", "test"):
        write_pairs(tmp_path, split)
    return tmp_path


def task(folder: Path | str, **options: Any) -> CrissTask:
    options = {"criss_langs": "aa,bb,cc", "criss_pairs": "all"} | options
    return CrissTask.setup_task(small_criss.task_options(str(folder), **options))


class TestSetup:
    def test_dictionary(self, folder: Path) -> None:
        found = task(folder)
        assert found.source_dictionary is found.target_dictionary
        assert found.source_dictionary.indices == small_criss.dictionary().indices

    def test_languages_of_a_complete_dictionary(self, folder: Path) -> None:
        small_criss.dictionary().save(str(folder / "dict.txt"))
        assert task(folder, criss_langs=None).tokens.languages == ("aa", "bb", "cc")
        # Some of its languages may be trained; the tokens are all those of the model.
        some = task(folder, criss_langs="bb,aa")
        assert some.tokens.languages == ("aa", "bb", "cc")
        assert [str(d) for d in some.trained] == ["bb-aa", "aa-bb"]

    @pytest.mark.parametrize(
        ("options", "fault"),
        [
            ({"criss_langs": None}, "--criss-langs must name the languages"),
            ({"criss_langs": "aa,aa"}, "`aa` is given twice"),
            ({"criss_pairs": "aa-xx"}, "unknown language `xx`"),
            ({"criss_source_token": "prefix"}, "--criss-source-token must be none"),
            ({"criss_temperature": 0.0}, "--criss-temperature must be above 0, but is 0.0"),
        ],
    )
    def test_faults(self, folder: Path, options: dict[str, Any], fault: str) -> None:
        with pytest.raises(ConfigError, match=fault):
            task(folder, **options)

    def test_no_data(self) -> None:
        with pytest.raises(ConfigError, match="the folder with the data must be named"):
            task("")


class TestData:
    def test_kinds(self, folder: Path) -> None:
        found = task(folder)
        for split in ("train", "valid"):
            found.load_dataset(split, combine=split == "train")
        assert isinstance(found.dataset("train"), SampledDirections)
        assert isinstance(found.dataset("valid"), SeparateDirections)
        assert len(found.dataset("train")) == len(found.dataset("valid")) == 6 * 5
        single = task(folder, criss_pairs=None, source_lang="cc", target_lang="bb")
        single.load_dataset("test")
        assert isinstance(single.dataset("test"), LanguagePairDataset)

    def test_shards_in_turn_and_validation_from_the_first(self, folder: Path, tmp_path: Path) -> None:
        second = tmp_path / "second"
        second.mkdir()
        write_pairs(second, "train", sentences=7)
        found = task(f"{folder}:{second}")
        assert found.has_sharded_data("train")
        sizes = []
        for epoch in (1, 2, 3):
            found.load_dataset("train", epoch=epoch)
            sizes.append(len(found.dataset("train")))
        assert sizes == [30, 42, 30]
        found.load_dataset("valid", epoch=2)
        assert len(found.dataset("valid")) == 30

    def test_a_shard_without_a_pair(self, folder: Path, tmp_path: Path) -> None:
        second = tmp_path / "second"
        second.mkdir()
        write_pairs(second, "train")
        (second / "train.aa-cc.cc").unlink()
        found = task(f"{folder}:{second}")
        with pytest.raises(CorpusError, match="second has no train data for aa-cc"):
            found.load_dataset("train", epoch=2)

    def test_too_long(self, folder: Path) -> None:
        (folder / "valid.aa-cc.cc").write_text("w1\n" * 4 + "w1 " * 30 + "\n", encoding="utf-8")
        found = task(folder, max_target_positions=20)
        found.load_dataset("valid")
        dataset = found.dataset("valid")
        limits = {"max_tokens": 100, "max_positions": found.max_positions()}
        with pytest.raises(CorpusError, match=r"1 sentences are too long: .*32\) tokens.*--skip-invalid-size-inputs"):
            found.get_batch_iterator(dataset, **limits)
        kept = found.get_batch_iterator(dataset, **limits, ignore_invalid_inputs=True)
        assert sum(len(batch) for batch in kept.frozen_batches) == 29

    def test_everything_too_long(self, folder: Path) -> None:
        found = task(folder, max_source_positions=1)
        found.load_dataset("train")
        with pytest.raises(CorpusError, match="all 30 sentences are longer than"):
            found.get_batch_iterator(
                found.dataset("train"), max_tokens=50, max_positions=(1, 9), ignore_invalid_inputs=True
            )


def test_batches_are_those_of_the_release(folder: Path) -> None:
    """CRISS was trained with fairseq's translation_multi_simple_epoch and --decoder-langtok: the same ids come out."""
    symbols = small_criss.dictionary()
    for language in ("aa", "bb"):
        (folder / f"dict.{language}.txt").write_bytes((folder / "dict.txt").read_bytes())
        text = folder / f"train.aa-bb.{language}"
        builder = indexed_dataset.make_builder(f"{text}.bin", impl="mmap", vocab_size=len(symbols))
        for line in text.read_text(encoding="utf-8").splitlines():
            builder.add_item(symbols.encode_line(line, add_if_not_exist=False))
        builder.finalize(f"{text}.idx")
    arguments = [str(folder), "--task", "translation_multi_simple_epoch", "--langs", "aa,bb,cc", "--arch", "mbart_base"]
    arguments += ["--lang-pairs", "aa-bb,bb-aa", "--decoder-langtok", "--lang-tok-style", "mbart"]
    arguments += ["--sampling-method", "concat", "--max-tokens", "100"]
    theirs = setup_task(parse_args_and_arch(get_training_parser("translation_multi_simple_epoch"), arguments))
    ours = task(folder, criss_pairs="aa-bb", dataset_impl=None)
    assert ours.source_dictionary.indices == theirs.source_dictionary.indices
    batches = []
    for found in (theirs, ours):
        found.load_dataset("train", combine=True)
        dataset = found.dataset("train")
        batches.append(dataset.collater([dataset[i] for i in range(len(dataset))]))
    assert batches[0]["target"].size(0) == 10
    for name, rows in (("target", None), ("src_tokens", "net_input"), ("prev_output_tokens", "net_input")):
        first, second = ((batch[rows] if rows else batch)[name].tolist() for batch in batches)
        assert sorted(first) == sorted(second), name


class TestGeneration:
    @pytest.fixture
    def model(self) -> CrissModel:
        return small_criss.model()

    def test_each_sample_has_its_own_target_language(self, folder: Path, model: CrissModel) -> None:
        found = task(folder)
        found.load_dataset("train")
        dataset = found.dataset("train")
        sample = dataset.collater([dataset[i] for i in (0, 7, 13, 29)])
        generator = found.build_generator([model], Namespace(beam=2, max_len_b=8))
        translations = found.inference_step(generator, [model], sample)
        first = [int(candidates[0]["tokens"][0]) for candidates in translations]
        assert first == sample["target"][:, 0].tolist()
        assert len(set(first)) > 1

    def test_raw_sentences_into_the_target_language(self, folder: Path, model: CrissModel) -> None:
        found = task(folder, criss_pairs=None, source_lang="aa", target_lang="cc", criss_source_token="suffix")
        tokens, lengths = found.get_interactive_tokens_and_lengths(["w1 w2", "w3"], str)
        dataset = found.build_dataset_for_inference(tokens, lengths)
        sample = dataset.collater([dataset[0], dataset[1]])
        aa, cc = found.tokens.index("aa"), found.tokens.index("cc")
        assert sample["net_input"]["src_tokens"].tolist() == [[5, 6, 2, aa], [1, 7, 2, aa]]
        assert dataset.sizes.tolist() == [4, 3]
        generator = found.build_generator([model], Namespace(beam=3, max_len_b=8))
        for candidates in found.inference_step(generator, [model], sample):
            assert [int(candidate["tokens"][0]) for candidate in candidates] == [cc] * 3

    def test_language_tokens_are_not_printed(self, folder: Path, model: CrissModel) -> None:
        found = task(folder)
        generator = found.build_generator([model], Namespace(beam=1))
        stripped = generator.symbols_to_strip_from_output
        target = found.tokens.target(torch.tensor([5, 6, 2]), "bb")
        assert found.target_dictionary.string(target, extra_symbols_to_ignore=stripped) == "w1 w2"
        scorer = found.build_generator([model], Namespace(score_reference=True))
        assert found.tokens.indices <= scorer.symbols_to_strip_from_output

    def test_constrained_to_allowed_tokens(self, folder: Path, model: CrissModel) -> None:
        found = task(folder, criss_pairs=None, source_lang="aa", target_lang="cc")
        dataset = found.build_dataset_for_inference([torch.tensor([5, 6, 2])], [3])
        cc, end = found.tokens.index("cc"), found.target_dictionary.eos()
        options = Namespace(beam=2, max_len_b=6, min_len=4)

        def allowed(sentence: int, tokens: torch.Tensor) -> list[int]:
            return [cc] if len(tokens) == 1 else [9, 11, end]

        generator = found.build_generator([model], options, prefix_allowed_tokens_fn=allowed)
        (candidates,) = found.inference_step(generator, [model], dataset.collater([dataset[0]]))
        for candidate in candidates:
            first, *said = candidate["tokens"].tolist()
            assert first == cc
            assert set(said) <= {9, 11, end}

    def test_an_alignment_on_request(self, folder: Path, model: CrissModel) -> None:
        found = task(folder)
        found.build_generator([model], Namespace(beam=1, print_alignment="hard"))
        assert model.decoder.keep_alignment
        found.build_generator([model], Namespace(beam=1, print_alignment=None, replace_unk=None))
        assert not model.decoder.keep_alignment

    def test_beams_are_shared_only_while_searching(self, folder: Path, model: CrissModel) -> None:
        found = task(folder)
        found.load_dataset("train")
        dataset = found.dataset("train")
        sample = dataset.collater([dataset[i] for i in (0, 7, 13, 29)])
        before = model(**sample["net_input"])[0]
        generator = found.build_generator([model], Namespace(beam=2, max_len_b=8))
        found.inference_step(generator, [model], sample)
        assert torch.equal(model(**sample["net_input"])[0], before)

    def test_both_languages_are_needed(self, folder: Path) -> None:
        with pytest.raises(ConfigError, match="both languages must be named to translate: -s ro_RO -t en_XX"):
            task(folder).build_dataset_for_inference([torch.tensor([5, 2])], [2])


class TestCheckpoints:
    def test_state_names_languages_and_style(self, folder: Path) -> None:
        state = task(folder, criss_source_token="suffix").state_dict()
        assert state == {"criss": {"languages": ["aa", "bb", "cc"], "source_token": "suffix"}}
        task(folder, criss_source_token="suffix").load_state_dict(state)
        with pytest.raises(CheckpointError, match="trained with --criss-source-token suffix, but none is asked for"):
            task(folder).load_state_dict(state)
        with pytest.raises(CheckpointError, match="Give --criss-langs aa,bb,cc"):
            task(folder, criss_langs="aa,cc,bb", criss_source_token="suffix").load_state_dict(state)
        task(folder).load_state_dict({})

    def test_a_release_is_loaded_as_our_model(self, tmp_path: Path) -> None:
        """As fairseq-generate --path does; its Namespace names fairseq's mbart_large and another task."""
        symbols = releases.release_dictionary(tmp_path)
        releases.write_release(tmp_path / "model.pt", releases.criss_namespace(), symbols)
        made = task(
            tmp_path, criss_langs=",".join(MBART_CC25), source_lang="en_XX", target_lang="ro_RO", criss_pairs=None
        )
        (model,), _ = checkpoint_utils.load_model_ensemble([str(tmp_path / "model.pt")], task=made)
        assert isinstance(model, CrissModel)
        assert model.encoder.layer_norm is not None
        with pytest.raises(CheckpointError, match="56 rows of embeddings, but the dictionary has 55 symbols"):
            checkpoint_utils.load_model_ensemble(
                [str(tmp_path / "model.pt")],
                task=task(tmp_path, criss_langs=",".join(MBART_CC25[:-1]), source_lang="en_XX", target_lang="ro_RO"),
            )


def test_the_weights_that_training_starts_from(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = task(folder)
    found.load_dataset("train")
    dataset = found.dataset("train")
    sample = dataset.collater([dataset[i] for i in range(4)])
    model = small_criss.model()
    criterion = LabelSmoothedCrossEntropyCriterion(found, sentence_avg=False, label_smoothing=0.1)
    optimizer = Namespace(backward=lambda loss: loss.backward())
    with caplog.at_level(logging.INFO):
        for update in (0, 0, 1):  # the first update takes two batches
            found.train_step(sample, model, criterion, optimizer, update)
    lines = [record.getMessage() for record in caplog.records if "weights before update 1" in record.getMessage()]
    assert lines == [f"criss | weights before update 1: {weights_hash(model)}"]
