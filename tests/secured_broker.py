"""A real broker behind TLS and SASL/SCRAM with access lists, and certificates made for it: an authority that clients trust or
do not."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.kafka_broker import Broker, own_broker

PASSWORD = "correct-horse-battery"
_ADMIN = "admin-of-the-broker"


@dataclass
class Secured:
    """The broker, and the certificates of the authority that signed its own, and of another."""

    broker: Broker
    authority: Path
    stranger: Path

    def settings(self, user: str = "alice", password: str = PASSWORD, authority: Path | None = None) -> dict[str, str]:
        """What librdkafka needs."""
        return {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-256",
            "sasl.username": user,
            "sasl.password": password,
            "ssl.ca.location": str(authority or self.authority),
        }

    def admin(self) -> dict[str, str]:
        """The same of one who may do everything."""
        return {"bootstrap.servers": self.broker.address, **self.settings("admin", _ADMIN)}


@contextlib.contextmanager
def secured_broker(folder: Path) -> Iterator[Secured]:
    """Started for the block; users admin (may all) and alice (as access lists say, all where there are none)."""
    authority, stranger = _authority(folder, "authority"), _authority(folder, "stranger")
    login = "org.apache.kafka.common.security.scram.ScramLoginModule required"
    settings = {
        "sasl.enabled.mechanisms": "SCRAM-SHA-256",
        "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-256",
        "listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config": f'{login} username="admin" password="{_ADMIN}";',
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(_signed(folder, authority)),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:admin;User:ANONYMOUS",
        "allow.everyone.if.no.acl.found": "true",
    }
    users = [f"name=admin,password={_ADMIN}", f"name=alice,password={PASSWORD}"]
    with own_broker(protocol="SASL_SSL", settings=settings, users=users) as broker:
        yield Secured(broker, authority, stranger)


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def _authority(folder: Path, name: str) -> Path:
    made = folder / f"{name}.pem"
    subject = ("-subj", f"/CN={name}", "-days", "2")
    _openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / f"{name}.key", "-out", made, *subject)
    return made


def _signed(folder: Path, authority: Path) -> Path:
    """The broker's key and certificate in one file, as Kafka's PEM store has them."""
    key, request, certificate = folder / "broker.key", folder / "broker.csr", folder / "broker.pem"
    _openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, "-subj", "/CN=127.0.0.1")
    names = folder / "names.txt"
    names.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    signing = ("-CA", authority, "-CAkey", authority.with_suffix(".key"), "-CAcreateserial", "-days", "2")
    _openssl("x509", "-req", "-in", request, "-out", certificate, "-extfile", names, *signing)
    store = folder / "store.pem"
    store.write_text(key.read_text() + certificate.read_text() + authority.read_text())
    return store
