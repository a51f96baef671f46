"""Run a command and print what it cost, as JSON: python -IS launcher.py COMMAND...

The peak memory of a process is at least that of the one that started it, so this one is small.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time

started = time.monotonic()
ended = subprocess.run(sys.argv[1:], capture_output=True, check=False)
finished = time.monotonic()
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(
    json.dumps(
        {
            "code": ended.returncode,
            "stdout": ended.stdout.decode("utf-8", "backslashreplace"),
            "stderr": ended.stderr.decode("utf-8", "backslashreplace"),
            "started": started,
            "finished": finished,
            "cpu": used.ru_utime + used.ru_stime,
            "memory": used.ru_maxrss,
        }
    )
)
