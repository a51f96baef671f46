"""The Pythons that the plugin is for, those of them that this machine has."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

VERSIONS = [f"3.{minor}" for minor in range(9, 14)]
PYENV = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")


def _candidates(version: str) -> Iterator[Path]:
    """Yield what may be a Python of that version, in the PATH or among those of pyenv."""
    in_path = shutil.which(f"python{version}")
    if in_path:
        yield Path(in_path)
    yield from sorted(PYENV.glob(f"versions/{version}.*/bin/python{version}"))


def _runs(python: Path) -> bool:
    """Whether it is more than pyenv's place holder for a Python that is not in use."""
    return subprocess.run([python, "-V"], capture_output=True, check=False).returncode == 0


FOUND = {
    version: python
    for version in VERSIONS
    for python in [next(filter(_runs, _candidates(version)), None)]
    if python is not None
}
