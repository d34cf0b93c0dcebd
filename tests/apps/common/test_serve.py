"""The web server of production: several processes behind one port."""

import copy
import socket
import threading
from contextlib import suppress
from typing import cast

import pytest

from coinai_web.serve import bind_at, build_config, find_place


def test_connections_do_not_wait_for_more_to_send_nor_for_who_takes_nothing() -> None:
    config = build_config("127.0.0.1", 0, 2, log_level="error")
    place = find_place(config)
    with bind_at(place.family, place.address) as listener:
        listener.listen()
        client = threading.Thread(target=lambda: socket.create_connection(listener.getsockname()).close())
        client.start()
        accepted, _ = listener.accept()
        client.join()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000


def test_each_process_receives_a_socket_of_its_own_in_the_same_place() -> None:
    place = find_place(build_config("127.0.0.1", 0, 2, log_level="error"))
    # As in a process that it is handed to: a copy of a place is a socket there.
    with cast(socket.socket, copy.copy(place)) as first, cast(socket.socket, copy.copy(place)) as second:
        first.listen()
        second.listen()
        assert first.getsockname() == second.getsockname() == place.address
        clients = [socket.create_connection(place.address) for _ in range(64)]
        taken = []
        for listener in (first, second):
            listener.setblocking(False)
            taken.append(0)
            with suppress(BlockingIOError):
                while True:
                    listener.accept()[0].close()
                    taken[-1] += 1
        for client in clients:
            client.close()
    assert sum(taken) == 64
    assert min(taken) > 0


def test_a_place_that_somebody_listens_at_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(SystemExit):
        find_place(build_config("127.0.0.1", other.getsockname()[1], 2, log_level="critical"))


def test_live_messages_are_not_compressed_for_each_viewer() -> None:
    config = build_config("127.0.0.1", 0, 2)
    assert (config.ws_per_message_deflate, config.lifespan, config.workers) == (False, "off", 2)
