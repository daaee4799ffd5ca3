"""Setting up a second factor: a code to scan, and the first six digits as proof that it works."""

from __future__ import annotations

from typing import Any

import qrcode
from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _
from django_otp import login
from django_otp.plugins.otp_totp.models import TOTPDevice
from qrcode.image.svg import SvgPathImage
from unfold.widgets import INPUT_CLASSES

NAME = "authenticator"


class CodeForm(forms.Form):
    """The six digits that the app shows."""

    code = forms.CharField(
        label=_("Code that the app shows"),
        max_length=12,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "one-time-code",
                "inputmode": "numeric",
                "class": " ".join(INPUT_CLASSES),
            }
        ),
    )


def page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Show the code to scan; with the right digits the second factor is on, and asked for from then on."""
    if TOTPDevice.objects.filter(user=request.user, confirmed=True).exists():
        return _page(request, site, {"is_on": True})
    device = TOTPDevice.objects.get_or_create(user=request.user, confirmed=False, defaults={"name": NAME})[0]
    form = CodeForm(request.POST or None)
    if form.is_valid():
        if device.verify_token(form.cleaned_data["code"].replace(" ", "")):
            device.confirmed = True
            device.save()
            login(request, device)
            messages.success(request, _("The second factor is on. It is asked for at the next sign-in."))
            return redirect("admin:index")
        form.add_error("code", _("This code is not right. Is the clock of your device?"))
    return _page(request, site, {"is_on": False, "form": form, "picture": _picture(device.config_url)})


def _page(request: HttpRequest, site: AdminSite, content: dict[str, Any]) -> HttpResponse:
    context = {**site.each_context(request), "title": _("Second factor"), **content}
    return TemplateResponse(request, "admin/second_factor.html", context)


def _picture(address: str) -> str:
    """The address as a QR code in SVG; it holds a secret and is never stored."""
    picture = qrcode.make(address, image_factory=SvgPathImage, border=2, box_size=12)
    # Our own drawing of black squares.
    drawn: str = picture.to_string(encoding="unicode")
    return mark_safe(drawn)  # noqa: S308
