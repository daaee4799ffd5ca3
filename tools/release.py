"""What the Procfile's ``release`` does before a new version serves: migrations, as the database's owner.

``DATABASE_MIGRATION_URL`` names the owner; the other processes use ``DATABASE_URL``, whose role then owns
nothing and is given the rights on rows that it needs. Both may stand in ``.env``, which a shell line
could not see.
"""

from __future__ import annotations

import os
from pathlib import Path

from booking_platform import environment

# Whoever migrates owns the tables: that is what the two roles are for.
MEANT = ["tenants.W002", "tenants.W003"]


def main() -> None:
    """Migrate the database that the environment names, and give the application's role its rights."""
    env = environment.load(Path(__file__).resolve().parent.parent)
    application = env.str("DATABASE_URL", default="")
    owner = env.str("DATABASE_MIGRATION_URL", default="")
    if owner:
        env.database("DATABASE_MIGRATION_URL", default="")  # what is wrong with it is said under its own name
        os.environ["DATABASE_URL"] = owner
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "booking_platform.settings")

    from django.conf import settings
    from django.core.management import execute_from_command_line

    from apps.tenants.context import all_companies

    if owner:
        settings.SILENCED_SYSTEM_CHECKS = [*settings.SILENCED_SYSTEM_CHECKS, *MEANT]
    # A migration of data is about the rows of all companies.
    with all_companies():
        execute_from_command_line(["manage.py", "migrate", "--no-input"])
    if owner and application:
        _grant(env.db_url_config(application).get("USER", ""))


def _grant(role: str) -> None:
    from django.db import ProgrammingError, connection

    from apps.tenants import row_security

    if connection.vendor != "postgresql" or not role or role == connection.settings_dict["USER"]:
        return
    try:
        row_security.grant(connection, role=role)
    except ProgrammingError as error:
        environment.stop(f"the role {role!r} of DATABASE_URL could not be given its rights: {error}")


if __name__ == "__main__":
    main()
