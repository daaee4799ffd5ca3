from __future__ import annotations

from apps.core.errors import PlatformError


class Lost(PlatformError):
    code = "lost"
    message = "It is gone."
    retryable = True


def test_an_error_speaks_with_its_class_s_words_unless_it_is_given_its_own() -> None:
    assert (Lost().code, Lost().message, Lost().retryable) == ("lost", "It is gone.", True)
    own = Lost("Away.", code="away", retryable=False)
    assert (own.code, own.message, own.retryable) == ("away", "Away.", False)
    assert str(own) == "away: Away."
    assert Lost.code == "lost"
