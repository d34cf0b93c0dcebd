"""Whether the site answers, asked in a thread of its own so that nothing waits for it."""

import http.client
import threading
import urllib.error
import urllib.request

ASK_EVERY_SECONDS = 0.5
TIMEOUT_SECONDS = 5.0
# A site without the first page still answers the second.
PATHS = ("/healthz", "/")


def is_answering(url: str) -> bool:
    """Whether the site at this address serves one of its pages without an error."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never through a proxy
    for path in PATHS:
        try:
            with opener.open(url + path, timeout=TIMEOUT_SECONDS) as answer:
                return bool(answer.status < 400)
        except urllib.error.HTTPError as error:
            if error.code != 404:
                return False
        except (OSError, http.client.HTTPException):
            return False
    return False


def watch_for_answer(url: str) -> threading.Event:
    """An event that is set as soon as the site answers."""
    answered = threading.Event()
    patience = threading.Event()

    def ask() -> None:
        while not is_answering(url):
            patience.wait(ASK_EVERY_SECONDS)
        answered.set()

    threading.Thread(target=ask, daemon=True).start()
    return answered
