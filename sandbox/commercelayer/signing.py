"""RS512 signatures with the standard library, RFC 8017 8.2 and RFC 7518 3.3.

The key is no secret: anybody can work it out. It signs what nobody but a rehearsal believes.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

KEY_ID = "rehearsal"
EXPONENT = 65537
SIZE = 256
# DigestInfo of SHA-512, as in the notes of RFC 8017 9.2.
DIGEST_INFO = bytes.fromhex("3051300d060960864801650304020305000440")


def _prime(name: str, steps: int) -> int:
    """A 1024-bit number made from a name; that many odd numbers later there is a prime."""
    number = int.from_bytes(hashlib.shake_256(name.encode()).digest(SIZE // 2))
    # The two highest bits make the product of two of them 2048 bits long.
    return (number | 3 << (SIZE * 4 - 2) | 1) + 2 * steps


P, Q = _prime("rehearsal commerce layer, p", 590), _prime("rehearsal commerce layer, q", 1276)
MODULUS = P * Q
SECRET = pow(EXPONENT, -1, (P - 1) * (Q - 1))


def jwt(claims: dict[str, Any]) -> str:
    """A signed token, RFC 7515."""
    header = {"alg": "RS512", "typ": "JWT", "kid": KEY_ID}
    message = ".".join(_base64(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
    digest = DIGEST_INFO + hashlib.sha512(message.encode()).digest()
    padded = b"\x00\x01" + b"\xff" * (SIZE - 3 - len(digest)) + b"\x00" + digest
    signature = pow(int.from_bytes(padded), SECRET, MODULUS).to_bytes(SIZE)
    return f"{message}.{_base64(signature)}"


def jwks() -> dict[str, Any]:
    """The public half, RFC 7517."""
    key = {
        "kty": "RSA",
        "use": "sig",
        "alg": "RS512",
        "kid": KEY_ID,
        "n": _base64(MODULUS.to_bytes(SIZE)),
        "e": _base64(EXPONENT.to_bytes(3)),
    }
    return {"keys": [key]}


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
