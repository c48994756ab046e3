"""The package's metadata, and the build step that carries `fairseq_xling_host.pth` into every kind of install."""

import re
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
PTH = "fairseq_xling_host.pth"


class BuildWithPth(build_py):
    """Puts the .pth file where site-packages' own .pth files lie, and lists it, so that uninstalling removes it."""

    def run(self):
        super().run()
        self.copy_file(str(ROOT / PTH), str(self._pth_target()), preserve_mode=False)

    def get_outputs(self, include_bytecode=1):
        outputs = super().get_outputs(include_bytecode)
        return outputs if self.editable_mode else [*outputs, str(Path(self.build_lib) / PTH)]

    def _pth_target(self):
        # An editable install throws build_lib away; what `install` writes goes into the wheel as it is.
        folder = self.get_finalized_command("install").install_lib if self.editable_mode else self.build_lib
        Path(folder).mkdir(parents=True, exist_ok=True)
        return Path(folder) / PTH


def version():
    """`__version__` as the package writes it, read without importing the package."""
    text = (ROOT / "fairseq_xling" / "__init__.py").read_text(encoding="utf-8")
    return re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE).group(1)


def long_description():
    """README.md, which a source tree always has and the packaging page shows."""
    readme = ROOT / "README.md"
    return readme.read_text(encoding="utf-8") if readme.exists() else ""


setup(
    name="fairseq-xling",
    version=version(),
    description="A fairseq plug-in and numeric library for mining parallel text without parallel data",
    long_description=long_description(),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.11",
    packages=find_packages(include=["fairseq_xling", "fairseq_xling.*", "fairseq_xling_host"]),
    package_data={"fairseq_xling": ["py.typed", "**/*.html", "**/*.css", "**/*.js", "**/*.yaml"]},
    # fairseq itself must stay out of this list. 0.12.2 asks for omegaconf<2.1, whose metadata today's pip rejects, so
    # no resolver can satisfy it, not even where fairseq is already there. Install it first, by itself:
    #     pip install --no-deps fairseq==0.12.2
    # What it really needs is listed here instead; `fairseq-xling doctor` checks that it is there.
    install_requires=[
        "torch>=2.6",
        "numpy",
        "hydra-core>=1.3,<1.4",
        "omegaconf>=2.3,<2.4",
        "regex",
        "sacrebleu>=2",
        "tqdm",
        "bitarray>=2.9",
        "sentencepiece",
        "sacremoses",
        "faiss-cpu",
        "scipy",
        "numba",
        "PyYAML",
        "submitit",
    ],
    extras_require={
        # What `make test` and `make lint` use; scikit-learn is the plain expression that tests of text
        # compare with; transformers and sentence-transformers load what `convert` writes.
        "dev": [
            "hypothesis",
            "mypy",
            "pre-commit",
            "pytest>=8",
            "pytest-timeout",
            "ruff",
            "safetensors",
            "scikit-learn",
            "sentence-transformers>=5",
            "transformers>=5",
            "types-PyYAML",
        ],
        # interchange/tokenizer.py and interchange/sentence_transformers.py, whose REQUIREMENTs say the same.
        "huggingface": ["transformers>=5", "safetensors"],
        "sentence-transformers": ["sentence-transformers>=5"],
        # interchange/mteb.py, whose REQUIREMENT says the same.
        "mteb": ["mteb>=2.26"],
    },
    entry_points={"console_scripts": ["fairseq-xling = fairseq_xling.cli.main:main"]},
    cmdclass={"build_py": BuildWithPth},
)
