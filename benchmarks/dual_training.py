"""Training throughput of `dual_alignment` against sentence-transformers' MultipleNegativesRankingLoss, and the losses.

    pip install sentence-transformers                    # 6.2 was compared; only this benchmark needs it
    python benchmarks/dual_training.py --layers 6 --dim 384 --heads 6 --vocabulary 30000 --batch 32

One tower, XLM-R's layers with first-token pooling, with the same random weights on both sides. Ours is fairseq's
Trainer with the task, its criterion and its batches; theirs is the loss, backward, clipping and the optimizer that its
trainer uses by default (fused AdamW), without the trainer. Both go once through the same pairs, their steps in turns.
"same batches": both read ours; "own batches": ours are of like length, theirs are drawn at random, as both do by
default. First losses and gradients of a batch are compared without dropout. Tokenising is left out.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fairseq import options, tasks
from fairseq.dataclass.utils import convert_namespace_to_omegaconf
from fairseq.trainer import Trainer
from figures import Figure, tell
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from torch import Tensor, nn

import fairseq_xling

# Words of a sentence, log-normal; both sides of a pair are about as long.
MEAN_WORDS, SPREAD, PAIR_SPREAD = 20, 0.5, 0.15
SCALE, LEARNING_RATE = 20.0, 5e-5


@dataclass(frozen=True)
class Shape:
    """Of the tower and of the batches."""

    layers: int
    dim: int
    heads: int
    vocabulary: int
    batch: int


def write_pairs(folder: Path, shape: Shape, count: int) -> None:
    """dict.txt and `count` pairs of random words as train.aa-bb.{aa,bb}."""
    draw = np.random.default_rng(1)
    words = shape.vocabulary - 5
    (folder / "dict.txt").write_text("".join(f"w{number} 1\n" for number in range(words)), encoding="utf-8")
    means = MEAN_WORDS * np.exp(draw.normal(0, SPREAD, count) - SPREAD**2 / 2)
    for code in ("aa", "bb"):
        lengths = np.clip(means * np.exp(draw.normal(0, PAIR_SPREAD, count)), 3, 100).astype(int)
        lines = [" ".join(f"w{word}" for word in draw.integers(words, size=length)) for length in lengths]
        (folder / f"train.aa-bb.{code}").write_text("\n".join(lines) + "\n", encoding="utf-8")


def our_trainer(folder: Path, shape: Shape, direction: str, dropout: float, more: Sequence[str]) -> Trainer:
    words = [str(folder), "--task", "dual_alignment", "--dual-pairs", "aa-bb", "--dataset-impl", "raw"]
    words += ["--arch", "dual_encoder_base", "--encoder-layers", str(shape.layers)]
    words += ["--encoder-embed-dim", str(shape.dim), "--encoder-ffn-embed-dim", str(4 * shape.dim)]
    words += ["--encoder-attention-heads", str(shape.heads), "--dropout", str(dropout)]
    words += ["--attention-dropout", str(dropout), "--criterion", "translation_ranking"]
    words += ["--ranking-direction", direction, "--ranking-scale", str(SCALE), "--optimizer", "fused_adam"]
    words += ["--lr", str(LEARNING_RATE), "--clip-norm", "1", "--batch-size", str(shape.batch), "--cpu", "--no-save"]
    words += ["--required-batch-size-multiple", "1", "--disable-validation", "--num-workers", "0", *more]
    cfg = convert_namespace_to_omegaconf(options.parse_args_and_arch(options.get_training_parser(), words))
    task = tasks.setup_task(cfg.task)
    torch.manual_seed(1)
    trainer = Trainer(cfg, task, task.build_model(cfg.model), task.build_criterion(cfg.criterion))
    task.load_dataset("train")
    return trainer


def our_batches(trainer: Trainer) -> list[dict[str, Any]]:
    """One epoch as the task makes it."""
    return list(trainer.get_train_iterator(epoch=1, load_dataset=False).next_epoch_itr(shuffle=True))


def their_loss(model: nn.Module, shape: Shape, direction: str, dropout: float, folder: Path) -> nn.Module:
    """MultipleNegativesRankingLoss over a SentenceTransformer with the weights of our tower."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaModel
    from transformers.utils import logging as their_logging

    their_logging.set_verbosity_error()
    their_logging.disable_progress_bar()
    config = XLMRobertaConfig(
        vocab_size=shape.vocabulary, hidden_size=shape.dim, num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads, intermediate_size=4 * shape.dim, max_position_embeddings=514,
        type_vocab_size=1, hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout, layer_norm_eps=1e-5,
    )  # fmt: skip
    tower = XLMRobertaModel(config, add_pooling_layer=False)
    tower.load_state_dict(their_weights(model.encoder.sentence_encoder.state_dict(), shape), strict=True)
    tower.save_pretrained(folder)
    # It is never asked, but a SentenceTransformer has one.
    symbols = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}
    named = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    tokenizer = Tokenizer(WordLevel(symbols, unk_token="<unk>"))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **named).save_pretrained(folder)
    parts = [Transformer(str(folder)), Pooling(shape.dim, "cls")]
    sentence_transformer = SentenceTransformer(modules=parts, device="cpu")
    both = {"directions": ("query_to_doc", "doc_to_query"), "partition_mode": "per_direction"}
    return MultipleNegativesRankingLoss(sentence_transformer, SCALE, **(both if direction == "both" else {}))


def their_weights(state: dict[str, Tensor], shape: Shape) -> dict[str, Tensor]:
    """Our tower's weights under the names of Hugging Face's XLM-R."""
    found = {
        "embeddings.word_embeddings.weight": state["embed_tokens.weight"],
        "embeddings.position_embeddings.weight": state["embed_positions.weight"],
        "embeddings.token_type_embeddings.weight": torch.zeros(1, shape.dim),
    }
    names = {"layernorm_embedding": "embeddings.LayerNorm"}
    inner = {
        "self_attn.q_proj": "attention.self.query", "self_attn.k_proj": "attention.self.key",
        "self_attn.v_proj": "attention.self.value", "self_attn.out_proj": "attention.output.dense",
        "self_attn_layer_norm": "attention.output.LayerNorm", "fc1": "intermediate.dense", "fc2": "output.dense",
        "final_layer_norm": "output.LayerNorm",
    }  # fmt: skip
    for number in range(shape.layers):
        names |= {f"layers.{number}.{our}": f"encoder.layer.{number}.{their}" for our, their in inner.items()}
    for our, their in names.items():
        found |= {f"{their}.{kind}": state[f"{our}.{kind}"] for kind in ("weight", "bias")}
    return found


def features(tokens: Tensor) -> dict[str, Tensor]:
    return {"input_ids": tokens, "attention_mask": tokens.ne(1).long()}


def columns(sample: dict[str, Any]) -> list[dict[str, Tensor]]:
    return [features(sample["net_input"]["src_tokens"]), features(sample["target"])]


def random_batches(trainer: Trainer, shape: Shape) -> Iterator[list[dict[str, Tensor]]]:
    """The same pairs in batches drawn at random, each column padded to its longest."""
    data = trainer.task.dataset("train")
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(1)).tolist()
    for start in range(0, len(order), shape.batch):
        yield columns(data.collater([data[row] for row in order[start : start + shape.batch]]))


def compare_losses(folder: Path, shape: Shape) -> None:
    """Loss and gradient of the words' table on one batch, without dropout, in both settings that both have."""
    for direction in ("forward", "both"):
        trainer = our_trainer(folder, shape, direction, 0.0, [])
        sample = our_batches(trainer)[0]
        loss, size, _ = trainer.get_criterion()(trainer.get_model().train(), sample)
        (loss / size).backward()
        table = trainer.get_model().encoder.sentence_encoder.embed_tokens.weight
        with tempfile.TemporaryDirectory() as place:
            theirs = their_loss(trainer.get_model(), shape, direction, 0.0, Path(place)).train()
        other = theirs(columns(sample), None)
        other.backward()
        their_table = theirs.model[0].auto_model.embeddings.word_embeddings.weight
        gap = float((table.grad - their_table.grad).abs().max() / their_table.grad.abs().max())
        values = f"ours {loss.item() / size:.6f}, theirs {other.item():.6f}"
        print(f"{direction:8} loss: {values}; gradients of the words differ by {gap:.1e}")


def their_step(loss: nn.Module, optimizer: torch.optim.Optimizer, batch: list[dict[str, Tensor]]) -> None:
    loss(batch, None).backward()
    nn.utils.clip_grad_norm_(loss.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("layers", 12), ("dim", 768), ("heads", 12), ("vocabulary", 30_000), ("batch", 32)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument(
        "--steps", type=int, default=12, help="batches of the epoch, each once; the first is also a warm-up"
    )
    parser.add_argument("--args", default="", help="more words for fairseq-train, ours alone")
    args = parser.parse_args()
    logging.disable(logging.INFO)
    fairseq_xling.register()
    shape = Shape(args.layers, args.dim, args.heads, args.vocabulary, args.batch)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_pairs(folder, shape, args.steps * args.batch)
        compare_losses(folder, shape)
        trainer = our_trainer(folder, shape, "forward", 0.1, args.args.split())
        theirs = their_loss(trainer.get_model(), shape, "forward", 0.1, folder / "theirs").train()
    optimizer = torch.optim.AdamW(theirs.parameters(), lr=LEARNING_RATE, weight_decay=0.0, fused=True)
    batches, drawn = our_batches(trainer), list(random_batches(trainer, shape))
    timed: dict[str, Callable[[int], None]] = {
        "ours": lambda i: trainer.train_step([batches[i]]),
        "theirs, same batches": lambda i: their_step(theirs, optimizer, columns(batches[i])),
        "theirs, own batches": lambda i: their_step(theirs, optimizer, drawn[i]),
    }
    seconds = {name: list[float]() for name in timed}
    for step in timed.values():
        step(0)
    for number in range(len(drawn)):
        for name, step in timed.items():
            started = time.perf_counter()
            step(number)
            seconds[name].append(time.perf_counter() - started)
    print(f"{shape}, {torch.get_num_threads()} threads, {len(drawn)} batches")
    rates = {name: len(drawn) * shape.batch / sum(taken) for name, taken in seconds.items()}
    for name, taken in seconds.items():
        print(f"{name:22} {rates[name]:8.1f} pairs a second, {1000 * statistics.median(taken):7.0f} ms a step")
    figures = []
    for kind in ("same batches", "own batches"):
        peer = rates[f"theirs, {kind}"]
        told = f"dual_alignment, training, {kind}", f"{rates['ours']:.1f} pairs/s", f"{peer:.1f} sentence-transformers"
        figures.append(Figure(*told, rates["ours"] / peer, 1.0))
    return tell(figures)


if __name__ == "__main__":
    sys.exit(main())
