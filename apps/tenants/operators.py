"""Who an operator is: their rank in each of their companies. Decided by memberships, by nothing else."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from django.http import HttpRequest

from apps.tenants.models import Membership


class Rank(enum.IntEnum):
    """What somebody may do, and what an action needs. ``NOBODY`` is needed for what is never done here."""

    READ_ONLY = 1
    STAFF = 2
    OWNER = 3
    SUPERUSER = 4
    NOBODY = 5


RANK_OF_ROLE: Mapping[str, Rank] = {
    Membership.Role.READ_ONLY: Rank.READ_ONLY,
    Membership.Role.STAFF: Rank.STAFF,
    Membership.Role.OWNER: Rank.OWNER,
}


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody's ranks by company; a superuser has theirs everywhere."""

    ranks: Mapping[int, Rank]
    is_superuser: bool = False

    def may(self, needed: Rank) -> bool:
        """Whether they have this rank anywhere."""
        if self.is_superuser:
            return needed <= Rank.SUPERUSER
        return any(rank >= needed for rank in self.ranks.values())

    def may_in(self, company_id: int | None, needed: Rank) -> bool:
        """Whether they have this rank in this company; what is nobody's is a superuser's."""
        if self.is_superuser:
            return needed <= Rank.SUPERUSER
        return company_id is not None and self.ranks.get(company_id, 0) >= needed

    def companies(self, needed: Rank) -> frozenset[int] | None:
        """The companies in which they have at least this rank; None = all there are."""
        if self.is_superuser:
            return None if needed <= Rank.SUPERUSER else frozenset()
        return frozenset(company_id for company_id, rank in self.ranks.items() if rank >= needed)

    @property
    def only_company(self) -> int | None:
        """The one company of an operator of one."""
        return next(iter(self.ranks)) if len(self.ranks) == 1 and not self.is_superuser else None


def operator_of(request: HttpRequest) -> Operator:
    """Who is asking; looked up once a request."""
    known: Operator | None = getattr(request, "_operator", None)
    if known is None:
        known = _look_up(request)
        request._operator = known  # type: ignore[attr-defined]
    return known


def _look_up(request: HttpRequest) -> Operator:
    user = request.user
    if not user.is_authenticated or not user.is_active:
        return Operator({})
    if user.is_superuser:
        return Operator({}, is_superuser=True)
    rows = Membership.objects.filter(user_id=user.pk).values_list("company_id", "role")
    return Operator({company_id: RANK_OF_ROLE[role] for company_id, role in rows})
