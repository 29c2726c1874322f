"""Columns of a sweep's table: nothing is lost where names of arguments, results and errors meet."""

import itertools

import pytest

from nn.sweeping.sweep_table import Member, SweepTable

NAMES = ("lr", "error", "result", "result.lr", "result.error", "member.error", 1)


@pytest.mark.parametrize("failed", [False, True])
def test_every_argument_result_and_error_is_in_a_column(failed):
    parts = [names for count in (0, 1, 2) for names in itertools.combinations(NAMES, count)]
    for arguments, results in itertools.product(parts, parts):
        if 1 in arguments:
            continue
        members = [Member({name: f"a {name}" for name in arguments}, {name: f"r {name}" for name in results}, True)]
        members += [Member({"seed": 1}, "whole", True)]
        if failed:
            members.append(Member({"seed": 2}, error="ValueError: no"))
        found = SweepTable(members).columns()
        wanted = {f"a {name}" for name in arguments} | {f"r {name}" for name in results} | {1, "whole"}
        wanted |= {2, "ValueError: no"} if failed else set()
        assert {cell for cells in found.values() for cell in cells} - {None, ""} == wanted, (arguments, results)
        assert all(found[name][0] == f"a {name}" for name in arguments)
        assert {len(cells) for cells in found.values()} == {len(members)}
        assert len(str(SweepTable(members)).splitlines()) == 1 + len(members)


def test_names_that_meet_are_told_apart_by_prefixes():
    done, failed = Member({"lr": 0.1}, {"lr": 0.2, "error": 0.3}, True), Member({"lr": 9.0}, error="ValueError: no")
    assert SweepTable([done, failed]).columns() == {
        "lr": [0.1, 9.0],
        "result.lr": [0.2, None],
        "error": [0.3, None],
        "member.error": ["", "ValueError: no"],
    }
    assert SweepTable([Member({"result": 1}, 2, True)]).columns() == {"result": [1], "result.result": [2]}
