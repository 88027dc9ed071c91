"""`speechai do-not-call`: add, lift, list and load, with their exit codes and nothing whole on the screen."""

from __future__ import annotations

from tests.cli.conftest import Command


def test_a_phone_and_an_id_are_added_listed_and_lifted(served: Command) -> None:
    added = served("do-not-call", "add", "+56961234567", "12.345.678-5", "--because", "by letter", "--by", "ana")
    assert (added.code, added.out) == (0, "Added: 1 person, 1 phone.\n")
    again = served("do-not-call", "add", "961234567", "--because", "once more", "--json")
    assert again.json == {"named": 1, "people": 0, "phones": 0}
    listed = served("do-not-call", "list", "--json").json
    assert [(one["kind"], one["who"], one["why"], one["by"]) for one in listed] == [
        ("phone", "+569****4567", "by letter", "ana"),
        ("person", "CL ****78-5", "by letter", "ana"),
    ]
    shown = served("do-not-call", "list")
    assert "+569****4567" in shown.out
    assert "961234567" not in shown.out
    assert "+56961234567" in served("do-not-call", "list", "--full").out
    lifted = served("do-not-call", "lift", "961234567", "12345678-5", "--because", "a mistake")
    assert (lifted.code, lifted.out) == (0, "Lifted: 1 person, 1 phone.\n")
    assert served("do-not-call", "list").out == "Nobody is on the do-not-call list.\n"


def test_a_file_is_loaded_and_what_could_not_be_read_ends_the_command_with_1(served: Command) -> None:
    file = served.folder / "list.csv"
    file.write_text("RUT;CELULAR\n12345678-5;961234567\n12345678-9;\n", encoding="utf-8")
    loaded = served("do-not-call", "load", file, "--because", "register of November", "--json")
    assert loaded.code == 1
    assert {name: loaded.json[name] for name in ("rows", "named", "people", "phones")} == {
        "rows": 2, "named": 2, "people": 1, "phones": 1,
    }  # fmt: skip
    assert [(fault["row"], fault["column"], fault["value"]) for fault in loaded.json["faults"]] == [
        (3, "RUT", "12345678-9")
    ]
    assert "1 cells could not be read" in loaded.err
    file.write_text("RUT;CELULAR\n12345678-5;961234567\n", encoding="utf-8")
    again = served("do-not-call", "load", file, "--because", "register of November")
    assert (again.code, again.out) == (0, "1 rows. Added: 0 people, 0 phones; 2 as before.\n")


def test_what_cannot_be_understood_changes_nothing_and_ends_with_2(served: Command) -> None:
    refused = served("do-not-call", "add", "961234567", "12345678-9", "--because", "by letter")
    assert refused.code == 2
    assert "check digit" in refused.message()
    assert "12345678" not in refused.err
    assert served("do-not-call", "list", "--json").json == []


def test_every_change_says_why(alone: Command) -> None:
    refused = alone("do-not-call", "add", "961234567")
    assert refused.code == 2
    assert "--because" in refused.message()
