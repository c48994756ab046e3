"""mteb's interface around an encoder: its vectors, its languages, cosines; and a whole task where mteb is there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from fairseq_xling.errors import ConfigError, MissingDependencyError
from fairseq_xling.interchange.mteb import REQUIREMENT, MtebEncoder, subset_language
from fairseq_xling.text.surface import SurfaceEncoder

LINES = ["uno", "due", "tre", "quattro", "cinque"]
KNOWN = ("en_XX", "fr_XX", "de_DE", "zh_CN", "fur")


class Letters:
    """Counts of a to e, and a note of the languages it was told."""

    dim, signature = 5, "encoder:letters"

    def __init__(self) -> None:
        self.told = list[str | None]()

    def encode(self, lines: Sequence[str], language: str | None = None) -> np.ndarray:
        self.told.append(language)
        return np.array([[line.count(letter) for letter in "abcde"] for line in lines], np.float32)


def encoded(model: MtebEncoder, subset: str, langs: dict[str, list[str]], batches: list[dict]) -> np.ndarray:
    task = SimpleNamespace(name="Tiny", hf_subsets_to_langscripts=langs)
    return model.encode(batches, task_metadata=task, hf_split="test", hf_subset=subset, batch_size=2)


def test_the_encoders_own_vectors_in_order() -> None:
    batches = [{"text": LINES[:2]}, {"text": LINES[2:4]}, {"text": LINES[4:], "id": ["4"]}]
    got = encoded(MtebEncoder(Letters(), "ours/letters"), "default", {"default": ["ita-Latn"]}, batches)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, Letters().encode(LINES))


@pytest.mark.parametrize(
    ("subset", "listed", "language"),
    [
        ("eng_Latn", [], "en_XX"),  # a column of FLORES
        ("zho_Hans", [], "zh_CN"),
        ("fur_Latn", [], "fur"),  # not mBART's, but the model's own
        ("default", ["deu-Latn"], "de_DE"),  # a task of one language
        ("fr", ["fra-Latn"], "fr_XX"),
        ("fr_XX", [], "fr_XX"),
        ("en-ext", ["eng-Latn"], "en_XX"),  # what the task lists counts, not the name
        ("fra-eng", ["fra-Latn", "eng-Latn"], None),  # which side is not told
        ("zho_Hans-zho_Hant", ["zho-Hans", "zho-Hant"], "zh_CN"),
        ("default", ["eng-Latn", "fra-Latn"], None),
        ("ita", ["ita-Latn"], None),  # the model does not know it
        ("default", [], None),
    ],
)
def test_languages(subset: str, listed: list[str], language: str | None) -> None:
    assert subset_language(subset, listed, KNOWN) == language


def test_the_encoder_is_told_the_language_it_knows() -> None:
    told = Letters()
    langs = {"de": ["deu-Latn"], "fra-eng": ["fra-Latn", "eng-Latn"]}
    for subset in ("de", "fra-eng", "eng_Latn"):
        encoded(MtebEncoder(told, "ours/letters", KNOWN), subset, langs, [{"text": LINES}])
    encoded(MtebEncoder(told, "ours/letters"), "de", langs, [{"text": LINES}])
    assert told.told == ["de_DE", None, "en_XX", None]


def test_similarity_is_the_cosine() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(4, 3)).astype(np.float32), rng.normal(size=(6, 3)).astype(np.float32)
    cosine = [[float(a @ b / np.sqrt((a @ a) * (b @ b))) for b in y] for a in x]
    model = MtebEncoder(Letters(), "ours/letters")
    for one, two in ((x, y), (torch.from_numpy(x), torch.from_numpy(y))):
        np.testing.assert_allclose(model.similarity(one, two).numpy(), cosine, atol=1e-6)
        np.testing.assert_allclose(model.similarity_pairwise(one, two[:4]).numpy(), np.diag(cosine), atol=1e-6)
    np.testing.assert_allclose(model.similarity(x[0], y).numpy(), cosine[:1], atol=1e-6)
    assert not model.similarity(np.zeros((1, 3), np.float32), y).any()


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(ConfigError, match="Tiny gives image, but this model reads text only"):
        encoded(MtebEncoder(Letters(), "ours/letters"), "default", {}, [{"image": LINES}])


def test_a_name_without_owner_is_refused() -> None:
    with pytest.raises(ConfigError, match="OWNER/MODEL"):
        MtebEncoder(Letters(), "letters")


def test_without_mteb(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("mteb", "mteb.models", "mteb.models.model_meta"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingDependencyError, match="pip install 'mteb>="):
        _ = MtebEncoder(Letters(), "ours/letters").mteb_model_meta


def test_the_extra_asks_for_the_same() -> None:
    setup = Path(__file__).parents[2] / "setup.py"
    assert f'"mteb": ["{REQUIREMENT}"]' in setup.read_text(encoding="utf-8")


def test_importing_does_not_import_mteb() -> None:
    code = "import sys, fairseq_xling.interchange.mteb; sys.exit('mteb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_task_of_mteb() -> None:
    """The accuracy is that of a loop over cosines; spelling finds some of the six and not others."""
    mteb = pytest.importorskip("mteb", reason="mteb is not installed")
    from datasets import Dataset, DatasetDict
    from mteb.abstasks import AbsTaskBitextMining
    from mteb.abstasks.task_metadata import TaskMetadata

    english = ["a red flower", "the music plays", "water and salt", "my house", "good morning", "seven animals"]
    italian = ["il fiore rosso", "la musica suona", "acqua e sale", "casa mia", "buon giorno", "sette animali"]

    class Tiny(AbsTaskBitextMining):
        metadata = TaskMetadata(
            name="TinyBitextMining",
            description="Six sentences and their translations.",
            type="BitextMining",
            dataset={"path": "none/none", "revision": "1"},
            eval_splits=["test"],
            eval_langs={"eng-ita": ["eng-Latn", "ita-Latn"]},
            main_score="accuracy",
            modalities=["text"],
        )

        def load_data(self, *args: object, **kwargs: object) -> None:
            rows = Dataset.from_dict({"sentence1": english, "sentence2": italian})
            self.dataset, self.data_loaded = {"eng-ita": DatasetDict({"test": rows})}, True

    encoder = SurfaceEncoder.fit([*english, *italian], hashed=512)
    x, y = encoder.encode(english), encoder.encode(italian)
    nearest = [max(range(6), key=lambda j, i=i: float(x[i] @ y[j])) for i in range(6)]
    expected = sum(i == j for i, j in enumerate(nearest)) / 6
    assert 0 < expected < 1

    model = MtebEncoder(encoder, "ours/surface", ["en_XX", "it_IT"])
    result = mteb.evaluate(model, Tiny(), cache=None, co2_tracker=False, show_progress_bar=False)
    (scores,) = result.task_results[0].scores["test"]
    assert scores["accuracy"] == pytest.approx(expected)
    assert scores["hf_subset"] == "eng-ita"
    assert (result.model_name, result.model_revision) == ("ours/surface", model.mteb_model_meta.revision)
