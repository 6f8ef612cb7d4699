"""Certificates: which are accepted, and what is told of one that is not, for Google and for a proxy."""

from __future__ import annotations

import datetime as dt
import ipaddress
import re

import pytest
from cryptography import x509

from handler import HandlerError, InvalidInput, Unavailable
from handler.calendar_api import connection_pools
from handler.calendar_api.connection_pools import MOST_POOLS

from ..support.listening import ANSWER, DAY, LIMITS, answers, get, shown_by, signed, tunnelled

pytestmark = pytest.mark.usefixtures("fresh")

HERE = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
ELSEWHERE = x509.SubjectAlternativeName([x509.DNSName("wifi.hotel.example"), x509.DNSName("*.hotel.example")])
WAYS = ["direct", "behind a proxy", "of the proxy"]


@pytest.fixture(params=WAYS)
def shown(request, listen, monkeypatch):
    """Return a function that has the host or a proxy show a certificate, and gives the message and who did."""

    def show(folder, ca_file=None):
        monkeypatch.setenv("SSL_CERT_FILE", str(ca_file or folder / "ca.pem"))
        scripts, wrap = [answers(ANSWER)] * 2, shown_by(folder)
        if request.param == "behind a proxy":
            port, received = listen(*[tunnelled(script, wrap) for script in scripts])
        else:
            port, received = listen(*scripts, wrap=wrap)
        who = "127.0.0.1"
        if request.param != "direct":
            scheme = "https" if request.param == "of the proxy" else "http"
            monkeypatch.setenv("https_proxy", f"{scheme}://user:CANARY@127.0.0.1:{port}")
        if request.param == "of the proxy":
            who = f"the proxy 127.0.0.1:{port} (https_proxy)"
        with pytest.raises(HandlerError) as caught:
            get(port, scheme="https")
        assert (caught.value.code, caught.value.retryable) == ("unexpected_answer", False)
        assert "CANARY" not in str(caught.value.to_dict())
        assert not [one for one in received if one.startswith(b"GET") or (who != "127.0.0.1" and one)]
        return caught.value.message, who

    return show


def minutes(message):
    """Return the times that a message tells."""
    found = re.findall(r"(\d{4}-\d\d-\d\d \d\d:\d\d) UTC", message)
    return [dt.datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=dt.timezone.utc) for text in found]


def near(moment, after):
    """Return whether a time is about as far from now as this."""
    return abs(moment - dt.datetime.now(dt.timezone.utc) - after) < dt.timedelta(minutes=2)


def test_a_certificate_that_has_expired(shown, tmp_path):
    """Its last moment and the clock's are told, so that somebody can see which of them is wrong; nothing is sent."""
    message, who = shown(signed(tmp_path, "x", [HERE], first=-9 * DAY, last=-5 * DAY))
    assert message.startswith(f"The certificate that {who} showed was valid until ")
    assert "UTC, and the clock of this machine says " in message
    assert "Set the clock if it is wrong; if it is right, " in message
    last, now = minutes(message)
    assert near(last, -5 * DAY)
    assert near(now, 0 * DAY)


def test_a_certificate_that_is_not_valid_yet(shown, tmp_path):
    """Its first moment and the clock's are told, as a machine that forgot the date has it."""
    message, who = shown(signed(tmp_path, "x", [HERE], first=3 * DAY, last=9 * DAY))
    assert message.startswith(f"The certificate that {who} showed is valid from ")
    first, now = minutes(message)
    assert near(first, 3 * DAY)
    assert near(now, 0 * DAY)


def test_an_authority_that_has_expired(shown, tmp_path):
    """If the certificate above the one that was shown has expired, its dates are not given for those of the other."""
    (tmp_path / "ca").mkdir()
    ca = signed(tmp_path / "ca", "Acme CA", [], first=-9 * DAY, last=-DAY)
    message, who = shown(signed(tmp_path, "x", [HERE], by=ca), ca / "ca.pem")
    assert message.startswith(
        f"A certificate that vouches for that of {who} has expired, and the clock of this machine"
    )
    assert near(*minutes(message), 0 * DAY)


def test_a_certificate_of_an_authority(shown, tmp_path):
    """The dates are told of a certificate that another one has signed, too."""
    (tmp_path / "ca").mkdir()
    ca = signed(tmp_path / "ca", "Acme CA", [], first=-9 * DAY, last=9 * DAY)
    message, who = shown(signed(tmp_path, "x", [HERE], by=ca, first=-3 * DAY, last=-DAY), ca / "ca.pem")
    assert message.startswith(f"The certificate that {who} showed was valid until ")
    assert near(minutes(message)[0], -DAY)


def test_a_certificate_of_another_host(shown, tmp_path):
    """Whose it is, is told, as is what to do about it."""
    message, who = shown(signed(tmp_path, "x", [ELSEWHERE]))
    assert message.startswith(
        f"The certificate that {who} showed is for wifi.hotel.example, *.hotel.example, and not for 127.0.0.1. "
    )
    cure = (
        "This is not Google: look for a proxy or a login page"
        if who == "127.0.0.1"
        else "Name the proxy in https_proxy"
    )
    assert cure in message


def test_a_certificate_of_many_hosts(shown, tmp_path):
    """Of many names the first few are told, on one line whatever stands in them."""
    names = [x509.DNSName(f"{number}\x1b.example") for number in range(9)]
    message, _ = shown(signed(tmp_path, "x", [x509.SubjectAlternativeName(names)]))
    assert "is for 0\N{REPLACEMENT CHARACTER}.example, " in message
    assert ".example and others, and not for 127.0.0.1" in message
    assert "3\N{REPLACEMENT CHARACTER}" not in message


@pytest.mark.parametrize(
    "extensions", [[], [x509.SubjectAlternativeName([x509.RFC822Name("a@acme.com")])]], ids=["no SAN", "no name in it"]
)
def test_a_name_that_stands_only_in_the_subject(shown, tmp_path, extensions):
    """A certificate that names its host nowhere but in the CN is refused, as browsers do."""
    message, _ = shown(signed(tmp_path, "127.0.0.1", extensions))
    assert "is for no host (its subject is 127.0.0.1, which does not count), and not for 127.0.0.1" in message


def test_a_certificate_of_an_unknown_issuer(shown, tmp_path, certificate):
    """One that the CA file does not vouch for may be that of a proxy, whose CA file can be named."""
    message, who = shown(signed(tmp_path, "x", [HERE]), certificate / "ca.pem")
    assert message.startswith(f"The certificate that {who} showed does not verify: ")
    assert "If the proxy is yours, name its CA file in REQUESTS_CA_BUNDLE." in message
    assert ("this is not Google, or a proxy reads along" in message) == (who == "127.0.0.1")


def test_a_certificate_for_another_purpose(shown, tmp_path):
    """What OpenSSL has against a certificate otherwise is told in its words."""
    purpose = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.CLIENT_AUTH])
    message, who = shown(signed(tmp_path, "x", [HERE, purpose]))
    assert message.startswith(f"The certificate that {who} showed does not verify: ")
    assert message.endswith(". Show this to whoever issued it.")


def test_a_certificate_that_cannot_be_read_again(listen, tmp_path, monkeypatch):
    """If nobody shows it a second time, the clock is told all the same."""
    folder = signed(tmp_path, "x", [HERE], first=-9 * DAY, last=-5 * DAY)
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "ca.pem"))
    port, _ = listen(answers(ANSWER), lambda *_: None, wrap=shown_by(folder))
    lefts = iter([120.0] * 3)
    with pytest.raises(HandlerError, match="showed has expired, and the clock of this machine says") as caught:
        get(port, LIMITS._replace(left=lambda: next(lefts, 0.0)), scheme="https")
    assert near(*minutes(caught.value.message), 0 * DAY)


def test_a_second_look_ends_with_the_step(listen, tmp_path, monkeypatch):
    """A host that does not answer again is waited for no longer than the step has left."""
    folder = signed(tmp_path, "x", [HERE], first=-9 * DAY, last=-5 * DAY)
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "ca.pem"))
    wrap, times = shown_by(folder), iter(["once"])

    def once(connection):
        if next(times, None):
            return wrap(connection)
        connection.recv(65536)
        connection.recv(1)  # until the client hangs up
        return connection

    port, _ = listen(answers(ANSWER), answers(ANSWER), wrap=once)
    with pytest.raises(HandlerError, match="showed has expired, and the clock"):
        get(port, LIMITS._replace(connect_seconds=0.2), scheme="https")


def test_a_certificate_that_does_not_verify_is_no_reason_to_try_again(listen, secure):
    """A server that is not who it says is told as such, and not retryable."""
    port, _ = listen(answers(ANSWER), wrap=secure)
    with pytest.raises(HandlerError) as caught:
        get(port, scheme="https")
    assert (caught.value.code, caught.value.retryable) == ("unexpected_answer", False)
    assert "does not verify" in caught.value.message


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_a_ca_file_of_ones_own(listen, secure, certificate, monkeypatch, variable):
    """The usual variables name a CA file, and its certificates are accepted."""
    monkeypatch.setenv(variable, str(certificate / "ca.pem"))
    port, _ = listen(answers(ANSWER), wrap=secure)
    assert get(port, scheme="https").body == b"ok"


def test_a_ca_file_that_is_none(monkeypatch, tmp_path):
    """A CA file that cannot be read is an input to correct, named by its variable."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    with pytest.raises(InvalidInput, match="SSL_CERT_FILE: is not a readable file of CA certificates"):
        get(1, scheme="https")


def test_a_ca_file_that_is_named_no_more_vouches_for_nobody(listen, secure, certificate, monkeypatch):
    """A connection that a CA file opened is not used once the environment no longer names that file."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "ca.pem"))
    port, received = listen(answers(ANSWER), answers(ANSWER), wrap=secure)
    get(port, scheme="https")
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(HandlerError, match="does not verify"):
        get(port, scheme="https")
    assert len(received) == 1


def test_ca_files_are_bounded(certificate, tmp_path, monkeypatch):
    """The same for CA files, which take a megabyte each."""
    for number in range(20):
        file = tmp_path / f"{number}.pem"
        file.write_bytes((certificate / "ca.pem").read_bytes())
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        with pytest.raises(Unavailable):
            get(1, scheme="https")
    assert len(connection_pools._kept.contexts) <= MOST_POOLS
