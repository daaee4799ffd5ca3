"""A company's file: TOML in, a checked document out, and the rows that make it true.

``read`` is pure but for the environment names it is given; ``apply`` is one transaction.
"""

from __future__ import annotations

from apps.operations.company_file.changes import Change
from apps.operations.company_file.document import Document
from apps.operations.company_file.problems import FileRefused
from apps.operations.company_file.rows import Outcome, apply
from apps.operations.company_file.schema import check, read

__all__ = ["Change", "Document", "FileRefused", "Outcome", "apply", "check", "read"]
