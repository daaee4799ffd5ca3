"""From a wish to offers: window, free slots, what is really left of them, ranking, holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.core import runtime
from apps.core.bulkhead import ShareUsedUp
from apps.core.deadline import Deadline
from apps.core.prepared import Statement
from apps.flags.registry import Flag
from apps.flags.state import is_on
from apps.scheduling import availability, emptiness, holds, occupancy, prewarming
from apps.scheduling.alternatives import Ranking, Reason, Rules, is_enough, rank
from apps.scheduling.availability import RESERVE, Listing, Window
from apps.scheduling.gateway import CalendarUnavailable
from apps.scheduling.models import Appointment
from apps.scheduling.occupancy import Occupancy, Passing
from apps.scheduling.places import Place
from apps.scheduling.wish import Wish

T = TypeVar("T")

WIDENED_DAYS = 14
MAX_WINDOW_DAYS = 31
# How often an offer is chosen without a lock.
FREE_TRIES = 2


@dataclass(frozen=True, slots=True)
class Asker:
    """Whose conversation it is: holder of slots, and the customer whose own time is not offered twice."""

    owner: str
    customer_phone: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to a wish: ``matches`` inside it, else the ``nearest`` outside; what was searched.

    ``empty``: the calendar listed nothing at all for the whole window, which is not "fully booked".
    ``keeping``: what keeps the starts, where the search left that to whoever names them
    (``apps.scheduling.holds.keeping``).
    """

    matches: tuple[datetime, ...]
    nearest: tuple[datetime, ...]
    reason: Reason | None
    searched: Window
    empty: bool
    keeping: tuple[Statement, ...] = ()


@dataclass(frozen=True, slots=True)
class Search:
    """One search. ``refused`` starts are never offered; ``moving`` is the appointment to be moved.

    ``only_inside``: nobody wants to hear what lies outside the wish. ``beside`` starts are offered in the
    same breath: not named twice, and still kept. ``passing``: what was read with the call; what is found at
    once is kept with the answer that names it then, not before.
    """

    place: Place
    wish: Wish
    asker: Asker
    deadline: Deadline
    refused: frozenset[datetime] = frozenset()
    moving: Appointment | None = None
    limit: int = 2
    only_inside: bool = False
    beside: frozenset[datetime] = frozenset()
    passing: Passing | None = None

    def run(self) -> Found:
        """Search the wish's days and some more; once wider when nothing is left. May raise
        ``CalendarUnavailable``."""
        if self.refused:
            holds.release_starts(self.place, self.refused, owner=self.asker.owner)
        listing = self._listed(self._window(settings.SEARCH_DAYS))
        ranking, keeping = self._offer(listing)
        wider = self._window(max(WIDENED_DAYS, settings.SEARCH_DAYS))
        if self._wants_more(ranking) and wider.last > listing.last:
            try:
                listing = self._listed(wider)
            except CalendarUnavailable:
                pass  # what was searched was searched
            else:
                ranking, keeping = self._offer(listing)
        emptiness.note(self.place, listing)
        if listing.ages:
            # The call goes on: its next question should not be the one that waits for the calendar.
            prewarming.prewarm([self.place])
        return Found(
            matches=tuple(slot.start for slot in ranking.matches),
            nearest=() if self.only_inside else tuple(slot.start for slot in ranking.nearest),
            reason=ranking.reason,
            searched=Window(listing.first, listing.last),
            empty=listing.blank,
            keeping=tuple(keeping),
        )

    @property
    def today(self) -> date:
        return timezone.now().astimezone(self.place.zone).date()

    def _wants_more(self, ranking: Ranking) -> bool:
        """Whether there is nothing to offer but, at most, what others hold."""
        return not self.only_inside and all(slot.held for slot in ranking.offers)

    def _window(self, more: int) -> Window:
        if self.wish.date_from is None or self.wish.date_to is None:
            raise ValueError("a wish without a date cannot be searched")
        first = max(self.wish.date_from, self.today)
        last = first if self.wish.asap else max(self.wish.date_to, first)
        last = min(last, first + timedelta(days=MAX_WINDOW_DAYS - 1))
        return Window(first, last + timedelta(days=more))

    def _listed(self, window: Window) -> Listing:
        patience = self.deadline.left(reserve=RESERVE, at_most=settings.CALCOM_SLOTS_TIMEOUT)
        uid = self.moving.calendar_uid if self.moving is not None else ""
        company = str(self.place.company.pk)
        try:
            with runtime.waits().waiting(company, seconds=patience) as seconds:
                return availability.listed(self.place, window, patience=seconds, moving_uid=uid)
        except ShareUsedUp as error:
            raise CalendarUnavailable(error.code) from error

    def _offer(self, listing: Listing) -> tuple[Ranking, Sequence[Statement]]:
        """Rank what is left, and keep what is about to be offered, or say what keeps it."""
        company = self.place.company.pk
        if not is_on(Flag.SLOT_HOLDS, company_id=company):
            return self._rank(listing, self._occupancy(listing)), ()
        reserves = is_on(Flag.CALCOM_RESERVATIONS, company_id=company)
        # Who has waited for the calendar was not alone: where many look, each keeps first what it names.
        if self.passing is None or not self.passing.fresh or reserves or self.moving is not None:
            return self._kept(listing), ()
        taken = self._known(listing, self.passing) or self._occupancy(listing)
        ranking = self._rank(listing, taken)
        holds.settle(self.place, (), owner=self.asker.owner, taken=taken)
        return ranking, self._owned(holds.keeping, ranking, taken)

    def _kept(self, listing: Listing) -> Ranking:
        """Rank what is left, and keep it.

        Whoever was faster since we looked costs another look; after some, the calendar is locked first,
        so that of a crowd that wants the same time everybody gets something of their own.
        """
        for _ in range(FREE_TRIES):
            ranking, kept, taken = self._choose(listing)
            if self._free(ranking).keys() <= kept:
                break
            holds.release_starts(self.place, kept, owner=self.asker.owner)
        else:
            with transaction.atomic():
                holds.lock(self.place)
                ranking, kept, taken = self._choose(listing)
        holds.settle(self.place, kept, owner=self.asker.owner, taken=taken)
        return ranking

    def _choose(self, listing: Listing) -> tuple[Ranking, set[datetime], Occupancy]:
        """What to offer as it is now, and which of it could be kept."""
        taken = self._occupancy(listing)
        ranking = self._rank(listing, taken)
        return ranking, self._owned(holds.keep, ranking, taken), taken

    def _owned(self, keep: Callable[..., T], ranking: Ranking, taken: Occupancy) -> T:
        """``keep`` for this conversation what is about to be offered."""
        moving_id = self.moving.pk if self.moving is not None else None
        free, owner = self._free(ranking), self.asker.owner
        return keep(self.place, free, owner=owner, taken=taken, moving_id=moving_id)

    def _free(self, ranking: Ranking) -> dict[datetime, int]:
        """What is offered, with its seats. What another conversation holds is offered without a hold: the
        calendar decides."""
        offers = ranking.matches if self.only_inside else ranking.offers
        return {slot.start: slot.seats for slot in offers if not slot.held}

    def _known(self, listing: Listing, passing: Passing) -> Occupancy | None:
        window = Window(listing.first, listing.last)
        phone = self.asker.customer_phone
        return occupancy.known(self.place, window, passing, owner=self.asker.owner, phone=phone)

    def _occupancy(self, listing: Listing) -> Occupancy:
        return occupancy.read(
            self.place,
            Window(listing.first, listing.last),
            owner=self.asker.owner,
            phone=self.asker.customer_phone,
            moving_id=self.moving.pk if self.moving is not None else None,
        )

    def _rank(self, listing: Listing, taken: Occupancy) -> Ranking:
        rules = Rules(
            now=timezone.now(),
            notice=timedelta(minutes=self.place.service.minimum_notice_minutes),
            duration=self.place.duration,
            opening=self.place.opening,
            busy=tuple(
                (datetime.fromtimestamp(one.start, UTC), datetime.fromtimestamp(one.end, UTC))
                for one in taken.busy
            ),
            refused=self.refused | self.beside,
            limit=self.limit,
        )
        wished = self._window(0)
        if self.wish.date_to is not None and self.wish.date_to <= wished.last:
            inside = self._ranked(listing.within(wished, self.place), taken, rules)
            if is_enough(inside, self.wish, limit=self.limit):
                return inside
        return self._ranked(listing, taken, rules)

    def _ranked(self, listing: Listing, taken: Occupancy, rules: Rules) -> Ranking:
        return rank(self.wish, taken.slots(listing, self.place, owner=self.asker.owner), rules=rules)
