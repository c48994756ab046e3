"""Sentences to vectors: ours, the same weights in Hugging Face transformers, and stock fairseq; fails below its floors.

    python benchmarks/encode.py                    # 5 000 sentences, criss_base's shape, five minutes on two cores
    python benchmarks/encode.py --sentences 300    # prints the same without judging the ratio

All are given token ids, the same threads and random weights, and the mean over the last layer's states is taken of
every sentence. Ways of stock fairseq (its model with its own attention, as CRISS was released on it):

file order   batches of 32 sentences as they stand in the file, padded to the longest
sorted       what the release's save_encoder.py does when told nothing: fairseq's iterator sorts the test set by length
             and takes 12 000 tokens a batch, padding included

Hugging Face gets batches of 32 in file order, as a loop over a file gives them; ours gets the file in five parts. The
ways take turns at a fifth of their batches. "Processor ms" are those of all threads, which other work slows less. The
row of Hugging Face is left out where transformers is not installed, that of bf16 where the processor has no bf16.
"""

from __future__ import annotations

import argparse
import copy
import importlib.util
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
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
Way = Callable[[Sequence[Tensor]], Float32]

OURS, FILE_ORDER, SORTED, HUGGING_FACE = "ours", "stock fairseq, file order", "stock fairseq, sorted", "Hugging Face"

FLOOR, FLOOR_SORTED = 3.0, 1.0
LEAST_COSINE, LEAST_COSINE_BF16 = 0.9999, 0.99
MEDIAN, SIGMA, LONGEST = 15, 0.6, 500
BATCH, RELEASE_TOKENS = 32, 12_000
POSITIONS = 1024
TURNS, JUDGED = 5, 5000


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
    names = list(ways)
    found = {name: np.empty((len(lines), ours.encoder.embed_tokens.embedding_dim), np.float32) for name in names}
    wall, busy = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0)
    for turn in range(TURNS):
        for name, (way, batches) in ways.items():  # in turn, so that a busy machine slows all of them
            started, processor_time = time.perf_counter(), time.process_time()
            for batch in batches[turn::TURNS]:
                found[name][batch] = way([lines[i] for i in batch])
            wall[name] += time.perf_counter() - started
            busy[name] += time.process_time() - processor_time
    print("| way | sentences/s | ratio | processor ms a sentence | ratio | least cosine |\n|---|---|---|---|---|---|")
    for name in names:
        cosine, slow = least_cosine(found[name], found[FILE_ORDER]), FILE_ORDER
        cells = f"{len(lines) / wall[name]:.1f}", f"{wall[slow] / wall[name]:.2f}"
        cells += f"{1000 * busy[name] / len(lines):.1f}", f"{busy[slow] / busy[name]:.2f}", f"{cosine:.7f}"
        print(f"| {name} | {' | '.join(cells)} |")
    print()
    wrong = [name for name in names if least_cosine(found[name], found[FILE_ORDER]) < least_allowed(name)]
    for name in wrong:
        print(f"FAILED {name}: vectors differ from stock fairseq's", file=sys.stderr)
    return int(bool(tell(figures(wall, len(lines))) or wrong))


def figures(wall: dict[str, float], count: int) -> list[Figure]:
    """Ours against each peer; judged where there are sentences enough."""
    rates = {name: count / seconds for name, seconds in wall.items()}
    floors = {FILE_ORDER: FLOOR, SORTED: FLOOR_SORTED, HUGGING_FACE: None}
    return [
        Figure(
            f"encode, {peer}", f"{rates[OURS]:.1f}/s", f"{rates[peer]:.1f}/s", rates[OURS] / rates[peer],
            floor if count >= JUDGED else None,
        )
        for peer, floor in floors.items()
        if peer in rates
    ]  # fmt: skip


def all_ways(
    ours: Any, stock: Any, lines: Sequence[Tensor], symbols: Dictionary
) -> dict[str, tuple[Way, list[list[int]]]]:
    """Each way from sentences to vectors with the portions it is given; warmed up, as first products take longer."""
    pad = symbols.pad()
    file_order, parts = (portions(len(lines), size) for size in (BATCH, -(-len(lines) // TURNS)))
    by_length = list(length_batches(list(map(len, lines)), RELEASE_TOKENS))
    ways: dict[str, tuple[Way, list[list[int]]]] = {
        FILE_ORDER: (lambda batch: release(stock, batch, pad), file_order),
        SORTED: (lambda batch: release(stock, batch, pad), by_length),
        OURS: (lambda part: vectors_in_batches(ours.joined_vectors, part, pad), parts),
    }
    if importlib.util.find_spec("transformers"):
        theirs = hugging_face(stock, symbols)
        ways[HUGGING_FACE] = (lambda batch: transformers_way(theirs, batch, pad), file_order)
    else:
        print("Hugging Face is left out: transformers is not installed (pip install transformers)")
    if has_bf16():
        rough = copy.deepcopy(ours).bfloat16()
        ways[f"{OURS}, bf16"] = (lambda part: vectors_in_batches(rough.joined_vectors, part, pad), parts)
    else:
        print("bf16 is left out: this processor has no bf16 arithmetic")
    for way, _ in ways.values():
        way(lines[:BATCH])
    return ways


def portions(count: int, size: int) -> list[list[int]]:
    """A file's lines, so many at a time."""
    return [list(range(start, min(start + size, count))) for start in range(0, count, size)]


def release(model: Any, batch: Sequence[Tensor], pad: int) -> Float32:
    """A batch of save_encoder.py: stock encoder, states to NumPy, masked mean there."""
    tokens = data_utils.collate_tokens(list(batch), pad, left_pad=True)
    with torch.no_grad():
        encoded = model.encoder(tokens, src_lengths=tokens.ne(pad).sum(dim=1))
    states = encoded["encoder_out"][0].numpy()
    mask = (1 - encoded["encoder_padding_mask"][0].numpy().astype(np.float32)).T[:, :, None]
    found: Float32 = (mask * states / mask.sum(axis=0)).sum(axis=0)
    return found


def transformers_way(encoder: Any, batch: Sequence[Tensor], pad: int) -> Float32:
    """The usual loop: padded on the right, attention mask, mean over the states that the mask counts."""
    tokens = data_utils.collate_tokens(list(batch), pad)
    mask = tokens.ne(pad)
    with torch.inference_mode():
        states = encoder(input_ids=tokens, attention_mask=mask.long()).last_hidden_state
        found: Float32 = ((states * mask[..., None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)).numpy()
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


def least_cosine(vectors: Float32, slow: Float32) -> float:
    """Of any sentence with its vector the slow way."""
    left, right = vectors.astype(np.float64), slow.astype(np.float64)
    norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return float(((left * right).sum(axis=1) / norms).min())


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
