"""What people type about people."""

from __future__ import annotations

from allauth.account.forms import (
    ChangePasswordForm,
    ReauthenticateForm,
    ResetPasswordForm,
    ResetPasswordKeyForm,
)
from django import forms

from truelift.apps.accounts.roles import Role
from truelift.lifecycle.functions import Function


class PersonForm(forms.Form):
    """A name and a password for a new account whose address is already known."""

    name = forms.CharField(
        label="Your name", max_length=120, widget=forms.TextInput({"autocomplete": "name"})
    )
    password = forms.CharField(
        label="Password",
        strip=False,
        help_text="At least 10 characters; four words that you make up are best.",
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
    )


class OperatorForm(PersonForm):
    """The first account of an installation."""

    email = forms.EmailField(
        label="E-mail address",
        max_length=254,
        help_text="You sign in with it. Nothing is sent anywhere.",
        widget=forms.EmailInput({"autocomplete": "username"}),
    )

    field_order = ("name", "email", "password")


class InviteForm(forms.Form):
    """Whom to invite, and as what."""

    email = forms.EmailField(
        label="E-mail address", max_length=254, widget=forms.EmailInput({"autocomplete": "off"})
    )
    role = forms.ChoiceField(
        label="Role",
        choices=[(role.value, f"{role.value.capitalize()}: {role.meaning}") for role in Role],
        initial=Role.ANALYST.value,
        widget=forms.RadioSelect,
    )


class RoleForm(forms.Form):
    """Another role for a member."""

    role = forms.ChoiceField(choices=[(role.value, role.value.capitalize()) for role in Role])


class FunctionsForm(forms.Form):
    """What a member does."""

    functions = forms.MultipleChoiceField(
        choices=[(each.value, each.called) for each in Function], required=False
    )

    def chosen(self) -> tuple[Function, ...]:
        """Give what was ticked."""
        return tuple(Function(each) for each in self.cleaned_data["functions"])


class NameForm(forms.Form):
    """How a person wants to be called."""

    name = forms.CharField(
        label="Name", max_length=120, widget=forms.TextInput({"autocomplete": "name"})
    )


class TokenForm(forms.Form):
    """What an access token will be used for."""

    name = forms.CharField(
        label="What it is for", max_length=80, widget=forms.TextInput({"autocomplete": "off"})
    )


def said(form: forms.Form, **labels: str) -> None:
    """Call allauth's fields by our words, and drop the placeholders that only repeat them."""
    for field in form.fields.values():
        field.widget.attrs.pop("placeholder", None)
    for name, label in labels.items():
        form.fields[name].label = label
        form.fields[name].help_text = ""


class ForgottenForm(ResetPasswordForm):  # type: ignore[misc]
    """Where to send the link that sets a new password."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)
        said(self, email="E-mail address")


class NewPasswordForm(ResetPasswordKeyForm):  # type: ignore[misc]
    """A new password, for who came by the link."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)
        said(self, password1="New password", password2="The same again")
        self.fields["password1"].help_text = "At least 10 characters; four words are best."


class OtherPasswordForm(ChangePasswordForm):  # type: ignore[misc]
    """A new password, for who knows the old one."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)
        said(
            self,
            oldpassword="Password until now",
            password1="New password",
            password2="The same again",
        )
        self.fields["password1"].help_text = "At least 10 characters; four words are best."


class ConfirmForm(ReauthenticateForm):  # type: ignore[misc]
    """The password once more, before something that protects the account changes."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)
        said(self, password="Password")  # noqa: S106 - a label
