"""THE table: every edit made to fairseq 0.12.2, what it cures and what is known of it upstream."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Edit:
    """One row: exact texts of one module and what replaces them, line for line."""

    name: str
    module: str
    changes: tuple[tuple[str, str], ...]
    why: str
    upstream: str = "none known"
    hazard: str = ""
    """Regular expression for the fault itself; a fairseq without it is left alone. By default the old texts."""

    def state(self, text: str) -> str:
        """"applies", "already fixed", or what of the row is missing from `text`."""
        hazard = self.hazard or "|".join(re.escape(old) for old, _ in self.changes)
        if re.search(hazard, text) is None:
            return "already fixed"
        for old, _ in self.changes:
            found = text.count(old)
            if found != 1:
                return f"text found {found} times instead of once: {old.strip().splitlines()[0]!r}"
        return "applies"

    def apply(self, text: str) -> str:
        """`text` after the row's changes."""
        for old, new in self.changes:
            text = text.replace(old, new)
        return text


@dataclass(frozen=True)
class EditStatus:
    """A row and what it does to the fairseq that is installed."""

    edit: Edit
    state: str

    @property
    def ok(self) -> bool:
        """False for a row that was disabled or does not fit."""
        return self.state in {"applies", "already fixed"}


def _no_eval(module: str, line: str) -> Edit:
    """A row that takes Python's `eval` away from a module which applies it to strings stored in checkpoints."""
    return Edit(
        name=f"no-eval-{module.rpartition('.')[2].replace('_', '-')}",
        module=module,
        changes=((f"\n{line}\n", f"\n{line}; from fairseq_xling_host.expressions import evaluate as eval\n"),),
        why="options stored in a checkpoint go through eval(), which would run code from it",
        hazard=r"(?<![\w.])eval\(",
    )


EDITS: tuple[Edit, ...] = (
    Edit(
        name="mutable-defaults",
        module="fairseq.dataclass.configs",
        changes=(
            (
                "    _name: Optional[str] = None\n\n    @staticmethod\n",
                "    _name: Optional[str] = None\n"
                "    def __init_subclass__(cls, **kw): super().__init_subclass__(**kw); cls.__hash__ = object.__hash__\n"
                "    @staticmethod\n",
            ),
        ),
        why="Python 3.11 refuses dataclass defaults that cannot be hashed; cures old-style user directories too",
        hazard=r"= CommonConfig\(\)",
    ),
    Edit(
        name="safe-load",
        module="fairseq.checkpoint_utils",
        changes=(
            (
                'state = torch.load(f, map_location=torch.device("cpu"))',
                "import fairseq_xling_host; state = fairseq_xling_host.load_checkpoint_file(f)",
            ),
        ),
        why="torch 2.6 loads tensors only; genuine checkpoints hold an argparse.Namespace, malicious ones hold code",
    ),
    Edit(
        name="safe-load-ema",
        module="fairseq.checkpoint_utils",
        changes=(
            (
                "new_state = torch.load(\n",
                "import fairseq_xling_host; new_state = fairseq_xling_host.load_checkpoint_file(\n",
            ),
        ),
        why="the same for load_ema_from_checkpoint",
    ),
    Edit(
        name="peer-objects",
        module="fairseq.distributed.utils",
        changes=(
            (
                'obj = torch.load(buffer, map_location="cpu")',
                'obj = torch.load(buffer, map_location="cpu", weights_only=False)',
            ),
        ),
        why="ranks of one job send each other Python objects (all_gather_list unpickles them too); torch 2.6 refuses",
    ),
    Edit(
        name="encoder-fast-path",
        module="fairseq.modules.transformer_layer",
        changes=(("        self.can_use_fastpath = (\n", "        self.can_use_fastpath = False and (\n"),),
        why="torch 2 changed the fused encoder call: post-norm encoders failed with 'Mask Type should be defined'",
    ),
    Edit(
        name="numpy-int",
        module="fairseq.data.data_utils",
        changes=(("                    np.int,\n", "                    int,\n"),),
        why="NumPy 1.24 removed np.int",
        hazard=r"np\.int\b",
    ),
    Edit(
        name="numpy-float",
        module="fairseq.modules.dynamic_crf_layer",
        changes=(('np.float("inf")', 'float("inf")'),),
        why="NumPy 1.24 removed np.float",
        hazard=r"np\.float\b",
    ),
    Edit(
        name="numpy-long-blocks",
        module="fairseq.data.token_block_dataset",
        changes=(("dtype=np.compat.long", "dtype=np.int64"),),
        why="NumPy 2 removed np.compat",
        hazard=r"np\.compat\b",
    ),
    Edit(
        name="numpy-long-buckets",
        module="fairseq.data.language_pair_dataset",
        changes=(("otypes=[np.compat.long]", "otypes=[np.int64]"),),
        why="NumPy 2 removed np.compat",
        hazard=r"np\.compat\b",
    ),
    Edit(
        name="bitarray-rindex",
        module="fairseq.data.huffman.huffman_coder",
        changes=(("util.rindex(a, 1)", "a.find(1, right=True)"),),
        why="bitarray 3 removed util.rindex",
    ),
    Edit(
        name="sacrebleu-files",
        module="fairseq_cli.score",
        changes=(
            (
                "sacrebleu.corpus_bleu(fdsys, [fdref])",
                "sacrebleu.corpus_bleu(*([line.rstrip() for line in fd] for fd in [fdsys]), [[line.rstrip() for line in fdref]])",
            ),
        ),
        why="sacrebleu 2 takes lists of sentences, no open files",
    ),
)
