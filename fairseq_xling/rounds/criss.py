"""CRISS's loop as stages (arXiv 2006.09526, algorithm 2): mine with the round's model, train from the original one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fairseq_xling.languages import Pair, directions
from fairseq_xling.rounds import commands
from fairseq_xling.rounds.config import RoundsConfig
from fairseq_xling.rounds.plan import Plan
from fairseq_xling.rounds.stages import Command, File, Product, Resources, Stage
from fairseq_xling.tilegrid import TileGrid

# Kinds whose arithmetic is the model's: more processors only pay where the model is large.
_OF_MODEL = ("pretrain", "train", "align", "encode", "evaluate", "start")


def plan_criss(config: RoundsConfig) -> Plan:
    """Round 00 is the starting model: encoded, mined, evaluated. Round N trains on what round N-1 mined."""
    return Plan(list(Generator(config).stages()))


class Generator:
    """The stages in their order; a method a kind."""

    def __init__(self, config: RoundsConfig) -> None:
        self.config = config
        self.codes = list(config.languages)
        self.languages = config.start.languages or ",".join(self.codes)
        self.original = "start" if config.start.checkpoint else "pretrain" if config.start.pretrain else "prepare"
        self.mined = list(dict.fromkeys(code for pair in config.pairs for code in pair))

    def stages(self) -> Iterator[Stage]:
        yield from self._start()
        if "surface" in self.config.evaluation.metrics:
            yield from self._surface()
        for number in range(self.config.rounds + 1):
            if number:
                yield from self._training(number)
            model = self._model_of(number)
            if model:
                yield from (self._encode(number, code, model) for code in self.mined)
            yield from (stage for pair in self.config.pairs for stage in self._mining(number, pair))
            yield from self._evaluation(number, model)

    def _model_of(self, number: int) -> str | None:
        """The stage whose model encodes in a round; None in round 0 of a run that starts from the surface."""
        if number:
            return f"round-{number:02d}/train"
        return None if self.config.start.miner == "surface" else self.original

    def _mono(self, codes: Sequence[str]) -> dict[str, File | Product]:
        return {f"mono.{code}": _file(self.config.languages[code].mono, code) for code in codes}

    def _resources(self, kind: str) -> Resources:
        """As configured; left open, a small model gets one processor and a large one all."""
        asked = self.config.resources[kind]
        single = kind in ("prepare", "assemble", "binarise")
        small = kind in _OF_MODEL and self.config.training.arch.endswith("_tiny")
        return replace(asked, cpus=1) if asked.cpus is None and (single or small) else asked

    def _sizes(self, codes: Sequence[str]) -> tuple[int, ...]:
        return tuple(self.config.languages[code].sentences or 0 for code in codes)

    def _start(self) -> Iterator[Stage]:
        start, seed = self.config.start, self.config.seed
        if start.checkpoint and start.spm and start.dict:
            command = commands.slim("{checkpoint}", "", self.languages)
            named = replace(command, words=(*command.words, "--dict", "{dict}", "--spm", "{spm}"))
            given = {"checkpoint": File(start.checkpoint), "dict": File(start.dict), "spm": File(start.spm)}
            yield Stage("start", "start", (named,), given, _MODEL, resources=self._resources("start"))
            return
        prepare = commands.prepare_text(self.codes, self.config.pieces.words(), seed)
        yield Stage(
            "prepare", "prepare", (prepare,), self._mono(self.codes), ("data/dict.txt", "data/spm.model"),
            sizes=self._sizes(self.codes), resources=self._resources("prepare"),
        )  # fmt: skip
        if start.pretrain:
            training = commands.pretrain(self.codes, self.config.training.arch, start.pretrain, seed)
            slim = commands.slim(f"{commands.CHECKPOINTS}/checkpoint_last.pt", "{text}/data")
            yield self._fairseq("pretrain", "pretrain", (training, slim), {"text": Product("prepare")})

    def _fairseq(self, name: str, kind: str, words: tuple[Command, ...], inputs: Mapping[str, File | Product]) -> Stage:
        asked = self._resources(kind)
        training = commands.on_ranks(words[0], asked.nodes, asked.gpus)
        if kind == "train" and asked.nodes > 1 and not asked.gpus and self.config.training.arch.startswith("criss"):
            training = commands.loading_itself(training)
        steps = (training, *words[1:])
        return Stage(
            name, kind, steps, inputs, (*_MODEL, commands.TRAIN_LOG), carried=_CARRIED, dropped=("checkpoints",),
            resources=asked, sizes=self._sizes(self.codes),
        )  # fmt: skip

    def _training(self, number: int) -> Iterator[Stage]:
        config, seed, before = self.config, self.config.seed, f"round-{number - 1:02d}"
        here, originals = f"round-{number:02d}", {"model": Product(self.original)}
        assembled = {f"pairs.{pair}": Product(f"{here}/assemble/{pair}") for pair in config.pairs}
        for pair in config.pairs:
            inputs = {"mined": Product(f"{before}/mine/{pair}"), **self._texts(pair)}
            command = commands.assemble(pair, config.assembly.words(), seed)
            yield Stage(
                f"{here}/assemble/{pair}", "assemble", (command,), inputs, ("data/train.pairs.tsv",),
                resources=self._resources("assemble"), sizes=self._sizes(pair),
            )  # fmt: skip
        resources = self._resources("binarise")
        folders = [f"{{{name}}}/data" for name in assembled]
        files = "{model}/data" if self.original == "prepare" else "{model}/model"
        command = commands.prepare_pairs(self.languages, folders, files, resources.cpus or 1)
        yield Stage(
            f"{here}/binarise", "binarise", (command,), originals | assembled, ("data/dict.txt",), resources=resources
        )
        updates = config.training.updates(number)
        training = commands.train(self.languages, config.training, updates, seed, config.start.has_model)
        slim = commands.slim(f"{commands.CHECKPOINTS}/checkpoint_{config.training.keep}.pt", "{pairs}/data")
        needed: dict[str, File | Product] = {**originals, "pairs": Product(f"{here}/binarise")}
        yield self._fairseq(f"{here}/train", "train", (training, slim), needed)

    def _texts(self, pair: Pair) -> dict[str, File | Product]:
        mono = self._mono(pair)
        return {"source-text": mono[f"mono.{pair.source}"], "target-text": mono[f"mono.{pair.target}"]}

    def _encode(self, number: int, code: str, model: str) -> Stage:
        inputs = {"model": Product(model), **self._mono([code])}
        command = commands.encode(code, f"{{mono.{code}}}", "{out}/vectors", self.config.encoding.words(number))
        return Stage(
            f"round-{number:02d}/encode/{code}", "encode", (command,), inputs, ("vectors/manifest.json",),
            carried=("vectors/shard-*.npy", "vectors/under-way.json"), sizes=self._sizes([code]),
            resources=self._resources("encode"),
        )  # fmt: skip

    def _mining(self, number: int, pair: Pair) -> Iterator[Stage]:
        """The search in one stage, or in several before the one that makes pairs of what they find."""
        here, mining, resources = f"round-{number:02d}", self.config.mining, self._resources("mine")
        mine = Stage(
            f"{here}/mine/{pair}", "mine", (), produces=("pairs.tsv", "pairs.manifest.json"),
            sizes=self._sizes(pair), resources=resources,
        )  # fmt: skip
        if not self._model_of(number):
            words = mining.words(pair, number, but=_OF_VECTORS)
            command = commands.mine_surface(self.mined, pair, words, resources.cpus)
            yield replace(mine, commands=(command,), inputs=self._mono(self.mined))
            return
        inputs: dict[str, File | Product] = {
            side: Product(f"{here}/encode/{code}") for side, code in zip(("source", "target"), pair, strict=True)
        }
        inputs |= self._texts(pair)
        if mining.tiles == 1:
            command = commands.mine(mining.words(pair, number), resources.cpus)
            yield replace(mine, commands=(command,), inputs=inputs, carried=_SEARCHED)
            return
        tiles = dict[str, File | Product]()
        for stage in self._tiles(number, pair, inputs):
            tiles[f"tile.{len(tiles)}"] = Product(stage.name)
            yield stage
        command = commands.merge_tiles(mining.words(pair, number), resources.cpus, list(tiles))
        yield replace(mine, commands=(command,), inputs={**inputs, **tiles}, sizes=())

    def _tiles(self, number: int, pair: Pair, inputs: Mapping[str, File | Product]) -> Iterator[Stage]:
        mining, resources = self.config.mining, self._resources("tiles")
        sources, targets = self._sizes(pair)
        grid = TileGrid.of_number(sources, targets, mining.tiles)
        words = mining.words(pair, number, only=commands.OF_SEARCH)
        for place in range(len(grid)):
            steps = commands.tile(words, resources.cpus, place, len(grid))
            name = f"round-{number:02d}/tiles/{pair}.{place}"
            sizes = tuple(len(part) for part in grid.tile(place))
            found = f"{commands.TILES}/tile-{place:05d}"
            yield Stage(name, "tiles", steps, inputs, (found,), resources=resources, sizes=sizes)

    # ---- evaluation: the only stages that may read ids, dev and test

    def _evaluation(self, number: int, model: str | None) -> Iterator[Stage]:
        metrics, here = self.config.evaluation.metrics, f"round-{number:02d}/evaluate"
        for split in self.config.evaluation.splits:
            pairs = self._evaluated(split)
            if model and pairs and "tatoeba" in metrics:
                yield self._retrieval(number, model, split, pairs)
            translated = [pair for pair in pairs if pair in self.config.translated]
            if model and translated and {"bleu", "chrf"} & set(metrics):
                yield self._translation(f"{here}/translation-{split}", model, split, translated)
        known = [pair for pair in self.config.pairs if all(self.config.languages[code].ids for code in pair)]
        if known and "pairs" in metrics:
            yield self._gold(number, known)

    def _evaluated(self, split: str) -> list[Pair]:
        languages = self.config.languages
        return [pair for pair in self.config.evaluated if all(getattr(languages[code], split) for code in pair)]

    def _split(self, split: str, pairs: Sequence[Pair]) -> dict[str, File | Product]:
        codes = dict.fromkeys(code for pair in pairs for code in pair)
        return {f"{split}.{code}": _file(getattr(self.config.languages[code], split), code) for code in codes}

    def _retrieval(self, number: int, model: str, split: str, pairs: Sequence[Pair]) -> Stage:
        texts = self._split(split, pairs)
        words, name = self.config.encoding.words(number), f"round-{number:02d}/evaluate/retrieval-{split}"
        steps = [
            commands.encode(key.removeprefix(f"{split}."), f"{{{key}}}", f"{{out}}/vectors/{key}", words)
            for key in texts
        ]
        for pair in pairs:
            source, target = (f"{split}.{code}" for code in pair)
            sides = ["--source", f"{{out}}/vectors/{source}", "--target", f"{{out}}/vectors/{target}"]
            sides += ["--source-text", f"{{{source}}}", "--target-text", f"{{{target}}}", "--unshared", *_PLAIN]
            steps.append(commands.evaluate("tatoeba", pair, split, sides))
        return self._scored(name, steps, {"model": Product(model), **texts}, dropped=("vectors",))

    def _translation(self, name: str, model: str, split: str, pairs: Sequence[Pair]) -> Stage:
        texts = self._split(split, pairs)
        both = directions(pairs)
        lines = [f"{s}\t{t}\t{{{split}.{s}}}\t{{out}}/{s}-{t}.txt" for s, t in both]
        judged = [f"{s}\t{t}\t{{{split}.{s}}}\t{{out}}/{s}-{t}.txt\t{{{split}.{t}}}" for s, t in both]
        notes = {"directions.tsv": "\n".join(lines) + "\n", "judged.tsv": "\n".join(judged) + "\n"}
        metrics = [name for name in ("bleu", "chrf") if name in self.config.evaluation.metrics]
        words = ["--directions", "{work}/judged.tsv", "--metrics", *metrics, "--unshared"]
        steps = [
            commands.translate(self.config.translation.words()),
            commands.evaluate("translation", None, split, words),
        ]
        return self._scored(name, steps, {"model": Product(model), **texts}, notes)

    def _gold(self, number: int, pairs: Sequence[Pair]) -> Stage:
        """Mined pairs against concept numbers."""
        here, inputs, steps = f"round-{number:02d}", dict[str, File | Product](), []
        for pair in pairs:
            inputs[f"mined.{pair}"] = Product(f"{here}/mine/{pair}")
            for code in pair:
                inputs[f"ids.{code}"] = _file(self.config.languages[code].ids, code)
            ids = ["--source-ids", f"{{ids.{pair.source}}}", "--target-ids", f"{{ids.{pair.target}}}"]
            steps.append(commands.evaluate("pairs", pair, "mono", ["--pairs", f"{{mined.{pair}}}/pairs.tsv", *ids]))
        return self._scored(f"{here}/evaluate/pairs", steps, inputs)

    def _surface(self) -> Iterator[Stage]:
        """The baseline beside every figure: character n-grams, fitted on the monolingual text."""
        for split in self.config.evaluation.splits:
            pairs = self._evaluated(split)
            if not pairs:
                continue
            texts, fit = self._split(split, pairs), [f"{{mono.{code}}}" for code in self.codes]
            steps = []
            for pair in pairs:
                sides = ["--source", f"{{{split}.{pair.source}}}", "--target", f"{{{split}.{pair.target}}}"]
                words = ["--encoder", "surface", *sides, "--fit", *fit, "--unshared", *_PLAIN]
                steps.append(commands.evaluate("tatoeba", pair, split, words))
            yield self._scored(f"round-00/evaluate/surface-{split}", steps, self._mono(self.codes) | texts)

    def _scored(
        self,
        name: str,
        steps: Sequence[Command],
        inputs: Mapping[str, File | Product],
        notes: Mapping[str, str] | None = None,
        dropped: tuple[str, ...] = (),
    ) -> Stage:
        produced = tuple(step.stdout for step in steps if step.stdout)
        return Stage(
            name, "evaluate", tuple(steps), inputs, produced, notes or {}, dropped=dropped,
            resources=self._resources("evaluate"),
        )  # fmt: skip


_MODEL = ("model/model.pt", "model/dict.txt", "model/spm.model")
# The one accuracy that papers quote: the nearest neighbour, judged by its row.
_PLAIN = ("--at", "1", "--compare", "index")
# What an attempt at a search in parts had found.
_SEARCHED = ("pairs.tiles/*",)
_OF_VECTORS = ("memory_limit", "workers")
_CARRIED = ("checkpoints/checkpoint*.pt", commands.TRAIN_LOG)


def _file(path: Path | None, code: str) -> File:
    """A language's file; in a dry run without files, the place where one would be."""
    return File(path or Path(f"mono.{code}"))
