"""Every setting of an installation, read once from its environment."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from typing_extensions import override

from truelift.errors import Refusal


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the settings table; `docs/guide/settings.md` is made from it.

    Attributes:
        variable: The environment variable.
        default: What holds when it is not set, as a person would write it.
        meaning: One sentence.
    """

    variable: str
    default: str
    meaning: str


SETTINGS: tuple[Setting, ...] = (
    Setting("TRUELIFT_HOME", "./var", "The data directory: journal, lake, database, keys."),
    Setting(
        "TRUELIFT_LAKE",
        "$TRUELIFT_HOME/lake",
        "Where the Delta tables live: a folder, or `s3://bucket/prefix` ([Storage](storage.md)).",
    ),
    Setting(
        "TRUELIFT_CACHE_SIZE",
        "10 GiB",
        "How much of an `s3://` lake is kept in the home for questions to read.",
    ),
    Setting(
        "DATABASE_URL", "sqlite in the home", "Rows of the web application; SQLite or PostgreSQL."
    ),
    Setting(
        "TRUELIFT_EXECUTOR",
        "threads",
        "What answers questions: `threads` of this machine, or `tcp://host:8786`, a Dask cluster.",
    ),
    Setting("TRUELIFT_SECRET_KEY", "made by `init`", "Signs sessions and links; kept in the home."),
    Setting("TRUELIFT_BIND", "127.0.0.1:8000", "Address and port of `truelift serve`."),
    Setting(
        "TRUELIFT_PUBLIC_URL", "http://$TRUELIFT_BIND", "How visitors and people reach this server."
    ),
    Setting(
        "TRUELIFT_TRUSTED_PROXIES", "none", "Addresses whose X-Forwarded-* headers are believed."
    ),
    Setting(
        "EMAIL_URL",
        "none: links are shown to copy",
        "`smtp://user:pw@host:port` or `file:///folder`.",
    ),
    Setting(
        "TRUELIFT_EGRESS_ALLOW",
        "none",
        "Hosts (`staging.internal`, `10.1.2.3:8080`), separated by commas, that may be fetched"
        " although they are private ([Going out](egress.md)).",
    ),
    Setting(
        "TRUELIFT_CHROMIUM",
        "`chromium` on the path",
        "The browser that opens pages for checks ([Going out](egress.md)).",
    ),
    Setting(
        "TRUELIFT_MODEL_URL",
        "none: no model is asked",
        "A service that speaks the OpenAI chat API, up to `/v1`; it drafts for people"
        " ([Memory](memory.md)).",
    ),
    Setting("TRUELIFT_MODEL", "none", "The model to ask there; drafts carry its name."),
    Setting("TRUELIFT_MODEL_KEY", "none", "What that service asks for."),
)
"""The table: one row a setting, in the order of the guide."""


DEFAULT_CACHE_BYTES: Final = 10 << 30
"""Of `TRUELIFT_CACHE_SIZE`."""

_BUCKET: Final = re.compile(
    r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(/(?P<prefix>[\w!.*'()=/-]*))?"
)
_HOST: Final = re.compile(r"([a-z0-9_]([a-z0-9_.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(:\d{1,5})?")
_SIZE: Final = re.compile(r"(?P<number>\d{1,9}) ?(?P<unit>[KMGT])i?B?", re.IGNORECASE)


class BadSetting(Refusal):
    """A setting cannot be understood."""

    code = "settings.bad_value"

    def __init__(self, *, variable: str, value: str, wants: str) -> None:
        super().__init__(
            f"{variable} is {value!r}; it wants {wants}. Correct it and start again.",
            variable=variable,
            value=value,
        )


@dataclass(frozen=True, slots=True)
class S3Lake:
    """A lake in an S3-compatible object store; who may go there, the environment says.

    Attributes:
        bucket: Its name.
        prefix: What every key begins with, without slashes at its ends; may be empty.
        endpoint: Address of the store; empty for Amazon's own.
        region: Empty where the usual AWS configuration says it.
        plain_http: The endpoint may be spoken to without encryption.
        virtual_hosted: The bucket's name is part of the host's.
        cache_bytes: How much of its files is kept in the home.
    """

    bucket: str
    prefix: str = ""
    endpoint: str = ""
    region: str = ""
    plain_http: bool = False
    virtual_hosted: bool = False
    cache_bytes: int = DEFAULT_CACHE_BYTES

    @override
    def __str__(self) -> str:
        """Write it as `TRUELIFT_LAKE` has it."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")


@dataclass(frozen=True, slots=True)
class Settings:
    """What an installation was told, in types.

    Attributes:
        home: The data directory.
        lake: Folder of the Delta tables, or where they are in an object store.
        database_url: Empty for SQLite in the home, else a PostgreSQL address.
        executor: `threads`, or the address of a cluster's scheduler.
        bind: Host and port to listen on.
        public_url: Without a trailing slash.
        trusted_proxies: Addresses whose forwarding headers are believed.
        email_url: Empty when mail is not set up.
        secret_key: Empty when the home's own key file holds it.
        egress_allow: Hosts that may be fetched although they are private.
        chromium: Path of the browser that opens pages for checks; empty: look for it.
        model_url: Where a model service answers; empty: none is asked.
        model_name: The model to ask there.
        model_key: What the service asks for.
    """

    home: Path
    lake: Path | S3Lake
    database_url: str
    executor: str
    bind: tuple[str, int]
    public_url: str
    trusted_proxies: tuple[str, ...]
    email_url: str
    secret_key: str
    egress_allow: tuple[str, ...] = ()
    chromium: str = ""
    model_url: str = ""
    model_name: str = ""
    model_key: str = field(default="", repr=False)


def settings_from(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from an environment, the process's own when none is given.

    Raises:
        BadSetting: A value has the wrong form; the message names the variable.
    """
    env = os.environ if environment is None else environment
    home = Path(env.get("TRUELIFT_HOME") or "var").expanduser().absolute()
    executor = env.get("TRUELIFT_EXECUTOR") or "threads"
    if executor != "threads" and not re.fullmatch(r"(tcp|tls)://[^\s/]+:\d+", executor):
        raise BadSetting(
            variable="TRUELIFT_EXECUTOR", value=executor, wants="`threads` or tcp://HOST:PORT"
        )
    bind = env.get("TRUELIFT_BIND") or "127.0.0.1:8000"
    host, _, port = bind.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise BadSetting(variable="TRUELIFT_BIND", value=bind, wants="HOST:PORT")
    proxies = tuple(
        address.strip()
        for address in env.get("TRUELIFT_TRUSTED_PROXIES", "").split(",")
        if address.strip()
    )
    for each in proxies:
        try:
            ipaddress.ip_network(each, strict=False)
        except ValueError as error:
            raise BadSetting(
                variable="TRUELIFT_TRUSTED_PROXIES",
                value=each,
                wants="addresses or networks such as 10.0.0.0/8, separated by commas",
            ) from error
    return Settings(
        home=home,
        lake=_lake(env, home),
        database_url=env.get("DATABASE_URL", ""),
        executor=executor,
        bind=(host, int(port)),
        public_url=(env.get("TRUELIFT_PUBLIC_URL") or f"http://{bind}").rstrip("/"),
        trusted_proxies=proxies,
        email_url=env.get("EMAIL_URL", ""),
        secret_key=env.get("TRUELIFT_SECRET_KEY", ""),
        egress_allow=_hosts(env),
        chromium=env.get("TRUELIFT_CHROMIUM", ""),
        model_url=_model_url(env),
        model_name=env.get("TRUELIFT_MODEL", "").strip(),
        model_key=env.get("TRUELIFT_MODEL_KEY", "").strip(),
    )


def _model_url(env: Mapping[str, str]) -> str:
    url = env.get("TRUELIFT_MODEL_URL", "").strip().rstrip("/")
    if url and not re.fullmatch(r"https?://[^\s/@]+(/[^\s?#]*)?", url):
        raise BadSetting(
            variable="TRUELIFT_MODEL_URL", value=url, wants="https://HOST/v1, without a query"
        )
    if url and not env.get("TRUELIFT_MODEL", "").strip():
        raise BadSetting(
            variable="TRUELIFT_MODEL", value="", wants="the name of a model beside its address"
        )
    return url


def _hosts(env: Mapping[str, str]) -> tuple[str, ...]:
    found = tuple(
        each.strip().lower()
        for each in env.get("TRUELIFT_EGRESS_ALLOW", "").split(",")
        if each.strip()
    )
    for each in found:
        if not _HOST.fullmatch(each):
            raise BadSetting(
                variable="TRUELIFT_EGRESS_ALLOW",
                value=each,
                wants="hosts such as staging.internal or 10.1.2.3:8080, separated by commas",
            )
    return found


def _lake(env: Mapping[str, str], home: Path) -> Path | S3Lake:
    cache_bytes = _cache_bytes(env)
    lake = env.get("TRUELIFT_LAKE") or str(home / "lake")
    if "://" not in lake:
        return Path(lake).expanduser().absolute()
    found = _BUCKET.fullmatch(lake)
    parts = (found["prefix"] or "").strip("/").split("/") if found else []
    if found is None or (len(parts) > 1 and "" in parts) or {".", ".."} & set(parts):
        raise BadSetting(
            variable="TRUELIFT_LAKE", value=lake, wants="a local folder, or s3://BUCKET/PREFIX"
        )
    endpoint = env.get("AWS_ENDPOINT_URL_S3") or env.get("AWS_ENDPOINT_URL") or ""
    if endpoint and not re.fullmatch(r"https?://[^\s/@]+/?", endpoint):
        raise BadSetting(variable="AWS_ENDPOINT_URL", value=endpoint, wants="https://HOST:PORT")
    plain_http = _is_true(env.get("AWS_ALLOW_HTTP"))
    if endpoint.startswith("http://") and not plain_http:
        raise BadSetting(
            variable="AWS_ENDPOINT_URL",
            value=endpoint,
            wants="https://, or AWS_ALLOW_HTTP=true where visitors' events may travel in the clear",
        )
    return S3Lake(
        bucket=found["bucket"],
        prefix="/".join(parts),
        endpoint=endpoint.rstrip("/"),
        region=env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or "",
        plain_http=plain_http,
        virtual_hosted=_is_true(env.get("AWS_VIRTUAL_HOSTED_STYLE_REQUEST")),
        cache_bytes=cache_bytes,
    )


def _cache_bytes(env: Mapping[str, str]) -> int:
    size = env.get("TRUELIFT_CACHE_SIZE")
    if not size:
        return DEFAULT_CACHE_BYTES
    found = _SIZE.fullmatch(size.strip())
    if found is None:
        raise BadSetting(
            variable="TRUELIFT_CACHE_SIZE", value=size, wants="a size such as 500 MiB or 20 GiB"
        )
    return int(found["number"]) << {"K": 10, "M": 20, "G": 30, "T": 40}[found["unit"].upper()]


def _is_true(value: str | None) -> bool:
    return (value or "").lower() in {"1", "true", "yes"}
