"""Settings of booking_platform, one file, top to bottom. ``.env.example`` explains each variable."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from booking_platform import environment

BASE_DIR = Path(__file__).resolve().parent.parent
env = environment.load(BASE_DIR)

# --- The installation ---------------------------------------------------------------------------

DEBUG = env.flag("DEBUG", default=False)
INSECURE_PREFIX = "insecure-"
SECRET_KEY = env.str("SECRET_KEY", default=f"{INSECURE_PREFIX}development-only" if DEBUG else "")
FIELD_ENCRYPTION_KEYS = env.keys("FIELD_ENCRYPTION_KEYS")
if DEBUG and not FIELD_ENCRYPTION_KEYS:
    # A fixed key keeps a development database readable between two starts; it never leaves DEBUG.
    FIELD_ENCRYPTION_KEYS = ["aW5zZWN1cmUtZGV2ZWxvcG1lbnQtb25seS1rZXktMDA="]
if not DEBUG:
    if not SECRET_KEY or SECRET_KEY.startswith(
        (INSECURE_PREFIX, "django-insecure-", "change-me", "changeme")
    ):
        environment.stop("SECRET_KEY is missing or a default; set a long random value (or DEBUG=true)")
    if not FIELD_ENCRYPTION_KEYS or any(key.startswith("aW5zZWN1cmUt") for key in FIELD_ENCRYPTION_KEYS):
        environment.stop("FIELD_ENCRYPTION_KEYS is missing or a default; set a Fernet key (or DEBUG=true)")

ALLOWED_HOSTS = env.words("ALLOWED_HOSTS") or (["*"] if DEBUG else ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.origins("CSRF_TRUSTED_ORIGINS")
TRUST_PROXY = env.flag("TRUST_PROXY", default=False)
if TRUST_PROXY:
    # TLS ends at the proxy, which says so in this header; what it forwards as plain HTTP goes to HTTPS.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics/"]  # asked from inside, without the proxy
    SECURE_HSTS_SECONDS = 31_536_000
# An installation speaks for its own host name alone, not for sibling domains nor for browsers' lists.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

DATA_DIR = Path(env.str("DATA_DIR", default="") or "var")
if not DATA_DIR.is_absolute():
    DATA_DIR = BASE_DIR / DATA_DIR
environment.folder(DATA_DIR)

# --- Deadlines, limits, memory ------------------------------------------------------------------

CALCOM_SLOTS_TIMEOUT = env.number("CALCOM_SLOTS_TIMEOUT", default=3, minimum=0.05)
CALCOM_BOOKING_TIMEOUT = env.number("CALCOM_BOOKING_TIMEOUT", default=5, minimum=0.05)
# How long a request may go on after the caller has been answered (see docs/architecture.md).
CALCOM_SLOTS_LATE_TIMEOUT = 15.0
CALCOM_BOOKING_LATE_TIMEOUT = 30.0
CALL_BUDGET_SECONDS = env.number("CALL_BUDGET_SECONDS", default=5, minimum=0.1)
AVAILABILITY_TTL = env.whole("AVAILABILITY_TTL", default=60)
SEARCH_DAYS = env.whole("SEARCH_DAYS", default=7, minimum=1, maximum=366)
SLOT_HOLD_SECONDS = env.whole("SLOT_HOLD_SECONDS", default=120, minimum=1)
CIRCUIT_FAILURES = env.whole("CIRCUIT_FAILURES", default=5, minimum=1)
CIRCUIT_OPEN_SECONDS = env.whole("CIRCUIT_OPEN_SECONDS", default=60, minimum=1)
CIRCUIT_SUCCESSES = env.whole("CIRCUIT_SUCCESSES", default=2, minimum=1)
CALCOM_REQUESTS_PER_MINUTE = env.whole("CALCOM_REQUESTS_PER_MINUTE", default=100, minimum=1)
CALCOM_REQUESTS_PER_SECOND = env.whole("CALCOM_REQUESTS_PER_SECOND", default=10, minimum=1)
EVENTS_PER_MINUTE = env.whole("EVENTS_PER_MINUTE", default=600, minimum=1)
CALL_LOOP_LIMIT = env.whole("CALL_LOOP_LIMIT", default=8, minimum=1)
STALE_CALL_MINUTES = env.whole("STALE_CALL_MINUTES", default=120, minimum=1)
# The threads of a web process, as the Procfile starts it: of these one company's slow calendar gets a share.
WEB_THREADS = env.whole("WEB_THREADS", default=32, minimum=1)
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
FEATURE_SKIP_ALTERNATIVES_FOR_VOICE = env.flag("FEATURE_SKIP_ALTERNATIVES_FOR_VOICE", default=False)

MAX_BODY_BYTES = 4 * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES

# --- Applications -------------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "apps.core.back_office.BackOfficeConfig",  # django.contrib.admin with our own site
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "axes",
    "csp",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "apps.core",
    "apps.tenants",
    "apps.flags",
    "apps.services",
    "apps.scheduling",
    "apps.calls",
    "apps.operations",
    "apps.sandbox",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "apps.tenants.middleware.OperatorScopeMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "booking_platform.urls"
WSGI_APPLICATION = "booking_platform.wsgi.application"
APPEND_SLASH = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Database -----------------------------------------------------------------------------------

DEFAULT_DATABASE_URL = f"sqlite:///{DATA_DIR / 'db.sqlite3'}"
DATABASES: dict[str, dict[str, Any]] = {"default": env.database("DATABASE_URL", default=DEFAULT_DATABASE_URL)}
_database = DATABASES["default"]
if _database["ENGINE"].endswith("sqlite3"):
    # Waits for another writer no longer than the caller's deadline.
    _database["ENGINE"] = "booking_platform.sqlite"
    # IMMEDIATE takes the write lock at BEGIN: two writers queue instead of failing with "locked".
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
    }
    _database["TEST"] = {"NAME": str(DATA_DIR / "test_db.sqlite3")}
else:
    # Announces whose rows are meant to the policies of row level security.
    _database["ENGINE"] = "booking_platform.postgresql"
    _database["CONN_MAX_AGE"] = 600
    _database["CONN_HEALTH_CHECKS"] = True
    # A pooler in transaction mode has no session for a server-side cursor to live in.
    _database["DISABLE_SERVER_SIDE_CURSORS"] = True
    _database.setdefault("OPTIONS", {}).setdefault("connect_timeout", 2)

# --- Cache, broker ------------------------------------------------------------------------------

REDIS_URL = env.redis("REDIS_URL")
CACHES: dict[str, dict[str, Any]]
if REDIS_URL:
    CACHES = {
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": REDIS_URL,
            "KEY_PREFIX": "bp",
            "OPTIONS": {"SOCKET_CONNECT_TIMEOUT": 0.25, "SOCKET_TIMEOUT": 0.25},
        }
    }
else:
    # Shared by every process of this machine, which a per-process memory cache is not.
    CACHES = {
        "default": {
            "BACKEND": "apps.core.file_cache.SharedFileCache",
            "LOCATION": DATA_DIR / "cache",
            "KEY_PREFIX": "bp",
            "OPTIONS": {"MAX_ENTRIES": 20_000},
        }
    }

BROKER_DIR = DATA_DIR / "broker"
CELERY_BROKER_URL = env.broker("CELERY_BROKER_URL", default=REDIS_URL or "filesystem://")
if CELERY_BROKER_URL == "filesystem://":
    for _folder in ("queue", "processed", "control"):
        environment.folder(BROKER_DIR / _folder)
    CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
        "data_folder_in": str(BROKER_DIR / "queue"),
        "data_folder_out": str(BROKER_DIR / "queue"),
        "processed_folder": str(BROKER_DIR / "processed"),
        "control_folder": str(BROKER_DIR / "control"),
        "store_processed": False,
        "polling_interval": 0.3,  # seconds; 5 otherwise, for a new task as well as for a stop
    }
else:
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "visibility_timeout": 3600,
        "socket_timeout": 2,
        "socket_connect_timeout": 1,
        # A caller waits for whoever enqueues: without this, a refused connection is retried for 6 s.
        "max_retries": 0,
    }
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_TIME_LIMIT = 300
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "beat-schedule")
CELERY_BEAT_SCHEDULE = {
    "settle-unknown-bookings": {
        "task": "scheduling.settle_due_attempts",
        "schedule": timedelta(seconds=15),
    },
    "follow-calendars": {"task": "scheduling.follow_calendars", "schedule": timedelta(minutes=5)},
    "follow-up-unanswered": {"task": "calls.follow_up_unanswered", "schedule": timedelta(minutes=1)},
    "close-stale-calls": {"task": "calls.close_stale_calls", "schedule": timedelta(minutes=5)},
    "forget-what-expired": {"task": "operations.purge_expired", "schedule": timedelta(hours=1)},
}

# --- Languages, time ----------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Europe/Berlin"
FORMAT_MODULE_PATH = ["booking_platform.formats"]

# --- HTTP ---------------------------------------------------------------------------------------

STATIC_URL = "static/"
# WhiteNoise warns of a missing one; files are served by the finders.
STATIC_ROOT = environment.folder(DATA_DIR / "static")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = TRUST_PROXY
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 12 * 60 * 60  # a working day
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        # The admin theme's Alpine.js compiles the expressions in its templates; no inline script runs.
        "script-src": ["'self'", "'unsafe-eval'"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}

# --- The back office ----------------------------------------------------------------------------

LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
# Five wrong passwords for one name from one address: a quarter of an hour's pause.
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_TEMPLATE = "admin/locked.html"
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "apps.core.back_office.client_address"
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
OTP_TOTP_ISSUER = "booking_platform"
UNFOLD = {
    "SITE_TITLE": "booking_platform",
    "SITE_HEADER": "booking_platform",
    "SITE_SYMBOL": "event_available",
    "SITE_URL": None,
    "SHOW_LANGUAGES": True,
    "SHOW_VIEW_ON_SITE": False,
    "LOGIN": {"form": "apps.core.sign_in.SignInForm"},
    "STYLES": ["apps.operations.navigation.stylesheet"],
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "apps.operations.navigation.icon"}],
    "COLORS": {
        "primary": {
            "50": "oklch(97% .014 254.604)",
            "100": "oklch(93.2% .032 255.585)",
            "200": "oklch(88.2% .059 254.128)",
            "300": "oklch(80.9% .105 251.813)",
            "400": "oklch(70.7% .165 254.624)",
            "500": "oklch(62.3% .214 259.815)",
            "600": "oklch(54.6% .245 262.881)",
            "700": "oklch(48.8% .243 264.376)",
            "800": "oklch(42.4% .199 265.638)",
            "900": "oklch(37.9% .146 265.522)",
            "950": "oklch(28.2% .091 267.935)",
        }
    },
    "DASHBOARD_CALLBACK": "apps.operations.dashboard.dashboard_callback",
    "SIDEBAR": {"navigation": "apps.operations.navigation.navigation"},
    "ACCOUNT": {"navigation": "apps.operations.navigation.account_links"},
}

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "apps.core.refusals.exception_handler",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "booking_platform",
    "DESCRIPTION": "Between a voice AI that answers a business's phone and that business's calendar.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_INCLUDE_SCHEMA": False,
}

LOGGING_CONFIG = None  # apps.core.logging.configure() is called when the core app is ready
