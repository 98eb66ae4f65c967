"""What pipelines need, each change atomic and written down: policy, tokens, badges, GitHub."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from django.db import transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.tokens import digest, new_token
from truelift.apps.freezes.models import (
    BadgeRecord,
    DeployPolicyRecord,
    DeployTokenRecord,
    ProtectionRecord,
)
from truelift.apps.freezes.reads import (
    deploy_policy_document,
    deploy_policy_of,
    surface_names,
)
from truelift.apps.freezes.services import FreezeChangedMeanwhile
from truelift.apps.inbox.sealing import sealed
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import BadFields, is_storable
from truelift.apps.sites.models import Site
from truelift.egress.gate import parsed
from truelift.errors import Refusal
from truelift.lifecycle.deploy_check import (
    DeployPolicy,
    deploy_policy_obstacles,
)
from truelift.lifecycle.obstacle import MoveRefused


MOST_TOKENS: Final = 50
"""Of a site, and as many badges."""

GITHUB: Final = "https://api.github.com"
_PEM: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.+-----END [A-Z ]*PRIVATE KEY-----\s*", re.DOTALL
)


class NoSuchThing(Refusal):
    """A token, a badge or a GitHub App that there is not, or not any more."""

    code = "freezes.no_such_thing"

    def __init__(self) -> None:
        super().__init__("There is none such, or it was revoked. The page lists all.")


@transaction.atomic
def change_deploy_policy(
    site: Site, policy: DeployPolicy, *, by: Actor, now: datetime, because: str = ""
) -> DeployPolicy:
    """Choose the next version; one that changes nothing is none.

    Args:
        site: Where.
        policy: What is to hold; its version is the one that the person saw.
        by: Who.
        now: When.
        because: Why.

    Raises:
        FreezeChangedMeanwhile: There is a newer version than the one seen.
        MoveRefused: Something does not fit, with every reason.
    """
    # The site's row is the lock: two people at once do not get one number.
    Site.objects.select_for_update().get(pk=site.pk)
    before = deploy_policy_of(site)
    if policy.version != before.version:
        raise FreezeChangedMeanwhile(key=f"The policy (v{before.version})")
    found = deploy_policy_obstacles(policy)
    if not is_storable(because) or len(because) > 500:
        raise BadFields({"because": "At most 500 letters."})
    if found:
        raise MoveRefused(subject="The policy", action="be kept", obstacles=found)
    if policy == before:
        return before
    after = replace(policy, version=before.version + 1)
    DeployPolicyRecord.objects.create(
        site=site,
        because=because.strip(),
        made_by=by.user,
        made_at=now,
        **deploy_policy_document(after),
    )
    old, new = deploy_policy_document(before), deploy_policy_document(after)
    audit(
        action="deploy_policy.changed",
        target=f"deploy_policy:{after.version}",
        before={name: old[name] for name in new if old[name] != new[name]},
        after={name: new[name] for name in new if old[name] != new[name]},
        now=now,
        site=site.name,
        **by.audited,
    )
    return after


@dataclass(frozen=True, slots=True)
class Made:
    """A token that is shown once.

    Attributes:
        record: Its row.
        token: What it is; it is not kept.
    """

    record: DeployTokenRecord
    token: str


@transaction.atomic
def make_token(site: Site, name: str, *, by: Actor, now: datetime) -> Made:
    """Make a token with which a pipeline asks.

    Raises:
        BadFields: It has no name, or the site has too many.
    """
    called = name.strip()
    if not called or len(called) > 80 or not is_storable(called):
        raise BadFields({"name": "Say in at most 80 letters which pipeline uses it."})
    if DeployTokenRecord.objects.filter(site=site, revoked_at=None).count() >= MOST_TOKENS:
        raise BadFields({"name": f"A site has at most {MOST_TOKENS}. Revoke one first."})
    token = f"tld_{new_token()}"
    made = DeployTokenRecord.objects.create(
        site=site, name=called, sha256=digest(token), made_by=by.user, made_at=now
    )
    _audit_site(site, "deploy_token.made", f"deploy_token:{made.pk}", called, by=by, now=now)
    return Made(made, token)


@transaction.atomic
def revoke_token(site: Site, pk: int, *, by: Actor, now: datetime) -> DeployTokenRecord:
    """Believe a token no more.

    Raises:
        NoSuchThing: The site has none such.
    """
    found = DeployTokenRecord.objects.filter(site=site, pk=pk, revoked_at=None).first()
    if found is None:
        raise NoSuchThing
    found.revoked_at = now
    found.save(update_fields=["revoked_at"])
    _audit_site(
        site, "deploy_token.revoked", f"deploy_token:{found.pk}", found.name, by=by, now=now
    )
    return found


def pipeline(token: str, *, now: datetime) -> DeployTokenRecord | None:
    """Say whose deploy token this is; nothing said means that it is worthless."""
    if not token.startswith("tld_"):
        return None
    row = (
        DeployTokenRecord.objects.filter(sha256=digest(token), revoked_at=None)
        .select_related("site")
        .first()
    )
    if row is not None and (row.used_at is None or now - row.used_at > timedelta(minutes=1)):
        DeployTokenRecord.objects.filter(pk=row.pk).update(used_at=now)
    return row


@transaction.atomic
def make_badge(site: Site, surface: str, *, by: Actor, now: datetime) -> BadgeRecord:
    """Show whether a surface is frozen to whoever has the address.

    Raises:
        BadFields: There is no such surface, or the site has too many badges.
    """
    names = {name.strip().casefold(): name for name in surface_names(site)}
    wanted = surface.strip().casefold()
    if wanted and wanted not in names:
        raise BadFields({"surface": "Choose one of the list, or none for all."})
    if BadgeRecord.objects.filter(site=site, revoked_at=None).count() >= MOST_TOKENS:
        raise BadFields({"surface": f"A site has at most {MOST_TOKENS} badges."})
    made = BadgeRecord.objects.create(
        site=site, surface=names.get(wanted, ""), token=new_token(), made_by=by.user, made_at=now
    )
    _audit_site(site, "badge.made", f"badge:{made.pk}", made.surface, by=by, now=now)
    return made


@transaction.atomic
def revoke_badge(site: Site, pk: int, *, by: Actor, now: datetime) -> BadgeRecord:
    """Show a badge to nobody any more.

    Raises:
        NoSuchThing: The site has none such.
    """
    found = BadgeRecord.objects.filter(site=site, pk=pk, revoked_at=None).first()
    if found is None:
        raise NoSuchThing
    found.revoked_at = now
    found.save(update_fields=["revoked_at"])
    _audit_site(site, "badge.revoked", f"badge:{found.pk}", found.surface, by=by, now=now)
    return found


@transaction.atomic
def connect_protection(
    site: Site,
    *,
    name: str,
    app_id: str,
    private_key: str,
    by: Actor,
    now: datetime,
    api: str = "",
    surfaces: Sequence[str] = (),
) -> ProtectionRecord:
    """Let the deployment protection rule of a GitHub App ask this site.

    Raises:
        BadFields: Something does not fit, with every field.
    """
    from truelift.apps.freezes.protection import readable_key

    wrong: dict[str, str] = {}
    called = name.strip()
    if not called or len(called) > 80 or not is_storable(called):
        wrong["name"] = "Give it a name of at most 80 letters."
    number = app_id.strip()
    if not (number.isascii() and number.isdigit() and len(number) <= 20):
        wrong["app_id"] = "Copy the App ID from the App’s page; it is a number."
    key = private_key.strip() + "\n"
    if len(key) > 20_000 or not _PEM.fullmatch(key) or not readable_key(key):
        wrong["private_key"] = "Paste the whole private key of the App, as its .pem file has it."
    base = api.strip().rstrip("/") or GITHUB
    try:
        parsed(base)
    except Refusal:
        wrong["api"] = "Give the address where GitHub’s interface begins, or leave it empty."
    else:
        if len(base) > 300 or urlsplit(base).query or urlsplit(base).fragment:
            wrong["api"] = "Give the address without anything after ? or #."
    names = {each.strip().casefold(): each for each in surface_names(site)}
    unknown = [each for each in surfaces if each.strip().casefold() not in names]
    if unknown:
        wrong["surfaces"] = f"There is no surface {', '.join(unknown)[:200]}."
    if ProtectionRecord.objects.filter(site=site, ended_at=None).count() >= MOST_TOKENS:
        wrong["name"] = f"A site has at most {MOST_TOKENS}. Disconnect one first."
    if wrong:
        raise BadFields(wrong)
    made = ProtectionRecord.objects.create(
        site=site,
        name=called,
        api=base,
        app_id=number,
        private_key=sealed(key),
        public_id=new_token(),
        nonce=new_token(),
        surfaces=[names[each.strip().casefold()] for each in surfaces],
        made_by=by.user,
        made_at=now,
    )
    _audit_site(site, "protection.connected", f"protection:{made.pk}", called, by=by, now=now)
    return made


@transaction.atomic
def end_protection(site: Site, pk: int, *, by: Actor, now: datetime) -> ProtectionRecord:
    """Forget the key of a GitHub App and believe its webhooks no more.

    Raises:
        NoSuchThing: The site has none such.
    """
    found = ProtectionRecord.objects.filter(site=site, pk=pk, ended_at=None).first()
    if found is None:
        raise NoSuchThing
    found.ended_at, found.private_key = now, ""
    found.save(update_fields=["ended_at", "private_key"])
    _audit_site(site, "protection.ended", f"protection:{found.pk}", found.name, by=by, now=now)
    return found


def _audit_site(
    site: Site, action: str, target: str, name: str, *, by: Actor, now: datetime
) -> None:
    audit(action=action, target=target, after={"name": name}, now=now, site=site.name, **by.audited)
