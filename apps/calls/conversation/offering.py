"""Slots named to the caller: kept as offers of this call, picked by token or by what was said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import QuerySet

from apps.calls.conversation.turn import Turn
from apps.calls.models import Offer
from apps.calls.speech.picks import OfferedStart, Pick, Way, pick, relative_shift
from apps.scheduling.models import Appointment
from apps.scheduling.places import Place
from apps.scheduling.wish import Wish


def make_offers(
    turn: Turn, place: Place, starts: Iterable[datetime], *, moving: Appointment | None = None
) -> list[Offer]:
    """Keep these starts as the call's newest round of offers, in the order they are spoken."""
    if turn.last_round is None:
        turn.last_round = _last_round(turn)
    turn.last_round += 1
    rows = [
        Offer(
            company_id=turn.company.pk,
            call_id=turn.call.pk,
            place_id=place.id,
            start=start,
            round=turn.last_round,
            position=position,
            moving_id=moving.pk if moving is not None else None,
        )
        for position, start in enumerate(starts)
    ]
    turn.offer(rows)
    return rows


def _last_round(turn: Turn) -> int:
    rounds = Offer.objects.filter(call_id=turn.call.pk).order_by("-round").values_list("round", flat=True)
    return rounds.first() or 0


def offered_starts(turn: Turn, place: Place) -> frozenset[datetime]:
    """Every start of this place that the call was already offered: so many as the calendar has, however
    long the call."""
    rows = Offer.objects.filter(call_id=turn.call.pk, place_id=place.id).order_by()
    return frozenset(rows.values_list("start", flat=True).distinct())


def by_token(turn: Turn, token: str) -> Offer | None:
    """The offer of this call with this token."""
    return Offer.objects.filter(call_id=turn.call.pk, token=token.strip()).select_related("moving").first()


def by_start(turn: Turn, place: Place, start: datetime) -> Offer | None:
    """What was last named of this start to this call."""
    named = Offer.objects.filter(call_id=turn.call.pk, place_id=place.id, start=start, moving=None)
    return named.order_by("-round").first()


def place_of(turn: Turn, offer: Offer) -> Place | None:
    """The place of an offer, while it can still be booked."""
    return next((place for place in turn.places if place.id == offer.place_id), None)


@dataclass(frozen=True, slots=True)
class Picked:
    """What a caller's words pick from the offers: one, several that fit, none, or "something else"."""

    offers: tuple[Offer, ...] = ()
    wants_more: bool = False
    way: Way = ""

    @property
    def one(self) -> Offer | None:
        return self.offers[0] if len(self.offers) == 1 else None


def pick_offer(turn: Turn, words: str, wish: Wish | None, *, moving: Appointment | None = None) -> Picked:
    """What the words pick. "Der zweite" and "14 Uhr" mean the last round; a full date and time any round."""
    offered = Offer.objects.filter(call_id=turn.call.pk, moving=moving, read_back=False)
    newest = _last_of(offered)
    if not newest:
        return Picked()
    said = _pick(turn, words, newest) if words else None
    if said is not None:
        if said.kind == "more":
            return Picked(wants_more=True, way=said.way)
        if said.tokens:
            picked = [offer for offer in newest if offer.token in said.tokens]
            return Picked(tuple(_fitting(turn, picked, wish) or picked))
    if words and relative_shift(words, base=newest[0].start, language=turn.language) is not None:
        return Picked()  # "yes, but an hour later" consents to nothing, whatever it lands on
    if wish is not None and wish.is_exact and not wish.ambiguous:
        named = offered.filter(start__in=_instants(turn, wish)).order_by("-round", "-position").first()
        if named is not None:
            return Picked((named,))
    return Picked()


def _instants(turn: Turn, wish: Wish) -> list[datetime]:
    """When an exact wish begins: two instants where the clock is set back, none where it skips the time."""
    if wish.date_from is None or wish.time_from is None:
        return []
    wall = datetime.combine(wish.date_from, wish.time_from)
    zone = turn.now.tzinfo
    instants = {wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return [one for one in instants if one.astimezone(zone).replace(tzinfo=None) == wall]


def _fitting(turn: Turn, offers: Sequence[Offer], wish: Wish | None) -> list[Offer]:
    """Of several that the words may mean, those that lie inside the wish as well."""
    if wish is None or len(offers) < 2:
        return []
    return [offer for offer in offers if _inside(offer.start.astimezone(turn.now.tzinfo), wish)]


def _inside(local: datetime, wish: Wish) -> bool:
    first, last = wish.date_from, wish.date_to
    if first is not None and last is not None and not first <= local.date() <= last:
        return False
    if wish.time_from is not None and wish.time_to is not None:
        return wish.time_from <= local.time() <= wish.time_to
    return True


def mark_read_back(offer: Offer) -> None:
    """The slot is named in a `confirm`: no offer that words could pick."""
    offer.read_back = True
    Offer.objects.filter(pk=offer.pk).update(read_back=True)


def _pick(turn: Turn, words: str, offers: Sequence[Offer]) -> Pick:
    starts = [OfferedStart(offer.token, offer.start.astimezone(turn.now.tzinfo)) for offer in offers]
    return pick(words, offers=starts, now=turn.now, language=turn.language)


def newest_round(turn: Turn) -> list[Offer]:
    """The offers that were spoken last."""
    return _last_of(Offer.objects.filter(call_id=turn.call.pk))


def _last_of(offers: QuerySet[Offer]) -> list[Offer]:
    """The last round of these offers, in the order they were spoken; no other round is read."""
    last = offers.order_by("-round").values("round")[:1]
    return list(offers.filter(round=last).order_by("position"))
