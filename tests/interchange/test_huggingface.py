"""Folders that transformers loads: logits, ids and greedy translations as ours, and the way back."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path

import pytest
import torch
from references import releases, small_criss
from references.grammar import LANGUAGES
from references.written_dual import write_dual
from references.written_model import POSITIONS, WrittenModel, write_checkpoint
from safetensors.torch import load_file, save_file
from tokenizers.processors import TemplateProcessing
from transformers import AutoModelForMaskedLM, AutoModelForSeq2SeqLM, AutoTokenizer, BartConfig

from fairseq_xling.encoders.opening import ModelChoice, open_encoder, open_model
from fairseq_xling.encoders.options import TranslationConfig
from fairseq_xling.encoders.translation import Translator
from fairseq_xling.errors import CheckpointError, ConfigError, CorpusError
from fairseq_xling.files import sha256_file
from fairseq_xling.interchange.huggingface import from_huggingface, to_huggingface
from fairseq_xling.languages import MBART_CC25


def language(style: str) -> str | None:
    return "aa" if style == "suffix" else None


@pytest.fixture(scope="module")
def choices(written_model: WrittenModel, tmp_path_factory: pytest.TempPathFactory) -> dict[str, ModelChoice]:
    """A checkpoint of each source style."""
    folder = tmp_path_factory.mktemp("checkpoints")
    files = [str(written_model.data / name) for name in ("dict.txt", "spm.model")]
    made = {style: write_checkpoint(folder / f"{style}.pt", written_model.data, style) for style in ("none", "suffix")}
    return {style: ModelChoice(str(path), *files) for style, path in made.items()}


@pytest.fixture(scope="module")
def folders(choices: dict[str, ModelChoice], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same as folders of Hugging Face's; only to be read."""
    place = tmp_path_factory.mktemp("folders")
    for style, choice in choices.items():
        to_huggingface(choice, str(place / style), language(style))
    return {style: place / style for style in choices}


def test_everything_that_belongs_to_it(folders: dict[str, Path]) -> None:
    assert sorted(path.name for path in folders["none"].iterdir()) == [
        "README.md", "config.json", "dict.txt", "generation_config.json", "manifest.json", "model.safetensors",
        "sentencepiece.bpe.model", "tokenizer.json", "tokenizer_config.json",
    ]  # fmt: skip


@pytest.mark.parametrize("style", ["none", "suffix"])
def test_sources_have_our_ids(
    written_model: WrittenModel, choices: dict[str, ModelChoice], folders: dict[str, Path], style: str
) -> None:
    opened, tokenizer = open_model(choices[style]), AutoTokenizer.from_pretrained(folders[style])
    lines = [
        *(written_model.texts / "mono.aa").read_text().splitlines(),
        "",
        "<mask> [aa] <s>",
        "unknown: Ω",
        "pa " * 99,
    ]
    found = tokenizer(lines, truncation=True)["input_ids"]
    expected = [opened.source(opened.sentence(line), opened.tokens, language(style), POSITIONS) for line in lines]
    assert found == [tokens.tolist() for tokens in expected]
    assert len(found[-1]) == POSITIONS
    for code in LANGUAGES:
        assert tokenizer.convert_tokens_to_ids(f"[{code}]") == opened.tokens.index(code)


@pytest.mark.parametrize("style", ["none", "suffix"])
def test_logits(written_model: WrittenModel, choices: dict, folders: dict[str, Path], style: str) -> None:
    opened = open_model(choices[style])
    tokenizer = AutoTokenizer.from_pretrained(folders[style])
    model = AutoModelForSeq2SeqLM.from_pretrained(folders[style])
    lines = (written_model.texts / "mono.aa").read_text().splitlines()[:20]
    batch = tokenizer(lines, padding=True, return_tensors="pt")
    decoded = torch.randint(4, 90, (20, 9), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found = model(**batch, decoder_input_ids=decoded).logits
        expected = opened.model(batch["input_ids"], None, decoded)[0]
    assert expected.std() > 1
    assert (found - expected).abs().max() < 1e-4


@pytest.mark.parametrize("style", ["none", "suffix"])
def test_greedy_translations(written_model: WrittenModel, choices: dict, folders: dict[str, Path], style: str) -> None:
    """In every direction; the source's language is changed as the folder's README.md says."""
    translator = Translator(open_model(choices[style]), TranslationConfig(beam=1))
    tokenizer = AutoTokenizer.from_pretrained(folders[style])
    model = AutoModelForSeq2SeqLM.from_pretrained(folders[style])
    for source, target in itertools.permutations(LANGUAGES, 2):
        lines = (written_model.texts / f"mono.{source}").read_text().splitlines()[:20]
        expected = translator.translate(lines, source, target)
        assert len(set(expected)) > 12
        if style == "suffix":
            code = f"[{source}]"
            ends = [(token, tokenizer.convert_tokens_to_ids(token)) for token in ("</s>", code)]
            template = TemplateProcessing(single=["$A", "</s>", code], special_tokens=ends)
            tokenizer.backend_tokenizer.post_processor = template
        batch = tokenizer(lines, padding=True, truncation=True, return_tensors="pt")
        forced = tokenizer.convert_tokens_to_ids(f"[{target}]")
        tokens = model.generate(**batch, num_beams=1, forced_bos_token_id=forced)
        # skip_special_tokens leaves out <unk> and <mask>, too, which a trained model does not write.
        plain = [line.replace("<unk>", "").replace("<mask>", "") for line in expected]
        assert tokenizer.batch_decode(tokens, skip_special_tokens=True) == plain


@pytest.mark.parametrize("style", ["none", "suffix"])
def test_there_and_back(choices: dict, folders: dict[str, Path], tmp_path: Path, style: str) -> None:
    """The same weights, dictionary and pieces; and from there the same bytes again."""
    back = from_huggingface(str(folders[style]), str(tmp_path / "back"))
    opened, again = open_model(choices[style]), open_model(ModelChoice(str(tmp_path / "back" / "model.pt")))
    assert again.tokens.languages == opened.tokens.languages
    assert again.tokens.source_style == style
    assert (tmp_path / "back" / "spm.model").read_bytes() == Path(choices[style].spm).read_bytes()
    assert (tmp_path / "back" / "dict.txt").read_bytes() == Path(choices[style].dictionary).read_bytes()
    there = to_huggingface(ModelChoice(str(tmp_path / "back" / "model.pt")), str(tmp_path / "there"), language(style))
    assert there.outputs == {p.name: sha256_file(p) for p in folders[style].iterdir() if p.name != "manifest.json"}
    assert there.counts["weights"] == back.counts["weights"]


def test_half_precision_is_kept(written_model: WrittenModel, choices: dict, tmp_path: Path) -> None:
    state = torch.load(choices["none"].checkpoint, weights_only=False)
    state["model"] = {name: value.half() for name, value in state["model"].items()}
    torch.save(state, tmp_path / "half.pt")
    choice = ModelChoice(str(tmp_path / "half.pt"), choices["none"].dictionary, choices["none"].spm)
    there = to_huggingface(choice, str(tmp_path / "hf"))
    assert {value.dtype for value in load_file(tmp_path / "hf" / "model.safetensors").values()} == {torch.float16}
    assert AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "hf").dtype == torch.float16
    back = from_huggingface(str(tmp_path / "hf"), str(tmp_path / "back"))
    weights = torch.load(tmp_path / "back" / "model.pt", weights_only=True)["model"]
    assert weights["encoder.embed_tokens.weight"].dtype == torch.float16
    assert all(torch.equal(weights[name], value) for name, value in state["model"].items() if name in weights)
    assert back.counts["weights"] == there.counts["weights"]


@pytest.mark.parametrize("options", [releases.mbart_namespace(), releases.criss_namespace()], ids=["mbart", "criss"])
def test_releases(tmp_path: Path, options: object) -> None:
    """In the format of 2020, without tokenizer: the dictionary's words are no pieces."""
    symbols = releases.release_dictionary(tmp_path)
    releases.write_release(tmp_path / "model.pt", options, symbols)
    choice = ModelChoice(str(tmp_path / "model.pt"), spm="none")
    to_huggingface(choice, str(tmp_path / "hf"))
    model, opened = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "hf"), open_model(choice)
    tokens = torch.randint(4, 30, (3, 7), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        difference = model(tokens, decoder_input_ids=tokens).logits - opened.model(tokens, None, tokens)[0]
    assert difference.abs().max() < 1e-4
    assert not (tmp_path / "hf" / "tokenizer.json").exists()
    drawn = small_criss.sentences([3, 7, 1, 12, 5] * 4, symbols)
    lines = [symbols.string(sentence) for sentence in drawn]
    expected = Translator(opened, TranslationConfig(beam=1)).translate(lines, "en_XX", "ro_RO")
    batch = small_criss.padded(drawn, symbols.pad(), left=False)
    found = model.generate(
        batch, attention_mask=batch.ne(symbols.pad()).long(), num_beams=1, forced_bos_token_id=symbols.index("[ro_RO]")
    )
    assert found[0, :2].tolist() == [symbols.eos(), symbols.index("[ro_RO]")]
    ignored = {*opened.tokens.indices, symbols.pad()}
    assert [symbols.string(tokens, extra_symbols_to_ignore=ignored) for tokens in found] == expected
    from_huggingface(str(tmp_path / "hf"), str(tmp_path / "back"), "none")
    back = open_model(ModelChoice(str(tmp_path / "back" / "model.pt"), spm="none"))
    assert back.tokens.languages == MBART_CC25
    assert list(back.tokens.dictionary.symbols) == list(symbols.symbols)


@pytest.mark.parametrize(
    ("style", "options"), [("first", {}), ("none", {"dual_pooling": "avg_top2", "dual_train_head": True})]
)
def test_dual_encoders(written_model: WrittenModel, tmp_path: Path, style: str, options: dict) -> None:
    choice = write_dual(tmp_path / "d.pt", written_model.data, style, **options)
    there = to_huggingface(choice, str(tmp_path / "hf"))
    opened, tokenizer = open_encoder(choice), AutoTokenizer.from_pretrained(tmp_path / "hf")
    lines = [*(written_model.texts / "mono.bb").read_text().splitlines(), "", "<s> [bb]", "pa " * 99]
    batch = tokenizer(lines, padding=True, truncation=True, return_tensors="pt")
    counted = batch["attention_mask"].bool()
    for line, row, there_row in zip(lines, batch["input_ids"], counted, strict=True):
        sentence = opened.source(opened.sentence(line), opened.tokens, None, opened.longest)
        assert row[there_row].tolist() == sentence.tolist()
    model = AutoModelForMaskedLM.from_pretrained(tmp_path / "hf")
    with torch.no_grad():
        found, expected = model(**batch).logits, opened.model(batch["input_ids"])[0]
    assert (found - expected)[counted].abs().max() < 1e-4
    back = from_huggingface(str(tmp_path / "hf"), str(tmp_path / "back"))
    again = open_encoder(ModelChoice(str(tmp_path / "back" / "model.pt")))
    assert (again.model.pooling, again.tokens.source_style) == (opened.model.pooling, style)
    assert back.counts["weights"] == there.counts["weights"]


def test_weights_in_several_files_and_pickled(folders: dict[str, Path], tmp_path: Path) -> None:
    expected = from_huggingface(str(folders["none"]), str(tmp_path / "back")).counts["weights"]
    tensors = load_file(folders["none"] / "model.safetensors")
    sharded, pickled = tmp_path / "sharded", tmp_path / "pickled"
    for folder in (sharded, pickled):
        shutil.copytree(folders["none"], folder, ignore=shutil.ignore_patterns("model.safetensors"))
    names = sorted(tensors)
    parts = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for part, chosen in parts.items():
        save_file({name: tensors[name] for name in chosen}, sharded / part)
    index = {"weight_map": {name: part for part, chosen in parts.items() for name in chosen}}
    (sharded / "model.safetensors.index.json").write_text(json.dumps(index))
    torch.save(tensors, pickled / "pytorch_model.bin")
    for number, folder in enumerate((sharded, pickled)):
        assert from_huggingface(str(folder), str(tmp_path / f"back{number}")).counts["weights"] == expected


def test_another_vocabulary_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(folders["none"], tmp_path / "hf")
    lines = (tmp_path / "hf" / "dict.txt").read_text().splitlines(keepends=True)
    (tmp_path / "hf" / "dict.txt").write_text("".join(lines[1:]))
    with pytest.raises(CheckpointError, match="has 94 symbols, but the model has 95 rows"):
        from_huggingface(str(tmp_path / "hf"), str(tmp_path / "back"))
    assert not (tmp_path / "back").exists()


def test_sizes_that_the_weights_do_not_have(folders: dict[str, Path], tmp_path: Path) -> None:
    """Found only when the checkpoint is opened again; then nothing is left behind."""
    shutil.copytree(folders["none"], tmp_path / "hf")
    config = json.loads((tmp_path / "hf" / "config.json").read_text())
    (tmp_path / "hf" / "config.json").write_text(json.dumps({**config, "encoder_layers": 3}))
    with pytest.raises(CheckpointError, match="does not fit the model"):
        from_huggingface(str(tmp_path / "hf"), str(tmp_path / "back"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hf"]


def test_a_folder_without_pieces(folders: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(folders["none"], tmp_path / "hf", ignore=shutil.ignore_patterns("*.bpe.model"))
    with pytest.raises(ConfigError, match=r"no sentencepiece\.bpe\.model.*--spm none"):
        from_huggingface(str(tmp_path / "hf"), str(tmp_path / "back"))
    with pytest.raises(ConfigError, match="gone does not exist"):
        from_huggingface(str(tmp_path / "hf"), str(tmp_path / "back"), str(tmp_path / "gone"))
    spm = str(folders["none"] / "sentencepiece.bpe.model")
    assert "spm.model" in from_huggingface(str(tmp_path / "hf"), str(tmp_path / "back"), spm).outputs


def test_languages_that_are_missing_or_too_many(choices: dict, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"reads `x </s> \[src\]`.*--lang \(one of aa, bb, cc\)"):
        to_huggingface(choices["suffix"], str(tmp_path / "hf"))
    with pytest.raises(ConfigError, match="dd"):
        to_huggingface(choices["suffix"], str(tmp_path / "hf"), "dd")
    with pytest.raises(ConfigError, match="Leave --lang out"):
        to_huggingface(choices["none"], str(tmp_path / "hf"), "aa")
    assert list(tmp_path.iterdir()) == []


def test_another_architecture_is_named(tmp_path: Path) -> None:
    BartConfig(architectures=["BartForConditionalGeneration"]).save_pretrained(tmp_path / "bart")
    with pytest.raises(CheckpointError, match=r"type `bart` \(BartForConditionalGeneration\), but only mbart and xlm"):
        from_huggingface(str(tmp_path / "bart"), str(tmp_path / "back"))


def test_what_is_in_the_way_stays(choices: dict, tmp_path: Path) -> None:
    (tmp_path / "hf").mkdir()
    (tmp_path / "hf" / "mine").write_text("x")
    with pytest.raises(CorpusError, match="is in the way"):
        to_huggingface(choices["none"], str(tmp_path / "hf"))
    assert [path.name for path in (tmp_path / "hf").iterdir()] == ["mine"]
