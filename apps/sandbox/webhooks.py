"""Sends signed webhooks to whoever registered, on loopback alone: at once, late, twice, or not at all."""

from __future__ import annotations

import hashlib
import heapq
import hmac
import http.client
import json
import random
import threading
from collections import deque
from dataclasses import dataclass, field, fields
from itertools import count
from time import monotonic
from urllib.parse import urlsplit

from apps.sandbox import payloads
from apps.sandbox.calendar import Calendar
from apps.sandbox.model import Account, Attendee, Behaviour, Booking, JsonObject, Subscription

LOOPBACK = frozenset(("127.0.0.1", "localhost", "::1"))
WORKERS = 4
SEND_SECONDS = 10.0
KEPT = 2_000


@dataclass(slots=True)
class Manner:
    """How webhooks are sent. Probabilities are drawn per webhook; delays are milliseconds.

    ``before_answer``: within the request that caused it, before its answer (Cal.com's own way).
    ``out_of_order_ms``: each webhook waits a random time up to this, so later ones may overtake.
    ``cancel_metadata``: cancellations carry metadata (by default they do not, as with Cal.com).
    """

    before_answer: bool = False
    delay_ms: int = 0
    out_of_order_ms: int = 0
    duplicate: float = 0.0
    drop: float = 0.0
    cancel_metadata: bool = False
    bad_signature: float = 0.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt, as recorded: ``status`` is the answer's, 0 where none came, -1 where none was sent."""

    trigger: str
    url: str
    uid: str
    status: int


@dataclass(order=True, slots=True)
class _Due:
    at: float
    order: int
    job: _Job = field(compare=False)


@dataclass(frozen=True, slots=True)
class _Job:
    subscription: Subscription
    trigger: str
    uid: str
    body: bytes
    signature: str


class Dispatcher:
    """Turns changes of the calendar into deliveries. One booking's webhooks keep their order."""

    def __init__(self, calendar: Calendar, *, manner: Manner | None = None, seed: int = 0) -> None:
        self.calendar = calendar
        self.manner = manner or Manner()
        self.deliveries: deque[Delivery] = deque(maxlen=KEPT)
        self._random = random.Random(seed)
        self._order = count()
        self._wake = threading.Condition()
        self._queues: list[list[_Due]] = [[] for _ in range(WORKERS)]
        self._sending = 0
        self._closed = False
        self._started = False

    # -- what happened -----------------------------------------------------------------------

    def created(self, booking: Booking, person: Attendee) -> None:
        """BOOKING_CREATED, or BOOKING_REQUESTED while the host must still confirm."""
        trigger = "BOOKING_REQUESTED" if booking.status == "pending" else "BOOKING_CREATED"
        if self._wanted(booking, trigger):
            self._emit(booking, trigger, payloads.full(booking, person))

    def confirmed(self, booking: Booking) -> None:
        if self._wanted(booking, "BOOKING_CREATED"):
            self._emit(booking, "BOOKING_CREATED", payloads.full(booking, booking.attendees[0]))

    def rescheduled(self, old: Booking, new: Booking) -> None:
        """BOOKING_RESCHEDULED, or BOOKING_REQUESTED where the new time needs confirmation."""
        trigger = "BOOKING_REQUESTED" if new.status == "pending" else "BOOKING_RESCHEDULED"
        if self._wanted(new, trigger):
            self._emit(new, trigger, payloads.rescheduled(old, new))

    def cancelling(self, booking: Booking, *, reason: str, attendees: list[Attendee] | None) -> None:
        """Sent inline, a cancellation goes out before the row changes, as with Cal.com."""
        if self.manner.before_answer and booking.open:
            self.tell_cancelled(booking, reason=reason, attendees=attendees)

    def cancelled(self, booking: Booking, *, reason: str, attendees: list[Attendee] | None) -> None:
        """After the change, where it was not told before."""
        if not self.manner.before_answer:
            self.tell_cancelled(booking, reason=reason, attendees=attendees)

    def tell_cancelled(
        self, booking: Booking, *, reason: str, attendees: list[Attendee] | None = None
    ) -> None:
        """BOOKING_CANCELLED for all attendees, or for the seat that is given back."""
        if self._wanted(booking, "BOOKING_CANCELLED"):
            people = booking.attendees if attendees is None else attendees
            metadata = self.manner.cancel_metadata
            payload = payloads.cancelled(booking, people, reason=reason, metadata=metadata)
            self._emit(booking, "BOOKING_CANCELLED", payload)

    def rejected(self, booking: Booking) -> None:
        if self._wanted(booking, "BOOKING_REJECTED"):
            self._emit(booking, "BOOKING_REJECTED", payloads.rejected(booking))

    def ping(self, account: Account) -> None:
        """The test button: PING to every subscription of the account."""
        body = payloads.envelope("PING", payloads.ping(now=self.calendar.now()), now=self.calendar.now())
        for subscription in list(account.webhooks.values()):
            self._send(subscription, trigger="PING", body=body)

    def _wanted(self, booking: Booking, trigger: str) -> bool:
        return bool(self._subscriptions(booking, trigger))

    def _subscriptions(self, booking: Booking, trigger: str) -> list[Subscription]:
        known = list(booking.event_type.account.webhooks.values())
        return [one for one in known if one.active and trigger in one.triggers]

    # -- sending -----------------------------------------------------------------------------

    def _emit(self, booking: Booking, trigger: str, payload: JsonObject) -> None:
        body = payloads.envelope(trigger, payload, now=self.calendar.now())
        for subscription in self._subscriptions(booking, trigger):
            self._send(subscription, trigger=trigger, body=body, uid=booking.uid, root=booking.root_uid)

    def _send(
        self, subscription: Subscription, *, trigger: str, body: JsonObject, uid: str = "", root: str = ""
    ) -> None:
        manner = self.manner
        with self._wake:
            dropped, twice, forged = (
                self._random.random() < chance
                for chance in (manner.drop, manner.duplicate, manner.bad_signature)
            )
            delay = manner.delay_ms + self._random.uniform(0, manner.out_of_order_ms)
        if dropped or urlsplit(subscription.url).hostname not in LOOPBACK:
            self.deliveries.append(Delivery(trigger, subscription.url, uid, -1))
            return
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        signature = sign("forged" if forged else subscription.secret, content)
        job = _Job(subscription, trigger, uid, content, signature)
        for _ in range(2 if twice else 1):
            if manner.before_answer and not delay:
                self._deliver(job)
            else:
                self._enqueue(job, delay / 1000, root)

    def _enqueue(self, job: _Job, delay: float, root: str) -> None:
        with self._wake:
            if not self._started:
                self._started = True
                for queue in self._queues:
                    threading.Thread(
                        target=self._work, args=(queue,), name="sandbox-webhooks", daemon=True
                    ).start()
            queue = self._queues[hash(root) % WORKERS]
            heapq.heappush(queue, _Due(monotonic() + delay, next(self._order), job))
            self._wake.notify_all()

    def _work(self, queue: list[_Due]) -> None:
        while True:
            with self._wake:
                while not self._closed and (not queue or queue[0].at > monotonic()):
                    self._wake.wait(queue[0].at - monotonic() if queue else None)
                if self._closed:
                    return
                due = heapq.heappop(queue)
                self._sending += 1
            try:
                self._deliver(due.job)
            finally:
                with self._wake:
                    self._sending -= 1
                    self._wake.notify_all()

    def _deliver(self, job: _Job) -> None:
        url = urlsplit(job.subscription.url)
        connection = http.client.HTTPConnection(url.hostname or "", url.port or 80, timeout=SEND_SECONDS)
        headers = {
            "Content-Type": "application/json",
            "X-Cal-Signature-256": job.signature,
            "X-Cal-Webhook-Version": job.subscription.version,
        }
        status = 0
        try:
            connection.request("POST", url.path + (f"?{url.query}" if url.query else ""), job.body, headers)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException):
            status = 0  # at most once: Cal.com does not try again either
        finally:
            connection.close()
        self.deliveries.append(Delivery(job.trigger, job.subscription.url, job.uid, status))

    def wait(self, seconds: float = 5.0) -> bool:
        """Until everything due or delayed has been sent; false when that took too long."""
        deadline = monotonic() + seconds
        with self._wake:
            while any(self._queues) or self._sending:
                left = deadline - monotonic()
                if left <= 0:
                    return False
                self._wake.wait(left)
        return True

    def close(self) -> None:
        with self._wake:
            self._closed = True
            self._wake.notify_all()


def sign(secret: str, body: bytes) -> str:
    """The header's value; without a secret the literal that receivers must refuse."""
    if not secret:
        return "no-secret-provided"
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def update(target: Behaviour | Manner, raw: JsonObject) -> None:
    """Set some of the fields. Raises ``ValueError`` naming the first that is unknown or ill-typed."""
    known = {one.name for one in fields(target)}
    for key, value in raw.items():
        if key not in known:
            raise ValueError(f"{key}: unknown key")
        switch = isinstance(getattr(target, key), bool)
        if isinstance(value, bool) != switch or not isinstance(value, int | float) or value < 0:
            raise ValueError(f"{key}: {value!r} is not {'true or false' if switch else 'a number'}")
    for key, value in raw.items():
        setattr(target, key, value)
