"""What ``--json`` writes, read and held to its schema."""

from __future__ import annotations

import json
import re
from typing import Any

import fastjsonschema

from tests import ROOT

SCHEMA = json.loads((ROOT / "docs" / "result.schema.json").read_text("utf-8"))
VALIDATE = fastjsonschema.compile(SCHEMA)
STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")


def read(text: str, code: int) -> Any:
    """Return the one document that a run wrote, which ended with the code.

    It is a line of ASCII with nothing in it that HTML or a shell takes for more than itself.
    """
    assert re.fullmatch(r"\{[^\x00-\x1f\x7f-\U0010ffff<>&|`$']*\}\n", text), text[:200]
    whole = json.loads(text)
    VALIDATE(whole)
    assert whole["exit_code"] == code
    for result in (whole, *whole["results"]):
        assert result["state"] == STATES[result["exit_code"]]
        assert result["status"].startswith(f"REVERSE_MX {result['state']} - ")
        assert len(result["status"]) < 500
    return whole
