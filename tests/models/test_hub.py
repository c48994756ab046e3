"""A checkpoint in a notebook: raw sentences in, raw sentences and vectors out."""

from __future__ import annotations

from pathlib import Path

import pytest
import sentencepiece
import torch
from references import small_criss

import fairseq_xling
from fairseq_xling.errors import CheckpointError, ConfigError
from fairseq_xling.models._hub import CrissHub
from fairseq_xling.models.criss import CrissModel


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model that learnt four translations by heart, with its dictionary and SentencePiece model."""
    fairseq_xling.register()
    lines = ["le cjase", "il cjan", "the house", "the dog"]
    (tmp_path / "text").write_text("\n".join(lines * 20), encoding="utf-8")
    sentencepiece.SentencePieceTrainer.Train(
        input=str(tmp_path / "text"),
        model_prefix=str(tmp_path / "sentencepiece.bpe"),
        vocab_size=40,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "sentencepiece.bpe.model"))
    symbols = small_criss.dictionary(words=0, languages=None)
    for piece in range(3, pieces.get_piece_size()):
        symbols.add_symbol(pieces.id_to_piece(piece))
    symbols.save(str(tmp_path / "dict.txt"))
    task = fairseq_task(tmp_path)
    args = small_criss.options()
    model = small_criss.model(args, task.source_dictionary)
    _learn(model, task, pieces, lines)
    state = {
        "cfg": {"model": {"_name": args.arch, **vars(args)}, "task": {"_name": "criss"}},
        "model": model.state_dict(),
        "optimizer_history": [{"optimizer_name": "X", "lr_scheduler_state": {}, "num_updates": 5}],
        "extra_state": {"train_iterator": {"epoch": 1}},
        "task_state": task.state_dict(),
    }
    torch.save(state, tmp_path / "model.pt")
    return tmp_path


def fairseq_task(folder: Path):  # type: ignore[no-untyped-def]
    from fairseq_xling.tasks.criss import CrissTask

    options = {"criss_langs": "fur,eng", "criss_pairs": "all", "criss_source_token": "suffix"}
    return CrissTask.setup_task(small_criss.task_options(str(folder), **options))


def _learn(model: CrissModel, task, pieces, lines: list[str]) -> None:  # type: ignore[no-untyped-def]
    def ids(line: str) -> torch.Tensor:
        return task.source_dictionary.encode_line(" ".join(pieces.encode(line, out_type=str)), add_if_not_exist=False)

    pairs = [(lines[i], "fur", lines[2 + i], "eng") for i in (0, 1)]
    pairs += [(lines[2 + i], "eng", lines[i], "fur") for i in (0, 1)]
    source = small_criss.padded([task.tokens.source(ids(x).long(), a) for x, a, _, _ in pairs], 1)
    targets = [task.tokens.target(ids(y).long(), b) for _, _, y, b in pairs]
    target = small_criss.padded(targets, 1, left=False)
    previous = small_criss.padded([row.roll(1) for row in targets], 1, left=False)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(200):
        scores = model(source, None, previous)[0].flatten(0, 1)
        torch.nn.functional.cross_entropy(scores, target.flatten(), ignore_index=1).backward()
        optimizer.step()
        optimizer.zero_grad()


def test_hub(folder: Path) -> None:
    hub = CrissModel.from_pretrained(str(folder), criss_langs="fur,eng")
    assert isinstance(hub, CrissHub)
    assert hub.translate(["il cjan", "le cjase"], "fur", "eng", beam=2) == ["the dog", "the house"]
    assert hub.translate(["the house"], "eng", "fur", beam=1) == ["le cjase"]
    assert hub.translate(["the dog"]) == ["il cjan"]  # the direction stays
    lines = ["le cjase", "il cjan", "le cjase il cjan"]
    vectors = hub.sentence_vectors(lines, "fur")
    assert vectors.shape == (3, 16)
    alone = torch.cat([hub.sentence_vectors([line], "fur") for line in lines])
    torch.testing.assert_close(vectors, alone, atol=1e-5, rtol=0)
    assert not torch.allclose(vectors, hub.sentence_vectors(lines, "eng"))  # the style has a language token
    assert not torch.allclose(vectors, hub.sentence_vectors(lines, "fur", layer=0))
    assert hub.sentence_vectors([], "fur").shape == (0, 16)


def test_faults(folder: Path) -> None:
    with pytest.raises(ConfigError, match="unknown language `deu`"):
        CrissModel.from_pretrained(str(folder), criss_langs="fur,eng").translate(["x"], "fur", "deu")
    with pytest.raises(CheckpointError, match="Give --criss-langs fur,eng"):
        CrissModel.from_pretrained(str(folder), criss_langs="eng,fur")
    with pytest.raises(CheckpointError, match="trained with --criss-source-token suffix, but none"):
        CrissModel.from_pretrained(str(folder), criss_langs="fur,eng", criss_source_token="none")
    with pytest.raises(ConfigError, match=r"other\.model does not exist. Name it: sentencepiece_model"):
        CrissModel.from_pretrained(str(folder), criss_langs="fur,eng", sentencepiece_model="/x/other.model")
    with pytest.raises(CheckpointError, match=r"gone\.pt does not exist"):
        CrissModel.from_pretrained(str(folder), "gone.pt", criss_langs="fur,eng")
