from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CallsConfig(AppConfig):
    name = "apps.calls"
    label = "calls"
    verbose_name = _("Calls")

    def ready(self) -> None:
        from apps.calls import callbacks, settlement, waiting_list

        callbacks.connect()
        settlement.connect()
        waiting_list.connect()
