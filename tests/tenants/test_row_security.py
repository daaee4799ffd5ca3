"""The second wall: what raw SQL sees and may write on PostgreSQL, whoever holds the connection."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import OperationalError, ProgrammingError, connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader

from apps.core import deadline
from apps.core.deadline import Deadline
from apps.tenants import row_security
from apps.tenants.context import all_companies, announcement, companies_scope, company_scope
from apps.tenants.models import Branch, Company
from apps.tenants.scoping import TenantModel
from tests.application_role import OWNER
from tests.factories import Business, make_business

postgres = pytest.mark.postgres

# The way to a tenant, and what belongs to nobody.
OUTSIDE = {
    "calls_accountcompany",
    "calls_telephonyaccount",
    "flags_flagchange",
    "flags_flagsetting",
    "services_eventtype",
    "tenants_membership",
    "tenants_phonenumber",
}


@pytest.fixture
def owner(transactional_db: None) -> Iterator[None]:
    """The tests' connection is the one of the role that made the tables."""
    application = {name: connection.settings_dict[name] for name in OWNER}
    connection.close()
    connection.settings_dict.update(OWNER)
    if row_security.role_of(connection).unbound:
        connection.close()
        connection.settings_dict.update(application)
        pytest.skip("DATABASE_URL names a superuser, whom no policy binds")
    yield
    connection.close()
    connection.settings_dict.update(application)


def ask(sql: str, params: list[Any] | None = None) -> list[tuple[Any, ...]]:
    """Rows of a raw statement on the tests' connection."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def branches() -> set[int]:
    return {company_id for (company_id,) in ask("SELECT company_id FROM tenants_branch")}


def test_the_scope_is_announced_in_words_of_digits_alone() -> None:
    assert announcement() == ""
    with company_scope(7):
        assert announcement() == "{7}"
        with companies_scope([30, 4]):
            assert announcement() == "{4,30}"
        with companies_scope([]):
            assert announcement() == "{}"
        with all_companies():
            assert announcement() == "all"


def test_every_model_stands_on_one_side_of_the_wall() -> None:
    ours = {model._meta.db_table for model in apps.get_models() if model.__module__.startswith("apps.")}
    behind = row_security.tenant_tables()
    assert set(behind) | OUTSIDE == ours
    assert not set(behind) & OUTSIDE
    assert {table for table, column in behind.items() if column == "id"} == {"tenants_company"}
    assert all(row_security.scope_column(model) for model in TenantModel.__subclasses__())


def test_every_tenant_table_is_protected_by_a_migration() -> None:
    """Said here on SQLite too, where the database itself cannot be asked."""
    loader = MigrationLoader(None)
    protected = {
        label.lower()
        for migration in loader.disk_migrations.values()
        for step in migration.operations
        if isinstance(step, row_security.Protect)
        for label in step.models
    }
    behind = row_security.tenant_tables()
    assert protected == {
        model._meta.label_lower for model in apps.get_models() if model._meta.db_table in behind
    }


@postgres
class TestWhatRawSqlSees:
    def test_nothing_without_a_scope(self, company: Business, other_company: Business) -> None:
        for table in row_security.tenant_tables():
            assert ask(f'SELECT count(*) FROM "{table}"') == [(0,)]

    def test_the_scopes_rows_and_no_others(self, company: Business, other_company: Business) -> None:
        own, other = company.company.pk, other_company.company.pk
        with company_scope(own):
            assert branches() == {own}
            assert ask("SELECT id FROM tenants_company") == [(own,)]
            assert ask("SELECT id FROM tenants_branch WHERE company_id = %s", [other]) == []
        with companies_scope([own, other]):
            assert branches() == {own, other}
        with companies_scope([]):
            assert branches() == set()
        with all_companies():
            assert branches() == {own, other}

    def test_the_directory_is_there_before_a_tenant_is_known(self, company: Business) -> None:
        for table in OUTSIDE - {"flags_flagchange", "flags_flagsetting", "tenants_membership"}:
            assert ask(f'SELECT count(*) FROM "{table}"') != [(0,)]

    def test_what_nobody_owns_is_seen_by_all_alone(self, company: Business) -> None:
        from apps.calls.models import CallEvent

        with all_companies():
            CallEvent.objects.create(company=None, account=company.account, kind="x", dedup_key="1")
            assert ask("SELECT count(*) FROM calls_callevent") == [(1,)]
        with company_scope(company.company.pk):
            assert ask("SELECT count(*) FROM calls_callevent") == [(0,)]
            with pytest.raises(ProgrammingError), transaction.atomic():
                connection.cursor().execute(
                    "INSERT INTO calls_callevent (account_id, kind, dedup_key, payload, received_at)"
                    " VALUES (%s, 'x', '2', '{}', now())",
                    [company.account.pk],
                )

    @pytest.mark.parametrize(
        "words",
        [
            "SELECT company_id FROM tenants_branch WHERE true OR company_id = 0",
            "/* a comment */ SELECT company_id FROM tenants_branch",
            "WITH b AS (SELECT * FROM tenants_branch) SELECT company_id FROM b",
            "SELECT b.company_id FROM tenants_phonenumber n JOIN tenants_branch b ON b.id = n.branch_id",
        ],
    )
    def test_no_way_of_asking_shows_another_companys(
        self, company: Business, other_company: Business, words: str
    ) -> None:
        with company_scope(company.company.pk):
            assert other_company.company.pk not in {row[0] for row in ask(words)}
            assert len(ask(words)) <= 1


@postgres
class TestWhatRawSqlWrites:
    def test_a_foreign_row_is_refused(self, company: Business, other_company: Business) -> None:
        insert = "INSERT INTO tenants_branch (company_id, slug, name, hours, closures, active)"
        values = [other_company.company.pk]
        for scope in (company_scope(company.company.pk), nullcontext()):
            with scope, pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
                connection.cursor().execute(f"{insert} VALUES (%s, 'x', 'x', '{{}}', '[]', true)", values)

    def test_a_foreign_row_is_neither_changed_nor_deleted(
        self, company: Business, other_company: Business
    ) -> None:
        with company_scope(company.company.pk), connection.cursor() as cursor:
            cursor.execute("UPDATE tenants_branch SET name = 'taken over'")
            assert cursor.rowcount == 1
            cursor.execute(
                "DELETE FROM scheduling_calendaraccount WHERE id = %s", [other_company.calendar.pk]
            )
            assert cursor.rowcount == 0

    def test_a_row_does_not_move_to_another_company(self, company: Business, other_company: Business) -> None:
        with company_scope(company.company.pk), pytest.raises(ProgrammingError), transaction.atomic():
            connection.cursor().execute(
                "UPDATE tenants_branch SET company_id = %s", [other_company.company.pk]
            )

    def test_several_sets_of_parameters_are_held_to_the_scope_too(
        self, company: Business, other_company: Business
    ) -> None:
        ids = [(company.company.pk,), (other_company.company.pk,)]
        with company_scope(company.company.pk), connection.cursor() as cursor:
            cursor.executemany("UPDATE tenants_company SET name = 'x' WHERE id = %s", ids)
            assert cursor.rowcount == 1

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("many", [True, False])
    def test_what_is_announced_apart_is_taken_back_with_the_rest(self, company: Business, many: bool) -> None:
        with company_scope(company.company.pk):
            with transaction.atomic(), connection.cursor() as cursor:
                if many:
                    cursor.executemany("UPDATE tenants_company SET name = %s", [("a",), ("b",)])
                else:
                    cursor.execute("DO $$ BEGIN UPDATE tenants_company SET name = 'b'; END $$")
                assert ask("SELECT name FROM tenants_company") == [("b",)]
                transaction.set_rollback(True)
            assert ask("SELECT name FROM tenants_company") == [(company.company.name,)]

    def test_base_managers_are_held_to_it(self, company: Business, other_company: Business) -> None:
        """The first wall does not stand between ``_base_manager`` and the rows."""
        with company_scope(company.company.pk):
            assert list(Branch._base_manager.all()) == [company.branch]
            with pytest.raises(Branch.DoesNotExist):
                other_company.branch.refresh_from_db()


@postgres
class TestTransactions:
    def test_the_scope_may_change_inside_one(self, company: Business, other_company: Business) -> None:
        own, other = company.company.pk, other_company.company.pk
        with transaction.atomic():
            with company_scope(own):
                assert branches() == {own}
                with company_scope(other):
                    assert branches() == {other}
                assert branches() == {own}
            assert branches() == set()

    def test_a_savepoint_that_is_taken_back_takes_its_announcement_along(
        self, company: Business, other_company: Business
    ) -> None:
        own, other = company.company.pk, other_company.company.pk
        with transaction.atomic(), company_scope(own):
            assert branches() == {own}
            with transaction.atomic(), company_scope(other):
                assert branches() == {other}
                transaction.set_rollback(True)
            assert branches() == {own}
            with pytest.raises(ProgrammingError), transaction.atomic(), company_scope(other):
                ask("SELECT * FROM no_such_table")
            assert branches() == {own}

    @pytest.mark.django_db(transaction=True)
    def test_nothing_is_left_behind_on_the_connection(self) -> None:
        """A pooler gives the server's session to somebody else between two transactions."""
        first, second = make_business(), make_business("linden-clinic", number="+493087654321")
        bystander = connections.create_connection("default")
        try:
            bystander.connection = _session(connection)
            bystander.ensure_timezone()
            for business in (first, second, first):
                with company_scope(business.company.pk):
                    assert branches() == {business.company.pk}
                assert _branches_seen_by(bystander) == set()
                with company_scope(business.company.pk), transaction.atomic():
                    assert branches() == {business.company.pk}
                assert _branches_seen_by(bystander) == set()
                with company_scope(second.company.pk):
                    assert _branches_seen_by(bystander) == {second.company.pk}
        finally:
            bystander.connection = None

    @pytest.mark.django_db(transaction=True)
    def test_each_thread_announces_its_own(self) -> None:
        businesses = [make_business(), make_business("linden-clinic", number="+493087654321")]
        seen: dict[int, set[int]] = {}

        def look(company_id: int) -> None:
            try:
                with company_scope(company_id):
                    seen[company_id] = set.union(*(branches() for _ in range(30)))
            finally:
                connection.close()

        threads = [threading.Thread(target=look, args=[one.company.pk]) for one in businesses]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen == {one.company.pk: {one.company.pk} for one in businesses}

    @pytest.mark.django_db(transaction=True)
    def test_it_costs_no_further_message(self, company: Business) -> None:
        """What is announced travels with the statement; Django sees the statement's result alone."""
        with company_scope(company.company.pk), connection.cursor() as cursor:
            cursor.execute("SELECT name FROM tenants_company WHERE name LIKE %s", ["%raxis%"])
            assert [column.name for column in cursor.description] == ["name"]
            assert cursor.fetchall() == [(company.company.name,)]
            assert not cursor.cursor.nextset()
            assert cursor.cursor._query.query.count(b";") == 1


@postgres
class TestDeadlines:
    def test_a_statement_ends_with_the_deadline_in_force(self, db: None) -> None:
        with deadline.in_force(Deadline.after(0.3)), pytest.raises(OperationalError, match="timeout"):
            ask("SELECT pg_sleep(5)")

    def test_a_limit_is_gone_with_its_transaction(self, transactional_db: None) -> None:
        with deadline.in_force(Deadline.after(0.3)):
            ask("SELECT 1")
            with transaction.atomic():
                ask("SELECT 1")
        assert ask("SHOW statement_timeout") == [("0",)]
        assert ask("SELECT pg_sleep(0.4)")

    @pytest.mark.django_db(transaction=True)
    def test_a_wait_for_a_lock_ends_too(self, company: Business) -> None:
        with psycopg.connect(**_login(), autocommit=False) as other, company_scope(company.company.pk):
            other.execute("SELECT set_config('app.companies', 'all', true)")
            other.execute("SELECT id FROM tenants_company FOR UPDATE")
            with deadline.in_force(Deadline.after(0.3)), pytest.raises(OperationalError, match="timeout"):
                Company.objects.update(name="x")


@postgres
class TestChecks:
    def test_all_is_well(self, db: None) -> None:
        assert row_security.unprotected(connection) == []
        call_command("check", databases=["default"], fail_level="WARNING")

    @pytest.mark.parametrize(
        "opening",
        [
            'ALTER TABLE "tenants_branch" NO FORCE ROW LEVEL SECURITY',
            'ALTER TABLE "tenants_branch" DISABLE ROW LEVEL SECURITY',
            'DROP POLICY company_scope ON "tenants_branch"',
            'CREATE POLICY everybody ON "tenants_branch" USING (true)',
            'ALTER TABLE "tenants_branch" RENAME TO b; ALTER TABLE b RENAME TO "tenants_branch";'
            ' DROP POLICY company_scope ON "tenants_branch";'
            ' CREATE POLICY company_scope ON "tenants_branch" FOR SELECT USING (true)',
        ],
    )
    def test_an_open_table_is_found(self, owner: None, opening: str) -> None:
        with transaction.atomic():
            connection.cursor().execute(opening)
            assert row_security.unprotected(connection) == ["tenants_branch"]
            with pytest.raises(SystemCheckError, match=r"tenants\.E001\).*table tenants_branch"):
                call_command("check", databases=["default"])
            transaction.set_rollback(True)

    def test_a_role_that_owns_the_tables_is_reported(
        self, owner: None, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert row_security.role_of(connection).owner
        call_command("check", databases=["default"])
        assert "tenants.W003" in capsys.readouterr().err

    def test_the_owner_is_bound_too(self, owner: None) -> None:
        """FORCE: where one role is used for everything, the policies bind it all the same."""
        make_business()
        assert ask("SELECT count(*) FROM tenants_company") == [(0,)]
        with all_companies():
            assert ask("SELECT count(*) FROM tenants_company") == [(1,)]


def _login() -> dict[str, Any]:
    settings = connection.settings_dict
    return {
        "dbname": settings["NAME"],
        "user": settings["USER"],
        "password": settings["PASSWORD"],
        "host": settings["HOST"],
        "port": settings["PORT"],
    }


def _session(wrapper: BaseDatabaseWrapper) -> Any:
    wrapper.ensure_connection()
    return wrapper.connection


def _branches_seen_by(wrapper: BaseDatabaseWrapper) -> set[int]:
    with wrapper.cursor() as cursor:
        cursor.execute("SELECT company_id FROM tenants_branch")
        return {row[0] for row in cursor.fetchall()}
