"""A checkpoint and what belongs to it: where it is looked for, and what does not fit."""

from __future__ import annotations

import shutil
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch
from references import releases, small_dual
from references.written_model import write_checkpoint

from fairseq_xling.data.pairs import open_dictionary
from fairseq_xling.encoders.checkpoint import CheckpointEncoder
from fairseq_xling.encoders.opening import ModelChoice, find_files, open_encoder, open_model
from fairseq_xling.encoders.options import EncodingConfig
from fairseq_xling.errors import CheckpointError, ConfigError
from fairseq_xling.languages import MBART_CC25


@pytest.fixture
def folder(written_model, tmp_path):
    """The checkpoint alone, and DATA elsewhere."""
    shutil.copy(written_model.checkpoint, tmp_path / "model.pt")
    shutil.copytree(written_model.data, tmp_path / "elsewhere")
    return tmp_path


def choice(folder, **named):
    return ModelChoice(str(folder / "model.pt"), **{k: str(v) if isinstance(v, Path) else v for k, v in named.items()})


def test_beside_the_checkpoint_before_the_data_of_its_training(folder, written_model):
    found = find_files(choice(folder), str(written_model.data))
    assert (found.dictionary, found.spm) == (written_model.data / "dict.txt", written_model.data / "spm.model")
    shutil.copy(written_model.data / "dict.txt", folder / "dict.txt")
    found = find_files(choice(folder), f"{written_model.data}:{folder}/shard2")
    assert (found.dictionary, found.spm) == (folder / "dict.txt", written_model.data / "spm.model")
    shutil.copy(written_model.data / "spm.model", folder / "sentencepiece.bpe.model")
    assert find_files(choice(folder), None).spm == folder / "sentencepiece.bpe.model"


def test_named_files_and_those_beside_them(folder):
    found = find_files(choice(folder, dictionary=folder / "elsewhere" / "dict.txt"), None)
    assert found.spm == folder / "elsewhere" / "spm.model"
    assert find_files(choice(folder, dictionary=folder / "elsewhere", spm="none"), None).spm is None


def test_a_folder_of_fairseq_preprocess(folder):
    data = folder / "elsewhere"
    for language in ("aa", "bb", "cc"):
        shutil.copy(data / "dict.txt", data / f"dict.{language}.txt")
    (data / "dict.txt").unlink()
    opened = open_model(choice(folder, dictionary=data))
    assert opened.files.dictionary == data / "dict.aa.txt"
    assert opened.tokens.languages == ("aa", "bb", "cc")


def test_opened(folder, written_model):
    opened = open_model(choice(folder))
    assert opened.tokens.source_style == "none"
    assert opened.longest == 64
    assert set(opened.inputs) == {
        str(folder / "model.pt"),
        *(str(written_model.data / n) for n in ("dict.txt", "spm.model")),
    }
    assert not opened.model.training
    ids = opened.sentence("takipi")
    assert opened.tokens.dictionary.string(ids, "sentencepiece") == "takipi"
    suffix = open_model(ModelChoice(str(write_checkpoint(folder / "s.pt", written_model.data, "suffix"))))
    assert suffix.tokens.source_style == "suffix"
    row = suffix.source(ids, suffix.tokens, "bb", 64)
    assert row.tolist() == [*ids.tolist(), suffix.tokens.index("bb")]
    assert suffix.source(ids, suffix.tokens, "bb", 3).tolist() == [ids[0], ids[-1], suffix.tokens.index("bb")]


def test_files_that_are_not_there(folder):
    with pytest.raises(CheckpointError, match=r"none.pt does not exist"):
        open_model(ModelChoice(str(folder / "none.pt")))
    with pytest.raises(ConfigError, match=r"no dict.txt was found .*--dict D.txt"):
        find_files(choice(folder), None)
    (folder / "elsewhere" / "spm.model").unlink()
    with pytest.raises(ConfigError, match=r"no SentencePiece model was found .*--spm none"):
        find_files(choice(folder, dictionary=folder / "elsewhere" / "dict.txt"), None)
    with pytest.raises(ConfigError, match=r"none.model does not exist"):
        find_files(choice(folder, spm=folder / "none.model"), None)


def test_what_does_not_fit(folder):
    data = folder / "elsewhere"
    symbols = (data / "dict.txt").read_text().split("\n")[:-1]
    named = {"dictionary": data / "dict.txt", "spm": data / "spm.model"}

    def dictionary(*lines):
        (data / "dict.txt").write_text("\n".join(lines) + "\n")

    dictionary(*symbols[1:])
    with pytest.raises(CheckpointError, match="rows of embeddings, but the dictionary has"):
        open_model(choice(folder, **named))
    dictionary("zebra 1", *symbols[1:])
    with pytest.raises(CheckpointError, match="no pieces of"):
        open_model(choice(folder, **named))
    dictionary(*symbols[:-4], "[bb] 1", "[aa] 1", "[cc] 1", "<mask> 1")
    with pytest.raises(CheckpointError, match=r"are aa,bb,cc, but those of .* are bb,aa,cc. Name the dictionary"):
        open_model(choice(folder, **named))
    dictionary(*symbols[:-4])
    assert open_model(choice(folder, **named)).tokens.languages == ("aa", "bb", "cc")
    (data / "spm.model").write_text("no model")
    with pytest.raises(CheckpointError, match="not a SentencePiece model"):
        open_model(choice(folder, **named))


def test_a_checkpoint_that_does_not_say_its_languages(folder):
    state = torch.load(folder / "model.pt", weights_only=False)
    del state["task_state"]
    torch.save(state, folder / "model.pt")
    data = folder / "elsewhere"
    symbols = (data / "dict.txt").read_text().split("\n")[:-1]
    (data / "dict.txt").write_text("\n".join(symbols[:-4]) + "\n")
    with pytest.raises(ConfigError, match="with --langs ar_AR"):
        open_model(choice(folder, dictionary=data / "dict.txt"))
    opened = open_model(choice(folder, dictionary=data / "dict.txt", languages=["aa", "bb", "cc"]))
    assert opened.tokens.languages == ("aa", "bb", "cc")


def test_no_gpu_is_said(folder):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ConfigError, match="torch sees no GPU. Use --device cpu"):
        open_model(choice(folder)).move("cuda", "fp32")


@pytest.mark.parametrize("options", [releases.mbart_namespace, releases.criss_namespace])
def test_a_release_with_the_dictionary_beside_it(tmp_path, options):
    symbols = releases.release_dictionary(tmp_path)
    releases.write_release(tmp_path / "model.pt", options(), symbols)
    opened = open_model(choice(tmp_path, spm="none"))
    assert opened.tokens.languages == MBART_CC25
    assert opened.tokens.dictionary.symbols == symbols.symbols
    assert opened.tokens.source_style == "none"
    assert opened.files.dictionary == tmp_path / "dict.txt"


def test_a_dual_encoder_reads_any_language(written_model, tmp_path):
    """encode's way in: the style of its training, no language token, `<s>` counted among the positions."""
    symbols = open_dictionary(str(written_model.data / "dict.txt"))
    model = small_dual.model(symbols=symbols)
    state = {"args": Namespace(**vars(model.args)), "model": model.state_dict()}
    state |= {"task_state": {"dual": {"languages": ["aa", "bb"], "style": "first"}}}
    state |= {"optimizer_history": [{"optimizer_name": "adam", "lr_scheduler_state": {}, "num_updates": 1}]}
    torch.save({**state, "extra_state": {"train_iterator": {"epoch": 1}}}, tmp_path / "dual.pt")
    opened = open_encoder(ModelChoice(str(tmp_path / "dual.pt"), str(written_model.data / "dict.txt")))
    assert (opened.dim, opened.longest) == (16, 40)
    encoder = CheckpointEncoder(opened, EncodingConfig())
    lines = (written_model.texts / "mono.aa").read_text(encoding="utf-8").split("\n")[:7]
    found = encoder.encode([*lines, " ".join(lines)], "never_seen")
    sentence = torch.cat([torch.tensor([symbols.bos()]), opened.sentence(lines[2])])
    np.testing.assert_allclose(found[2], model.sentence_vectors(sentence[None])[0].detach().numpy(), atol=1e-5)
    assert encoder.cut == 1
    assert "pooling:first|first-token:yes" in encoder.signature
    with pytest.raises(ConfigError, match="as it was trained to"):
        CheckpointEncoder(opened, EncodingConfig(language_token=True))
    with pytest.raises(CheckpointError, match="but an mBART or CRISS one is needed"):
        open_model(ModelChoice(str(tmp_path / "dual.pt"), str(written_model.data / "dict.txt")))


def test_open_encoder_opens_the_others_too(folder):
    assert open_encoder(choice(folder)).tokens.languages == ("aa", "bb", "cc")


def test_many_lines_are_cut_as_each_by_itself(written_model):
    opened = open_model(ModelChoice(str(written_model.checkpoint)))
    lines = [*(written_model.texts / "mono.aa").read_text().split("\n")[:20], "", "  ", "takipi ж takipi", "жж"]
    assert [ids.tolist() for ids in opened.sentences(lines)] == [opened.sentence(line).tolist() for line in lines]
    assert opened.sentences([]) == []
    pieces = open_model(ModelChoice(str(written_model.checkpoint), spm="none"))
    assert [ids.tolist() for ids in pieces.sentences(["▁ta x", ""])] == [
        pieces.sentence(line).tolist() for line in ("▁ta x", "")
    ]
