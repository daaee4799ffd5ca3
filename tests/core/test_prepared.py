"""Queries put into SQL once, and statements sent together: the same rows and errors as one by one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from apps.calls.models import Call, TelephonyAccount
from apps.core.prepared import Prepared, PreparedSql, change, columns, insertion, instance, send
from apps.core.statements import PLAN_SECONDS
from apps.scheduling.models import CalendarAccount, Hold
from apps.tenants.scoping import company_scope
from tests.factories import API_KEY, SIGNING_KEY, Business, make_call

START = datetime(2026, 1, 7, 14, 0, tzinfo=UTC)


def new_hold(business: Business, *, owner: str, start: datetime = START, seat: int = 0) -> Hold:
    return Hold(
        company_id=business.company.pk,
        event_type_id=business.event_type.pk,
        start=start,
        end=start + timedelta(minutes=45),
        seat=seat,
        owner=owner,
        expires_at=start,
    )


def _of_owner(*, company: int, owner: str, after: datetime) -> QuerySet[Hold, Any]:
    with company_scope(company):
        rows = Hold.objects.filter(owner=owner, start__gte=after, seat__lt=5).order_by("start")
        return rows.values_list(*columns(Hold))


def test_a_prepared_query_finds_what_the_queryset_finds(inside: Business) -> None:
    prepared = Prepared(_of_owner, company=int, owner=str, after=datetime)
    later = START + timedelta(hours=1)
    for hold in (
        new_hold(inside, owner="a"),
        new_hold(inside, owner="a", start=later),
        new_hold(inside, owner="b"),
    ):
        hold.seat = 1 if hold.owner == "b" else 0
        hold.save()
    company = inside.company.pk
    for owner, after in (("a", START), ("a", later), ("b", START), ("c", START)):
        rows = prepared.rows(company=company, owner=owner, after=after)
        expected = Hold.objects.filter(owner=owner, start__gte=after).order_by("start")
        assert [instance(Hold, row) for row in rows] == list(expected)
        assert [instance(Hold, row).start for row in rows] == [one.start for one in expected]
    assert prepared.rows(company=company + 1, owner="a", after=START) == []
    assert prepared.first(company=company, owner="c", after=START) is None


def test_what_columns_hold_is_converted(company: Business) -> None:
    def build(*, slug: str) -> QuerySet[TelephonyAccount, Any]:
        return TelephonyAccount.objects.order_by().filter(slug=slug).values_list(*columns(TelephonyAccount))

    row = Prepared(build, slug=str).first(slug=company.account.slug)
    assert row is not None
    found = instance(TelephonyAccount, row)
    assert (found.signing_key, found.created_at, found.active) == (
        SIGNING_KEY,
        company.account.created_at,
        True,
    )


def test_relations_are_read_with_it_and_what_is_left_out_is_loaded_when_asked_for(inside: Business) -> None:
    make_call(inside, transcript="long", last_wish={"date_from": "2026-01-07", "asap": False})

    def build(*, company: int, external_id: str) -> QuerySet[Call, Any]:
        with company_scope(company):
            rows = Call.objects.order_by().filter(external_id=external_id)
            return rows.values_list("branch__slug", *columns(Call, but_not=["transcript"]))

    row = Prepared(build, company=int, external_id=str).first(company=inside.company.pk, external_id="call_1")
    assert row is not None
    assert row[0] == inside.branch.slug
    call = instance(Call, row[1:], but_not=["transcript"])
    assert call.last_wish == {"date_from": "2026-01-07", "asap": False}
    assert "transcript" not in vars(call)
    assert call.transcript == "long"


def test_a_query_is_put_into_sql_once(company: Business) -> None:
    built = 0

    def build(*, account: int) -> QuerySet[CalendarAccount, Any]:
        nonlocal built
        built += 1
        with company_scope(company.company.pk):
            return CalendarAccount.objects.order_by().filter(pk=account).values_list("api_key")

    prepared = Prepared(build, account=int)
    with company_scope(company.company.pk):
        for _ in range(3):
            assert prepared.rows(account=company.calendar.pk) in ([(API_KEY,)], [[API_KEY]])
    assert built == 1


def test_inserted_rows_are_as_saved_ones(inside: Business) -> None:
    call = Call(
        company=inside.company,
        account=inside.account,
        external_id="call_9",
        branch=inside.branch,
        caller_number=None,
        last_wish={"ä": [1, None]},
    )
    send(insertion([call]))
    found = Call.objects.get(external_id="call_9")
    assert (found.caller_number, found.last_wish, found.state) == (None, {"ä": [1, None]}, Call.State.INBOUND)
    assert abs(found.created_at - timezone.now()) < timedelta(seconds=10)


def test_several_rows_are_inserted_at_once(inside: Business) -> None:
    send(insertion([new_hold(inside, owner=str(number), seat=number) for number in range(3)]))
    assert Hold.objects.count() == 3


def test_a_change_sets_values_and_raises_counters(inside: Business) -> None:
    call = make_call(inside, refusals=2)
    other = make_call(inside, external_id="call_2", refusals=2)
    where = {"id": call.pk, "company_id": inside.company.pk}
    send(
        change(
            call,
            where=where,
            to={"spoken_name": "Erika", "last_wish": {"a": 1}, "standing_service_id": inside.service.pk},
            more={"refusals": 1, "confirmations": 2},
        )
    )
    call.refresh_from_db()
    assert (call.spoken_name, call.last_wish, call.refusals, call.confirmations) == ("Erika", {"a": 1}, 3, 2)
    assert call.standing_service_id == inside.service.pk
    other.refresh_from_db()
    assert (other.spoken_name, other.refusals) == ("", 2)
    # A row of another company is not the row that is meant.
    send(change(call, where={**where, "company_id": inside.company.pk + 1}, to={"spoken_name": "X"}, more={}))
    call.refresh_from_db()
    assert call.spoken_name == "Erika"


@pytest.mark.django_db(transaction=True)
def test_of_statements_sent_together_all_are_done_or_none() -> None:
    from tests.factories import make_business

    business = make_business()
    with company_scope(business.company.pk):
        call = make_call(business)
        where = {"id": call.pk, "company_id": business.company.pk}
        first, twin = new_hold(business, owner="a"), new_hold(business, owner="b")
        with pytest.raises(IntegrityError):
            send(
                change(call, where=where, to={"spoken_name": "Erika"}, more={}),
                insertion([first]),
                insertion([twin]),  # the same seat of the same start
            )
        call.refresh_from_db()
        assert (call.spoken_name, Hold.objects.count()) == ("", 0)
        # The connection goes on as if nothing had been.
        rows = send(insertion([first]), change(call, where=where, to={"spoken_name": "Erika"}, more={}))
        assert rows == [[], []]
        call.refresh_from_db()
        assert (call.spoken_name, Hold.objects.count()) == ("Erika", 1)


@pytest.mark.django_db(transaction=True)
def test_each_of_several_queries_gets_its_own_rows() -> None:
    from tests.factories import make_business

    business = make_business()
    company = business.company.pk
    prepared = Prepared(_of_owner, company=int, owner=str, after=datetime)
    with company_scope(company):
        send(insertion([new_hold(business, owner="a")]), durable=False)
        asked = [prepared.bound(company=company, owner=owner, after=START) for owner in ("a", "b", "a")]
        for durable in (True, False):
            rows = send(*asked, durable=durable)
            assert [len(one) for one in rows] == [1, 0, 1]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_on_postgresql_they_are_one_message() -> None:
    from django.test.utils import CaptureQueriesContext

    from tests.factories import make_business

    business = make_business()
    with company_scope(business.company.pk), CaptureQueriesContext(connection) as queries:
        prepared = Prepared(_of_owner, company=int, owner=str, after=datetime)
        bound = prepared.bound(company=business.company.pk, owner="a", after=START)
        bound.rows()  # planned from now on
        queries_before = len(queries.captured_queries)
        send(bound, bound, bound)
        assert len(queries.captured_queries) - queries_before == 1


# --- Plans that a connection keeps --------------------------------------------------------------


@pytest.fixture
def kept() -> Iterator[dict[str, float]]:
    """The names of what this connection has planned: a connection of its own, which has planned nothing."""
    connection.close()
    connection.ensure_connection()
    names: dict[str, float] = connection.kept_plans  # type: ignore[attr-defined]
    yield names
    connection.close()


def holds_by_name(business: Business, *, owner: str = "a") -> list[Any]:
    prepared = Prepared(_of_owner, company=int, owner=str, after=datetime)
    return prepared.rows(company=business.company.pk, owner=owner, after=START)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
class TestByName:
    @pytest.fixture
    def held(self, company: Business) -> Business:
        with company_scope(company.company.pk):
            new_hold(company, owner="a").save()
            new_hold(company, owner="it's 100%; \x01", seat=1).save()
        return company

    def test_a_query_is_planned_once_and_finds_the_same(self, held: Business, kept: dict[str, float]) -> None:
        with company_scope(held.company.pk):
            for owner in ("a", "it's 100%; \x01", "nobody"):
                found = [instance(Hold, row) for row in holds_by_name(held, owner=owner)]
                assert found == list(Hold.objects.filter(owner=owner))
        assert len(kept) == 1

    def test_a_transaction_executes_it_in_full(self, held: Business, kept: dict[str, float]) -> None:
        with company_scope(held.company.pk), transaction.atomic():
            assert len(holds_by_name(held)) == 1
        assert kept == {}

    def test_without_a_scope_it_finds_nothing(self, held: Business, kept: dict[str, float]) -> None:
        with company_scope(held.company.pk):
            assert len(holds_by_name(held)) == 1
        with company_scope(held.company.pk + 1):
            assert holds_by_name(held) == []
        assert holds_by_name(held) == []

    def test_a_plan_that_has_become_old_is_made_anew(self, held: Business, kept: dict[str, float]) -> None:
        """Made for a small table, it would read all of what has become a large one."""

        def planned_at() -> Any:
            with connection.cursor() as cursor:
                cursor.execute("SELECT prepare_time FROM pg_prepared_statements")
                return cursor.fetchall()

        with company_scope(held.company.pk):
            assert len(holds_by_name(held)) == 1
            before = planned_at()
            assert len(holds_by_name(held)) == 1
            assert planned_at() == before
            (name,) = kept
            kept[name] -= PLAN_SECONDS
            assert len(holds_by_name(held)) == 1
            assert len(planned_at()) == 1
            assert planned_at() > before

    def test_rows_are_inserted_by_name(self, company: Business, kept: dict[str, float]) -> None:
        with company_scope(company.company.pk):
            for seat, owner in enumerate(("a", "it's 100%; \x01")):
                send(insertion([new_hold(company, owner=owner, seat=seat)]))
            assert [hold.owner for hold in Hold.objects.order_by("seat")] == ["a", "it's 100%; \x01"]
            assert len(kept) == 1
            with pytest.raises(IntegrityError):
                send(insertion([new_hold(company, owner="b", seat=1)]))

    def test_a_plan_that_is_gone_is_done_without(self, held: Business, kept: dict[str, float]) -> None:
        """As behind a pooler, which has given the session to somebody else."""
        with company_scope(held.company.pk):
            assert len(holds_by_name(held)) == 1
            with connection.cursor() as cursor:
                cursor.execute("DEALLOCATE ALL")
            assert len(holds_by_name(held)) == 1
            assert connection.kept_plans is None  # type: ignore[attr-defined]
            assert len(holds_by_name(held)) == 1

    def test_a_plan_that_somebody_else_left_is_used(self, held: Business, kept: dict[str, float]) -> None:
        with company_scope(held.company.pk):
            assert len(holds_by_name(held)) == 1
            kept.clear()
            assert len(holds_by_name(held)) == 1
        assert len(kept) == 1

    def test_a_plan_that_a_migration_has_outlived_is_not_kept(self, kept: dict[str, float]) -> None:
        query = PreparedSql("SELECT * FROM pg_temp.notes WHERE id = %(id)s", id=int)
        with connection.cursor() as cursor:
            cursor.execute("CREATE TEMPORARY TABLE notes (id bigint)")
            cursor.execute("INSERT INTO notes VALUES (1)")
            assert query.bound(id=1).rows() == [(1,)]
            assert kept
            cursor.execute("ALTER TABLE notes ADD COLUMN text text DEFAULT 'a'")
        assert query.bound(id=1).rows() == [(1, "a")]
        assert connection.kept_plans is None  # type: ignore[attr-defined]
