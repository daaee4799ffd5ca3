"""Signing in: name, password and, from those who have set up a second factor, its code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm
from django.utils.translation import gettext_lazy as _
from django_otp import match_token, user_has_device
from unfold.forms import AuthenticationForm
from unfold.widgets import BASE_INPUT_CLASSES

if TYPE_CHECKING:
    Form = AdminAuthenticationForm
else:
    Form = AuthenticationForm


class SignInForm(Form):
    """The code is asked of nobody who has no second factor; a wrong one counts as a wrong password."""

    code = forms.CharField(
        label=_("Code of the second factor"),
        required=False,
        max_length=12,
        help_text=_("Only if you have set one up."),
        widget=forms.TextInput(
            attrs={
                "autocomplete": "one-time-code",
                "inputmode": "numeric",
                "class": " ".join(BASE_INPUT_CLASSES),
            }
        ),
    )

    def confirm_login_allowed(self, user: Any) -> None:
        super().confirm_login_allowed(user)
        if not user_has_device(user):
            return
        device = match_token(user, self.cleaned_data.get("code", "").replace(" ", ""))
        if device is None:
            raise forms.ValidationError(_("The code of the second factor is missing or wrong."), code="code")
        # django_otp remembers it in the session when the user is signed in.
        user.otp_device = device
