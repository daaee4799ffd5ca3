"""What can be a caller's name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.calls.speech.persons import LONGEST_NAME, plausible_name


@pytest.mark.parametrize(
    "text",
    [
        "Acht Uhr", "acht uhr", "14 Uhr", "bei Anna", "bei Anna um drei", "Unbekannt", "UNBEKANNT",
        "unbekannt", "anonymous", "Anonymous Caller", "anonym", "Unknown", "unknown caller", "Kunde",
        "Neukunde", "Kundin", "Customer", "customer_name", "Herr", "Frau", "Mr.", "Dr.", "Test", "test",
        "Test Kunde", "testuser1", "0151 2345678", "4711", "{{name}}", "{{ customer_name }}", "<name>",
        "[Name]", "${name}", "null", "None", "undefined", "n/a", "N/A", "N.A.", "-", "?", "", "   ",
        "Termin", "ein Termin", "Termin buchen", "Montag", "am Montag", "Freitag Nachmittag", "für Montag",
        "morgen", "morgen früh", "heute Abend", "halb drei", "Viertel nach drei", "Dezember", "A", "x",
        "A B", "xxx", "ja", "Ja bitte", "nein", "egal", "weiß nicht", "ich weiß nicht",
        "möchte ich nicht sagen", "ich", "für zwei Personen", "mein Name ist", "my name is", "keine Angabe",
        "kein Name", "Name", "Vorname", "Vorname Nachname", "string", "Anna@example.com",
        "Sabine Müller; DROP TABLE", "😀", "https://example.com", "Anrufer", "caller", "Patient", "Gast",
        "privat", "withheld", "mein Name ist Unbekannt", "zum Haareschneiden", "der Kunde", "I don't know",
        "tomorrow", "next Tuesday", "half past two", "eins zwei drei",
        "ich möchte einen Termin bei Sabine Müller", "Anna Beate Carla Dora Emma Frieda Gerda", "A" * 300,
        "x" * 81, "von der", "und", "...", "'", "Assistent",
    ],
)  # fmt: skip
def test_what_is_no_name_is_not_taken_for_one(text: str) -> None:
    assert plausible_name(text) is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Sabine Müller", "Sabine Müller"),
        ("  Sabine   Müller ", "Sabine Müller"),
        ("sabine müller", "Sabine Müller"),
        ("SABINE MÜLLER", "Sabine Müller"),
        ("sabine Müller", "Sabine Müller"),
        ("mein Name ist Sabine Müller", "Sabine Müller"),
        ("Ja, guten Tag, mein Name ist Sabine Müller.", "Sabine Müller"),
        ("Müller hier", "Müller"),
        ("Müller am Apparat", "Müller"),
        ("hier ist Sabine Müller", "Sabine Müller"),
        ("hier spricht Frau Müller", "Müller"),
        ("ich heiße Jörg Weiß", "Jörg Weiß"),
        ("Jörg Weiß heiße ich", "Jörg Weiß"),
        ("ich bin die Sabine", "Sabine"),
        ("auf den Namen Schneider", "Schneider"),
        ("für Sabine Müller", "Sabine Müller"),
        ("äh, Meier mit e i", "Meier"),
        ("my name is john smith", "John Smith"),
        ("My name's Mary O'Brien", "Mary O'Brien"),
        ("this is Will Smith speaking", "Will Smith"),
        ("Mary o’brien", "Mary O'Brien"),
        ("Herr Müller", "Müller"),
        ("Frau Dr. Keller", "Dr. Keller"),
        ("dr sabine keller", "Dr. Sabine Keller"),
        ("Müller, Sabine", "Sabine Müller"),
        ("Müller, Sabine Müller", "Sabine Müller"),
        ("M Ü L L E R", "Müller"),
        ("Sabine M-Ü-L-L-E-R", "Sabine Müller"),
        ("Annette von der Leyen", "Annette von der Leyen"),
        ("von der leyen", "von der Leyen"),
        ("ludwig van beethoven", "Ludwig van Beethoven"),
        ("anna-lena müller-lüdenscheidt", "Anna-Lena Müller-Lüdenscheidt"),
        ("Hans - Peter", "Hans-Peter"),
        ("Jean-Luc d'Arc", "Jean-Luc d'Arc"),
        ("José María García", "José María García"),
        ("Nguyễn Văn An", "Nguyễn Văn An"),
        ("An Nguyen", "An Nguyen"),
        ("Li", "Li"),
        ("Ng", "Ng"),
        ("Łukasz Żółć", "Łukasz Żółć"),
        ("Ronald McDonald", "Ronald McDonald"),
        ("Иван Петров", "Иван Петров"),
        ("محمد علي", "محمد علي"),
        ("王伟", "王伟"),
        ("J. R. R. Tolkien", "J. R. R. Tolkien"),
        ("Maria del Carmen García López", "Maria del Carmen García López"),
        ("Frau Sonntag", "Sonntag"),
        ("mein Name ist Freitag", "Freitag"),
        ("Julia Sonntag", "Julia Sonntag"),
        ("Peter Acht", "Peter Acht"),
        ("Max Mustermann", "Max Mustermann"),
        ("Weiß", "Weiß"),
        ("Osama bin Said", "Osama bin Said"),
    ],
)
def test_a_name_is_cleaned(text: str, name: str) -> None:
    assert plausible_name(text) == name


def test_the_words_of_the_business_are_no_name() -> None:
    own = ["Fußpflege", "Praxis am Park", "Filiale Nord"]
    assert plausible_name("fußpflege", own_words=own) is None
    assert plausible_name("Praxis am Park", own_words=own) is None
    assert plausible_name("Parker", own_words=own) == "Parker"


@given(st.text(max_size=250))
def test_no_text_is_too_strange_for_a_name(text: str) -> None:
    name = plausible_name(text)
    assert name is None or (1 <= len(name) <= LONGEST_NAME and not any(c.isdecimal() for c in name))


@given(
    st.sampled_from(["mein Name ist {}", "{} hier", "ich heiße {}", "my name is {}", "ja, {}", "{}, bitte"]),
    st.sampled_from(["Sabine Müller", "O'Brien", "von der Leyen", "Anna-Lena Weiß", "Jan de Vries"]),
)
def test_what_is_said_around_a_name_changes_nothing(frame: str, name: str) -> None:
    assert plausible_name(frame.format(name)) == name
