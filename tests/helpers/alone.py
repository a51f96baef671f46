"""A network namespace of its own for what runs the plugin on made-up zones.

The plugin asks the name servers that a zone names, and these zones name servers at documentation
and private addresses: no question of theirs may leave the machine.
"""

from __future__ import annotations

import os
import subprocess
import sys

from tests.helpers.loopback import bring_up

# An address at which a test may have a zone's own name server: at loopback none is asked.
AUTHORITY = "192.0.2.53"
# With each of them come all of the network of its class.
ADDRESSES = ("127.0.0.1", AUTHORITY, "10.0.0.53", "198.51.100.53")
# Those of the name servers of ``tests.helpers.worst``.
AUTHORITIES = [f"198.17.{net}.1" for net in range(52)]
ALONE = "REVERSE_MX_TESTS_ARE_ALONE"


def is_alone() -> bool:
    return ALONE in os.environ


def be_alone(module: str, where_possible: bool = False) -> None:
    """Start this Python anew on a module, with the same arguments, where only loopback is.

    ``where_possible`` is whether it may go on as it is on a machine that allows no namespace.
    """
    if not is_alone():
        mapped = ["--map-root-user"] if os.geteuid() else []
        enter = ["unshare", *mapped, "--net"]
        if where_possible and subprocess.run([*enter, "true"], capture_output=True).returncode:
            return
        os.environ[ALONE] = "1"
        os.execvp(enter[0], [*enter, sys.executable, "-m", module, *sys.argv[1:]])
    bring_up(*ADDRESSES, *AUTHORITIES)
