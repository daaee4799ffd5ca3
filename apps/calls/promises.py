"""Said versus done: what the agent told the caller, compared with what stands in the calendar.

The sentences that callers hear are ours and never say more than the data; a language model may still
say "booked" when nothing is, or forget to say it. Either is a caller who believes something wrong, so
somebody calls back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from django.db.models import CharField, Exists, OuterRef, Q, Value
from django.db.models.functions import Cast, Concat

from apps.calls.callbacks import close_callbacks, open_callback
from apps.calls.models import Call, FunctionCall, SettlementNotice
from apps.calls.speech.catalogue import mark, text
from apps.scheduling.models import Appointment, BookingAttempt

Kind = BookingAttempt.Kind
State = BookingAttempt.State

PROMISED, UNSAID = "promised_not_booked", "booked_not_promised"
TOPICS = {
    PROMISED: mark("The agent said that it is booked, but nothing was booked."),
    UNSAID: mark("An appointment was booked, but the agent did not say so."),
}
# Answers that tell the agent of an appointment which this call did not make.
TELLING = frozenset(
    {"appointments", "needs_appointment", "already_booked", "not_found", "refused", "confirm"}
)

# --- What was said ------------------------------------------------------------------------------

# Of a longer one only the end is read: nobody speaks like that, and patterns take their time.
LONGEST_SENTENCE = 600
_SPEAKER = re.compile(r"(?P<who>Agent|User|Transfer Target): ?(?P<words>.*)")
# A full stop ends a sentence, but not a date ("am 7. Januar").
_SENTENCE = re.compile(r"(?<=[.!?…])\s+(?![a-zäöü]|Jan|Feb|März|Apr|Mai|Jun|Jul|Aug|Sep|Okt|Nov|Dez)")
_CLAUSE = re.compile(r"[,;:–]\s|\s-\s|\s(?:und|aber|denn|sondern|and|but)\s", re.IGNORECASE)
_BOOKED = re.compile(
    r"\b(?:(?:ein|um)?gebucht|eingetragen|reserviert|verschoben|verlegt|vorgemerkt|festgehalten"
    r"|booked|reserved|scheduled|rescheduled|moved)\b"
    r"|\btermin\b.*\b(?:bestätigt|vereinbart|steht)\b|\b(?:bestätigt|vereinbart)\b.*\btermin\b"
    r"|\bappointment\b.*\b(?:confirmed|set|made|stands)\b|\bconfirmed\b.*\bappointment\b"
    r"|\btermin ist (?:jetzt|nun)\b|\bappointment is now\b|\byou(?:'re| are) all set\b",
    re.IGNORECASE,
)
_NOT_BOOKED = re.compile(
    # No, not yet
    r"\b(?:nichts?|kein\w*|ohne|leider|nie|not|nothing|no|none|never|unfortunately|sorry|cannot|unable)\b|n't\b"
    # Wishes, offers, conditions, plans
    r"|\b(?:soll\w*|kann\w*|könn\w*|möcht\w*|woll\w*|würde\w*|darf|dürf\w*|müss\w*|muss|werde\w*|wird|wirst|lass\w*"
    r"|versuch\w*|prüf\w*|ob|bevor|can|could|shall|should|would|will|want|like|let|lets|to be|going to|try"
    r"|whether|before|being)\b"
    # Other things than an appointment, and other people's
    r"|\b\w*rückruf\w*|\bruft\b|\bcall\w* (?:you )?back\b|\bcallback|\bnachricht|\bmessage|\bwarteliste"
    r"|\bwaiting list|\bzur (?:verfügung|auswahl)\b|\bavailable\b|\bso oft\b|\bas often\b"
    r"|\b(?:fully|double|over) ?-?booked\b|\bbooked (?:up|out|solid)\b",
    re.IGNORECASE,
)
# "Um drei ist schon gebucht" speaks of somebody else's appointment, "Sie sind schon gebucht" does not.
_ALREADY = re.compile(r"\b(?:schon|bereits|already)\b", re.IGNORECASE)
_YOURS = re.compile(r"\b(?:ihr\w*|sie|your?|you're|you've)\b", re.IGNORECASE)
_CONDITION = re.compile(r"\W*(?:wenn|falls|sobald|sofern|if|once|when|as soon as|unless)\b", re.IGNORECASE)


def said_booked(transcript: str) -> bool | None:
    """Whether the agent told the caller that something is booked; None when the agent said nothing at all.

    ``transcript`` has one utterance a line, each beginning with ``Agent:`` or ``User:``.
    """
    utterances = list(_by_agent(transcript))
    if not utterances:
        return None
    return any(_claims(sentence) for words in utterances for sentence in _SENTENCE.split(words))


def _by_agent(transcript: str) -> Iterator[str]:
    who = ""
    for line in transcript.splitlines():
        found = _SPEAKER.match(line)
        who, words = (found["who"], found["words"]) if found else (who, line)
        if who == "Agent" and words.strip():
            yield words


def _claims(whole: str) -> bool:
    sentence = whole[-LONGEST_SENTENCE:]
    if sentence.rstrip(" \"'").endswith("?") or _CONDITION.match(sentence):
        return False
    clauses = _CLAUSE.split(sentence)
    if any(_CONDITION.match(clause) for clause in clauses):
        return False
    return any(_BOOKED.search(clause) and not _is_no_claim(clause) for clause in clauses)


def _is_no_claim(clause: str) -> bool:
    somebody_elses = _ALREADY.search(clause) and not _YOURS.search(clause)
    return bool(somebody_elses or _NOT_BOOKED.search(clause))


# --- What stands --------------------------------------------------------------------------------


def compare(call: Call) -> str:
    """Raise the call's alarm when what was said is not what stands, or take it back; returns the alarm.

    Nothing is said of a call whose booking is still being checked: its settlement compares again.
    """
    if call.said_booked is None:
        return call.alarm
    attempts = list(
        BookingAttempt.objects.filter(owner=call.owner_key, kind__in=[Kind.BOOK, Kind.RESCHEDULE])
        .select_related("appointment")
        .order_by("id")
    )
    if any(attempt.state in BookingAttempt.UNSETTLED for attempt in attempts):
        return call.alarm
    alarm = _alarm(call, [attempt for attempt in attempts if attempt.state == State.CONFIRMED])
    if alarm != call.alarm:
        _raise_alarm(call, alarm)
    return alarm


def unnoticed(company_id: int, *, since: datetime) -> list[int]:
    """Calls that began since then and in which what was said is not what stands, without an alarm: whoever
    settled their bookings has died, or lost the database, before they compared. Some of them are in order."""
    owner = Concat(Value("call:"), Cast(OuterRef("pk"), CharField()), output_field=CharField())
    settled = BookingAttempt.objects.filter(owner=owner, kind__in=[Kind.BOOK, Kind.RESCHEDULE])
    booked, failed = (
        Exists(settled.filter(state=State.CONFIRMED)),
        Exists(settled.filter(state=State.REJECTED)),
    )
    calls = Call.objects.filter(company_id=company_id, created_at__gt=since, alarm="")
    differs = (Q(said_booked=False) & booked) | (Q(said_booked=True) & failed & ~booked)
    return list(calls.filter(differs).values_list("pk", flat=True))


def _alarm(call: Call, done: list[BookingAttempt]) -> str:
    if call.said_booked:
        return "" if done or _told_of_another(call) else PROMISED
    standing = [
        one for one in done if one.appointment is not None and one.appointment.status in Appointment.OPEN
    ]
    return UNSAID if standing and not _somebody_calls(call) else ""


def _told_of_another(call: Call) -> bool:
    """Whether the agent may have spoken of an appointment that stood before this call."""
    named = Q(answer__appointment__reference__isnull=False) | Q(answer__appointments__0__isnull=False)
    return FunctionCall.objects.filter(named, call_id=call.pk, status__in=TELLING).exists()


def _somebody_calls(call: Call) -> bool:
    """Whether the operator has been asked already to tell the caller what was booked."""
    return SettlementNotice.objects.filter(call_id=call.pk, told=SettlementNotice.Told.OPERATOR).exists()


def _raise_alarm(call: Call, alarm: str) -> None:
    Call.objects.filter(pk=call.pk).update(alarm=alarm)
    call.alarm = alarm
    close_callbacks(*(f"{kind}:{call.pk}" for kind in (PROMISED, UNSAID) if kind != alarm))
    if alarm:
        open_callback(
            company_id=call.company_id,
            branch_id=call.branch_id,
            kind=alarm,
            key=str(call.pk),
            call_id=call.pk,
            name=call.spoken_name,
            phone=call.spoken_phone or call.caller_number or "",
            topic=text(TOPICS[alarm], language=call.company.language),
        )
