"""CRISS on the invented world: the values that make three rounds work in minutes on a laptop, and why."""

from __future__ import annotations

from typing import Any

from fairseq_xling.demo.world import CODES, WorldConfig

_FILES = ("mono", "dev", "test")
# Words for fairseq-train: a small model wants a high rate, clipped gradients and little dropout. Without --batch-size
# fairseq sizes its batches by tokens, and they shrink to half from the second epoch on. Two ranks of 64 sentences each
# take two cores, which a model of this size does not fill with threads.
_COMMON = "--dropout 0.1 --lr 2e-3 --clip-norm 1.0 --batch-size 64 --max-tokens 1500"
_PRETRAINING = f"{_COMMON} --warmup-updates 100 --tokens-per-sample 64"
_TRAINING = f"{_COMMON} --warmup-updates 50 --label-smoothing 0.1"


def recipe(world: WorldConfig, quick: bool = False) -> dict[str, Any]:
    """The configuration of rounds; its paths are relative to the folder that `write_world` filled.

    Caps follow quality: the first, poor model is believed in its best pairs only (a third round trained on pairs of
    which a third is right would be worse than none). In round 0 the embeddings mine: a model that has only been
    pretrained puts what it needs to rebuild a sentence, and its language, into its last layer. `quick` shrinks every
    count: each stage is seen, nothing learnt.
    """
    languages = {code: {name: f"{name}.{code}" for name in _FILES} | {"ids": f"mono.{code}.ids"} for code in CODES}
    updates = {"pretrain": 20, "train": 15} if quick else {"pretrain": 500, "train": [300, 400, 500]}
    return {
        "seed": world.seed,
        "languages": languages,
        "pairs": "all",
        "rounds": 3,
        "start": {"pretrain": {"max_update": updates["pretrain"], "save_every": 200, "args": _PRETRAINING}},
        # Nearly every word is one piece: short sentences train fast.
        "pieces": {"vocabulary": 700 if quick else 1400, "kind": "bpe"},
        "encoding": {"layer": [0, "last"], "language_token": [False, None]},
        "mining": {"retrieval": "intersect", "threshold": 0, "max_count": [20, 40, 80] if quick else [200, 400, 900]},
        "assembly": {"filters": "", "validation": 2},
        "training": {
            "arch": "criss_tiny",
            "max_update": updates["train"],
            "source_token": "suffix",
            "save_every": 250,
            "args": _TRAINING,
        },
        "translation": {"beam": 1, "max_len_a": 1.5, "max_len_b": 10},
        "resources": {"pretrain": {"nodes": 2}, "train": {"nodes": 2}},
    }
