"""All configuration comes from the environment; README.md lists the names. A missing secret stops the start."""

import sys
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from django.contrib.messages import constants as messages
from django.core.exceptions import ImproperlyConfigured
from environs import Env

env = Env()
BASE_DIR = Path(__file__).resolve().parent.parent
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _secret(name: str, for_development: str) -> str:
    value = env.str(name, "")
    if not value and DEVELOPMENT:
        return for_development
    if not value:
        raise ImproperlyConfigured(
            f"Set {name} in the environment: nothing starts without it. See README.md."
        )
    return value


def _windows(name: str, default: str) -> list[tuple[int, float]]:
    """Rate limits as calls/seconds, comma separated."""
    text = env.str(name, default)
    try:
        pairs = [part.split("/") for part in text.split(",")]
        found = [(int(calls), float(seconds)) for calls, seconds in pairs]
    except ValueError:
        found = []
    if not found or any(calls < 1 or seconds <= 0 for calls, seconds in found):
        raise ImproperlyConfigured(f"{name} must be calls/seconds, comma separated, such as {default}.")
    return found


def _address(name: str, default: str = "") -> str:
    value = (env.str(name, "") or default).rstrip("/")
    try:
        parts = urlsplit(value)
    except ValueError:
        parts = urlsplit("not an address")
    if value and (
        parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment
    ):
        raise ImproperlyConfigured(
            f"{name} must be an address such as https://people.example.com, without a query."
        )
    if value and parts.scheme == "http" and not (DEVELOPMENT and parts.hostname in LOOPBACK):
        raise ImproperlyConfigured(
            f"{name} must start with https:// (plain http only with DEBUG=true on this machine)."
        )
    return value


def _list(name: str, default: list[str]) -> list[str]:
    """Comma separated, with or without spaces."""
    return [part.strip() for part in env.str(name, "").split(",") if part.strip()] or default


# DEBUG=true allows plain http and made-up secrets on this machine. Django's own debug pages stay off even then:
# people see the same pages everywhere, and no page ever shows a setting or a stack trace.
DEVELOPMENT = env.bool("DEBUG", False)
DEBUG = False
SECRET_KEY = _secret("SECRET_KEY", "for development on this machine only, never in production")
TOKEN_ENCRYPTION_KEYS = [
    key.strip()
    for key in _secret("TOKEN_ENCRYPTION_KEYS", "ZGV2ZWxvcG1lbnQtb25seS1ub3QtYS1zZWNyZXQtMDA=").split(",")
]
for _key in TOKEN_ENCRYPTION_KEYS:
    try:
        Fernet(_key)
    except ValueError:
        raise ImproperlyConfigured(
            "TOKEN_ENCRYPTION_KEYS must be Fernet keys, comma separated, newest first. Make one with: "
            'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
        ) from None

PUBLIC_URL = _address("PUBLIC_URL")
if urlsplit(PUBLIC_URL).path:
    raise ImproperlyConfigured(
        "PUBLIC_URL must be a plain address without a path: Roster needs a host of its own."
    )
if not PUBLIC_URL and not DEVELOPMENT:
    raise ImproperlyConfigured(
        "Set PUBLIC_URL to the https address people use, such as https://people.example.com."
    )
ALLOWED_HOSTS = _list(
    "ALLOWED_HOSTS", [urlsplit(PUBLIC_URL).hostname or ""] if PUBLIC_URL else list(LOOPBACK)
)
CSRF_TRUSTED_ORIGINS = _list("CSRF_TRUSTED_ORIGINS", [PUBLIC_URL] if PUBLIC_URL else [])
TRUSTED_PROXIES = _list("TRUSTED_PROXIES", [])
for _proxy in TRUSTED_PROXIES:
    try:
        ip_network(_proxy, strict=False)
    except ValueError:
        raise ImproperlyConfigured(
            "TRUSTED_PROXIES must be addresses or networks, comma separated, such as 10.0.0.0/8."
        ) from None

# Close
CLOSE_CLIENT_ID = _secret("CLOSE_CLIENT_ID", "oa2client_rehearsal")
CLOSE_CLIENT_SECRET = _secret("CLOSE_CLIENT_SECRET", "rehearsal-secret")
CLOSE_APP_URL = _address("CLOSE_APP_URL", "https://app.close.com")
CLOSE_API_URL = _address("CLOSE_API_URL", "https://api.close.com")
CLOSE_PKCE = env.bool("CLOSE_PKCE", False)
CLOSE_ORGANIZATIONS = _list("CLOSE_ORGANIZATIONS", [])

# Commerce Layer
COMMERCELAYER_AUTH_URL = _address("COMMERCELAYER_AUTH_URL", "https://auth.commercelayer.io")
COMMERCELAYER_API_URL = _address("COMMERCELAYER_API_URL", "https://provisioning.commercelayer.io")
# A connection from the environment: for that one organization, and ignored without it.
COMMERCELAYER_CLIENT_ID = env.str("COMMERCELAYER_CLIENT_ID", "")
COMMERCELAYER_CLIENT_SECRET = env.str("COMMERCELAYER_CLIENT_SECRET", "")
COMMERCELAYER_FOR_CLOSE_ORGANIZATION = env.str("COMMERCELAYER_FOR_CLOSE_ORGANIZATION", "")
COMMERCELAYER_WINDOWS = _windows("COMMERCELAYER_WINDOWS", "200/60,50/10")

# How things behave; all optional.
MIRROR_FRESH_S = env.int("MIRROR_FRESH_S", 300)
# Each group is a call of its own.
GROUPS_FRESH_S = env.int("GROUPS_FRESH_S", 900)
PERMISSION_FRESH_S = env.int("PERMISSION_FRESH_S", 60)
PERMISSION_READABLE_S = env.int("PERMISSION_READABLE_S", 600)
PLAN_EXPIRES_S = env.int("PLAN_EXPIRES_S", 3600)
MINIMUM_MANAGERS = env.int("MINIMUM_MANAGERS", 1)
if MINIMUM_MANAGERS < 1:
    raise ImproperlyConfigured("MINIMUM_MANAGERS must be 1 or more: somebody has to stay in charge.")
PAGE_DEADLINE_S = env.float("PAGE_DEADLINE_S", 10.0)
CALL_DEADLINE_S = env.float("CALL_DEADLINE_S", 60.0)
# Outlives the slowest call, so that nobody takes over while an answer may still come.
LEASE_S = CALL_DEADLINE_S + env.float("LEASE_MARGIN_S", 15.0)

INSTALLED_APPS = [
    "django.contrib.humanize",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "huey.contrib.djhuey",
    "memberships",
    "dashboard",
]

# One page takes one file. It is read at once and kept nowhere.
FILE_UPLOAD_HANDLERS = ["dashboard.uploads.InMemory"]
DATA_UPLOAD_MAX_NUMBER_FILES = 1

MIDDLEWARE = [
    "dashboard.middleware.Healthz",
    "dashboard.middleware.TrustedProxies",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "dashboard.middleware.FailurePages",
]

ROOT_URLCONF = "dashboard.urls"
WSGI_APPLICATION = "dashboard.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.messages.context_processors.messages",
                "dashboard.shell.context",
            ],
            "builtins": ["django.contrib.humanize.templatetags.humanize", "django.templatetags.static"],
        },
    },
]

VAR_DIR = BASE_DIR / "var"
VAR_DIR.mkdir(exist_ok=True)
DATABASES = {
    "default": env.dj_db_url("DATABASE_URL", f"sqlite:///{VAR_DIR / 'roster.sqlite3'}", conn_max_age=60)
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # The defaults lose writes when several processes write at once.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }

# The queue only carries job ids; what a lost message leaves behind is found by the sweeper.
TASKS = {
    "default": {
        "BACKEND": "huey.contrib.djhuey.tasks_backend.HueyBackend",
        "OPTIONS": {"enqueue_on_commit": True},
    }
}
HUEY = {
    "name": "roster",
    "huey_class": "huey.SqliteHuey",
    "filename": env.str("QUEUE_FILE", str(VAR_DIR / "queue.sqlite3")),
    "immediate": False,
    "results": True,
}

SESSION_ENGINE = "django.contrib.sessions.backends.db"
# 12 hours, then a new sign-in
SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"  # Strict would drop the session on the way back from Close
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "dashboard.errors.csrf_failed"
MESSAGE_TAGS = {messages.SUCCESS: "good", messages.WARNING: "warn", messages.ERROR: "bad"}
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

SECURE = not DEVELOPMENT
SECURE_SSL_REDIRECT = SECURE
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
if SECURE:
    SESSION_COOKIE_NAME = "__Host-session"
    CSRF_COOKIE_NAME = "__Host-csrf"
    SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_CSP = {
    "default-src": ["'none'"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
    "img-src": ["'self'"],
    "connect-src": ["'self'"],
    "form-action": ["'self'"],
    "base-uri": ["'none'"],
    "frame-ancestors": ["'none'"],
}

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = BASE_DIR / "staticfiles"
if DEVELOPMENT:
    # Nothing is collected here, but WhiteNoise warns of a folder that is not.
    STATIC_ROOT.mkdir(exist_ok=True)
STORAGES = {
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEVELOPMENT and "collectstatic" not in sys.argv
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = DEVELOPMENT

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
USE_THOUSAND_SEPARATOR = False

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "huey": {"level": "WARNING"},
        "django.tasks": {"level": "WARNING"},
        # Both print addresses, and the sign-in's carry a code.
        "urllib3": {"level": "WARNING"},
        "authlib": {"level": "WARNING"},
    },
}
