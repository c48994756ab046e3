"""Sentences to vectors: ours, the same weights in Hugging Face transformers, and stock fairseq; fails below its floors.

    python benchmarks/encode.py                    # 5 000 sentences, criss_base's shape, five minutes on two cores
    python benchmarks/encode.py --sentences 300    # prints the same without judging the ratio

All are given token ids, the same threads and random weights, and the mean over the last layer's states is taken of
every sentence. Ways of stock fairseq (its model with its own attention, as CRISS was released on it):

file order   batches of 32 sentences as they stand in the file, padded to the longest
sorted       what the release's save_encoder.py does when told nothing: fairseq's iterator sorts the test set by length
             and takes 12 000 tokens a batch, padding included

Hugging Face gets batches of 32 in file order, as a loop over a file gives them. The row is left out where transformers
is not installed, and the one of bf16 where the processor has no bf16 arithmetic.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from fairseq.data import Dictionary, data_utils
from fairseq.models import ARCH_CONFIG_REGISTRY
from fairseq.models.bart import BARTModel
from figures import Figure, tell
from torch import Tensor

import fairseq_xling
from fairseq_xling.data.bucketing import length_batches, vectors_in_batches
from fairseq_xling.data.language_tokens import complete_dictionary

Float32 = npt.NDArray[np.float32]
Way = Callable[[], Float32]

FLOOR, FLOOR_SORTED = 3.0, 1.0
LEAST_COSINE, LEAST_COSINE_BF16 = 0.9999, 0.99
MEDIAN, SIGMA, LONGEST = 15, 0.6, 500
BATCH, RELEASE_TOKENS = 32, 12_000
POSITIONS = 1024


def main() -> int:
    options = arguments()
    torch.set_num_threads(options.threads)
    symbols = dictionary(options.vocabulary)
    ours, stock = models(symbols)
    lines = sentences(options.sentences, symbols)
    print(f"{processor()}, {options.threads} threads, torch {torch.__version__}; criss_base, {len(symbols)} symbols")
    lengths = sorted(map(len, lines))
    print(
        f"{len(lines)} sentences, {sum(lengths) / len(lines):.1f} tokens in the mean, {lengths[len(lines) // 2]} in "
        f"the median, {lengths[-1]} in the longest (log-normal, sigma {SIGMA})\n"
    )
    ways = all_ways(ours, stock, lines, symbols)
    found, seconds = {}, {}
    print("| way | sentences/s | tokens computed | ratio | least cosine |\n|---|---|---|---|---|", flush=True)
    for name, (way, computed) in ways.items():
        started = time.perf_counter()
        found[name] = way()
        seconds[name] = time.perf_counter() - started
        ratio, cosine = seconds["stock fairseq, file order"] / seconds[name], least_cosine(found[name], found)
        print(
            f"| {name} | {len(lines) / seconds[name]:.1f} | {computed:.2f} | {ratio:.2f} | {cosine:.7f} |", flush=True
        )
    print()
    judged = len(lines) >= 5000
    wrong = [name for name in found if least_cosine(found[name], found) < least_allowed(name)]
    for name in wrong:
        print(f"FAILED {name}: vectors differ from stock fairseq's", file=sys.stderr)
    rates = {name: len(lines) / took for name, took in seconds.items()}
    floors = {"stock fairseq, file order": FLOOR, "stock fairseq, sorted": FLOOR_SORTED, "Hugging Face": None}
    figures = [
        Figure(f"encode, {peer}", f"{rates['ours']:.1f}/s", f"{rates[peer]:.1f}/s", rates["ours"] / rates[peer], floor)
        for peer, floor in ((peer, floor if judged else None) for peer, floor in floors.items() if peer in rates)
    ]
    return int(bool(tell(figures) or wrong))


def all_ways(ours: Any, stock: Any, lines: list[Tensor], symbols: Dictionary) -> dict[str, tuple[Way, float]]:
    """Each way and how many tokens it computes for each token of text; the reference is first."""
    total, pad = sum(map(len, lines)), symbols.pad()
    in_order = [list(range(start, min(start + BATCH, len(lines)))) for start in range(0, len(lines), BATCH)]
    by_length = list(length_batches(list(map(len, lines)), RELEASE_TOKENS))

    def computed(batches: Iterable[list[int]]) -> float:
        return sum(len(batch) * max(len(lines[i]) for i in batch) for batch in batches) / total

    ways: dict[str, tuple[Way, float]] = {
        "stock fairseq, file order": (lambda: release(stock, lines, in_order, pad), computed(in_order)),
        "stock fairseq, sorted": (lambda: release(stock, lines, by_length, pad), computed(by_length)),
    }
    if importlib.util.find_spec("transformers"):
        theirs = hugging_face(stock, symbols)
        ways["Hugging Face"] = (lambda: transformers_way(theirs, lines, in_order, pad), computed(in_order))
    else:
        print("Hugging Face is left out: transformers is not installed (pip install transformers)")
    ways["ours"] = (lambda: vectors_in_batches(ours.joined_vectors, lines, pad), 1.0)
    if has_bf16():
        ways["ours, bf16"] = (lambda: vectors_in_batches(ours.bfloat16().joined_vectors, lines, pad), 1.0)
    else:
        print("bf16 is left out: this processor has no bf16 arithmetic")
    few = lines[:BATCH]  # the first products of a process take longer
    release(stock, few, [list(range(len(few)))], pad)
    vectors_in_batches(ours.joined_vectors, few, pad)
    return ways


def release(model: Any, lines: list[Tensor], batches: list[list[int]], pad: int) -> Float32:
    """save_encoder.py's loop: stock encoder, states to NumPy, masked mean there."""
    found: Float32 = np.empty((len(lines), model.encoder.embed_tokens.embedding_dim), np.float32)
    for batch in batches:
        tokens = data_utils.collate_tokens([lines[i] for i in batch], pad, left_pad=True)
        with torch.no_grad():
            encoded = model.encoder(tokens, src_lengths=tokens.ne(pad).sum(dim=1))
        states = encoded["encoder_out"][0].numpy()
        mask = (1 - encoded["encoder_padding_mask"][0].numpy().astype(np.float32)).T[:, :, None]
        found[batch] = (mask * states / mask.sum(axis=0)).sum(axis=0)
    return found


def transformers_way(encoder: Any, lines: list[Tensor], batches: list[list[int]], pad: int) -> Float32:
    """The usual loop: padded on the right, attention mask, mean over the states that the mask counts."""
    found: Float32 = np.empty((len(lines), encoder.config.d_model), np.float32)
    for batch in batches:
        tokens = data_utils.collate_tokens([lines[i] for i in batch], pad)
        mask = tokens.ne(pad)
        with torch.inference_mode():
            states = encoder(input_ids=tokens, attention_mask=mask.long()).last_hidden_state
            found[batch] = ((states * mask[..., None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)).numpy()
    return found


def hugging_face(stock: Any, symbols: Dictionary) -> Any:
    """transformers' MBart encoder with these weights, which have the same names there."""
    from transformers import MBartConfig, MBartModel

    encoder = stock.encoder
    layer = encoder.layers[0]
    config = MBartConfig(
        vocab_size=len(symbols), d_model=encoder.embed_tokens.embedding_dim, max_position_embeddings=POSITIONS,
        encoder_layers=len(encoder.layers), encoder_attention_heads=layer.self_attn.num_heads,
        encoder_ffn_dim=layer.fc1.out_features, decoder_layers=1, decoder_attention_heads=1, decoder_ffn_dim=8,
        scale_embedding=True, pad_token_id=symbols.pad(), dropout=0.0,
    )  # fmt: skip
    theirs = MBartModel(config).eval().get_encoder()
    names = theirs.state_dict().keys()
    theirs.load_state_dict({name: value for name, value in encoder.state_dict().items() if name in names})
    return theirs


def models(symbols: Dictionary) -> tuple[Any, Any]:
    """criss_base and fairseq's own mBART of its shape, with the same random weights."""
    fairseq_xling.register()
    from fairseq_xling.models.criss import CrissModel

    args = Namespace(arch="criss_base", task="criss", max_source_positions=POSITIONS, max_target_positions=POSITIONS)
    ARCH_CONFIG_REGISTRY["criss_base"](args)
    task = Namespace(source_dictionary=symbols, target_dictionary=symbols)
    torch.manual_seed(1)
    ours = CrissModel.build_model(args, task).eval()
    stock = BARTModel.build_model(args, task).eval()
    stock.load_state_dict(ours.state_dict())
    stock.make_generation_fast_()
    return ours, stock


def dictionary(words: int) -> Dictionary:
    found = Dictionary()
    for number in range(words - 7):  # <s> <pad> </s> <unk>, two languages and <mask>
        found.add_symbol(f"w{number}")
    complete_dictionary(found, ["aa", "bb"], "the benchmark")
    return found


def sentences(count: int, symbols: Dictionary) -> list[Tensor]:
    """`x </s>` of random words."""
    random = np.random.default_rng(1)
    lengths = np.exp(random.normal(np.log(MEDIAN), SIGMA, count)).round().clip(1, LONGEST).astype(int)
    return [torch.from_numpy(np.append(random.integers(4, len(symbols) - 3, n), symbols.eos())) for n in lengths]


def least_cosine(vectors: Float32, found: dict[str, Float32]) -> float:
    """Of any sentence, with the vector of stock fairseq in file order."""
    slow = next(iter(found.values())).astype(np.float64)
    rows = vectors.astype(np.float64)
    norms = np.linalg.norm(slow, axis=1) * np.linalg.norm(rows, axis=1)
    return float(((slow * rows).sum(axis=1) / norms).min())


def least_allowed(name: str) -> float:
    return LEAST_COSINE_BF16 if "bf16" in name else LEAST_COSINE


def processor() -> str:
    named = [line.split(":")[1].strip() for line in cpuinfo() if line.startswith("model name")]
    return named[0] if named else "unknown processor"


def has_bf16() -> bool:
    return any("avx512_bf16" in line or "amx_bf16" in line for line in cpuinfo() if line.startswith("flags"))


def cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--sentences", type=int, default=5000, help="fewer than 5000 are not judged")
    parser.add_argument("--vocabulary", type=int, default=32_000, help="symbols of the dictionary")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of every way")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
