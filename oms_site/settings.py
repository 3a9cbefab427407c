"""All settings, read once from the environment; production and sandbox differ by variables."""

from __future__ import annotations

from pathlib import Path

from csp.constants import NONCE, NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE

from oms_site import env
from oms_site.schedule import TIMETABLE

BASE_DIR = Path(__file__).resolve().parent.parent
OMS_ENV = env.text("OMS_ENV", "production")
SANDBOX = OMS_ENV in {"sandbox", "test"}
DATA_DIR = env.path("OMS_DATA_DIR", str(BASE_DIR / ".data"))
DEBUG = False
SECRET_KEY = env.text("OMS_SECRET_KEY")
ALLOWED_HOSTS = env.text("OMS_ALLOWED_HOSTS", "127.0.0.1,localhost,testserver").split(",")

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "csp",
    "django_fsm",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "oms_site.firm",
    "oms_site.journal",
    "oms_site.throttling",
    "venues",
    "allocations",
    "controls",
    "orders",
]
MIDDLEWARE = [
    "oms_site.throttling.middleware.RateHeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "oms_site.api.admin_csp.AdminCspMiddleware",
    "oms_site.api.request_id.RequestIdMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "oms_site.throttling.middleware.RateGateMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "oms_site.urls"
ASGI_APPLICATION = "oms_site.asgi.application"
WSGI_APPLICATION = "oms_site.wsgi.application"
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
                "csp.context_processors.nonce",
                "oms_site.firm.context.shell",
            ]
        },
    }
]

# --- database: one engine, one semantics -----------------------------------------------------
DATABASES = {
    "default": {
        **env.database("DATABASE_URL", "postgresql://oms@127.0.0.1/oms"),
        "OPTIONS": {
            "pool": {"min_size": 0, "max_size": env.number("OMS_DB_POOL", 12), "timeout": 10},
            "options": "-c lock_timeout=10s -c statement_timeout=60s"
            " -c idle_in_transaction_session_timeout=60s -c timezone=UTC",
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
LANGUAGE_CODE = "en-us"

# --- people and keys -------------------------------------------------------------------------
AUTH_USER_MODEL = "firm.User"
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/desk/"
LOGOUT_REDIRECT_URL = "/login/"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
# A trading day is longer than fifteen idle minutes; the session ends twelve hours after login.
SESSION_COOKIE_AGE = 12 * 60 * 60

# --- browser security ------------------------------------------------------------------------
BEHIND_TLS = env.flag("OMS_TLS", default=not SANDBOX)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = BEHIND_TLS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_HSTS_SECONDS = 31_536_000 if BEHIND_TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = BEHIND_TLS
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_TRUSTED_ORIGINS = [o for o in env.text("OMS_TRUSTED_ORIGINS", "").split(",") if o]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
# Unfold evaluates Alpine expressions and Redoc writes styles: loosened for their routes only.
ADMIN_CONTENT_SECURITY_POLICY = {
    "script-src": [SELF, UNSAFE_EVAL],
    "style-src": [SELF, UNSAFE_INLINE],
}
DOCS_CONTENT_SECURITY_POLICY = {
    "script-src": [SELF, NONCE],
    "worker-src": [SELF, "blob:"],
    "style-src": [SELF, UNSAFE_INLINE],
}

# --- static files ----------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS: list[Path | tuple[str, Path]] = [BASE_DIR / "static"]
_modules = BASE_DIR / "node_modules"
STATICFILES_DIRS += [
    (f"vendor/{name}", _modules / name / "dist")
    for name in ("slickgrid",)
    if (_modules / name / "dist").is_dir()
]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

# --- API -------------------------------------------------------------------------------------
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "oms_site.firm.authentication.ApiKeyAuthentication",
        "oms_site.firm.authentication.BrowserSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["oms_site.api.strict_json.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["oms_site.api.strict_json.ExactJSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "oms_site.api.envelope.handle",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "OEMS API",
    "VERSION": "1.0.0",
    "DESCRIPTION": "Orders, execution orders, allocations, reviews and events of one organization.",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "AmountType": ["par", "shares"],
        "OrderType": "orders.order_types.KNOWN",
        "SideEnum": ["buy", "sell"],
        "OrderSide": "orders.sides.KNOWN",
        "FlattenStatus": ["proposed", "approved", "refused", "done"],
        "ControlType": ["universe", "exposure", "order", "attestation"],
        "TransactionKind": ["deposit", "withdrawal", "transfer", "correction", "exchange"],
        "TransactionKindTold": [
            *("deposit", "withdrawal", "transfer", "correction", "exchange", "fee"),
        ],
        "CorporateActionKind": ["coupon", "dividend", "redemption", "call", "split"],
        "RetryOutcome": ["queued", "refused"],
        "SecondPersonStatus": ["requested", "approved", "refused"],
        "ProposalStatus": ["proposed", "approved", "rejected", "withdrawn"],
        "ExecutionKind": ["trade", "bust", "correction"],
        "CancelOutcome": ["canceled", "refused"],
        "MarketState": ["live", "stale"],
        "OrderGroupStatus": ["open", "locked"],
        "ScheduleStrategy": ["twap", "vwap", "implementation_shortfall"],
        "OrderStatus": "orders.states.OrderStatus",
        "ExecutionOrderStatus": "orders.api.schema.EXECUTION_STATUSES",
    },
}

# --- Redis: nothing in it that cannot be lost ------------------------------------------------
REDIS_URL = env.text("REDIS_URL", "redis://127.0.0.1:6379/0")
# How many processes share a rate limit while Redis does not answer.
WEB_PROCESSES = env.number("WEB_WORKERS", 2)
# Where the processes listen that take orders in; none: each web process does it itself.
DESK_LINES = env.desk_lines()
# Processes that apply large batches of execution reports; started when the first one comes.
REPORT_LANES = env.number("REPORT_LANES", 3)
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        # redis-py's default read timeout would drop every idle socket after five seconds.
        "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": None}], "prefix": "oms"},
    }
}
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_TASK_IGNORE_RESULT = True
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = TIMETABLE
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 120,
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
}

# --- the sandbox and its outside parties -----------------------------------------------------
REAL_CLOCK = env.text("OMS_CLOCK", "sandbox") == "real" or not SANDBOX
OUTSIDE_DIR = DATA_DIR / "outside"
# How many trade dates back custodians' bookings are compared, besides those that have not settled.
RECONCILE_TRADE_DAYS = env.number("OMS_RECONCILE_TRADE_DAYS", 5)
WEB_PORT = env.number("PORT", 8000)
# An outside service of evaluated prices, asked before the controls look where our own price is
# missing or older than this; without an address nobody is asked.
PRICE_SERVICE_URL = env.text("PRICE_SERVICE_URL", "")
PRICE_SERVICE_AFTER_S = env.number("PRICE_SERVICE_AFTER_S", 900)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.text("OMS_LOG_LEVEL", "INFO")},
    "loggers": {
        "httpx": {"level": "WARNING"},
        # A doorbell a second is not news.
        "celery.beat": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
    },
}
UNFOLD = {
    "SITE_TITLE": "OEMS configuration",
    "SITE_HEADER": "OEMS",
    "SITE_SUBHEADER": "Configuration and read-only ledgers",
    "SITE_URL": "/desk/",
    "SHOW_VIEW_ON_SITE": False,
    "ENVIRONMENT": "oms_site.firm.context.environment_badge",
    "SIDEBAR": {"navigation": "oms_site.admin.navigation.groups"},
    "STYLES": [f"{STATIC_URL}app/admin.css"],
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": f"{STATIC_URL}app/favicon.svg"}
    ],
    "COLORS": {
        "primary": {
            "50": "oklch(97% .014 254.604)",
            "100": "oklch(93.2% .032 255.585)",
            "200": "oklch(88.2% .059 254.128)",
            "300": "oklch(80.9% .105 251.813)",
            "400": "oklch(70.7% .165 254.624)",
            "500": "oklch(62.3% .15 257)",
            "600": "oklch(47% .16 257)",
            "700": "oklch(43% .15 257)",
            "800": "oklch(38% .13 258)",
            "900": "oklch(33% .11 258)",
            "950": "oklch(26% .09 262)",
        }
    },
}
SILENCED_SYSTEM_CHECKS: list[str] = []
