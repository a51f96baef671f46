"""What the scenarios need."""

from __future__ import annotations

import pytest

from tests.helpers.alone import is_alone

if not is_alone():
    pytest.exit("these tests ask documentation addresses: run them as python -m tests", 4)
