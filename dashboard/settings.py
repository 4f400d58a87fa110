"""All configuration comes from the environment; README.md lists the names.

What is missing, malformed or weak stops the start with one sentence: see environment.py.
"""

import hmac
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from django.contrib.messages import constants as messages
from huey.serializer import SignedSerializer

from . import environment

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"
VAR_DIR.mkdir(exist_ok=True)
LOOPBACK = environment.LOOPBACK
DAY_S = 86_400

# DEBUG=true allows plain http and made-up secrets on this machine. Django's own debug pages stay off even then:
# people see the same pages everywhere, and no page ever shows a setting or a stack trace.
DEVELOPMENT = environment.development()
DEBUG = False
SECRET_KEY = environment.secret("SECRET_KEY", "for development on this machine only, never in production")
TOKEN_ENCRYPTION_KEYS = environment.keys(
    "TOKEN_ENCRYPTION_KEYS", "ZGV2ZWxvcG1lbnQtb25seS1ub3QtYS1zZWNyZXQtMDA="
)

PUBLIC_URL = environment.address("PUBLIC_URL", path=False)
if not PUBLIC_URL and not DEVELOPMENT:
    environment.stop("Set PUBLIC_URL to the https address people use, such as https://people.example.com.")
ALLOWED_HOSTS = environment.hosts(
    "ALLOWED_HOSTS", [urlsplit(PUBLIC_URL).hostname or ""] if PUBLIC_URL else list(LOOPBACK)
)
CSRF_TRUSTED_ORIGINS = environment.origins("CSRF_TRUSTED_ORIGINS", [PUBLIC_URL] if PUBLIC_URL else [])
TRUSTED_PROXIES = environment.networks("TRUSTED_PROXIES")

# Close
CLOSE_CLIENT_ID = environment.given("CLOSE_CLIENT_ID", "oa2client_rehearsal")
CLOSE_CLIENT_SECRET = environment.given("CLOSE_CLIENT_SECRET", "rehearsal-secret")
CLOSE_APP_URL = environment.address("CLOSE_APP_URL", "https://app.close.com")
CLOSE_API_URL = environment.address("CLOSE_API_URL", "https://api.close.com")
CLOSE_PKCE = environment.boolean("CLOSE_PKCE", False)
CLOSE_ORGANIZATIONS = environment.ids("CLOSE_ORGANIZATIONS")

# Commerce Layer
COMMERCELAYER_AUTH_URL = environment.address("COMMERCELAYER_AUTH_URL", "https://auth.commercelayer.io")
COMMERCELAYER_API_URL = environment.address("COMMERCELAYER_API_URL", "https://provisioning.commercelayer.io")
# A connection from the environment: for that one organization, and ignored without it.
environment.together("COMMERCELAYER_CLIENT_ID", "COMMERCELAYER_CLIENT_SECRET")
COMMERCELAYER_CLIENT_ID = environment.text("COMMERCELAYER_CLIENT_ID")
COMMERCELAYER_CLIENT_SECRET = environment.text("COMMERCELAYER_CLIENT_SECRET")
COMMERCELAYER_FOR_CLOSE_ORGANIZATION = next(
    iter(environment.ids("COMMERCELAYER_FOR_CLOSE_ORGANIZATION", most=1)), ""
)
COMMERCELAYER_WINDOWS = environment.windows("COMMERCELAYER_WINDOWS", "200/60,50/10")

# For those who run it; all optional.
METRICS_TOKEN = environment.token("METRICS_TOKEN")
METRICS_DIR = environment.folder("METRICS_DIR", VAR_DIR / "metrics", make=bool(METRICS_TOKEN))
if METRICS_TOKEN:
    # Each process counts in a file of its own there; the library reads this when it is imported.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(METRICS_DIR)
AUDIT_STREAM = environment.stream("AUDIT_STREAM")
environment.together("AUDIT_WEBHOOK_URL", "AUDIT_WEBHOOK_SECRET")
AUDIT_WEBHOOK_URL = environment.webhook("AUDIT_WEBHOOK_URL")
AUDIT_WEBHOOK_SECRET = environment.token("AUDIT_WEBHOOK_SECRET")
environment.apart("SECRET_KEY", "METRICS_TOKEN", "AUDIT_WEBHOOK_SECRET")
QUEUE_LATE_S = environment.integer("QUEUE_LATE_S", 300, least=1, most=DAY_S)
LOG_EMAILS = environment.boolean("LOG_EMAILS", False)

# How things behave; all optional.
MIRROR_FRESH_S = environment.integer("MIRROR_FRESH_S", 300, least=0, most=DAY_S)
# Each group is a call of its own.
GROUPS_FRESH_S = environment.integer("GROUPS_FRESH_S", 900, least=0, most=DAY_S)
PERMISSION_FRESH_S = environment.integer("PERMISSION_FRESH_S", 60, least=0, most=3600)
PERMISSION_READABLE_S = environment.integer("PERMISSION_READABLE_S", 600, least=0, most=3600)
PLAN_EXPIRES_S = environment.integer("PLAN_EXPIRES_S", 3600, least=60, most=7 * DAY_S)
MINIMUM_MANAGERS = environment.integer("MINIMUM_MANAGERS", 1, least=1, most=100)
INVITATIONS_PER_DAY = environment.integer("INVITATIONS_PER_DAY", 2000, least=0, most=100_000)
SIGN_INS_PER_MINUTE = environment.integer("SIGN_INS_PER_MINUTE", 20, least=1, most=10_000)
SESSION_ABSOLUTE_S = environment.integer("SESSION_ABSOLUTE_S", 12 * 3600, least=300, most=30 * DAY_S)
SESSION_IDLE_S = environment.integer("SESSION_IDLE_S", 2 * 3600, least=60, most=30 * DAY_S)
if SESSION_IDLE_S > SESSION_ABSOLUTE_S:
    environment.stop("SESSION_IDLE_S must not be more than SESSION_ABSOLUTE_S, which ends every session.")
PAGE_DEADLINE_S = environment.seconds("PAGE_DEADLINE_S", 10, least=0.1, most=120)
CALL_DEADLINE_S = environment.seconds("CALL_DEADLINE_S", 60, least=0.1, most=600)
# Outlives the slowest call, so that nobody takes over while an answer may still come.
LEASE_S = CALL_DEADLINE_S + environment.seconds("LEASE_MARGIN_S", 15, least=1, most=600)

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
    "dashboard.middleware.SafeHeaders",
    "dashboard.middleware.Healthz",
    "dashboard.probes.Readyz",
    "dashboard.probes.Metrics",
    "dashboard.middleware.TrustedProxies",
    "dashboard.observing.Observed",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "dashboard.middleware.OneOrganization",
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

DATABASES = {"default": environment.database("DATABASE_URL", f"sqlite:///{VAR_DIR / 'roster.sqlite3'}")}
POSTGRESQL = DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql"
if POSTGRESQL:
    # A server that is gone without a word must not hold a worker for as long as the system would wait.
    DATABASES["default"]["OPTIONS"] = {
        "connect_timeout": 10,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 60_000,
    } | DATABASES["default"].get("OPTIONS", {})
else:
    # The defaults lose writes when several processes write at once.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
REDIS_URL = environment.redis("REDIS_URL")

# The queue only carries job ids; what a lost message leaves behind is found by the sweeper.
TASKS = {
    "default": {
        "BACKEND": "huey.contrib.djhuey.tasks_backend.HueyBackend",
        "OPTIONS": {"enqueue_on_commit": True},
    }
}
HUEY = {
    "name": "roster",
    "immediate": False,
    "results": True,
    # Messages are pickled: whoever can write to the queue must not be able to have anything run.
    "serializer": SignedSerializer(secret=hmac.digest(SECRET_KEY.encode(), b"queue", "sha256").hex()),
}
if REDIS_URL:
    HUEY |= {"huey_class": "huey.RedisHuey", "url": REDIS_URL}
elif POSTGRESQL:
    HUEY |= {"huey_class": "dashboard.queue.DatabaseHuey"}
else:
    HUEY |= {
        "huey_class": "huey.SqliteHuey",
        "filename": environment.file("QUEUE_FILE", VAR_DIR / "queue.sqlite3"),
    }

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "roster",
        "OPTIONS": {"serializer": "dashboard.signed.SignedValues"},
    }
    if REDIS_URL
    else {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache",
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    },
    # For what each process may know by itself, because its key says which state it is of: costs pages no query.
    "local": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
}

SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_AGE = SESSION_ABSOLUTE_S
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"  # Strict would drop the session on the way back from Close
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "dashboard.errors.csrf_failed"
MESSAGE_TAGS = {messages.SUCCESS: "good", messages.WARNING: "warn", messages.ERROR: "bad"}
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

SECURE = not DEVELOPMENT
SECURE_SSL_REDIRECT = SECURE
# Scripts are refused instead: whoever sends a token over http has to notice.
SECURE_REDIRECT_EXEMPT = [r"^api(/|$)"]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
if SECURE:
    SESSION_COOKIE_NAME = "__Host-session"
    CSRF_COOKIE_NAME = "__Host-csrf"
SECURE_HSTS_SECONDS = 365 * DAY_S if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SECURE_REFERRER_POLICY = "same-origin"
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
# No other site has any use for them.
WHITENOISE_ALLOW_ALL_ORIGINS = False

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
USE_THOUSAND_SEPARATOR = False

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "scrubbed": {
            "()": "dashboard.logs.Plain" if DEVELOPMENT else "dashboard.logs.JsonLines",
            "emails": LOG_EMAILS,
            "secrets": [
                SECRET_KEY,
                *TOKEN_ENCRYPTION_KEYS,
                CLOSE_CLIENT_SECRET,
                COMMERCELAYER_CLIENT_SECRET,
                METRICS_TOKEN,
                AUDIT_WEBHOOK_SECRET,
                urlsplit(REDIS_URL).password or "",
                str(DATABASES["default"].get("PASSWORD", "")),
            ],
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "scrubbed"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "huey": {"level": "WARNING"},
        "django.tasks": {"level": "WARNING"},
        # What was asked and how it ended stands in our own line; this one has the whole path.
        "django.request": {"level": "ERROR"},
        # Both print addresses, and the sign-in's carry a code.
        "urllib3": {"level": "WARNING"},
        "authlib": {"level": "WARNING"},
    },
}
