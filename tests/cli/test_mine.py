"""`mine` as a person runs it."""

from __future__ import annotations

import errno
import gzip
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import cli_environment

from fairseq_xling.cli import mine
from fairseq_xling.cli.main import main
from fairseq_xling.files import read_manifest, sha256_file
from fairseq_xling.mining import MiningConfig, mine_pairs, pairs
from fairseq_xling.neighbours import fellows, memory
from fairseq_xling.neighbours.tilestate import TileState


@pytest.fixture
def sides(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 8)).astype(np.float32) + 1
    y = x[::-1] + 0.2 * rng.normal(size=x.shape).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y)
    (tmp_path / "x.txt").write_text("".join(f"source {i}\n" for i in range(60)))
    (tmp_path / "y.txt").write_text("".join(f"target {i}\n" for i in range(60)))
    return tmp_path, x, y


def run(*arguments):
    return main([str(part) for part in arguments])


def test_ids_manifest_and_json(sides, capsys):
    folder, x, y = sides
    output = folder / "pairs.tsv"
    assert run("mine", "--source", folder / "x.npy", "--target", folder / "y.npy", "--output", output, "--json") == 0
    expected = mine_pairs(x, y)
    columns = zip(expected.scores, expected.source_ids, expected.target_ids, strict=True)
    lines = [f"{score:.7f}\t{source}\t{target}" for score, source, target in columns]
    assert output.read_text().splitlines() == lines
    manifest = read_manifest(folder / "pairs.manifest.json")
    assert manifest.kind == "pairs"
    assert manifest.outputs == {"pairs.tsv": sha256_file(output)}
    assert manifest.inputs[str(folder / "x.npy")] == sha256_file(folder / "x.npy")
    assert manifest.config["threshold"] == 1.06
    captured = capsys.readouterr()
    report = json.loads(captured.out)
    assert report["pairs"] == len(lines)
    assert report["signature"] == MiningConfig().signature
    assert "estimated precision" in captured.err


def test_texts_raw_vectors_and_gzip(sides):
    folder, x, y = sides
    x.tofile(folder / "x.raw")
    y.tofile(folder / "y.raw")
    texts = ("--source-text", folder / "x.txt", "--target-text", folder / "y.txt")
    common = ("--source", folder / "x.raw", "--target", folder / "y.raw", "--dim", 8)
    assert run("mine", *common, *texts, "--output", folder / "p.tsv.gz", "--max-count", 3) == 0
    lines = gzip.decompress((folder / "p.tsv.gz").read_bytes()).decode().splitlines()
    assert len(lines) == 3
    assert all("\tsource " in line and "\ttarget " in line for line in lines)
    assert (folder / "p.manifest.json").is_file()


def test_surface_needs_nothing_but_two_texts(tmp_path):
    (tmp_path / "a.txt").write_text("il gatto nero dorme\nla casa rossa brucia\n\nuna barca veloce parte\n")
    (tmp_path / "b.txt").write_text("una barca velox part\nil gat neri al duar\nla cjase rosse e bruse\n")
    output = tmp_path / "p.tsv"
    assert run("mine", "--source", tmp_path / "a.txt", "--target", tmp_path / "b.txt", "--encoder", "surface",
               "--output", output, "--threshold", 0) == 0  # fmt: skip
    pairs = {tuple(line.split("\t")[1:]) for line in output.read_text().splitlines()}
    assert {("0", "1"), ("1", "2"), ("3", "0")} <= pairs
    assert "encoder:surface" in str(read_manifest(tmp_path / "p.manifest.json").config["encoder"])


def test_same_command_same_bytes(sides):
    folder, _, _ = sides
    inputs = ("--source", folder / "x.npy", "--target", folder / "y.npy")
    for name, extra in (("1.tsv", ("--threads", 1)), ("2.tsv", ("--threads", 2, "--precision", "bf16"))):
        assert run("mine", *inputs, "--output", folder / name, *extra) == 0
    assert (folder / "1.tsv").read_bytes() == (folder / "2.tsv").read_bytes()


def test_in_tiles_by_workers_and_on_again(sides, capsys):
    folder, x, y = sides
    inputs = ("--source", folder / "x.npy", "--target", folder / "y.npy")
    whole, output = folder / "whole.tsv", folder / "p.tsv.gz"
    assert run("mine", *inputs, "--output", whole) == 0
    for words in (("--memory-limit", "1T"), ("--resume",), ("--memory-limit", "1T", "--resume", "--skip-quality")):
        assert run("mine", *inputs, "--output", output, *words) == 0
        assert gzip.decompress(output.read_bytes()) == whole.read_bytes()
        assert not (folder / "p.tiles").exists()
    assert read_manifest(folder / "p.manifest.json").key == read_manifest(folder / "whole.manifest.json").key
    (folder / "p.tiles").mkdir()
    (folder / "p.tiles" / "own.txt").touch()
    assert run("mine", *inputs, "--output", output, "--resume") == 2
    assert "p.tiles is in the way: it holds own.txt" in capsys.readouterr().err
    assert run("mine", "--source", folder / "x.txt", "--target", folder / "y.txt", "--encoder", "surface",
               "--output", folder / "s.tsv", "--resume") == 2  # fmt: skip
    assert "are for vectors, but character n-grams are held in memory" in capsys.readouterr().err


def test_an_interrupt_names_the_tiles_that_are_finished(sides, capsys, monkeypatch):
    folder, _, _ = sides
    monkeypatch.setattr(memory, "_MOST_ROWS", 40)
    words = ("mine", "--source", folder / "x.npy", "--target", folder / "y.npy", "--output", folder / "p.tsv")
    save = TileState.save

    def interrupted(state, number, tile):
        save(state, number, tile)
        if len(state.missing()) == len(state.grid) - 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(TileState, "save", interrupted)
        assert run(*words, "--resume") == 130
    *_, kept, said = capsys.readouterr().err.splitlines()
    assert kept.endswith(
        f"2 finished tiles are in {folder / 'p.tiles'}: the same command with --resume goes on with them"
    )
    assert said == "fairseq-xling: error: interrupted; nothing half-written was left"
    assert run(*words, "--resume") == 0
    assert "2 of 9 tiles are there already" in capsys.readouterr().err
    assert not (folder / "p.tiles").exists()


def test_a_full_disk_is_named_and_tiles_are_kept(sides, capsys, monkeypatch):
    folder, _, _ = sides
    monkeypatch.setattr(memory, "_MOST_ROWS", 40)
    words = ("mine", "--source", folder / "x.npy", "--target", folder / "y.npy", "--output", folder / "p.tsv")
    sync, syncs = os.fsync, []

    def full(file):
        syncs.append(file)
        if len(syncs) == 3:  # the plan, a tile, and now
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(file)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert run(*words, "--resume") == 2
    kept, said = capsys.readouterr().err.splitlines()[-2:]
    assert kept.endswith(
        f"1 finished tiles are in {folder / 'p.tiles'}: the same command with --resume goes on with them"
    )
    assert said == f"fairseq-xling: error: {folder / 'p.tiles' / 'tile-00001'}: No space left on device"
    assert run(*words, "--resume") == 0


def test_nobody_else_works_in_the_folder_before_it_is_removed(sides, monkeypatch):
    """Also while pairs are judged and written, long after the search."""
    folder, _, _ = sides
    seen, write = [], pairs.MinedPairs.write

    def written(mined, path, *texts):
        program = "import sys; from pathlib import Path; from fairseq_xling.neighbours.tilestate import alone_in\n"
        program += "with alone_in(Path(sys.argv[1])): pass"
        call = [sys.executable, "-c", program, str(folder / "p.tiles")]
        seen.append(subprocess.run(call, capture_output=True, text=True, env=cli_environment()).stderr)
        write(mined, path, *texts)

    monkeypatch.setattr(pairs.MinedPairs, "write", written)
    inputs = ("--source", folder / "x.npy", "--target", folder / "y.npy")
    assert run("mine", *inputs, "--output", folder / "p.tsv", "--resume") == 0
    assert "another process works in" in seen[0]
    assert not (folder / "p.tiles").exists()


def test_a_fault_after_the_search_keeps_its_tiles(sides, capsys):
    folder, x, _ = sides
    np.save(folder / "one.npy", x[:1])
    words = ("mine", "--source", folder / "one.npy", "--target", folder / "one.npy", "--output", folder / "p.tsv")
    assert run(*words, "--suggested-cap", "--resume") == 2
    assert "too few sentences" in capsys.readouterr().err
    assert len(list((folder / "p.tiles").glob("tile-*"))) == 1
    assert run(*words, "--resume", "--threshold", 0) == 0
    assert not (folder / "p.tiles").exists()


def test_workers_begin_where_there_is_enough_to_search(sides, monkeypatch):
    folder, _, _ = sides
    begun, init = [], fellows.Fellows.__init__
    monkeypatch.setattr(fellows.Fellows, "__init__", lambda self, number: (begun.append(number), init(self, number))[1])
    words = ("mine", "--source", folder / "x.npy", "--target", folder / "y.npy", "--workers", 2, "--threads", 2)
    assert run(*words, "--output", folder / "p.tsv") == 0
    monkeypatch.setattr(mine, "_SHARED_FROM", 60 * 60 * 8)
    assert run(*words, "--output", folder / "q.tsv") == 0
    assert begun == [0, 1]
    assert (folder / "p.tsv").read_bytes() == (folder / "q.tsv").read_bytes()


FAULTS = [
    (["--source", "none.npy"], "none.npy does not exist"),
    (["--source", "x.txt"], "x.txt is neither .npy nor a vector directory"),
    (["--source", "cut.npy"], "cut.npy is not a complete .npy file"),
    (["--source", "empty.npy"], "no rows"),
    (["--source", "nan.npy"], "row 1 (from 0) holds a NaN"),
    (["--source-text", "x.txt"], "--target-text"),
    (["--source-text", "y.txt.short", "--target-text", "y.txt"], "has 60 rows, but"),
    (["--source-text", "tab.txt", "--target-text", "y.txt"], "tab.txt:2: the sentence holds a TAB"),
    (["--source-text", "bad.txt", "--target-text", "y.txt"], "bad.txt:1: byte 0xff"),
    (["--output", "nowhere/p.tsv"], "nowhere is not a directory"),
    (["--mining-k", "0"], "`mining_k` must be at least 1"),
    (["--margin", "ration"], "invalid choice: 'ration'"),
    (["--thresold", "1"], "unrecognized arguments: --thresold"),
    (["--unify"], "needs the texts"),
    (["--index", "IVF64;Flat"], "`index` must be exact, auto, likely, likely:0.95 or a faiss factory"),
    (["--index", "likely:7"], "recall aimed at must be between 0 and 1"),
    (["--device", "cuda"], "--device cuda needs a GPU"),
    (["--device", "cuda", "--index", "likely"], "`device` cuda searches all pairs in one process"),
    (["--index", "likely", "--memory-limit", "2G"], "`index` likely holds all vectors in one process"),
    (["--index", "Nonsense"], "`index` Nonsense: faiss cannot use it for 60 x 60 vectors of dimension 8"),
    (["--index", "IVF4096,Flat"], "Number of training points (120) should be at least as large as number of clusters"),
    (["--index", "PQ3"], "should be a multiple of the number of subquantizers"),
    (["--fit", "x.txt"], "--encoder surface"),
    (["--memory-limit", "2GB"], "`memory_limit` must be a number with K, M, G or T, as 2G, but is '2GB'"),
    (["--memory-limit", "20M"], "--memory-limit 20M is too little for 60 x 60 vectors of length 8 and 1 worker: give"),
    (["--workers", "0"], "`workers` must be at least 1"),
]


@pytest.mark.parametrize(("options", "message"), FAULTS, ids=[" ".join(options) for options, _ in FAULTS])
def test_a_fault_is_one_line_and_leaves_nothing(sides, capsys, monkeypatch, options, message):
    folder, x, _ = sides
    monkeypatch.chdir(folder)
    (folder / "cut.npy").write_bytes((folder / "x.npy").read_bytes()[:-5])
    np.save(folder / "empty.npy", x[:0])
    broken = x.copy()
    broken[1, 2] = np.nan
    np.save(folder / "nan.npy", broken)
    (folder / "y.txt.short").write_text("one\n")
    (folder / "tab.txt").write_text("fine\nnot\tfine\n" + "x\n" * 58)
    (folder / "bad.txt").write_bytes(b"\xff\n" + b"x\n" * 59)
    before = set(folder.iterdir())
    arguments = {"--source": "x.npy", "--target": "y.npy", "--output": "p.tsv"}
    given = [part for name, value in arguments.items() if name not in options for part in (name, value)]
    assert run("mine", *given, *options) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("fairseq-xling: error: ")
    assert message in captured.err
    assert captured.out == ""
    assert set(folder.iterdir()) == before


def test_help_reads_like_a_manual_page():
    text = subprocess.run(
        [sys.executable, "-m", "fairseq_xling", "mine", "--help"], capture_output=True, text=True, check=True
    ).stdout
    for option in ("--source", "--margin", "--retrieval", "--mining-k", "--threshold", "--unify", "--compat", "--fit"):
        assert option in text
    assert "(default: 4)" in text
    assert max(map(len, text.splitlines())) <= 125


def test_ids_are_written_where_texts_only_serve_to_unify(sides):
    folder, x, y = sides
    (folder / "x.txt").write_text("".join(f"source\t{i // 2}\n" for i in range(60)))  # a TAB would not fit a TSV
    common = ("--source", folder / "x.npy", "--target", folder / "y.npy")
    texts = ("--source-text", folder / "x.txt", "--target-text", folder / "y.txt", "--unify", "--ids")
    assert run("mine", *common, *texts, "--output", folder / "unified.tsv") == 0
    rows = [line.split("\t") for line in (folder / "unified.tsv").read_text().splitlines()]
    sources = [int(source) for _, source, target in rows if int(target) < 60]
    assert sources
    assert all(source % 2 == 0 for source in sources)  # the first of each two equal lines
    assert run("mine", *common, *texts[:-1], "--output", folder / "texts.tsv") == 2


def test_an_approximate_index_is_in_signature_manifest_and_on_stderr(sides, capsys):
    folder, x, y = sides
    inputs = ("--source", folder / "x.npy", "--target", folder / "y.npy", "--threshold", 0)
    for index in ("exact", "auto", "IVF8,Flat", "Flat"):
        assert run("mine", *inputs, "--output", folder / f"{index}.tsv", "--index", index, "--json") == 0
        captured = capsys.readouterr()
        manifest = read_manifest(folder / f"{index}.manifest.json")
        meant = {"auto": "exact", "IVF8,Flat": "IVF8,Flat:nprobe=1"}.get(index, index)
        assert manifest.config["index"] == manifest.counts["search"]["index"] == meant
        report = json.loads(captured.out)
        if meant == "exact":
            assert "index" not in report["signature"]
            assert "index" not in captured.err
        else:
            assert f"|index:{meant}|" in report["signature"]
            recall = manifest.counts["search"]["forward_recall"]
            assert f"index {meant}: found {recall:.2%} of the sources' neighbours" in captured.err
            assert (recall == 1) == (index == "Flat")
    assert (folder / "exact.tsv").read_bytes() == (folder / "auto.tsv").read_bytes()
    assert (folder / "exact.tsv").read_bytes() == (folder / "Flat.tsv").read_bytes()


def test_n_grams_have_no_approximate_index(tmp_path, capsys):
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text("una riga\nun'altra\n")
    inputs = ("--source", tmp_path / "a.txt", "--target", tmp_path / "b.txt", "--encoder", "surface")
    for index, code in (("auto", 0), ("exact", 0), ("likely", 2), ("Flat", 2)):
        assert run("mine", *inputs, "--output", tmp_path / f"{index}.tsv", "--index", index) == code
    assert (tmp_path / "auto.tsv").read_bytes() == (tmp_path / "exact.tsv").read_bytes()
    assert "--index Flat is for vectors in memory; n-grams" in capsys.readouterr().err
