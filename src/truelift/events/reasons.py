"""Why an event is not in the numbers: the closed list that the ledger counts by."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Reason(StrEnum):
    """Why an item was quarantined instead of stored."""

    BAD_JSON = "bad_json"
    BAD_ENCODING = "bad_encoding"
    LONE_SURROGATE = "lone_surrogate"
    DUPLICATE_KEY = "duplicate_key"
    TOO_DEEP = "too_deep"
    TOO_LARGE = "too_large"
    NUMBER_OUT_OF_RANGE = "number_out_of_range"
    NOT_AN_OBJECT = "not_an_object"
    WRONG_TYPE = "wrong_type"
    UNKNOWN_TYPE = "unknown_type"
    FIELD_TOO_LONG = "field_too_long"
    NO_EVENT_NAME = "no_event_name"
    NO_IDENTITY = "no_identity"
    BAD_TIMESTAMP = "bad_timestamp"
    TIMESTAMP_OUT_OF_RANGE = "timestamp_out_of_range"
    ALIAS_NEEDS_SECRET_KEY = "alias_needs_secret_key"  # noqa: S105 - a reason
    PRIVACY_SIGNAL = "privacy_signal"
    UNREADABLE = "unreadable"


MEANING: Final[Mapping[Reason, str]] = MappingProxyType(
    {
        Reason.BAD_JSON: "The item is not JSON (NaN and Infinity are not either).",
        Reason.BAD_ENCODING: "The item holds bytes that are not UTF-8.",
        Reason.LONE_SURROGATE: "A text holds half of a character (a lone surrogate).",
        Reason.DUPLICATE_KEY: "An object names the same key twice, so it has no one meaning.",
        Reason.TOO_DEEP: "Objects and lists are nested more than 32 levels deep.",
        Reason.TOO_LARGE: "The item is larger than 32 KB.",
        Reason.NUMBER_OUT_OF_RANGE: "A number is larger than any double.",
        Reason.NOT_AN_OBJECT: "The item is not a JSON object.",
        Reason.WRONG_TYPE: "A field has the wrong type, such as a list for an id.",
        Reason.UNKNOWN_TYPE: "`type` is none of track, page, screen, identify, group, alias.",
        Reason.FIELD_TOO_LONG: "An id or a name is longer than 512 characters.",
        Reason.NO_EVENT_NAME: "A track item has no event name.",
        Reason.NO_IDENTITY: "Neither a visitor nor a user is named (`null`, `guest` name nobody).",
        Reason.BAD_TIMESTAMP: "The timestamp is not a time.",
        Reason.TIMESTAMP_OUT_OF_RANGE: "The time lies before 2000 or more than a day ahead.",
        Reason.ALIAS_NEEDS_SECRET_KEY: "Only a server with the secret key may join two users.",
        Reason.PRIVACY_SIGNAL: "The browser asked not to be tracked; only the count is kept.",
        Reason.UNREADABLE: "The loader could not read the item.",
    }
)
"""One sentence each, for the ledger page."""
