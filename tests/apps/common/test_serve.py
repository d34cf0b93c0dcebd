"""The web server of production: several processes behind one port."""

import socket
import threading

from coinai_web.serve import bind, build_config


def test_connections_do_not_wait_for_more_to_send_nor_for_who_takes_nothing() -> None:
    config = build_config("127.0.0.1", 0, 2, log_level="error")
    with bind(config) as listener:
        listener.listen()
        client = threading.Thread(target=lambda: socket.create_connection(listener.getsockname()).close())
        client.start()
        accepted, _ = listener.accept()
        client.join()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000


def test_live_messages_are_not_compressed_for_each_viewer() -> None:
    config = build_config("127.0.0.1", 0, 2)
    assert (config.ws_per_message_deflate, config.lifespan, config.workers) == (False, "off", 2)
