"""Make the one file to drop into a plugin directory: PYTHON one_file.py FILE

A zip archive that Python runs (PEP 441). Beside each source is the bytecode of the Python that
makes it, which loads as fast as what is installed; another Python takes the source. Nothing is
compressed, as unpacking costs more than reading. The same input makes the same octets.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Unchecked: Python would compare what is checked with the source, by time or by hash. Sets among
# the constants come in the order of their hashes.
COMPILE = ["-m", "compileall", "-q", "-b", "--invalidation-mode", "unchecked-hash", "-s"]
REPEATABLE = {**os.environ, "PYTHONHASHSEED": "0"}


def make(file: Path) -> None:
    """Make the file, with its interpreter, which has to have the libraries, in the first line."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(ROOT / "check_reverse_mx.py", folder / "__main__.py")
        (folder / "reverse_mx").mkdir()
        for room in ROOT.glob("reverse_mx/*.py"):
            shutil.copy(room, folder / "reverse_mx")
        subprocess.run([sys.executable, *COMPILE, name, name], env=REPEATABLE, check=True)
        file.parent.mkdir(parents=True, exist_ok=True)
        with open(file, "wb") as opened:
            opened.write(f"#!{sys.executable}\n".encode())
            with zipfile.ZipFile(opened, "w") as archive:
                for path in sorted(folder.rglob("*.py*")):
                    # Of 1980, as the time is that of a ZipInfo made from no file.
                    entry = zipfile.ZipInfo(str(path.relative_to(folder)))
                    archive.writestr(entry, path.read_bytes())
    file.chmod(0o755)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
