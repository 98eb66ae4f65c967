"""Django's settings, all derived from the installation's own settings table."""

from __future__ import annotations

import secrets
from pathlib import Path
from urllib.parse import urlsplit

from csp.constants import NONCE, NONE, SELF

from truelift.lake.home import Home
from truelift.project.database import database_from
from truelift.project.logs import logging_settings
from truelift.project.mail import mail_settings
from truelift.settings import settings_from


TRUELIFT = settings_from()
_HOME = Home.of(TRUELIFT)
_HERE = Path(__file__).parent
_PUBLIC = urlsplit(TRUELIFT.public_url)
_HTTPS = _PUBLIC.scheme == "https"

# Reading the settings writes nothing: a home that is not made yet gets its key from
# `Home.make`, and until then (type checks, `makemigrations`) a key of the moment serves.
SECRET_KEY = TRUELIFT.secret_key or (
    _HOME.secret_key_file.read_text(encoding="ascii").strip()
    if _HOME.secret_key_file.exists()
    else secrets.token_urlsafe(50)
)
DEBUG = False
ALLOWED_HOSTS = list(
    dict.fromkeys(
        [_PUBLIC.hostname or "localhost", TRUELIFT.bind[0], "localhost", "127.0.0.1", "[::1]"]
    )
)
ROOT_URLCONF = "truelift.project.urls"
WSGI_APPLICATION = "truelift.project.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "csp",
    "django_htmx",
    "template_partials",
    "truelift.apps.accounts",
    "truelift.apps.sites",
    "truelift.apps.programme",
    "truelift.apps.measurement",
    "truelift.apps.explorers",
    "truelift.apps.research",
    "truelift.apps.intake",
    "truelift.apps.experiments",
    "truelift.apps.surfaces",
    "truelift.apps.freezes",
    "truelift.apps.backlog",
    "truelift.apps.qa",
    "truelift.apps.rollouts",
    "truelift.apps.briefs",
    "truelift.apps.observations",
    "truelift.apps.roadmap",
    "truelift.apps.threads",
    "truelift.apps.memory",
    "truelift.apps.lists",
    "truelift.apps.inbox",
    "truelift.apps.links",
    "truelift.apps.changes",
    "truelift.apps.watching",
    "truelift.apps.rhythm",
    "truelift.apps.calendars",
    "truelift.apps.progress",
    "truelift.apps.scorecard",
    "truelift.apps.homes",
    "truelift.apps.facts",
    "truelift.apps.commerce",
    "truelift.apps.alignment",
    "truelift.apps.voice",
    "truelift.apps.warnings",
    "truelift.apps.drawing",
]

MIDDLEWARE = [
    "truelift.project.edge.BelieveTheEdge",
    "truelift.project.logs.LogRequests",
    "django.middleware.security.SecurityMiddleware",
    "truelift.project.static_files.ServeStaticFiles",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "truelift.project.login.SignInFirst",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "truelift.project.refusals.SayRefusals",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [_HERE / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "truelift.project.frame.frame",
            ],
            "builtins": ["truelift.project.templatetags.frame"],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

DATABASES = {"default": database_from(TRUELIFT.database_url, embedded=_HOME.database)}

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("email", "name")},
    },
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"

ACCOUNT_ADAPTER = "truelift.apps.accounts.adapter.InvitedOnly"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"  # an address is proven by the invitation that went to it
ACCOUNT_LOGOUT_REDIRECT_URL = "/accounts/login/"
ACCOUNT_FORMS = {
    "reset_password": "truelift.apps.accounts.forms.ForgottenForm",
    "reset_password_from_key": "truelift.apps.accounts.forms.NewPasswordForm",
    "change_password": "truelift.apps.accounts.forms.OtherPasswordForm",
    "reauthenticate": "truelift.apps.accounts.forms.ConfirmForm",
}
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # nobody gets mail because somebody typed their address
ACCOUNT_REAUTHENTICATION_TIMEOUT = 900
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_TOTP_ISSUER = "Truelift"

LANGUAGE_CODE = "en-gb"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATICFILES_DIRS = [_HERE / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "truelift.project.static_files.FingerprintedFiles"},
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
WHITENOISE_ALLOW_ALL_ORIGINS = False  # no CORS, for static files neither

# `__Host-` binds a cookie to this host and to https; browsers refuse it over http.
SESSION_COOKIE_NAME = "__Host-session" if _HTTPS else "truelift_session"
SESSION_COOKIE_SECURE = _HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 14 * 24 * 3600
CSRF_COOKIE_NAME = "__Host-csrf" if _HTTPS else "truelift_csrf"
CSRF_COOKIE_SECURE = _HTTPS
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_TRUSTED_ORIGINS = [f"{_PUBLIC.scheme}://{_PUBLIC.netloc}"]
CSRF_FAILURE_VIEW = "truelift.project.pages.stale_form"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 31_536_000 if _HTTPS else 0
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

LOGGING_CONFIG = None
logging_settings()
globals().update(mail_settings(TRUELIFT.email_url, public_url=TRUELIFT.public_url))
