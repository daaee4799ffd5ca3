"""Wishes that nothing was free for: a slot that becomes free is offered to whoever has waited longest.

To offer is a task for the operator, who calls: nobody is booked into a slot they have not agreed to.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from apps.calls.callbacks import open_callback
from apps.calls.models import Call, WaitingWish
from apps.calls.speech.catalogue import mark, text
from apps.calls.speech.say import say_label
from apps.scheduling.models import Appointment, BookingAttempt
from apps.scheduling.occupancy import LONGEST
from apps.scheduling.places import Place, load_places
from apps.scheduling.truth import slot_freed
from apps.scheduling.wish import Wish
from apps.tenants.models import Company
from apps.tenants.scoping import company_scope

log = structlog.get_logger(__name__)

Status = WaitingWish.Status
TOPIC = mark("Has become free: {service}, {start}.")


def connect() -> None:
    """Listen to scheduling."""
    slot_freed.connect(_freed, dispatch_uid="slot_for_the_waiting_list")


def keep(call: Call, place: Place, wish: Wish) -> None:
    """Keep a wish that nothing was free for; not that of somebody who cannot be called back."""
    phone = call.spoken_phone or call.caller_number
    if phone is None or wish.date_from is None or wish.date_to is None:
        return
    WaitingWish.objects.update_or_create(
        call_id=call.pk,
        place_id=place.id,
        date_from=wish.date_from,
        date_to=wish.date_to,
        defaults={
            "company_id": call.company_id,
            "time_from": wish.time_from,
            "time_to": wish.time_to,
            "phone": phone,
            "name": call.spoken_name,
        },
    )


def _freed(appointment: Appointment, start: datetime, **_: object) -> None:
    transaction.on_commit(lambda: offer(appointment, start=start), robust=True)


def offer(freed: Appointment, *, start: datetime) -> WaitingWish | None:
    """Offer the start that an appointment has left to the first wish that it fits; None = to nobody."""
    if start <= timezone.now():
        return None
    with company_scope(freed.company_id):
        waiting = list(_waiting(freed.event_type_id, start))
        if not waiting:
            return None
        customer = freed.customer
        whose = customer.phone if customer is not None else None
        company = Company.objects.get(pk=freed.company_id)
        places = {place.id: place for place in load_places(company)}
        for wish in waiting:
            place = places.get(wish.place_id)
            if place is None or wish.phone == whose or not _fits(wish, place, start):
                continue
            if _is_free(place, start) and not _has_booked(wish, place) and _claim(wish, place, start):
                return wish
    return None


def _waiting(event_type_id: int, start: datetime) -> QuerySet[WaitingWish]:
    """The open wishes for this calendar that may be about this day, longest waiting first."""
    # Which day it is on the branch's clock is looked at later: this one, or the one beside it.
    day, about = start.date(), timedelta(days=1)
    open_ones = WaitingWish.objects.filter(status=Status.OPEN, place__event_type_id=event_type_id)
    return open_ones.filter(date_from__lte=day + about, date_to__gte=day - about).select_related("call")


def _fits(wish: WaitingWish, place: Place, start: datetime) -> bool:
    """Whether this is what was wished, and may be offered at all."""
    local = start.astimezone(place.zone)
    return (
        wish.date_from <= local.date() <= wish.date_to
        and (wish.time_from is None or local.time() >= wish.time_from)
        and (wish.time_to is None or local.time() <= wish.time_to)
        and start >= timezone.now() + timedelta(minutes=place.service.minimum_notice_minutes)
        and place.opening.permits(start)
    )


def _is_free(place: Place, start: datetime) -> bool:
    """Whether nobody has taken it again, as far as we know."""
    until = start + place.duration
    span = Q(event_type_id=place.event_type_id, start__gt=start - LONGEST, start__lt=until, end__gt=start)
    taken = Appointment.objects.filter(span, status__in=Appointment.OPEN).count()
    taken += BookingAttempt.objects.filter(
        span,
        state__in=BookingAttempt.UNSETTLED,
        kind__in=[BookingAttempt.Kind.BOOK, BookingAttempt.Kind.RESCHEDULE],
    ).count()
    return taken < place.service.capacity


def _has_booked(wish: WaitingWish, place: Place) -> bool:
    """Whether the caller has found an appointment since."""
    return Appointment.objects.filter(
        customer__company_id=wish.company_id,
        customer__phone=wish.phone,
        service_id=place.service.pk,
        status__in=Appointment.OPEN,
        created_at__gte=wish.created_at,
    ).exists()


def _claim(wish: WaitingWish, place: Place, start: datetime) -> bool:
    """Offer it, unless another slot was just offered for this wish."""
    with transaction.atomic():
        mine = WaitingWish.objects.filter(pk=wish.pk, status=Status.OPEN)
        if not mine.update(status=Status.OFFERED, offered_start=start):
            return False
        call = wish.call
        open_callback(
            company_id=wish.company_id,
            branch_id=place.branch.pk,
            kind="waiting_list",
            key=str(wish.pk),
            call_id=wish.call_id,
            name=(call.spoken_name if call is not None else "") or wish.name,
            phone=wish.phone,
            topic=_topic(place, start),
        )
    log.info("freed_slot_offered", wish=wish.pk, start=start.isoformat())
    return True


def _topic(place: Place, start: datetime) -> str:
    language = place.company.language
    said = say_label(
        start.astimezone(place.zone), now=timezone.now().astimezone(place.zone), language=language
    )
    return text(TOPIC, language=language, service=place.service.name, start=said)
