"""`fairseq-xling iterate`, whose stages are small scripts: python -m references.stub_iterate TEXT SCRIPT ARGUMENTS…"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from references.stub_rounds import local, small_plan

from fairseq_xling.cli.main import main
from fairseq_xling.rounds import drive

if __name__ == "__main__":
    text, script, *arguments = sys.argv[1:]
    plan = small_plan(Path(text), **({"twice": script} if script else {}))
    chosen = drive._executor

    def executor(name: str, run: Any, *others: Any) -> Any:
        return local(run.root, plan) if name == "local" else chosen(name, run, *others)

    drive.plan_of = lambda config: plan
    drive._executor = executor  # type: ignore[assignment]
    sys.exit(main(["iterate", *arguments]))
