"""Takes in e-mails that a mail server has put into a folder, one file each."""

from __future__ import annotations

import email
import email.policy
import hashlib
import html.parser
import re
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path
from typing import ClassVar, Final

from typing_extensions import override

from truelift.apps.intake.fields import Arrival, IdeaFields, SignalFields
from truelift.apps.intake.models import Way
from truelift.apps.intake.services import AlreadyHere, receive_idea, receive_signal
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import BadFields, storable
from truelift.apps.sites.models import Site
from truelift.errors import Refusal


MOST_BYTES: Final = 10_000_000
_PREFIX: Final = re.compile(r"^\s*((re|aw|fw|fwd|wg)\s*:\s*)+", re.IGNORECASE)
_IDEA: Final = re.compile(r"^\s*idea\s*:\s*", re.IGNORECASE)


class UnreadableMail(Refusal):
    """The file is no e-mail that says anything."""

    code: ClassVar[str] = "intake.bad_mail"

    def __init__(self, *, why: str) -> None:
        super().__init__(f"The e-mail cannot be taken: {why}", why=why)


@dataclass(frozen=True, slots=True)
class Mail:
    """What an e-mail says.

    Attributes:
        written: A signal; an idea where the subject begins with “Idea:”.
        message_id: Its own id, or a digest of the file where it has none.
    """

    written: SignalFields | IdeaFields
    message_id: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one file.

    Attributes:
        file: Its name.
        key: What it became; empty when it was refused.
        why: Why it was refused; empty otherwise.
    """

    file: str
    key: str = ""
    why: str = ""


def mail_of(raw: bytes) -> Mail:
    """Read an e-mail.

    Raises:
        UnreadableMail: It has neither subject nor text, or is too large.
    """
    if len(raw) > MOST_BYTES:
        raise UnreadableMail(why="it is larger than 10 MB.")
    message = email.message_from_bytes(raw, policy=email.policy.default)
    if not isinstance(message, EmailMessage):  # pragma: no cover - what this policy always gives
        raise UnreadableMail(why="it is no message.")
    subject = _PREFIX.sub("", _header(message, "subject"))
    text = _text(message)
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    if not subject and not first:
        raise UnreadableMail(why="it has neither a subject nor a text.")
    sender = parseaddr(_header(message, "from"))[1][:254]
    given = _header(message, "message-id")
    message_id = given[:200] if given else hashlib.sha256(raw).hexdigest()
    if _IDEA.match(subject):
        change = _IDEA.sub("", subject) or first
        return Mail(IdeaFields(change=change[:300], detail=text[:8000], contact=sender), message_id)
    title = subject or first
    return Mail(SignalFields(title=title[:200], detail=text[:8000], contact=sender), message_id)


def take_mail(site: Site, folder: Path, *, by: Actor, now: datetime) -> tuple[Taken, ...]:
    """Take in every `.eml` file of a folder and move it: to `taken`, or to `refused` with why.

    A file is moved after its row is stored, and its own id is kept: a run that is stopped in
    between takes nothing twice.
    """
    found = []
    for path in sorted(each for each in folder.iterdir() if each.suffix.lower() == ".eml"):
        if not path.is_file() or path.is_symlink():
            continue
        try:
            key = _take(site, path.read_bytes(), by=by, now=now)
        except (UnreadableMail, BadFields) as refusal:
            place = _moved(path, folder / "refused")
            place.with_suffix(".why.txt").write_text(f"{refusal}\n", encoding="utf-8")
            found.append(Taken(path.name, why=str(refusal)))
        else:
            _moved(path, folder / "taken")
            found.append(Taken(path.name, key=key))
    return tuple(found)


def _take(site: Site, raw: bytes, *, by: Actor, now: datetime) -> str:
    mail = mail_of(raw)
    arrival = Arrival(Way.MAIL, by=by, outside_id=mail.message_id)
    try:
        if isinstance(mail.written, IdeaFields):
            return receive_idea(site, mail.written, arrival, now=now).key
        return receive_signal(site, mail.written, arrival, now=now).key
    except AlreadyHere as known:
        return known.key


def _moved(path: Path, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    place = folder / path.name
    number = 1
    while place.exists():
        number += 1
        place = folder / f"{path.stem}-{number}{path.suffix}"
    return path.rename(place)


def _header(message: EmailMessage, name: str) -> str:
    try:
        given = str(message.get(name, ""))
    except (ValueError, LookupError, IndexError):  # the library trips over some real mails
        return ""
    return storable(" ".join(given.split()))


def _text(message: EmailMessage) -> str:
    """Give the words of a mail: its plain part, or its HTML part without the HTML."""
    try:
        body = message.get_body(preferencelist=("plain", "html"))
        content = body.get_content() if body is not None else ""
    except (LookupError, KeyError, ValueError, AttributeError):
        return ""
    text = content if isinstance(content, str) else ""
    if body is not None and body.get_content_type() == "text/html":
        words = _Words()
        words.feed(text)
        text = "".join(words.found)
    return storable(re.sub(r"\n{3,}", "\n\n", text.replace("\r\n", "\n"))).strip()


class _Words(html.parser.HTMLParser):
    """Keeps the words of HTML, a line for each block."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.silent = 0

    @override
    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in {"script", "style", "head"}:
            self.silent += 1
        elif tag in {"p", "br", "div", "li", "tr", "h1", "h2", "h3"}:
            self.found.append("\n")

    @override
    def handle_endtag(self, tag: str) -> None:
        if tag in {"script", "style", "head"}:
            self.silent = max(0, self.silent - 1)

    @override
    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.found.append(data)
