"""Endpoints are read strictly, and private addresses are told from public ones."""

import ipaddress

import pytest

from protocol.endpoints import is_public, parse_endpoint
from protocol.errors.storage import UnusableEndpoint


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://keeper.example", "http://keeper.example"),
        ("https://Keeper.Example:443/", "https://keeper.example"),
        ("http://keeper.example:8100/coin/ai/", "http://keeper.example:8100/coin/ai"),
        ("http://203.0.113.9:8100", "http://203.0.113.9:8100"),
        ("http://[2001:db8::1]:8100", "http://[2001:db8::1]:8100"),
    ],
)
def test_it_reads_plain_endpoints(text: str, url: str) -> None:
    assert parse_endpoint(text).to_url() == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "keeper.example",
        "ftp://keeper.example",
        "file:///etc/passwd",
        "http://",
        "http://:80",
        "http://user@keeper.example",
        "http://user:word@keeper.example",
        "http://keeper.example@127.0.0.1",
        "http://keeper.example/?x=1",
        "http://keeper.example/#x",
        "http://keeper.example\\@127.0.0.1",
        "http://keeper.example /",
        "http://keeper.example\r\nHost: other",
        "http://keeper%2eexample",
        "http://keeper..example",
        "http://keeper.example:0",
        "http://keeper.example:99999",
        "http://keeper.example:x",
        "http://keeper.example/../secret",
        "http://keeper.example/./x",
        "http://keeper.example//x",
        "http://[fe80::1%25eth0]/",
        "http://[::1",
        "http://kéeper.example",
        "gopher://keeper.example:70/",
    ],
)
def test_it_refuses_everything_else(text: str) -> None:
    with pytest.raises(UnusableEndpoint) as caught:
        parse_endpoint(text)
    assert caught.value.code == 910


@pytest.mark.parametrize("text", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_the_open_internet_is_public(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "239.1.2.3",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a00:1",
        "2002:7f00:1::",
        "2001:0:7f00:1::",
        "2001:db8::1",
    ],
)
def test_private_networks_and_this_machine_are_not(text: str) -> None:
    assert not is_public(ipaddress.ip_address(text))
