"""Addresses of people: the set-up link, invitations, one's own account, members of a site."""

from __future__ import annotations

from django.urls import path

from truelift.apps.accounts import views, views_members


app_name = "accounts"
urlpatterns = [
    path("setup/<str:token>/", views.set_up, name="setup"),
    path("invitations/<str:token>/", views.invitation, name="invitation"),
    path("me/", views.me, name="me"),
    path("me/name/", views.rename, name="rename"),
    path("me/tokens/", views.add_token, name="add-token"),
    path("me/tokens/<int:token>/revoke/", views.revoke_token, name="revoke-token"),
    path("s/<site:site>/members/", views_members.members, name="members"),
    path("s/<site:site>/members/invite/", views_members.invite, name="invite"),
    path("s/<site:site>/members/<int:person>/role/", views_members.change_role, name="role"),
    path(
        "s/<site:site>/members/<int:person>/functions/",
        views_members.change_functions,
        name="functions",
    ),
    path("s/<site:site>/members/<int:person>/remove/", views_members.remove, name="remove"),
    path(
        "s/<site:site>/members/invitations/<int:invitation>/withdraw/",
        views_members.withdraw,
        name="withdraw",
    ),
]
