"""Progressive stacking as stages (Gong et al. 2019; LaBSE, arXiv 2007.01852, section 3.2), then the dual encoder."""

from __future__ import annotations

from collections.abc import Iterator

from fairseq_xling.rounds import commands
from fairseq_xling.rounds.config import RoundsConfig
from fairseq_xling.rounds.criss import Generator, plan_criss
from fairseq_xling.rounds.options import StackingConfig
from fairseq_xling.rounds.plan import Plan
from fairseq_xling.rounds.stages import File, Product, Stage


def plan_of(config: RoundsConfig) -> Plan:
    """The stages of a run, by the recipe that its configuration asks for."""
    return plan_stacking(config, config.stacking) if config.stacking else plan_criss(config)


def plan_stacking(config: RoundsConfig, stacking: StackingConfig) -> Plan:
    """Round N is stage N of the pretraining; the last round aligns, where that is asked for."""
    return Plan(list(_Stacking(config, stacking).stages()))


class _Stacking(Generator):
    """CRISS's generator with other trainings; how a model is scored, encodes and mines is the same."""

    def __init__(self, config: RoundsConfig, stacking: StackingConfig) -> None:
        super().__init__(config)
        self.stacking = stacking
        self.names = [f"round-{number:02d}/pretrain" for number in range(1, len(stacking.layers) + 1)]
        if stacking.align:
            self.names.append(f"round-{len(self.names) + 1:02d}/align")

    def stages(self) -> Iterator[Stage]:
        yield self._prepare()
        if "surface" in self.config.evaluation.metrics:
            yield from self._surface()
        for number, name in enumerate(self.names, start=1):
            yield self._trained(number, name)
            if self.stacking.mine and number == len(self.names):
                yield from (self._encode(number, code, name) for code in self.mined)
                yield from (stage for pair in self.config.pairs for stage in self._mining(number, pair))
                yield from self._evaluation(number, name)
            else:
                for split in self.config.evaluation.splits:
                    yield from self._retrieved(number, name, split)

    def _model_of(self, number: int) -> str | None:
        return self.names[number - 1]

    def _prepare(self) -> Stage:
        bitext = self.config.bitext
        command = commands.prepare_bitext(self.codes, list(bitext), self.config.pieces.words(), self.config.seed)
        inputs = self._mono(self.codes)
        for name, files in bitext.items():
            inputs |= {f"{name}.{side}": File(path) for side, path in zip(("source", "target"), files, strict=True)}
        return Stage(
            "prepare", "prepare", (command,), inputs, ("data/dict.txt", "data/spm.model"),
            sizes=self._sizes(self.codes), resources=self._resources("prepare"),
        )  # fmt: skip

    def _trained(self, number: int, name: str) -> Stage:
        stacking, seed = self.stacking, self.config.seed
        inputs: dict[str, File | Product] = {"text": Product("prepare")}
        if number > 1:
            inputs["model"] = Product(self.names[number - 2])
        if number <= len(stacking.layers):
            kind, training = "pretrain", commands.stacked(self.codes, stacking, number, seed)
        else:
            assert stacking.align
            kind, training = "align", commands.align(self.codes, stacking, stacking.align, seed)
        slim = commands.slim(f"{commands.CHECKPOINTS}/checkpoint_last.pt", "{text}/data")
        return self._fairseq(name, kind, (training, slim), inputs)

    def _retrieved(self, number: int, model: str, split: str) -> Iterator[Stage]:
        pairs = self._evaluated(split)
        if pairs and "tatoeba" in self.config.evaluation.metrics:
            yield self._retrieval(number, model, split, pairs)
