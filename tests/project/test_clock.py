"""The clock that is turned by hand."""

from __future__ import annotations

from tests.helpers.nameserver import NameServer
from tests.helpers.plugin import InProcess, Plugin

SLOW = "example.com. MX 0 .\n! * * delay {}"


def test_a_wait_takes_no_time_and_is_told_exactly(plugin: Plugin) -> None:
    with NameServer(SLOW.format(4)) as server:
        output = plugin.ask(server, "-d", "example.com")
    assert output.perfdata["mx_time"] == "4.0s;;;0"
    assert output.seconds < 3


def test_time_passes_by_itself_where_servers_are_elsewhere() -> None:
    plugin = InProcess(real_clock=True)
    with NameServer(SLOW.format(0.3)) as server:
        output = plugin.ask(server, "-d", "example.com")
    assert output.seconds > 0.3
