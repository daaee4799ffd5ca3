"""Companies and what they offer, with the rules of a company's file; and the record of what was changed."""

from __future__ import annotations

from apps.operations.admin.audit import AccessAttemptAdmin, AuditEntryAdmin
from apps.operations.admin.companies import BranchAdmin, CompanyAdmin
from apps.operations.admin.services import BranchServiceAdmin, EventTypeAdmin, ServiceAdmin

__all__ = [
    "AccessAttemptAdmin",
    "AuditEntryAdmin",
    "BranchAdmin",
    "BranchServiceAdmin",
    "CompanyAdmin",
    "EventTypeAdmin",
    "ServiceAdmin",
]
