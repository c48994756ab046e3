"""fairseq's own commands, unmodified on disk, from raw text to a score; and what they refuse under the host layer."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

pytestmark = pytest.mark.plugin

Run = Callable[..., "subprocess.CompletedProcess[str]"]
TINY = [
    *("--arch", "transformer", "--encoder-layers", "1", "--decoder-layers", "1", "--share-all-embeddings"),
    *("--encoder-embed-dim", "32", "--encoder-ffn-embed-dim", "64", "--encoder-attention-heads", "2"),
    *("--decoder-embed-dim", "32", "--decoder-ffn-embed-dim", "64", "--decoder-attention-heads", "2"),
    *("--encoder-normalize-before", "--decoder-normalize-before", "--dropout", "0", "--optimizer", "adam"),
    *("--lr", "0.01", "--lr-scheduler", "inverse_sqrt", "--warmup-updates", "20", "--batch-size", "100"),
    *("--no-epoch-checkpoints",),
    *("--log-format", "simple", "--log-interval", "1", "--num-workers", "0"),
]


class Writes:
    """Unpickling this in the ordinary way runs a command that makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.path}",)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the commands run: sentences of letters and the same in capital letters, one for one."""
    folder = tmp_path_factory.mktemp("stock")
    draw = random.Random(1)
    for split, count in (("train", 2000), ("valid", 48), ("test", 50)):
        lines = [" ".join(draw.choices("abcdef", k=draw.randint(2, 6))) for _ in range(count)]
        (folder / f"{split}.src").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (folder / f"{split}.tgt").write_text("\n".join(lines).upper() + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    """One of fairseq's commands in `folder`; it must succeed unless `status` says with what it ends."""

    def run(command: str, *words: str, stdin: str = "", status: int = 0, **environment: str) -> Any:
        program = Path(sys.executable).with_name(command)
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(
            [str(program), *words],
            cwd=folder,
            env=inherited | {"OMP_NUM_THREADS": "1"} | environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == status, done.stdout[-2000:] + done.stderr[-3000:]
        return done

    return run


@pytest.fixture(scope="module")
def data(run: Run) -> str:
    run(
        *("fairseq-preprocess", "-s", "src", "-t", "tgt", "--joined-dictionary", "--destdir", "bin", "--workers", "2"),
        *("--trainpref", "train", "--validpref", "valid", "--testpref", "test"),
    )
    return "bin"


@pytest.fixture(scope="module")
def trained(run: Run, data: str) -> str:
    """A checkpoint after 200 updates, when the task is learned for the most part."""
    run("fairseq-train", data, *TINY, "--max-update", "200", "--save-dir", "trained")
    return "trained/checkpoint_last.pt"


def losses(done: subprocess.CompletedProcess[str]) -> list[float]:
    return [float(loss) for loss in re.findall(r"train_inner .*? loss=([\d.]+)", done.stdout)]


def parameters(path: Path) -> dict[str, torch.Tensor]:
    model: dict[str, torch.Tensor] = torch.load(path, weights_only=False)["model"]
    # A buffer of the sinusoidal positions that is there for its type alone and never filled.
    return {name: value for name, value in model.items() if not name.endswith("_float_tensor")}


def test_generate_interactive_validate_and_score(run: Run, folder: Path, data: str, trained: str) -> None:
    words = ["--path", trained, "--beam", "2", "--batch-size", "50", "--scoring", "sacrebleu"]
    output = run("fairseq-generate", data, *words).stdout
    hypotheses = dict(re.findall(r"^H-(\d+)\t\S+\t(.*)$", output, re.MULTILINE))
    assert len(hypotheses) == 50
    bleu = float(re.findall(r"BLEU = ([\d.]+)", output)[-1])
    assert bleu > 20

    (folder / "hypotheses").write_text("".join(hypotheses[str(i)] + "\n" for i in range(50)), encoding="utf-8")
    scored = run("fairseq-score", "--sys", "hypotheses", "--ref", "test.tgt", "--sacrebleu").stdout
    assert float(re.findall(r"BLEU = ([\d.]+)", scored)[-1]) == pytest.approx(bleu, abs=0.011)

    answer = run("fairseq-interactive", data, "--path", trained, stdin="a b c\n").stdout
    assert re.search(r"^H-0\t\S+\t[A-F ]+$", answer, re.MULTILINE)

    valid = ["--task", "translation", "--path", trained, "--batch-size", "24"]
    alone = run("fairseq-validate", data, *valid).stdout
    # Two ranks gather their statistics as Python objects; both print them.
    pair = run("fairseq-validate", data, *valid, "--distributed-world-size", "2").stdout
    found = [set(re.findall(r"subset \| loss (\d+\.\d+)", output)) for output in (alone, pair)]
    assert found[0] == found[1] != set()


def test_training_learns_and_resumes(run: Run, folder: Path, data: str) -> None:
    first = losses(run("fairseq-train", data, *TINY, "--max-update", "12", "--save-dir", "resumed"))
    again = losses(run("fairseq-train", data, *TINY, "--max-update", "24", "--save-dir", "resumed"))
    assert (len(first), len(again)) == (12, 12)
    assert again[-1] < first[-1] < first[0]


def test_two_ranks_train_what_one_trains_with_twice_the_batches(run: Run, folder: Path, data: str) -> None:
    words = ["fairseq-train", data, *TINY, "--max-update", "4", "--no-save-optimizer-state", "--disable-validation"]
    start = losses(run(*words, "--update-freq", "2", "--save-dir", "one"))
    assert losses(run(*words, "--distributed-world-size", "2", "--save-dir", "two")) == pytest.approx(start, abs=0.002)
    launch = [str(Path(sys.executable).with_name(words[0])), *words[1:], "--cpu", "--distributed-backend", "gloo"]
    rendezvous = ["--standalone", "--nproc-per-node", "2"]
    run("torchrun", *rendezvous, *launch, "--ddp-backend", "legacy_ddp", "--save-dir", "torchrun")
    expected = parameters(folder / "one" / "checkpoint_last.pt")
    for ranks in ("two", "torchrun"):
        found = parameters(folder / ranks / "checkpoint_last.pt")
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            assert torch.allclose(found[name], value, atol=1e-4), (ranks, name)


@pytest.mark.parametrize("precision", ["--bf16", "--memory-efficient-fp16", "--memory-efficient-bf16"])
def test_precisions_that_work_on_a_cpu(run: Run, data: str, precision: str) -> None:
    words = ["--max-update", "12", "--no-save", "--disable-validation"]
    found = losses(run("fairseq-train", data, *TINY, *words, precision, "--save-dir", "unused"))
    assert found[-1] < found[0] - 0.3


@pytest.mark.parametrize("more", [[], ["--distributed-world-size", "2"]])
def test_half_precision_on_a_cpu_is_refused_in_one_line(run: Run, folder: Path, data: str, more: list[str]) -> None:
    if torch.cuda.is_available():
        more = [*more, "--cpu"]
    done = run("fairseq-train", data, *TINY, "--fp16", "--save-dir", "half", *more, status=2)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("fairseq-train: error: training with --fp16 needs a CUDA device")
    assert "Traceback" not in done.stderr
    assert not (folder / "half").exists()


def test_hydra_train_and_eval_lm(run: Run, folder: Path) -> None:
    files = ["--trainpref", "train.tgt", "--validpref", "valid.tgt", "--testpref", "test.tgt"]
    run("fairseq-preprocess", "--only-source", *files, "--destdir", "lm")
    done = run(
        *("fairseq-hydra-train", "task=language_modeling", f"task.data={folder}/lm", "task.sample_break_mode=eos"),
        *("model=transformer_lm", "model.decoder_layers=1", "model.decoder_embed_dim=16", "optimizer=adam"),
        *("model.decoder_ffn_embed_dim=16", "model.decoder_attention_heads=1", "optimization.lr=[0.01]"),
        *("optimization.max_update=4", "dataset.batch_size=50", f"checkpoint.save_dir={folder}/hydra"),
    )
    assert "hydra" not in done.stderr.lower()
    words = ["--path", "hydra/checkpoint_last.pt", "--sample-break-mode", "eos", "--batch-size", "50"]
    done = run("fairseq-eval-lm", "lm", *words)
    assert "Perplexity" in done.stdout + done.stderr


def test_denoising_then_translation_from_pretrained_bart(run: Run, folder: Path, data: str) -> None:
    """The two stages of mBART: pretrain on both sides as languages, then train to translate."""
    for side in ("src", "tgt"):
        (folder / "mono" / side).mkdir(parents=True)
        for split in ("train", "valid"):
            for suffix in ("bin", "idx"):
                found = folder / data / f"{split}.src-tgt.{side}.{suffix}"
                (folder / "mono" / side / f"{split}.{suffix}").write_bytes(found.read_bytes())
    (folder / "mono" / "dict.txt").write_bytes((folder / data / "dict.src.txt").read_bytes())
    bart = [*TINY, "--arch", "bart_base", "--langs", "src,tgt", "--max-update", "3", "--no-save-optimizer-state"]
    noise = ["--add-lang-token", "--mask", "0.3", "--replace-length", "1", "--sample-break-mode", "eos"]
    words = ["--task", "multilingual_denoising", *noise, "--rotate", "0", "--save-dir", "pretrained"]
    done = run("fairseq-train", "mono", *bart, *words)
    assert "Logging error" not in done.stderr
    words = ["--task", "translation_from_pretrained_bart", "-s", "src", "-t", "tgt", "--save-dir", "finetuned"]
    run("fairseq-train", data, *bart, *words, "--finetune-from-model", "pretrained/checkpoint_last.pt")
    words = ["--task", "translation_from_pretrained_bart", "-s", "src", "-t", "tgt", "--langs", "src,tgt"]
    output = run(
        "fairseq-generate", data, *words, "--path", "finetuned/checkpoint_last.pt", "--batch-size", "50"
    ).stdout
    assert len(re.findall(r"^H-", output, re.MULTILINE)) == 50


def test_a_checkpoint_of_an_old_fairseq_is_read(run: Run, folder: Path, data: str, trained: str) -> None:
    state = torch.load(folder / trained, weights_only=False)
    model, task = state["cfg"]["model"], state["cfg"]["task"]
    state["args"] = Namespace(**{**vars(model), **task, "criterion": "cross_entropy", "optimizer": "adam"})
    state["cfg"] = None
    torch.save(state, folder / "old.pt", _use_new_zipfile_serialization=False)
    words = ["--batch-size", "50", "--beam", "2"]
    old, new = (run("fairseq-generate", data, "--path", path, *words).stdout for path in ("old.pt", trained))
    assert re.findall(r"^H-.*$", old, re.MULTILINE) == re.findall(r"^H-.*$", new, re.MULTILINE)


@pytest.mark.parametrize(
    "words",
    [
        ["fairseq-train", "bin", *TINY, "--save-dir", "unused", "--restore-file", "evil.pt"],
        ["fairseq-train", "bin", *TINY, "--save-dir", "unused", "--finetune-from-model", "evil.pt"],
        ["fairseq-generate", "bin", "--path", "evil.pt", "--batch-size", "50"],
        ["fairseq-interactive", "bin", "--path", "evil.pt"],
        ["fairseq-validate", "bin", "--task", "translation", "--path", "evil.pt", "--batch-size", "50"],
    ],
    ids=["restore", "finetune", "generate", "interactive", "validate"],
)
def test_a_malicious_checkpoint_is_refused(run: Run, folder: Path, data: str, trained: str, words: list[str]) -> None:
    written = folder / "written"
    state = torch.load(folder / trained, weights_only=False)
    torch.save(state | {"extra": Writes(written)}, folder / "evil.pt")
    done = run(*words, status=1)
    assert "evil.pt is refused: it asks for posix.system" in done.stderr.splitlines()[-1]
    assert "XLING_TRUST_CHECKPOINT=1" in done.stderr.splitlines()[-1]
    assert not written.exists()


def test_trust_is_for_the_user_to_give(run: Run, folder: Path, data: str, trained: str) -> None:
    written = folder / "trusted"
    state = torch.load(folder / trained, weights_only=False)
    torch.save(state | {"extra": Writes(written)}, folder / "own.pt")
    words = ["--path", "own.pt", "--batch-size", "50", "--beam", "1"]
    run("fairseq-generate", data, *words, XLING_TRUST_CHECKPOINT="1")
    assert written.exists()


def test_an_option_in_a_checkpoint_runs_no_code(run: Run, folder: Path, data: str, trained: str) -> None:
    """No pickle is needed for this one: fairseq evaluates some of the strings that a checkpoint stores as options."""
    written = folder / "evaluated"
    state = torch.load(folder / trained, weights_only=False)
    state["cfg"]["model"] = Namespace(_name="fconv", arch="fconv", encoder_layers=f"open({str(written)!r}, 'w')")
    torch.save(state, folder / "options.pt")
    done = run("fairseq-generate", data, "--path", "options.pt", "--batch-size", "50", status=1)
    assert "is not made of numbers, strings, lists, tuples and dicts" in done.stderr.splitlines()[-1]
    assert not written.exists()
