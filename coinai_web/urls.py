"""All addresses of the site: the API, liveness and metrics, then the apps' pages."""

from django.urls import include, path

from apps.common.views import alive, favicon, healthz, metrics, ready
from coinai_web.api import api

urlpatterns = [
    path("api/", api.urls),
    path("healthz", healthz, name="healthz"),
    path("healthz/live", alive, name="alive"),
    path("healthz/ready", ready, name="ready"),
    path("metrics", metrics, name="metrics"),
    path("favicon.ico", favicon, name="favicon"),
    path("", include("apps.wallet.urls")),
    path("", include("apps.pool.urls")),
    path("", include("apps.governance.urls")),
    path("", include("apps.storage.urls")),
    path("", include("apps.explorer.urls")),
]

handler400 = "apps.common.views.bad_request"
handler403 = "apps.common.views.permission_denied"
handler404 = "apps.common.views.page_not_found"
handler500 = "apps.common.views.server_error"
