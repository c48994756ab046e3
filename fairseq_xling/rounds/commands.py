"""The words of every command that a run starts; the only place that knows the verbs' and fairseq's options."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace

from fairseq_xling.languages import Pair
from fairseq_xling.rounds.options import AlignConfig, PretrainConfig, StackingConfig, TrainingConfig, is_dual
from fairseq_xling.rounds.stages import PROGRAM, Command

MODEL, MODEL_FILE = "{out}/model", "model/model.pt"
CHECKPOINTS = "{out}/checkpoints"
TRAIN_LOG = "train.log"
TILES = "tiles"
# Options of mining that decide the search; all others decide what is selected of it.
OF_SEARCH = ("mining_k", "unify", "compat", "precision", "memory_limit")
_MINED = shlex.split("""
    --source {source}/vectors --target {target}/vectors --source-text {source-text} --target-text {target-text}
""")

# mBART's noise (arXiv 2001.08210, section 2.1): spans of Poisson(3.5) words, 35 % of the words, each span one mask.
_DENOISING = shlex.split("""
    --task mbart_denoising --add-lang-token --mask 0.35 --mask-length span-poisson --poisson-lambda 3.5
    --replace-length 1 --rotate 0 --sample-break-mode eos --tokens-per-sample 512 --criterion cross_entropy
    --dropout 0.1 --optimizer adam --adam-betas "(0.9,0.98)" --adam-eps 1e-6 --lr 3e-4 --lr-scheduler inverse_sqrt
    --warmup-updates 500 --max-tokens 4000 --disable-validation --valid-subset train
""")
# CRISS, section 4.1: label smoothing 0.2, dropout 0.3.
_TRANSLATION = shlex.split("""
    --task criss --criterion label_smoothed_cross_entropy --label-smoothing 0.2 --dropout 0.3 --optimizer adam
    --adam-betas "(0.9,0.98)" --adam-eps 1e-6 --lr 3e-4 --lr-scheduler inverse_sqrt --warmup-updates 500
    --max-tokens 2000
""")
# XLM's and LaBSE's pretraining (arXiv 2007.01852, section 3): 15 % of the tokens, half of the items joined pairs.
_MASKED = shlex.split("""
    --task masked_pairs --criterion masked_pairs --dropout 0.1 --optimizer adam --adam-betas "(0.9,0.98)"
    --adam-eps 1e-6 --lr 3e-4 --lr-scheduler inverse_sqrt --warmup-updates 500 --max-tokens 4000 --disable-validation
    --valid-subset train
""")
# LaBSE, section 2: both directions summed, margin 0.3 on the cosine; it publishes no scale.
_ALIGNMENT = shlex.split("""
    --task dual_alignment --criterion translation_ranking --ranking-direction both --ranking-combine sum
    --ranking-margin 0.3 --dropout 0.1 --optimizer adam --adam-betas "(0.9,0.98)" --adam-eps 1e-6 --lr 3e-4
    --lr-scheduler inverse_sqrt --warmup-updates 500 --batch-size 128
""")
# What is not validated need not be there.
_UNVALIDATED = ["--disable-validation", "--valid-subset", "train"]

_NEVER = 1_000_000_000


def xling(verb: str, *words: str, stdout: str | None = None, indifferent: Sequence[str] = ()) -> Command:
    return Command((PROGRAM, verb, *words), stdout, tuple(indifferent))


def prepare_text(codes: Sequence[str], pieces: Sequence[str], seed: int) -> Command:
    """SentencePiece, dictionary and binarised text of the monolingual files, which no test set ever enters."""
    mono = [word for code in codes for word in ("--mono", f"{code}={{mono.{code}}}")]
    named = ["--langs", ",".join(codes), *mono, "--validation", "0", "--seed", str(seed)]
    return xling("prepare", *named, *pieces, "--output", "{out}/data")


def prepare_bitext(codes: Sequence[str], bitext: Sequence[str], pieces: Sequence[str], seed: int) -> Command:
    """The same with sentence pairs; `bitext` are pairs of languages as they are written."""
    given = prepare_text(codes, pieces, seed)
    pairs = [word for name in bitext for word in ("--bitext", name, f"{{{name}.source}}", f"{{{name}.target}}")]
    return replace(given, words=(*given.words, *pairs))


def prepare_pairs(languages: str, folders: Sequence[str], files: str, processes: int) -> Command:
    named = ["--langs", languages, "--pairs", *folders, "--spm", f"{files}/spm.model", "--dict", f"{files}/dict.txt"]
    return xling("prepare", *named, "--skip-empty", "--output", "{out}/data", indifferent=("--workers", str(processes)))


def pretrain(codes: Sequence[str], arch: str, config: PretrainConfig, seed: int) -> Command:
    known, steps = ",".join(codes), ["--max-update", str(config.max_update), "--seed", str(seed)]
    objective, named = _DENOISING, ["--langs", known]
    if is_dual(arch):
        objective, named = _MASKED, ["--dual-langs", known, "--masked-mono", known]
    return _fairseq_train("{text}/data", [*objective, "--arch", arch, *named, *steps], config.save_every, config.args)


def stacked(codes: Sequence[str], config: StackingConfig, number: int, seed: int) -> Command:
    """Stage `number`, from 1: masked pretraining at its depth, from the model of the stage before."""
    own = ["--arch", config.arch, "--encoder-layers", str(config.layers[number - 1])]
    own += ["--dual-langs", ",".join(codes), "--masked-mono", ",".join(codes), "--dual-pairs", ",".join(config.bitext)]
    own += ["--max-update", str(config.updates(number)), "--seed", str(seed)]
    if number > 1:
        own += ["--finetune-from-model", f"{{model}}/{MODEL_FILE}", "--dual-stack"]
    return _fairseq_train("{text}/data", [*_MASKED, *own], config.save_every, config.args)


def align(codes: Sequence[str], config: StackingConfig, align: AlignConfig, seed: int) -> Command:
    """The dual encoder, from the deepest model."""
    own = ["--arch", config.arch, "--encoder-layers", str(config.layers[-1]), *_UNVALIDATED]
    own += ["--dual-langs", ",".join(codes), "--dual-pairs", ",".join(config.bitext)]
    own += ["--max-update", str(align.max_update), "--seed", str(seed)]
    own += ["--finetune-from-model", f"{{model}}/{MODEL_FILE}"]
    return _fairseq_train("{text}/data", [*_ALIGNMENT, *own], align.save_every, align.args)


def train(languages: str, config: TrainingConfig, updates: int, seed: int, from_original: bool) -> Command:
    """A round's training: always from the ORIGINAL model (CRISS, algorithm 2), never from the round before."""
    temperature = f"{config.temperature:.12g}"
    if config.is_dual:
        objective, own = _ALIGNMENT, ["--arch", config.arch, "--dual-langs", languages, "--dual-pairs", "found"]
        own += ["--dual-temperature", temperature]
    else:
        objective, own = _TRANSLATION, ["--arch", config.arch, "--criss-langs", languages, "--criss-pairs", "found"]
        own += ["--criss-source-token", config.source_token, "--criss-temperature", temperature]
    own += ["--max-update", str(updates), "--seed", str(seed)]
    if from_original:
        own += ["--finetune-from-model", f"{{model}}/{MODEL_FILE}"]
    if config.keep == "last":
        own += _UNVALIDATED if config.is_dual else ["--disable-validation"]
    return _fairseq_train("{pairs}/data", [*objective, *own], config.save_every, config.args)


def _fairseq_train(data: str, words: Sequence[str], save_every: int, more: str) -> Command:
    saving = ["--save-dir", CHECKPOINTS, "--no-epoch-checkpoints", "--log-format", "json"]
    often: tuple[str, ...] = ("--save-interval-updates", str(save_every), "--keep-interval-updates", "1")
    # Where nothing is validated, how often is saved decides nothing: a training goes on as if it had not been killed.
    decides = "--disable-validation" not in words
    if not decides and "--save-interval" not in shlex.split(more):
        often += ("--save-interval", str(_NEVER))  # not at the end of an epoch too: small data has one every second
    all_words = ("fairseq-train", data, "--user-dir", "{user-dir}", *words, *saving, *shlex.split(more))
    return Command((*all_words, *often), TRAIN_LOG) if decides else Command(all_words, TRAIN_LOG, often)


def on_ranks(training: Command, nodes: int, gpus: int) -> Command:
    """The same training on all GPUs of all nodes, or a rank a node without GPUs: their number decides the result."""
    ranks = nodes * max(1, gpus)
    world = ("--distributed-world-size", str(ranks)) if ranks > 1 else ()
    return replace(training, words=(*training.words[:4], *world, *training.words[4:]))


def loading_itself(training: Command) -> Command:
    """The same training whose ranks load their data themselves.

    Processes for that are new in every epoch, and each imports everything again where fairseq has spawned the rank.
    Not for tasks that draw noise: fairseq loads ahead in a thread, which would take it from the model's own dropout.
    """
    alone = ("--num-workers", "0") if "--num-workers" not in training.words else ()
    return replace(training, indifferent=(*training.indifferent, *alone))


def slim(source: str, files: str, languages: str | None = None) -> Command:
    """What a model needs to be used, in one folder, byte for byte the same for the same weights."""
    named = ["--dict", f"{files}/dict.txt", "--spm", f"{files}/spm.model"] if files else []
    known = ["--langs", languages] if languages else []
    return xling("convert", "--from", "fairseq", "--to", "fairseq", source, MODEL, *named, *known)


def encode(code: str, text: str, output: str, words: Sequence[str]) -> Command:
    checkpoint = f"{{model}}/{MODEL_FILE}"
    return xling("encode", "--checkpoint", checkpoint, "--lang", code, "--input", text, "--output", output, *words,
                 indifferent=("--resume",))  # fmt: skip


def mine(words: Sequence[str], threads: int | None) -> Command:
    """A search in parts goes on where an attempt before was cut short."""
    resumed = ("--resume",) if {"--memory-limit", "--workers"} & set(words) else ()
    return xling("mine", *_MINED, "--ids", "--output", "{out}/pairs.tsv", *words,
                 indifferent=(*_threads(threads), *resumed))  # fmt: skip


def tile(words: Sequence[str], threads: int | None, number: int, of: int) -> tuple[Command, Command]:
    """One part of a search that several stages share; each plans for itself, which is arithmetic."""
    plan = xling("tiles", "plan", *_MINED, "--number", str(of), "--tiles", "{work}/grid", *words)
    search = xling("tiles", "run", str(number), "--tiles", "{work}/grid", "--output", f"{{out}}/{TILES}",
                   indifferent=_threads(threads))  # fmt: skip
    return plan, search


def merge_tiles(words: Sequence[str], threads: int | None, tiles: Sequence[str]) -> Command:
    folders = [f"{{{name}}}/{TILES}" for name in tiles]
    return xling("tiles", "merge", *_MINED, "--ids", "--tiles", *folders, "--output", "{out}/pairs.tsv", *words,
                 indifferent=_threads(threads))  # fmt: skip


def mine_surface(codes: Sequence[str], pair: Pair, words: Sequence[str], threads: int | None) -> Command:
    sides = ["--encoder", "surface", "--source", f"{{mono.{pair.source}}}", "--target", f"{{mono.{pair.target}}}"]
    fit = ["--fit", *(f"{{mono.{code}}}" for code in codes)]
    return xling("mine", *sides, *fit, "--output", "{out}/pairs.tsv", *words, indifferent=_threads(threads))


def _threads(count: int | None) -> tuple[str, ...]:
    return ("--threads", str(count)) if count else ()


def assemble(pair: Pair, words: Sequence[str], seed: int) -> Command:
    named = ["--pairs", "{mined}/pairs.tsv", "--source-text", "{source-text}", "--target-text", "{target-text}"]
    codes = ["--source-lang", pair.source, "--target-lang", pair.target, "--seed", str(seed)]
    # A pair of languages that mined nothing is no fault while others did; `prepare` refuses when none did.
    return xling("assemble", *named, *codes, *words, "--output", "{out}/data", indifferent=("--allow-empty",))


def translate(words: Sequence[str]) -> Command:
    return xling(
        "translate", "--checkpoint", f"{{model}}/{MODEL_FILE}", "--directions", "{work}/directions.tsv", *words
    )


def evaluate(what: str, pair: Pair | None, split: str, words: Sequence[str]) -> Command:
    """One verb of evaluation whose scores become lines of scores.jsonl."""
    codes = ["--source-language", pair.source, "--target-language", pair.target] if pair else []
    name = f"{what}.{split}.{pair}.json" if pair else f"{what}.{split}.json"
    return xling("evaluate", what, *words, *codes, "--split", split, "--json", stdout=name)
