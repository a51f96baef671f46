"""What Icinga Web shows of an output until it is unfolded: what can be done stands in it."""

from __future__ import annotations

import re

FIRST_LINES = 5

# A problem, and what can be done about it, in the form of each kind of advice.
PROBLEM = re.compile(r"\[(?:CRITICAL|WARNING|UNKNOWN)\] ")
WHAT_TO_DO = re.compile(
    r" +(?:"
    r"(?:or )?(?:fix|add|remove|correct|replace|in place of|have it mended|hint|ask)\b[^:]*: "
    # It is done, and the resolver does not know it yet.
    r"|changed already: "
    # A longer -t, fewer lookups.
    r"|cause: not looked for, as "
    # Nobody can have the record, or somebody is to register the domain first.
    r"|nobody can "
    r"|there is no top-level domain "
    r"|\S+ is (?:not registered: |a registry's)"
    # Another resolver is to be asked.
    r"|the resolver (?:answers out of its own empty zone|says so by a list of its own) "
    r"|the answer is that of AS112 "
    r")"
)
# Problems that no record mends: if one is the worst, and none that can be mended is as bad.
NOTHING_TO_DO = {
    "slowest": "a latency is what -w and -c hold to a range",
    "too-many": "it is the domain's own size, or harm that it means",
    "private-address": "it is so on the inside, if --state makes a problem of it",
    "provider-name": "it is the provider's to choose, if --state makes a problem of it",
    "banner-mismatch": "a provider's host greets as it likes",
    "unusable-address": "the user gave the address with --sender, and no record has it",
}


def assert_cure_is_seen(stdout: str) -> None:
    """Assert that what can be done stands in the first lines of an output with advice."""
    lines = [line for line in stdout.splitlines() if not line.startswith("| ")]
    problem = PROBLEM.match(lines[1]) if len(lines) > 1 else None
    if problem is None or any(WHAT_TO_DO.match(line) for line in lines[:FIRST_LINES]):
        return
    assert "the advice failed: " in stdout or re.match(
        "|".join(NOTHING_TO_DO), lines[1][problem.end() :]
    ), f"no cure in the first lines: {lines[: 2 * FIRST_LINES]}"
