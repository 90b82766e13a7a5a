"""The studio's own certificate authority: a root that signs one signer, whose name stands in every C2PA manifest.

Nobody but those who hold root.pem trusts it: it proves to the studio and to whom it gave the root, not to the world.
"""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scan3d.errors import InputError, StorageError
from scan3d.pipeline.aside import written_aside

ROOT_CERTIFICATE = "root.pem"
ROOT_KEY = "root.key"
SIGNER_CHAIN = "signer.pem"
SIGNER_KEY = "signer.key"

# Without a time-stamping authority a signature is trusted only as long as its certificate: pictures live long.
_ROOT_YEARS = 25
_SIGNER_YEARS = 15
_PURPOSE = "1.3.6.1.5.5.7.3.4"


@dataclass(frozen=True, kw_only=True)
class Authority:
    """What marks are signed with, as PEM. anchor: the root. chain: the signer's certificate, then the root."""

    anchor: str
    chain: str
    signer_key: bytes
    signer: str

    @property
    def certificate(self) -> str:
        """The signer's own, without the root."""
        end = "-----END CERTIFICATE-----\n"
        return self.chain.partition(end)[0] + end

    def key(self) -> Any:
        """The signer's private key (Ed25519). Raises InputError where it is not one."""
        return _private_key(self.signer_key, Path(SIGNER_KEY))


def create_authority(folder: Path, studio: str, *, now: dt.datetime | None = None) -> Authority:
    """Make root and signer (Ed25519, which C2PA 2.x allows) in `folder`, keys readable by the owner only.

    studio: the name that readers of a manifest see. Raises InputError if an authority is there already, or the
    name is empty or longer than the 64 characters X.509 allows; StorageError where the disk refuses.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    studio = studio.strip()
    if not 0 < len(studio) <= 64:
        raise InputError(
            f"A certificate cannot be made out to a name of {len(studio)} characters.",
            str(folder),
            "Give the studio's name in 1 to 64 characters.",
        )
    if any((folder / name).exists() for name in (ROOT_CERTIFICATE, ROOT_KEY, SIGNER_CHAIN, SIGNER_KEY)):
        raise InputError(
            "There is a certificate authority already.",
            str(folder),
            "Keep it: what it signed is trusted by it alone. To begin anew, choose another folder.",
        )
    start = now or dt.datetime.now(dt.UTC)
    root_key, signer_key = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    root = _root(studio, root_key, start)
    signer = _signer(studio, signer_key, root, root_key, start)
    folder.mkdir(parents=True, exist_ok=True)
    # The root goes last: with it the authority counts as whole, and a first try that was cut off leaves none.
    _write(folder / ROOT_KEY, _pem_key(root_key), secret=True)
    _write(folder / SIGNER_KEY, _pem_key(signer_key), secret=True)
    _write(folder / SIGNER_CHAIN, _pem(signer) + _pem(root))
    _write(folder / ROOT_CERTIFICATE, _pem(root))
    return read_authority(folder)


def read_authority(folder: Path) -> Authority:
    """The authority in `folder`. Raises InputError if a part is missing or key and certificate do not match."""
    try:
        chain = (folder / SIGNER_CHAIN).read_text()
        anchor = read_anchor(folder)
        secret = (folder / SIGNER_KEY).read_bytes()
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(folder) from error
    certificate = _certificate(chain, folder / SIGNER_CHAIN)
    key = _private_key(secret, folder / SIGNER_KEY)
    if key.public_key() != certificate.public_key():
        raise InputError("The signer's key is not that of its certificate.", str(folder), "Restore both from a copy.")
    return Authority(anchor=anchor, chain=chain, signer_key=secret, signer=_name(certificate))


def read_anchor(path: Path) -> str:
    """The root certificate, PEM, of a folder or of a file. Raises InputError."""
    path = path / ROOT_CERTIFICATE if path.is_dir() else path
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(path) from error
    _certificate(text, path)
    return text


def trusted_key(chain: str, anchor: str, *, at: dt.datetime | None = None) -> Any | None:
    """The public key of the first certificate in `chain` if `anchor` vouches for it at that time, else None.

    chain, anchor: PEM. Our chains have two links: a signer, and the root that signed it.
    """
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    at = at or dt.datetime.now(dt.UTC)
    try:
        signer = x509.load_pem_x509_certificates(chain.encode())[0]
        root = x509.load_pem_x509_certificate(anchor.encode())
        signer.verify_directly_issued_by(root)
        allowed = root.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        key = signer.public_key()
    except (ValueError, TypeError, IndexError, InvalidSignature, UnsupportedAlgorithm, x509.ExtensionNotFound):
        return None
    in_time = all(c.not_valid_before_utc <= at <= c.not_valid_after_utc for c in (signer, root))
    return key if allowed and in_time else None


def signer_name(chain: str) -> str:
    """Who a chain (PEM) names as its signer; empty if it cannot be read. It says nothing about trust."""
    from cryptography import x509

    try:
        return _name(x509.load_pem_x509_certificates(chain.encode())[0])
    except (ValueError, IndexError):
        return ""


def _root(studio: str, key: Any, start: dt.datetime) -> Any:
    from cryptography import x509

    builder = _builder(_subject(studio, "root"), _subject(studio, "root"), key, start, _ROOT_YEARS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return builder.add_extension(_usage(issues=True), critical=True).sign(key, None)


def _signer(studio: str, key: Any, root: Any, root_key: Any, start: dt.datetime) -> Any:
    from cryptography import x509

    builder = _builder(_subject(studio, "signer"), root.subject, key, start, _SIGNER_YEARS)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(issues=False), critical=True)
    purpose = x509.ExtendedKeyUsage([x509.ObjectIdentifier(_PURPOSE)])
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
    return builder.add_extension(purpose, critical=False).add_extension(issuer, critical=False).sign(root_key, None)


def _builder(subject: Any, issuer: Any, key: Any, start: dt.datetime, years: int) -> Any:
    from cryptography import x509

    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - dt.timedelta(hours=1))  # Clocks of two machines differ.
        .not_valid_after(start + dt.timedelta(days=round(365.25 * years)))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _subject(studio: str, role: str) -> Any:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    parts = [(NameOID.ORGANIZATION_NAME, studio), (NameOID.COMMON_NAME, f"{studio[:57]} {role}")]
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in parts])


def _usage(*, issues: bool) -> Any:
    from cryptography import x509

    never = ("key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only")
    return x509.KeyUsage(
        digital_signature=not issues, content_commitment=False, key_cert_sign=issues, crl_sign=issues,
        **dict.fromkeys(never, False),
    )  # fmt: skip


def _pem(certificate: Any) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return certificate.public_bytes(serialization.Encoding.PEM)


def _pem_key(key: Any) -> bytes:
    from cryptography.hazmat.primitives import serialization as s

    return key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption())


def _write(path: Path, data: bytes, *, secret: bool = False) -> None:
    with written_aside(path) as aside:
        try:
            descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if secret else 0o644)
        except FileExistsError as error:
            raise StorageError("The folder is in use by another run.", str(path.parent), "Try again.") from error
        with os.fdopen(descriptor, "wb") as out:
            out.write(data)


def _certificate(pem: str, where: Path) -> Any:
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificates(pem.encode())[0]
    except (ValueError, IndexError) as error:
        raise InputError("This is no certificate in PEM.", str(where), "Restore it from a copy.") from error


def _private_key(pem: bytes, where: Path) -> Any:
    from cryptography.hazmat.primitives import serialization

    try:
        return serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise InputError("This is no private key in PEM.", str(where), "Restore it from a copy.") from error


def _name(certificate: Any) -> str:
    from cryptography.x509.oid import NameOID

    found = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return str(found[0].value) if found else ""


def _unusable(where: Path) -> InputError:
    return InputError(
        "There is no usable certificate authority.",
        str(where),
        "scan3d rights init makes one; give its folder, or the root.pem of the studio that signed.",
    )
