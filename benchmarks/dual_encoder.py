"""FLOPs and time of a training step of TR, TR+RTL and TR+TLM at full size; DAP publishes 11.0, 16.5 and 33.7 GFLOPs.

    python benchmarks/dual_encoder.py --vocabulary 120000 --pairs 16 --words 20

One batch of random words, forward and backward, on a tower of 12 layers and 768 dimensions, without the optimizer.
FLOPs are counted by torch; steps of the objectives take turns, and the median is printed. TLM's output is computed for
the masked tokens alone, which is cheaper than DAP's code; the last row asks for every word, to compare with what it
publishes.
"""

from __future__ import annotations

import argparse
import statistics
import time
from argparse import Namespace
from collections.abc import Callable

import torch
from fairseq.data import Dictionary
from fairseq.models import ARCH_CONFIG_REGISTRY
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import fairseq_xling
from fairseq_xling.criterions.rtl import RtlConfig, RtlCriterion
from fairseq_xling.criterions.translation_ranking import TranslationRankingConfig, TranslationRankingCriterion
from fairseq_xling.data.language_tokens import DualTokens, complete_with_mask
from fairseq_xling.models.dual_encoder import DualEncoderModel

PUBLISHED = {"TR": 11.0, "TR+RTL": 16.5, "TR+TLM": 33.7, "TR+TLM, all": 33.7}


def world(vocabulary: int) -> Namespace:
    """What model and criterions ask of a task."""
    symbols = Dictionary()
    for number in range(vocabulary - 5):
        symbols.add_symbol(f"w{number}")
    complete_with_mask(symbols, "the benchmark's dictionary")
    languages = ("aa", "bb")
    return Namespace(
        tokens=DualTokens(symbols, []), languages=languages, source_dictionary=symbols, target_dictionary=symbols
    )


def sample(task: Namespace, pairs: int, words: int) -> dict[str, object]:
    """Pairs of equal length, as the task's batches are."""
    first, end = task.tokens.ordinary
    ends = torch.zeros(pairs, 1, dtype=torch.long), torch.full((pairs, 1), task.source_dictionary.eos())
    sides = [torch.cat([ends[0], torch.randint(first, end, (pairs, words)), ends[1]], dim=1) for _ in range(2)]
    return {
        "net_input": {"src_tokens": sides[0]}, "target": sides[1], "hard": None, "ntokens": 2 * pairs * (words + 2),
        "languages": torch.zeros(pairs, 2, dtype=torch.long), "nsentences": pairs,
    }  # fmt: skip


def model(task: Namespace, arch: str, rtl_layers: int) -> DualEncoderModel:
    args = Namespace(arch=arch, rtl_layers=rtl_layers)
    ARCH_CONFIG_REGISTRY[arch](args)
    torch.manual_seed(1)
    return DualEncoderModel.build_model(args, task).train()


def steps(task: Namespace, batch: dict[str, object], arch: str) -> dict[str, Callable[[], Tensor]]:
    plain = model(task, arch, 0)
    headed = model(task, arch, 2)
    criterions = {
        "TR": (plain, TranslationRankingCriterion(TranslationRankingConfig(), task)),
        "TR+RTL": (headed, RtlCriterion(RtlConfig(), task)),
        "TR+TLM": (plain, TranslationRankingCriterion(TranslationRankingConfig(tlm_weight=0.1), task)),
        "TR+TLM, all": (plain, TranslationRankingCriterion(TranslationRankingConfig(tlm_weight=0.1, tlm_mask=1), task)),
    }

    def step(network: DualEncoderModel, criterion: TranslationRankingCriterion) -> Tensor:
        network.zero_grad(set_to_none=True)
        loss: Tensor = criterion(network, batch)[0]
        loss.backward()
        return loss

    return {name: (lambda pair=pair: step(*pair)) for name, pair in criterions.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vocabulary", type=int, default=120_000)
    parser.add_argument("--pairs", type=int, default=16)
    parser.add_argument("--words", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=5, help="timed steps of each; 0: FLOPs alone")
    parser.add_argument("--arch", default="dual_encoder_base")
    args = parser.parse_args()
    fairseq_xling.register()
    task = world(args.vocabulary)
    found = steps(task, sample(task, args.pairs, args.words), args.arch)
    flops, seconds = {}, {name: list[float]() for name in found}
    for name, step in found.items():
        with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
            step()
        flops[name] = counter.get_total_flops() / args.pairs / 1e9
    for _ in range(args.repeats):
        for name, step in found.items():
            started = time.perf_counter()
            step()
            seconds[name].append(time.perf_counter() - started)
    print(
        f"{args.arch}, {args.vocabulary} symbols, {args.pairs} pairs of {args.words} words, "
        f"{torch.get_num_threads()} threads"
    )
    print(f"{'':12} {'GFLOPs a pair':>14} {'to TR':>6} {'published to TR':>16} {'ms a step':>10} {'to TR':>6}")
    for name in found:
        published = PUBLISHED[name] / PUBLISHED["TR"]
        row = f"{name:12} {flops[name]:14.2f} {flops[name] / flops['TR']:6.2f} {published:16.2f}"
        if args.repeats:
            median = statistics.median(seconds[name])
            row += f" {1000 * median:10.0f} {median / statistics.median(seconds['TR']):6.2f}"
        print(row)


if __name__ == "__main__":
    main()
