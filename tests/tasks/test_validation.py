"""Validation's metrics against what one gets by scoring each direction alone, by hand."""

from __future__ import annotations

import math
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
import sacrebleu
import torch
from fairseq import metrics
from fairseq.criterions.label_smoothed_cross_entropy import LabelSmoothedCrossEntropyCriterion
from references import small_criss
from torch.nn.functional import cosine_similarity

from fairseq_xling.errors import ConfigError
from fairseq_xling.languages import Pair
from fairseq_xling.models.criss import CrissModel
from fairseq_xling.tasks._validation import bleu, mean_bleu
from fairseq_xling.tasks.criss import CrissTask

SENTENCES = 6


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    small_criss.dictionary(languages=None).save(str(tmp_path / "dict.txt"))
    for number, pair in enumerate(("aa-bb", "aa-cc")):
        for side, language in enumerate(pair.split("-")):
            lines = [f"w{(3 * i + number) % 9} w{9 + side} w4 w{i} w2" + " w3" * (i % 3) for i in range(SENTENCES)]
            (tmp_path / f"valid.{pair}.{language}").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path


def made(folder: Path, **options: Any) -> CrissTask:
    options = {"criss_langs": "aa,bb,cc", "criss_pairs": "aa-bb,aa-cc"} | options
    return CrissTask.setup_task(small_criss.task_options(str(folder), **options))


@pytest.fixture
def model() -> CrissModel:
    return small_criss.model()


def validate(task: CrissTask, model: CrissModel, max_tokens: int = 30) -> dict[str, Any]:
    """As fairseq's trainer does: a step and a reduction for every batch."""
    task.load_dataset("valid")
    if task.cfg.criss_eval_bleu:
        task.validation.generator = task.build_generator([model], task.validation.generation_options())
    criterion = LabelSmoothedCrossEntropyCriterion(task, sentence_avg=False, label_smoothing=0.1)
    task.begin_valid_epoch(1, model)
    iterator = task.get_batch_iterator(task.dataset("valid"), max_tokens=max_tokens, max_positions=(64, 64))
    with metrics.aggregate(new_root=True) as found:
        for sample in iterator.next_epoch_itr(shuffle=False):
            _, _, logged = task.valid_step(sample, model, criterion)
            task.reduce_metrics([logged], criterion)
    return dict(found.get_smoothed_values())


def sentence_pairs(task: CrissTask, direction: Pair) -> list[tuple[torch.Tensor, torch.Tensor]]:
    dataset = task.validation.datasets[direction]
    return [(dataset[i]["source"], dataset[i]["target"]) for i in range(SENTENCES)]


def test_loss_of_each_direction(folder: Path, model: CrissModel) -> None:
    task = made(folder)
    found = validate(task, model)
    for direction in task.validation.directions:
        loss, tokens = 0.0, 0
        for source, target in sentence_pairs(task, direction):
            previous = torch.cat([target[-1:], target[:-1]])
            with torch.no_grad():
                scores = model(source[None], None, previous[None])[0].log_softmax(-1)[0]
            loss -= sum(float(scores[position, token]) for position, token in enumerate(target))
            tokens += len(target)
        assert found[f"nll_loss_{direction}"] == pytest.approx(loss / tokens / math.log(2), abs=2e-3)
    weighted = [found[f"nll_loss_{direction}"] for direction in task.validation.directions]
    assert min(weighted) < found["nll_loss"] < max(weighted)
    assert not any(name.startswith(("bleu", "retrieval")) for name in found)


def test_bleu_of_each_direction(folder: Path, model: CrissModel) -> None:
    """The model is taught the references by heart, all but the last, so that BLEU is neither 0 nor 100."""
    options = {"criss_eval_bleu_args": '{"beam": 2, "max_len_b": 12}', "criss_eval_bleu_remove_bpe": None}
    task = made(folder, criss_eval_bleu=True, **options)
    task.load_dataset("valid")
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    dataset = task.dataset("valid")
    sample = dataset.collater([dataset[i] for i in range(len(dataset)) if i % SENTENCES < 4])
    for _ in range(60):
        scores = model(**sample["net_input"])[0].flatten(0, 1)
        torch.nn.functional.cross_entropy(scores, sample["target"].flatten(), ignore_index=1).backward()
        optimizer.step()
        optimizer.zero_grad()
    model.eval()
    found = validate(task, model)
    expected = []
    generator = task.build_generator([model], Namespace(beam=2, max_len_b=12))
    for direction in task.validation.directions:
        hypotheses, references = [], []
        for source, target in sentence_pairs(task, direction):
            alone = {"net_input": {"src_tokens": source[None], "src_lengths": None}, "target": target[None]}
            tokens = task.inference_step(generator, [model], alone)[0][0]["tokens"]
            hypotheses.append(" ".join(task.target_dictionary[i] for i in tokens[1:-1]))
            references.append(" ".join(task.target_dictionary[i] for i in target[1:-1]))
        assert not any("[" in line for line in [*hypotheses, *references])
        expected.append(sacrebleu.corpus_bleu(hypotheses, [references]).score)
        assert found[f"bleu_{direction}"] == pytest.approx(expected[-1], abs=0.01)
    assert 1 < sum(expected) / 4 < 99
    assert found["bleu"] == pytest.approx(sum(expected) / 4, abs=0.02)


@pytest.mark.parametrize("style", ["none", "suffix"])
def test_retrieval_of_each_direction(folder: Path, model: CrissModel, style: str) -> None:
    task = made(folder, criss_eval_retrieval=True, criss_source_token=style)
    found = validate(task, model)
    accuracies = []
    for direction in task.validation.directions:
        pairs = sentence_pairs(task, direction)
        back = [task.tokens.source(target[1:], direction.target) for _, target in pairs]
        with torch.no_grad():
            source = [model.sentence_vectors(s[None])[0] for s, _ in pairs]
            target = [model.sentence_vectors(t[None])[0] for t in back]
        right = 0
        for i, vector in enumerate(source):
            cosines = [float(cosine_similarity(vector, other, dim=0)) for other in target]
            right += cosines.index(max(cosines)) == i
        accuracies.append(right / SENTENCES)
        assert found[f"retrieval_{direction}"] == pytest.approx(accuracies[-1], abs=1e-4)
    assert found["retrieval"] == pytest.approx(sum(accuracies) / 4, abs=1e-4)
    assert 0 < found["retrieval"] < 1


def test_retrieval_is_measured_anew_in_each_validation(folder: Path, model: CrissModel) -> None:
    task = made(folder, criss_eval_retrieval=True)
    first = validate(task, model)["retrieval"]
    with torch.no_grad():
        model.encoder.embed_tokens.weight.normal_(generator=torch.Generator().manual_seed(8))
        model.encoder.embed_positions.weight.zero_()
    assert validate(task, model)["retrieval"] != first


def test_one_direction(folder: Path, model: CrissModel) -> None:
    task = made(folder, criss_pairs=None, source_lang="cc", target_lang="aa", criss_eval_retrieval=True)
    found = validate(task, model)
    assert found["nll_loss_cc-aa"] == pytest.approx(found["nll_loss"], abs=1e-3)
    assert {name for name in found if name.startswith("retrieval")} == {"retrieval", "retrieval_cc-aa"}


def test_sums_over_processes(folder: Path, model: CrissModel) -> None:
    """fairseq adds the logged values of all processes, in which an idle one has zeros, before it reduces them."""
    task = made(folder, criss_eval_retrieval=True)
    task.load_dataset("valid")
    criterion = LabelSmoothedCrossEntropyCriterion(task, sentence_avg=False, label_smoothing=0.1)
    dataset = task.dataset("valid")
    outputs = [
        task.valid_step(dataset.collater([dataset[i] for i in rows]), model, criterion)[2]
        for rows in (range(0, 6), range(18, 24))
    ]
    idle = {name: value * 0 for name, value in outputs[0].items()}
    summed = {name: sum(output[name] for output in [*outputs, idle]) for name in outputs[0]}
    with metrics.aggregate(new_root=True) as together:
        task.reduce_metrics([summed], criterion)
    with metrics.aggregate(new_root=True) as apart:
        for output in outputs:
            task.reduce_metrics([output], criterion)
    found, expected = together.get_smoothed_values(), apart.get_smoothed_values()
    names = [name for name in expected if name.startswith(("nll_loss_", "retrieval"))]
    assert len(names) == 2 + 5  # directions without a batch have no loss
    for name in names:
        assert found[name] == pytest.approx(expected[name], abs=1e-6)


def test_an_empty_translation_scores_nothing(folder: Path) -> None:
    """fairseq's own mBART task counts the language token as a word: an empty output had a BLEU of 17."""
    task = made(folder)
    empty = task.tokens.target(torch.tensor([2]), "bb")
    assert task.validation._text(empty, "unknown") == ""
    assert task.validation._text(task.tokens.target(torch.tensor([3, 2]), "bb"), "unknown") == "unknown"


def test_training_logs_none_of_it(folder: Path) -> None:
    task = made(folder)
    with metrics.aggregate(new_root=True) as found:
        task.validation.log([{"loss": torch.tensor(1.0)}])
    assert not found.get_smoothed_values()


def test_bleu_from_sums() -> None:
    hypotheses, references = ["a b c d e", "f g h i"], ["a b c d x", "f g h i j"]
    whole = sacrebleu.corpus_bleu(hypotheses, [references])
    row = [0.0] * 10
    for hypothesis, reference in zip(hypotheses, references, strict=True):
        part = sacrebleu.corpus_bleu([hypothesis], [[reference]])
        parts = [*part.counts, *part.totals, part.sys_len, part.ref_len]
        row = [a + b for a, b in zip(row, parts, strict=True)]
    assert bleu(row) == pytest.approx(whole.score, abs=0.005)
    assert mean_bleu([row, [0.0] * 10]) == bleu(row)
    assert mean_bleu([[0.0] * 10]) == 0.0


@pytest.mark.parametrize("text", ["beam=4", "[4]"])
def test_options_of_generation_are_json(folder: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="--criss-eval-bleu-args must be"):
        made(folder, criss_eval_bleu=True, criss_eval_bleu_args=text).validation.generation_options()
