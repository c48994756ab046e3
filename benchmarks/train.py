"""Training against stock fairseq: same weights, same batches in the same order, no dropout; fails below its floor.

    python benchmarks/train.py              # criss_base's shape, 20 updates of each, minutes on two cores
    python benchmarks/train.py --quick      # criss_tiny's shape; prints the same without judging the ratio

Ours is the task and model `criss`. Theirs is what CRISS was trained with: fairseq's task translation_multi_simple_epoch
with its mBART, options --decoder-langtok --lang-tok-style mbart. All run in this process under fairseq's own Trainer:
its criterion, optimizer, clipping, scheduler and logging, all but the reading of batches, which are taken from the task
`criss` (its tests show that they are the other task's) and given to all, update by update in turn. Printed are target
words a second, the median over five portions of the updates, and the largest relative difference of an update's losses.
A third row is ours with `--optimizer fused_adam`.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fairseq import options as fairseq_options
from fairseq.data import Dictionary, indexed_dataset
from fairseq.dataclass.utils import convert_namespace_to_omegaconf
from fairseq.logging import metrics
from fairseq.tasks import setup_task
from fairseq.trainer import Trainer
from figures import Figure, tell

import fairseq_xling
from fairseq_xling.data.language_tokens import complete_dictionary

FLOOR, TOLERANCE = 0.97, 1e-4
PORTIONS = 5
STOCK, OURS, FUSED = "stock fairseq", "ours", "ours with fused_adam"
MEDIAN, SIGMA, LONGEST = 20, 0.5, 200
SHAPES = {"criss_base": (6, 512, 8), "criss_tiny": (3, 128, 4)}
OPTIMISING = """--criterion label_smoothed_cross_entropy --label-smoothing 0.2 --optimizer adam --adam-betas (0.9,0.98)
    --adam-eps 1e-6 --lr 3e-4 --lr-scheduler inverse_sqrt --warmup-updates 500 --clip-norm 1.0 --dropout 0 --seed 1
    --attention-dropout 0 --activation-dropout 0 --no-progress-bar --cpu"""
THEIRS = """--task translation_multi_simple_epoch --langs aa,bb --lang-pairs aa-bb,bb-aa --decoder-langtok
    --lang-tok-style mbart"""


def main() -> int:
    given = arguments()
    torch.set_num_threads(given.threads)
    fairseq_xling.register()
    arch = "criss_tiny" if given.quick else "criss_base"
    with tempfile.TemporaryDirectory() as folder:
        symbols = write_data(Path(folder), given.vocabulary, given.updates * given.max_tokens // MEDIAN)
        named = ["--task", "criss", "--criss-pairs", "aa-bb", "--arch", arch]
        trainers = {
            STOCK: trainer(folder, [*THEIRS.split(), *stock_shape(arch)], given.max_tokens),
            OURS: trainer(folder, named, given.max_tokens),
            FUSED: trainer(folder, [*named, "--optimizer", "fused_adam"], given.max_tokens),
        }
        batches = first_batches(trainers[OURS].task, given.updates, given.max_tokens)
    for each in trainers.values():
        each.model.load_state_dict(trainers[OURS].model.state_dict())
    words = sum(batch["ntokens"] for batch in batches) / len(batches)
    print(f"{given.threads} threads, torch {torch.__version__}; {arch}, {len(symbols)} symbols")
    print(f"{len(batches)} updates of {words:.0f} target words, dropout 0, label smoothing 0.2, Adam\n")
    seconds, losses = run(trainers, batches)
    rates = {name: rate_of_portions(batches, taken) for name, taken in seconds.items()}
    print("| training | words/s | portions | ratio | first loss | last loss | losses differ by |")
    print("|---|---|---|---|---|---|---|")
    wrong, figures = list[str](), list[Figure]()
    for name, portions in rates.items():
        ratio = statistics.median(mine / theirs for mine, theirs in zip(portions, rates[STOCK], strict=True))
        off = max(abs(mine / theirs - 1) for mine, theirs in zip(losses[name], losses[STOCK], strict=True))
        middle, each = f"{statistics.median(portions):.0f}", " ".join(f"{rate:.0f}" for rate in portions)
        ends = f"{losses[name][0]:.5f} | {losses[name][-1]:.5f}"
        print(f"| {name} | {middle} | {each} | {ratio:.2f} | {ends} | {off:.1e} |")
        wrong += [f"{name}: losses differ by {off:.1e}, more than {TOLERANCE}"] if off > TOLERANCE else []
        if name != STOCK:
            floor = None if given.quick else FLOOR
            peer = f"{statistics.median(rates[STOCK]):.0f} words/s"
            figures.append(Figure(f"train, {arch}, {name}, {STOCK}", f"{middle} words/s", peer, ratio, floor))
    print()
    for fault in wrong:
        print(f"FAILED {fault}", file=sys.stderr)
    return int(bool(tell(figures) or wrong))


def run(trainers: dict[str, Trainer], batches: list[Any]) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """(seconds, losses) of each update."""
    seconds: dict[str, list[float]] = {name: [] for name in trainers}
    losses: dict[str, list[float]] = {name: [] for name in trainers}
    for each in trainers.values():  # the first products of a process take longer; these gradients are thrown away
        each.task.train_step(batches[0], each.model, each.criterion, each.optimizer, 0)
        each.zero_grad()
    names = list(trainers)
    for number, batch in enumerate(batches):
        # Whoever comes second finds the batch in the caches: in turn.
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            with metrics.aggregate(new_root=True) as meters:
                started = time.perf_counter()
                trainers[name].train_step([batch])
                seconds[name].append(time.perf_counter() - started)
            losses[name].append(float(meters["loss"].avg))
    return seconds, losses


def rate_of_portions(batches: list[Any], seconds: list[float]) -> list[float]:
    """Target words a second of each portion of the updates."""
    parts = np.array_split(np.arange(len(batches)), PORTIONS)
    return [sum(batches[i]["ntokens"] for i in part) / sum(seconds[i] for i in part) for part in parts]


def trainer(folder: str, words: list[str], max_tokens: int) -> Trainer:
    """fairseq's Trainer with a new model, as fairseq-train sets it up."""
    task_name = words[words.index("--task") + 1]
    parser = fairseq_options.get_training_parser(task_name)
    every = [folder, *OPTIMISING.split(), *words, "--max-tokens", str(max_tokens)]
    cfg = convert_namespace_to_omegaconf(fairseq_options.parse_args_and_arch(parser, every))
    task = setup_task(cfg.task)
    criterion = task.build_criterion(cfg.criterion)
    return Trainer(cfg, task, task.build_model(cfg.model), criterion)


def stock_shape(arch: str) -> list[str]:
    """fairseq's mbart_large in a smaller shape."""
    layers, dim, heads = SHAPES[arch]
    words = ["--arch", "mbart_large"]
    for part in ("encoder", "decoder"):
        words += [f"--{part}-layers", str(layers), f"--{part}-embed-dim", str(dim), f"--{part}-ffn-embed-dim"]
        words += [str(4 * dim), f"--{part}-attention-heads", str(heads), f"--{part}-normalize-before"]
    return words


def first_batches(task: Any, count: int, max_tokens: int) -> list[Any]:
    """Of an epoch in the task's own order."""
    task.load_dataset("train", combine=True)
    iterator = task.get_batch_iterator(task.dataset("train"), max_tokens=max_tokens, seed=1)
    found = []
    for batch in iterator.next_epoch_itr(shuffle=True):
        found.append(batch)
        if len(found) == count:
            break
    return found


def write_data(folder: Path, vocabulary: int, count: int) -> Dictionary:
    """One pair of random sentences whose lengths are log-normal, with the dictionary of each language."""
    symbols, random = Dictionary(), np.random.default_rng(1)
    for number in range(vocabulary - 7):  # <s> <pad> </s> <unk>, two languages and <mask>
        symbols.add_symbol(f"w{number}")
    symbols.save(str(folder / "dict.aa.txt"))
    symbols.save(str(folder / "dict.bb.txt"))
    lengths = np.exp(random.normal(np.log(MEDIAN), SIGMA, count)).round().clip(1, LONGEST)
    for language in ("aa", "bb"):
        stem = str(folder / f"train.aa-bb.{language}")
        builder = indexed_dataset.make_builder(f"{stem}.bin", impl="mmap", vocab_size=len(symbols))
        for length in (lengths * random.uniform(0.8, 1.2, count)).round().clip(1).astype(int):
            ids = np.append(random.zipf(1.2, length) % (len(symbols) - 4) + 4, symbols.eos())
            builder.add_item(torch.from_numpy(ids))
        builder.finalize(f"{stem}.idx")
    complete_dictionary(symbols, ["aa", "bb"], "the benchmark")
    symbols.save(str(folder / "dict.txt"))
    return symbols


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="criss_tiny, the ratio not judged")
    parser.add_argument("--updates", type=int, default=20, help="of each")
    parser.add_argument("--max-tokens", type=int, default=1000, help="of a batch, as fairseq counts them")
    parser.add_argument("--vocabulary", type=int, default=32_000, help="symbols of the dictionary")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of both")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
