"""Abbreviations in the words of a key's values."""

from pipelines.library.spelled_out import spelled_out, templates_of


def values(text, *templates):
    return {
        found.value: text[found.start : found.end] for found in spelled_out(text, dict.fromkeys(templates, 1))
    }


def test_letters_and_number_become_the_words_of_known_values():
    assert values("HP DL380 G6 server", "Generation") == {"Generation 6": "G6"}
    assert values("HP LTO-4 drive", "Linear Tape Open") == {"Linear Tape Open 4": "LTO-4"}
    assert values("Gen9 blade", "Generation") == {"Generation 9": "Gen9"}


def test_two_joined_by_a_mark_are_offered_as_one_too():
    found = values("rail kit G4/G5", "Generation")
    assert found["Generation 4/Generation 5"] == "G4/G5"


def test_other_letters_stay_what_they_are():
    assert values("DL380 X6", "Generation") == {}


def test_templates_are_what_stands_before_a_number():
    assert templates_of([("Generation 4/Generation 5", 2), ("Generation 9", 1), ("HP", 7)]) == {
        "Generation": 5
    }
