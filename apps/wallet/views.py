"""The wallet's pages. The server draws frames; whose wallet it is and what it holds, the browser knows."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@dataclass(frozen=True, slots=True)
class WalletPage:
    """A page of the wallet: ``name`` is its view, template and script."""

    name: str
    title: str
    in_menu: bool = True

    @property
    def url(self) -> str:
        """Where the page is."""
        return reverse(f"wallet:{self.name}")


PAGES = {
    page.name: page
    for page in (
        WalletPage("overview", "Overview"),
        WalletPage("send", "Send"),
        WalletPage("receive", "Receive"),
        WalletPage("history", "History"),
        WalletPage("contacts", "Contacts"),
        WalletPage("workers", "Worker keys"),
        WalletPage("settings", "Settings"),
        WalletPage("create", "Make a wallet", in_menu=False),
        WalletPage("restore", "Restore a wallet", in_menu=False),
    )
}
"""The pages of the wallet, in the order of its menu."""


@require_safe
@never_cache
def wallet_page(request: HttpRequest, name: str) -> HttpResponse:
    """One page of the wallet; ``name`` is a key of PAGES."""
    context = {
        "page": PAGES[name],
        "pages": [page for page in PAGES.values() if page.in_menu],
        "script": f"js/wallet/pages/{name}.js",
    }
    return render(request, f"wallet/{name}.html", context)
