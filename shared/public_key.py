"""The public key that tokens are checked with: read at the start, so that a wrong one stops it."""

from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from shared.setting_rules import refuse


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key and the one algorithm it may check."""

    key: RSAPublicKey | EllipticCurvePublicKey = field(repr=False)
    algorithm: str


def read_public_key(text: str) -> PublicKey:
    """Read a PEM public key, its line ends perhaps written as \\n, or the path of one; raises ValueError."""
    try:
        pem = text.replace("\\n", "\n") if "-----BEGIN" in text else Path(text).read_text(encoding="ascii")
        key = load_pem_public_key(pem.encode("ascii"))
    except (OSError, ValueError, UnicodeError) as error:
        raise refuse("neither a PEM public key nor the path of one") from error
    if isinstance(key, RSAPublicKey) and key.key_size >= 2048:
        return PublicKey(key, "RS256")
    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return PublicKey(key, "ES256")
    raise refuse("neither RSA of 2048 bits or more (RS256) nor P-256 (ES256)")
