"""Settings of the site. Everything that differs between machines comes from the environment
(docs/operations.md).
"""

from pathlib import Path
from urllib.parse import urlsplit

from coinai_web import environment
from coinai_web.logging import build_logging

BASE_DIR = Path(__file__).resolve().parent.parent

# --- The network and its state --------------------------------------------------------------------

COINAI_NETWORK = environment.read_choice("COINAI_NETWORK", "devnet", ("main", "devnet", "testing"))
COINAI_HOME = Path(environment.read_text("COINAI_HOME", str(BASE_DIR / "var"))).expanduser().resolve()
COINAI_PORT = environment.read_number("COINAI_PORT", 8000, least=1, most=65535)
COINAI_SITE_URL = environment.read_text("COINAI_SITE_URL", f"http://127.0.0.1:{COINAI_PORT}").rstrip("/")
COINAI_SCORE_TIMEOUT = environment.read_number("COINAI_SCORE_TIMEOUT", 15, least=1, most=3600)
COINAI_POOL_OPERATOR = environment.read_address("COINAI_POOL_OPERATOR")
COINAI_GENESIS = COINAI_HOME / "genesis.json"

# --- Other nodes (apps/chain/peers/) ----------------------------------------------------------------

COINAI_PEERS = environment.read_urls("COINAI_PEERS")
COINAI_NODE_URL = environment.read_node_url("COINAI_NODE_URL", COINAI_SITE_URL)
COINAI_PEERS_OUTBOUND = environment.read_number("COINAI_PEERS_OUTBOUND", 8, least=0, most=64)
COINAI_PEERS_INBOUND = environment.read_number("COINAI_PEERS_INBOUND", 64, least=0, most=1000)
COINAI_SYNC = environment.read_choice("COINAI_SYNC", "assumed", ("assumed", "full"))
COINAI_CHECKPOINT = environment.read_checkpoint("COINAI_CHECKPOINT")
COINAI_GENESIS_HASH = environment.read_hash("COINAI_GENESIS_HASH")

# --- Django ---------------------------------------------------------------------------------------

DEBUG = environment.read_flag("COINAI_DEBUG")
SECRET_KEY = environment.read_secret_key("COINAI_SECRET_KEY", COINAI_HOME / "secret_key")
ALLOWED_HOSTS = environment.read_list(
    "COINAI_ALLOWED_HOSTS",
    ["localhost", "127.0.0.1", "[::1]", urlsplit(COINAI_SITE_URL).hostname or "localhost"],
)
ROOT_URLCONF = "coinai_web.urls"
WSGI_APPLICATION = "coinai_web.wsgi.application"
ASGI_APPLICATION = "coinai_web.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django_htmx",
    "channels",
    "ninja",
    "coinai_web.apps.SiteConfig",
    "apps.common",
    "apps.chain",
    "apps.wallet",
    "apps.governance",
    "apps.storage",
    "apps.pool",
    "apps.explorer",
]

MIDDLEWARE = [
    "apps.common.metrics_web.measure_requests",
    "django.middleware.security.SecurityMiddleware",
    "apps.common.middleware.security_headers",
    "apps.common.http.allow_other_sites",
    "apps.common.rate_limits.limit_rates",
    "apps.common.http.keep_conventions",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "apps.wallet.middleware.know_address",
    "django_htmx.middleware.HtmxMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "apps.wallet.context.wallet",
            ]
        },
    }
]

# --- Database -------------------------------------------------------------------------------------

# The web server sets COINAI_DB_POOL (asgi.py); Celery forks and the node is one thread, so they keep plain
# connections.
# A process that is stopped, or hangs, while it holds the ledger's row would stop the chain for as long as
# that lasts: the database ends its transaction. Nothing here waits that long between two statements of one.
DATABASES = {
    "default": environment.read_database(
        "DATABASE_URL",
        pooled=environment.read_flag("COINAI_DB_POOL"),
        idle_seconds=environment.read_number("COINAI_DB_IDLE_SECONDS", 60, least=0, most=3600),
    )
}

# --- Broker, channel layer, tasks -----------------------------------------------------------------

BROKER_URL = environment.read_text("BROKER_URL")
CHANNEL_URL = environment.read_channel_url("COINAI_CHANNEL_URL", BROKER_URL)
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {
            # Without socket_timeout None, redis-py closes WebSockets that are idle for five seconds.
            "hosts": [{"address": CHANNEL_URL, "socket_timeout": None}],
            "prefix": "coinai:channels",
            "capacity": 500,
        },
    }
}
CELERY_BROKER_URL = BROKER_URL
CELERY_RESULT_BACKEND = environment.read_text("COINAI_RESULT_URL", BROKER_URL)  # for scores only
CELERY_RESULT_EXPIRES = 60
# Whoever waits for a score computes it itself when the broker hangs: it must not wait for the broker instead.
CELERY_REDIS_SOCKET_TIMEOUT = CELERY_REDIS_SOCKET_CONNECT_TIMEOUT = 3
CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS = {"retry_policy": {"max_retries": 1, "timeout": 3.0}}
CELERY_TASK_SERIALIZER = CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = CELERY_RESULT_ACCEPT_CONTENT = ["json"]
CELERY_TASK_DEFAULT_QUEUE = "site"
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

# --- Static files ---------------------------------------------------------------------------------

# By default whitenoise serves them from where they lie, so that a fresh clone needs no collectstatic.
# Production collects them once and serves hashed, compressed, immutable names.
STATIC_URL = "/static/"
STATICFILES_DIRS = [path for path in [BASE_DIR / "static"] if path.is_dir()]
COINAI_HASHED_STATIC = environment.read_flag("COINAI_HASHED_STATIC")
STATIC_ROOT = BASE_DIR / "staticfiles" if COINAI_HASHED_STATIC else None
WHITENOISE_USE_FINDERS = not COINAI_HASHED_STATIC
WHITENOISE_AUTOREFRESH = DEBUG
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "apps.common.static_storage.HashedStaticStorage"
            if COINAI_HASHED_STATIC
            else "django.contrib.staticfiles.storage.StaticFilesStorage"
        )
    },
}

# --- Security -------------------------------------------------------------------------------------

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "apps.common.views.csrf_failure"
CSRF_COOKIE_SECURE = COINAI_SITE_URL.startswith("https://")
CSRF_TRUSTED_ORIGINS = [COINAI_SITE_URL]
if CSRF_COOKIE_SECURE:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 30 * 24 * 3600
SILENCED_SYSTEM_CHECKS = [
    "security.W002",  # apps/common/middleware.py sends X-Frame-Options, and frame-ancestors in the policy
    "security.W005",  # hosts under this one's name are somebody else's: HSTS does not speak for them
    "security.W008",  # TLS ends at the reverse proxy, and so does the redirect to it
    "security.W021",  # likewise the preload list, which one leaves only after months
]
# Signing in makes a session in the database: no users, no passwords. It ends at the latest after
# COINAI_SESSION_DAYS, and earlier when nobody was seen for COINAI_SESSION_IDLE_DAYS.
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE
# The prefix makes browsers refuse such a cookie from a neighbouring host: nobody plants a session.
SESSION_COOKIE_NAME = ("__Host-" if SESSION_COOKIE_SECURE else "") + "coinai-session"
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 86_400 * environment.read_number("COINAI_SESSION_DAYS", 30, least=1, most=365)
COINAI_SESSION_IDLE_DAYS = environment.read_number("COINAI_SESSION_IDLE_DAYS", 7, least=1, most=365)
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 2**20  # bodies that are read as a whole; models and data sets are streamed

# --- Rate limits of the API (apps/common/rate_limits.py) --------------------------------------------

# Requests a second and at once, of one address; what runs on this machine is not limited.
COINAI_RATE_READ = environment.read_rate("COINAI_RATE_READ", "50/200")
COINAI_RATE_WORK = environment.read_rate("COINAI_RATE_WORK", "5/20")
COINAI_RATE_SIGN_IN = environment.read_rate("COINAI_RATE_SIGN_IN", "0.5/20")
COINAI_RATE_EXEMPT = environment.read_networks("COINAI_RATE_EXEMPT", ["127.0.0.0/8", "::1/128"])

# A page is made once for all visitors without a cookie within so many seconds (apps/common/shared_pages.py).
COINAI_SHARE_SECONDS = environment.read_number("COINAI_SHARE_SECONDS", 2, least=0, most=60)

# --- The faucet (apps/wallet/faucet.py) -------------------------------------------------------------

# Coins for whoever asks, where they are worth nothing; there is none on main.
COINAI_FAUCET = environment.read_flag("COINAI_FAUCET", default=COINAI_NETWORK != "main")
COINAI_FAUCET_CAI = environment.read_number("COINAI_FAUCET_CAI", 10, least=1, most=1000)
COINAI_FAUCET_WAIT = environment.read_number("COINAI_FAUCET_WAIT", 3600, least=1, most=30 * 86_400)
COINAI_FAUCET_GRANTS = environment.read_number("COINAI_FAUCET_GRANTS", 5, least=1, most=10_000)

# --- The wallet in the browser ----------------------------------------------------------------------

# Cost of scrypt as a power of two, for keystores that browsers make; tests take the least that is accepted.
COINAI_WALLET_SCRYPT = environment.read_number("COINAI_WALLET_SCRYPT", 17, least=14, most=20)

# --- Mempool: a policy of this node, not a rule of the chain (apps/chain/mempool/) -------------------

COINAI_MEMPOOL_COUNT = environment.read_number("COINAI_MEMPOOL_COUNT", 20_000, least=1, most=1_000_000)
COINAI_MEMPOOL_BYTES = environment.read_number("COINAI_MEMPOOL_BYTES", 32 * 2**20, least=2**16, most=2**34)
COINAI_MEMPOOL_AHEAD = environment.read_number("COINAI_MEMPOOL_AHEAD", 64, least=1, most=10_000)
COINAI_MEMPOOL_EXPIRY = environment.read_number("COINAI_MEMPOOL_EXPIRY", 72 * 3600, least=60, most=2**31)
# Base units per 1000 bytes. On the devnet the paper's fee of 0 is relayed while there is room.
_FEE, _INCREMENT, _DUST = (1000, 1000, 1000) if COINAI_NETWORK == "main" else (0, 1, 0)
COINAI_RELAY_FEE = environment.read_number("COINAI_RELAY_FEE", _FEE, least=0, most=10**12)
COINAI_RELAY_INCREMENT = environment.read_number("COINAI_RELAY_INCREMENT", _INCREMENT, least=0, most=10**12)
COINAI_DUST = environment.read_number("COINAI_DUST", _DUST, least=0, most=10**12)  # base units

# --- Dry runs of data sets that are to be proposed (apps/governance/services/trials.py) --------------

COINAI_DRY_RUN_NETWORKS = environment.read_number("COINAI_DRY_RUN_NETWORKS", 4, least=1, most=16)
COINAI_DRY_RUN_SECONDS = environment.read_number("COINAI_DRY_RUN_SECONDS", 8, least=1, most=600)

# --- Keeper and garbage (apps/storage/) -------------------------------------------------------------

COINAI_KEEPER = environment.read_bytes("COINAI_KEEPER", 0)  # bytes that this machine offers; 0: no keeper
COINAI_KEEPER_HOME = Path(environment.read_text("COINAI_KEEPER_HOME", str(COINAI_HOME / "keeper")))
COINAI_KEEPER_QUOTA = environment.read_bytes("COINAI_KEEPER_QUOTA", 0)  # 0: an eighth more than the capacity
COINAI_KEEPER_LISTEN = environment.read_text("COINAI_KEEPER_LISTEN", "127.0.0.1:8100")
COINAI_KEEPER_ENDPOINT = environment.read_text("COINAI_KEEPER_ENDPOINT", f"http://{COINAI_KEEPER_LISTEN}")
COINAI_KEEPER_KEY = environment.read_text("COINAI_KEEPER_KEY", str(COINAI_KEEPER_HOME / "key"))
COINAI_KEEPER_PASSPHRASE_FILE = environment.read_text("COINAI_KEEPER_PASSPHRASE_FILE", "-")
COINAI_KEEPER_BOND = environment.read_number("COINAI_KEEPER_BOND", 0, least=0, most=2**53 - 1)  # base units
COINAI_KEEPER_GRACE = environment.read_number("COINAI_KEEPER_GRACE", 3600, least=0, most=30 * 86_400)
# A devnet lives on one machine or in one room; elsewhere private addresses are nobody's business.
COINAI_KEEPER_PRIVATE = environment.read_flag("COINAI_KEEPER_PRIVATE", default=COINAI_NETWORK != "main")
# Seconds for which an object that nothing names is kept, and bytes of those at most.
COINAI_GARBAGE_GRACE = environment.read_number("COINAI_GARBAGE_GRACE", 86_400, least=60, most=365 * 86_400)
COINAI_GARBAGE_QUOTA = environment.read_bytes("COINAI_GARBAGE_QUOTA", 8 * 2**30)

# --- Logging --------------------------------------------------------------------------------------

LOGGING_CONFIG = "logging.config.dictConfig"
LOGGING = build_logging(
    level=environment.read_choice("COINAI_LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")),
    as_json=environment.read_choice(
        "COINAI_LOG_FORMAT",
        "json" if environment.read_flag("COINAI_LOG_JSON") else "text",  # the older name
        ("json", "text"),
    )
    == "json",
)
