"""The tests of check_reverse_mx, a folder for each kind.

scenarios  what is printed for which zone and arguments: main() called in this process, in tables
process    what only a process shows: signals, deadlines, the output, costs, hostile answers
project    the documents against the program, the rooms, and the helpers of the tests
world      real name servers, receivers, schedulers, a cluster, packaging, the benchmark
helpers    the name server of the tests, and what starts the real ones
trials     longer runs, by themselves: fuzzing, mutants, loss, costs, scale; and the demo

The first three need no daemon. The first two run with the newest and the oldest libraries.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
