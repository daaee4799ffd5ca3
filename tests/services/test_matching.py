"""Which service a caller means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.services.matching import (
    ServiceName,
    find_service_in,
    match_branch,
    match_service,
    match_service_id,
)


def offered(*names: str | tuple[str, ...]) -> list[ServiceName]:
    """Services by their name, or name and synonyms; key and event type by their place."""
    spelled = [(name,) if isinstance(name, str) else name for name in names]
    return [
        ServiceName(key, name.lower().replace(" ", "-"), name, tuple(synonyms), (100 + key,))
        for key, (name, *synonyms) in enumerate(spelled)
    ]


HAIR = offered(
    "Damenhaarschnitt", "Herrenhaarschnitt", "Kinderhaarschnitt", ("Balayage", "Strähnen"), "Färben",
    "Waschen, Schneiden, Föhnen", "Dauerwelle", "Bart trimmen", "Beratung",
)  # fmt: skip
BEAUTY = offered(
    ("Fußpflege", "Pediküre"), "Medizinische Fußpflege", "Maniküre", "Maniküre mit Gel",
    "Massage 30 Minuten", "Massage 60 Minuten", "Hot-Stone-Massage", "Gesichtsbehandlung",
    "Abend-Make-up", "Braut-Make-up",
)  # fmt: skip
PRACTICE = offered(
    "Erstgespräch", ("Vorsorgeuntersuchung", "Check-up"), ("Professionelle Zahnreinigung", "PZR"),
    "Kontrolltermin", "Akutsprechstunde", "Impfung", "Blutabnahme",
    ("Krankengymnastik", "KG", "Physiotherapie"),
    "Manuelle Lymphdrainage 45 Minuten", "Manuelle Lymphdrainage 60 Minuten",
)  # fmt: skip
GARAGE = offered(
    "Ölwechsel", ("Reifenwechsel", "Räderwechsel"), "Inspektion", ("TÜV/HU", "Hauptuntersuchung"),
    "Bremsen prüfen", "Innenreinigung", "Außenreinigung", "Klimaservice",
)  # fmt: skip
ENGLISH = offered(
    "Men's haircut", "Women's haircut", "Beard trim", "Massage 30 minutes", "Massage 60 minutes",
    "Consultation",
)  # fmt: skip
LISTS = [HAIR, BEAUTY, PRACTICE, GARAGE, ENGLISH]


def matched(spoken: str, services: list[ServiceName]) -> list[str]:
    return [services[key].name for key in match_service(spoken, services).keys]


def found(text: str, services: list[ServiceName]) -> list[str]:
    return [services[key].name for key in find_service_in(text, services).keys]


@pytest.mark.parametrize(
    ("spoken", "name", "services"),
    [
        ("Herrenhaarschnitt", "Herrenhaarschnitt", HAIR),
        ("HERRENHAARSCHNITT", "Herrenhaarschnitt", HAIR),
        ("Herren Haarschnitt", "Herrenhaarschnitt", HAIR),
        ("Haarschnitt für Herren", "Herrenhaarschnitt", HAIR),
        ("Haarschnitt für meinen Mann", "Herrenhaarschnitt", HAIR),
        ("Haarschnitt für meinen Sohn", "Kinderhaarschnitt", HAIR),
        ("Herrenschnitt", "Herrenhaarschnitt", HAIR),
        ("Frauenhaarschnitt", "Damenhaarschnitt", HAIR),
        ("einen Herrenhaarschnit bitte", "Herrenhaarschnitt", HAIR),
        ("Damenhaarschnitte", "Damenhaarschnitt", HAIR),
        ("faerben", "Färben", HAIR),
        ("Haare färben", "Färben", HAIR),
        ("straehnen", "Balayage", HAIR),
        ("waschen schneiden fönen", "Waschen, Schneiden, Föhnen", HAIR),
        ("Barttrimmen", "Bart trimmen", HAIR),
        ("Dauerwellen", "Dauerwelle", HAIR),
        ("Fußpflege", "Fußpflege", BEAUTY),
        ("Fuß Pflege", "Fußpflege", BEAUTY),
        ("fusspflege", "Fußpflege", BEAUTY),
        ("Fuss Flege", "Fußpflege", BEAUTY),
        ("zur Fußpflege", "Fußpflege", BEAUTY),
        ("pedikuere", "Fußpflege", BEAUTY),
        ("Pedi küre", "Fußpflege", BEAUTY),
        ("Medikure", "Fußpflege", BEAUTY),
        ("medizinische Fusspflege", "Medizinische Fußpflege", BEAUTY),
        ("Maniküre", "Maniküre", BEAUTY),
        ("Gesicht", "Gesichtsbehandlung", BEAUTY),
        ("Hotstone Massage", "Hot-Stone-Massage", BEAUTY),
        ("Abend Make up", "Abend-Make-up", BEAUTY),
        ("Zähne reinigen", "Professionelle Zahnreinigung", PRACTICE),
        ("pzr", "Professionelle Zahnreinigung", PRACTICE),
        ("Checkup", "Vorsorgeuntersuchung", PRACTICE),
        ("zur Kontrolle", "Kontrolltermin", PRACTICE),
        ("impfen", "Impfung", PRACTICE),
        ("Blut abnehmen", "Blutabnahme", PRACTICE),
        ("KG", "Krankengymnastik", PRACTICE),
        ("Krankengymnastick", "Krankengymnastik", PRACTICE),
        ("Oelwechsel", "Ölwechsel", GARAGE),
        ("Öl wechseln", "Ölwechsel", GARAGE),
        ("Räder wechseln", "Reifenwechsel", GARAGE),
        ("TÜV", "TÜV/HU", GARAGE),
        ("aussenreinigung", "Außenreinigung", GARAGE),
        ("Klima Service", "Klimaservice", GARAGE),
        ("a haircut for men", "Men's haircut", ENGLISH),
        ("ladies' haircut", "Women's haircut", ENGLISH),
        ("mens hair cut", "Men's haircut", ENGLISH),
    ],
)
def test_a_name_is_found_as_it_is_heard(spoken: str, name: str, services: list[ServiceName]) -> None:
    assert matched(spoken, services) == [name]


@pytest.mark.parametrize(
    ("spoken", "names", "services"),
    [
        ("Haarschnitt", {"Damenhaarschnitt", "Herrenhaarschnitt", "Kinderhaarschnitt"}, HAIR),
        ("Haare schneiden", {"Damenhaarschnitt", "Herrenhaarschnitt", "Kinderhaarschnitt"}, HAIR),
        ("Dauerwelle und Färben", {"Dauerwelle", "Färben"}, HAIR),
        ("Massage", {"Massage 30 Minuten", "Massage 60 Minuten"}, BEAUTY),
        ("Rückenmassage", {"Massage 30 Minuten", "Massage 60 Minuten"}, BEAUTY),
        ("Make-up", {"Abend-Make-up", "Braut-Make-up"}, BEAUTY),
        (
            "Lymphdrainage",
            {"Manuelle Lymphdrainage 45 Minuten", "Manuelle Lymphdrainage 60 Minuten"},
            PRACTICE,
        ),
        ("Reinigung", {"Innenreinigung", "Außenreinigung"}, GARAGE),
        ("Wechsel", {"Ölwechsel", "Reifenwechsel"}, GARAGE),
        ("haircut", {"Men's haircut", "Women's haircut"}, ENGLISH),
    ],
)
def test_what_fits_several_is_asked_about(spoken: str, names: set[str], services: list[ServiceName]) -> None:
    assert set(matched(spoken, services)) == names


@pytest.mark.parametrize(
    ("spoken", "services"),
    [
        ("Maniküre", HAIR),
        ("Hundehaarschnitt", HAIR),
        ("Nachsorgeuntersuchung", PRACTICE),
        ("Rezept", PRACTICE),
        ("Termin", PRACTICE),
        ("irgendwas", BEAUTY),
        ("egal", BEAUTY),
        ("das Übliche", BEAUTY),
        ("was kostet das", BEAUTY),
        ("A", BEAUTY),
        ("", BEAUTY),
        ("Herr Müller", HAIR),
        ("Herrenhaarschnitt", offered("Damenhaarschnitt", "Färben")),
        ("Haarschnitt Herren", offered("Damenhaarschnitt", "Färben")),
        ("Massage 45 Minuten", offered("Massage 30 Minuten", "Maniküre")),
        ("Innenreinigung", offered("Außenreinigung", "Ölwechsel")),
    ],
)
def test_what_fits_nothing_is_not_guessed(spoken: str, services: list[ServiceName]) -> None:
    assert matched(spoken, services) == []


def test_the_first_of_the_alphabet_never_wins() -> None:
    """Incident 35: the pinned service was lost, and the alphabetically first was booked."""
    services = offered("Aknebehandlung", "Massage", "Zupfen")
    assert matched("Massage", services) == ["Massage"]
    assert matched("", services) == []
    assert matched("Nagelpflege", services) == []


@pytest.mark.parametrize(
    ("spoken", "name"),
    [
        ("Massage 30", "Massage 30 Minuten"),
        ("Massage dreißig Minuten", "Massage 30 Minuten"),
        ("eine halbe Stunde Massage", "Massage 30 Minuten"),
        ("eine Stunde Massage", "Massage 60 Minuten"),
        ("Massage (60 Min.)", "Massage 60 Minuten"),
        ("sechzigminütige Massage", "Massage 60 Minuten"),
    ],
)
def test_minutes_tell_services_apart(spoken: str, name: str) -> None:
    assert matched(spoken, BEAUTY) == [name]


@pytest.mark.parametrize(
    ("spoken", "name"),
    [
        ("an hour massage", "Massage 60 minutes"),
        ("half an hour massage", "Massage 30 minutes"),
        ("thirty minute massage", "Massage 30 minutes"),
    ],
)
def test_english_minutes_too(spoken: str, name: str) -> None:
    assert matched(spoken, ENGLISH) == [name]


def test_a_length_nobody_offers_is_asked_about() -> None:
    assert matched("Massage 45 Minuten", BEAUTY) == ["Massage 30 Minuten", "Massage 60 Minuten"]


@pytest.mark.parametrize(
    ("text", "names", "services"),
    [
        (
            "ich hätte gern übermorgen gegen halb drei einen Termin zur Fußpflege",
            ["Fußpflege"],
            BEAUTY,
        ),
        ("guten Tag, Müller hier, ich brauche eine Maniküre", ["Maniküre"], BEAUTY),
        ("Massage 60 Minuten morgen um 14 Uhr 30", ["Massage 60 Minuten"], BEAUTY),
        ("am Montag um 15 Uhr 30 eine Massage", ["Massage 30 Minuten", "Massage 60 Minuten"], BEAUTY),
        ("Haarschnitt für meinen Mann morgen um neun", ["Herrenhaarschnitt"], HAIR),
        ("ich würde gern die Haare färben lassen", ["Färben"], HAIR),
        ("ich möchte mich impfen lassen", ["Impfung"], PRACTICE),
        ("einen Termin zur Kontrolle am Montag", ["Kontrolltermin"], PRACTICE),
        ("could I get a women's haircut on Tuesday", ["Women's haircut"], ENGLISH),
        ("heute Abend bitte", [], BEAUTY),
        ("heute Abend ein Braut-Make-up", ["Braut-Make-up"], BEAUTY),
        ("meine Hand tut weh", [], offered("Handmassage", "Peeling")),
        ("Hunde Haarschnitt bitte", [], HAIR),
        ("Herren Haarschnitt bitte", [], offered("Damenhaarschnitt", "Färben")),
        ("außen reinigen", [], offered("Innenreinigung", "Ölwechsel")),
        ("am Freitag Nachmittag bitte", [], HAIR),
        ("es geht um Kopfschmerzen", [], PRACTICE),
    ],
)
def test_a_service_is_found_in_a_sentence(text: str, names: list[str], services: list[ServiceName]) -> None:
    assert found(text, services) == names


@pytest.mark.parametrize("services", LISTS)
def test_every_service_is_found_by_its_own_names(services: list[ServiceName]) -> None:
    for service in services:
        for name in (service.name, *service.synonyms, service.slug):
            assert match_service(name, services).keys == (service.key,), name


def test_a_service_is_known_by_slug_or_event_type() -> None:
    assert match_service_id("herrenhaarschnitt", HAIR) == 1
    assert match_service_id(" Herrenhaarschnitt ", HAIR) == 1
    assert match_service_id(103, HAIR) == 3
    assert match_service_id("103", HAIR) == 3
    for unknown in (3, "3", "", "haarschnitt", -1):
        assert match_service_id(unknown, HAIR) is None


def test_an_event_type_two_services_share_names_neither() -> None:
    shared = [ServiceName(1, "a", "A", (), (7,)), ServiceName(2, "b", "B", (), (7,))]
    assert match_service_id(7, shared) is None
    assert match_service_id("b", shared) == 2


def test_a_branch_is_found_by_name_or_slug() -> None:
    branches = [(1, "nord", "Filiale Nord"), (2, "sued", "Filiale Süd"), (3, "mitte", "Salon am Markt")]
    assert match_branch("Filiale Nord", branches) == (1,)
    assert match_branch("in der Süd Filiale", branches) == (2,)
    assert match_branch("sued", branches) == (2,)
    assert match_branch("am Markt", branches) == (3,)
    assert match_branch("Mitte", branches) == (3,)
    assert match_branch("Filiale", branches) == ()
    assert match_branch("Westen", branches) == ()
    assert match_branch("Nord", []) == ()


SAID = [
    "Haarschnitt",
    "Damen",
    "Herren",
    "Massage",
    "30",
    "Minuten",
    "halbe",
    "Stunde",
    "Fuß",
    "Pflege",
    "für",
]
heard = st.text(max_size=400) | st.lists(st.sampled_from(SAID)).map(" ".join)


@given(heard, st.sampled_from(LISTS))
def test_no_text_is_too_strange(text: str, services: list[ServiceName]) -> None:
    keys = {service.key for service in services}
    for match in (match_service(text, services), find_service_in(text, services)):
        assert set(match.keys) <= keys
        assert len(set(match.keys)) == len(match.keys)


@given(heard, st.sampled_from(LISTS).flatmap(st.permutations))
def test_the_order_of_the_services_decides_nothing(text: str, services: list[ServiceName]) -> None:
    in_order = sorted(services, key=lambda service: service.key)
    assert set(match_service(text, services).keys) == set(match_service(text, in_order).keys)


@given(st.sampled_from([service for services in LISTS for service in services]))
def test_spellings_without_umlauts_are_the_same(service: ServiceName) -> None:
    services = next(known for known in LISTS if service in known)
    for one, other in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss"), ("-", " ")):
        assert match_service(service.name.lower().replace(one, other), services).keys == (service.key,)
