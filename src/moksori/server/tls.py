"""TLS with a certificate of our own making: a phone on the same network gets its microphone only over https."""

from __future__ import annotations

import datetime
import ipaddress
import os
import socket
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from moksori.server.names import outward_addresses
from moksori.straight import Straight

VALID_DAYS = 365
RENEW_DAYS = 30
CERTIFICATE = "self-signed.pem"
KEY = "self-signed.key"
NO_TICKETS = 0
"""A ticket saves a client that comes back no round trip, and making two takes a sixth of the handshake."""


def self_signed(folder: Path) -> ssl.SSLContext:
    """A context with the certificate kept in `folder`, made anew when it is missing, near its end or incomplete.

    Incomplete: this machine has got a name or address that the certificate does not carry.
    """
    certificate, key = folder / CERTIFICATE, folder / KEY
    names = frozenset({"localhost", "127.0.0.1", "::1", socket.gethostname(), *outward_addresses()})
    if not _covers(certificate, names) or not key.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _make(certificate, key, names)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    context.num_tickets = NO_TICKETS
    context.sslobject_class = Straight
    return context


def _covers(certificate: Path, names: frozenset[str]) -> bool:
    try:
        known = x509.load_pem_x509_certificate(certificate.read_bytes())
        alternative = known.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return False
    left = known.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    covered = {str(name.value) for name in alternative}
    return names <= covered and left > datetime.timedelta(days=RENEW_DAYS)


def _make(certificate: Path, key: Path, names: frozenset[str]) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "moksori")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName([_name(name) for name in sorted(names)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )
    secret = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with open(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(secret)
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
