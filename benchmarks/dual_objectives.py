"""TR alone, TR+TLM and TR+RTL on the demo's invented languages: held-out retrieval and BUCC-style F1, several seeds.

    python benchmarks/dual_objectives.py --output runs/dual --seeds 1 2 3 --updates 300

2 000 true pairs of two of the demo's languages, a tower of dual_encoder_tiny, equal numbers of updates. Retrieval: the
demo's 250 test pairs, both directions. BUCC: these pairs among 1 000 sentences a side whose other side is not there;
cosine's ratio margin, best target of each source, F1 at its best threshold. The untrained tower and the surface
baseline are scored the same way. An interrupted run goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from fairseq_xling import USER_DIR
from fairseq_xling.demo.world import WorldConfig, write_world
from fairseq_xling.files import read_lines

PAIR = ("qel", "qtu")
TRAINED, NOISE, BATCH = 2000, 1000, 64
KINDS = {
    "untrained": ["--criterion", "translation_ranking", "--lr", "0"],
    "TR": ["--criterion", "translation_ranking"],
    "TR+TLM": ["--criterion", "translation_ranking", "--tlm-weight", "0.1"],
    "TR+RTL": ["--criterion", "rtl", "--rtl-weight", "1"],
}


def texts(folder: Path) -> None:
    """pairs/{train,valid}.xx-yy.xx, test.xx and bucc.xx with bucc.gold."""
    world = folder / "world"
    write_world(world, WorldConfig())
    (folder / "pairs").mkdir()
    lines = {code: read_lines(str(world / f"mono.{code}")) for code in PAIR}
    ids = {code: [int(number) for number in read_lines(str(world / f"mono.{code}.ids"))] for code in PAIR}
    place = {code: {number: row for row, number in enumerate(ids[code])} for code in PAIR}
    shared = sorted(set(ids[PAIR[0]]) & set(ids[PAIR[1]]))
    stem = "-".join(PAIR)
    test = {code: read_lines(str(world / f"test.{code}")) for code in PAIR}
    for code in PAIR:
        write(folder / "pairs" / f"train.{stem}.{code}", [lines[code][place[code][n]] for n in shared[:TRAINED]])
        write(folder / "pairs" / f"valid.{stem}.{code}", read_lines(str(world / f"dev.{code}")))
        write(folder / f"test.{code}", test[code])
        alone = [line for line, number in zip(lines[code], ids[code], strict=True) if number not in set(shared)]
        write(folder / f"bucc.{code}", [*test[code], *alone[:NOISE]])
    write(folder / "bucc.gold", [f"{row}\t{row}" for row in range(len(test[PAIR[0]]))])


def write(path: Path, lines: list[str]) -> None:
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def run(*words: object, log: Path) -> str:
    """A command of this environment; what it prints, with all it says in `log`."""
    program = [str(Path(sys.executable).with_name(str(words[0]))), *map(str, words[1:])]
    with log.open("a", encoding="utf-8") as stream:
        done = subprocess.run(program, stdout=subprocess.PIPE, stderr=stream, encoding="utf-8", env=environment())
        stream.write(done.stdout)
    if done.returncode:
        raise SystemExit(f"{' '.join(program)} failed: see {log}")
    return done.stdout


def environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1"}


def data(folder: Path) -> Path:
    """What prepare makes of the pairs; the texts first, where they are not there."""
    if not (folder / "data").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        texts(folder)
        stem = "-".join(PAIR)
        for code in PAIR:
            write(folder / f"mono.{code}", read_lines(str(folder / "pairs" / f"train.{stem}.{code}")))
        mono = [f"--mono={code}={folder}/mono.{code}" for code in PAIR]
        words = ["prepare", "--langs", ",".join(PAIR), *mono, "--pairs", folder / "pairs", "--validation", 20]
        run("fairseq-xling", *words, "--vocabulary-size", 400, "--pieces-kind", "bpe", "--output", folder / "data",
            log=folder / "prepare.log")  # fmt: skip
    return folder / "data"


def train(folder: Path, kind: str, seed: int, updates: int) -> Path:
    """The checkpoint after `updates`; one update without learning for the untrained tower."""
    place = folder / kind.replace(" ", "-") / str(seed)
    place.mkdir(parents=True, exist_ok=True)
    most = 1 if kind == "untrained" else updates
    words = [data(folder), "--user-dir", USER_DIR, "--task", "dual_alignment", "--dual-pairs", "-".join(PAIR)]
    words += ["--arch", "dual_encoder_tiny", "--optimizer", "adam", "--adam-betas", "(0.9,0.98)", "--lr", "1e-3"]
    words += ["--lr-scheduler", "inverse_sqrt", "--warmup-updates", 50, "--batch-size", BATCH, "--seed", seed, "--cpu"]
    words += ["--ranking-direction", "both", "--dual-train-head", "--disable-validation", "--no-epoch-checkpoints"]
    if not (place / "checkpoint_last.pt").is_file():
        options = ["--max-update", most, "--save-dir", place, "--log-format", "json", "--dropout", 0.1]
        run("fairseq-train", *words, *options, *KINDS[kind], log=place / "train.log")
    return place


def scores(folder: Path, place: Path, encoder: list[object]) -> dict[str, float]:
    """Retrieval both ways, and BUCC's F1, of whatever `encoder` names."""
    found = place / "scores.json"
    if found.is_file():
        return dict(json.loads(found.read_text(encoding="utf-8")))
    place.mkdir(parents=True, exist_ok=True)
    log, sides = place / "score.log", {}
    for name in ("test", "bucc"):
        for code in PAIR:
            sides[name, code] = place / f"{name}.{code}"
            words = ["--lang", code, "--input", folder / f"{name}.{code}", "--output", sides[name, code]]
            run("fairseq-xling", "encode", *encoder, *words, log=log)
    pair = ["--source", sides["test", PAIR[0]], "--target", sides["test", PAIR[1]]]
    tatoeba = json.loads(run("fairseq-xling", "evaluate", "tatoeba", *pair, "--json", log=log))
    pair = ["--source", sides["bucc", PAIR[0]], "--target", sides["bucc", PAIR[1]]]
    candidates = place / "candidates.tsv"
    mining = ["--retrieval", "forward", "--threshold", "0", "--output", candidates]
    run("fairseq-xling", "mine", *pair, *mining, log=log)
    bucc = json.loads(
        run("fairseq-xling", "evaluate", "bucc", "--candidates", candidates, "--gold", folder / "bucc.gold", "--json",
            log=log)
    )  # fmt: skip
    values = {"retrieval": value_of(tatoeba, "tatoeba.accuracy"), "bucc": value_of(bucc, "bucc.f1.oracle")}
    found.write_text(json.dumps(values), encoding="utf-8")
    return values


def value_of(report: dict[str, object], name: str) -> float:
    """The score of that name for the mean over directions, or the only one."""
    rows = [row for row in report["scores"] if row["name"] == name]  # type: ignore[attr-defined]
    mean = [row for row in rows if row["pair"] == "*"]
    return 100 * statistics.mean(float(row["value"]) for row in mean or rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("runs/dual"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--updates", type=int, default=300)
    args = parser.parse_args()
    folder = args.output.absolute()
    files = ["--dict", data(folder) / "dict.txt", "--spm", data(folder) / "spm.model"]
    fit = ["--encoder", "surface", "--fit", *(folder / f"mono.{code}" for code in PAIR)]
    table = {"surface": [scores(folder, folder / "surface", fit)]}
    for seed in args.seeds:
        for kind in KINDS:
            place = train(folder, kind, seed, args.updates)
            encoder = ["--checkpoint", place / "checkpoint_last.pt", *files]
            table.setdefault(kind, []).append(scores(folder, place, encoder))
    print(f"{'':12} {'retrieval':>18} {'BUCC F1':>18}")
    for kind, rows in table.items():
        cells = []
        for name in ("retrieval", "bucc"):
            values = [row[name] for row in rows]
            spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
            cells.append(f"{statistics.mean(values):.1f}{spread}")
        print(f"{kind:12} {cells[0]:>18} {cells[1]:>18}")


if __name__ == "__main__":
    main()
