"""The manifest of a recording: what it holds, who agreed and when, signed and chained.

The text that is signed (Ed25519, RFC 8032) is kept as it was; each names the digest of the one before (`previous`),
so that a manifest taken out, put in or changed breaks the chain of the installation. Pure.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.recordings.port import RecordingRecord
from gateway.vault.port import ChainLink, SealedFile

FIRST: Final = "0" * 64
"""What the first manifest of an installation names as the one before."""


class Signer:
    """This installation's signature."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = key.public_key()
        self.fingerprint = fingerprint_of(self.public)

    def sign(self, body: str) -> str:
        return base64.b64encode(self._key.sign(body.encode())).decode()


def fingerprint_of(key: Ed25519PublicKey) -> str:
    """SHA-256 of the 32 bytes of the public key."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()


def is_signed(body: str, signature: str, key: Ed25519PublicKey) -> bool:
    try:
        key.verify(base64.b64decode(signature, validate=True), body.encode())
    except (InvalidSignature, binascii.Error):
        return False
    return True


def canonical(document: Mapping[str, Any]) -> str:
    """One text for one document: sorted names, no spaces."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest_of(body: str, signature: str) -> str:
    return hashlib.sha256(f"{body}\n{signature}".encode()).hexdigest()


def link_after(
    last: ChainLink | None, record: RecordingRecord, files: Sequence[SealedFile], signer: Signer, now: datetime
) -> ChainLink:
    """The next of the chain, for this recording as it was sealed."""
    seq = 1 if last is None else last.seq + 1
    body = canonical(
        {
            "format": 1,
            "seq": seq,
            "previous": FIRST if last is None else last.digest,
            "signed_at": now.isoformat(),
            "signed_by": signer.fingerprint,
            "recording_id": record.recording_id,
            "contact_id": record.contact_id,
            "agent_id": record.agent_id,
            "queue": record.queue,
            "policy": record.policy,
            "consent": {
                "how": record.consent,
                "at": _time(record.consent_at),
                "language": record.consent_language,
                "notice_version": record.notice_version,
            },
            "requested_at": _time(record.requested_at),
            "started_at": _time(record.started_at),
            "ended_at": _time(record.ended_at),
            "duration_s": record.duration_s,
            "completeness": record.completeness,
            "truncated": record.truncated_reason if record.truncated else None,
            "tracks": [dict(track) for track in record.tracks],
            "marks": [dict(mark) for mark in record.marks],
            "files": [
                {
                    "name": file.name,
                    "media_type": file.media_type,
                    "plain_bytes": file.plain_bytes,
                    "plain_sha256": file.plain_sha256,
                    "sealed_bytes": file.sealed_bytes,
                    "sealed_sha256": file.sealed_sha256,
                }
                for file in files
            ],
        }
    )
    signature = signer.sign(body)
    return ChainLink(
        seq=seq,
        recording_id=record.recording_id,
        body=body,
        signature=signature,
        digest=digest_of(body, signature),
    )


def faults_of(link: ChainLink, before: ChainLink | None, key: Ed25519PublicKey) -> list[str]:
    """What is wrong with a link, in words; empty when it is as signed and follows `before` (None: it is the first)."""
    faults = []
    if not is_signed(link.body, link.signature, key):
        faults.append("its manifest was changed, or signed by another key")
    if link.digest != digest_of(link.body, link.signature):
        faults.append("the digest of its manifest is wrong")
    try:
        document = json.loads(link.body)
        said = (document["seq"], document["previous"], document["recording_id"])
    except (ValueError, KeyError, TypeError):
        return [*faults, "its manifest can't be read"]
    previous = FIRST if before is None else before.digest
    if said != (link.seq, previous, link.recording_id) or link.seq != (1 if before is None else before.seq + 1):
        faults.append("the chain is broken before it: a manifest is missing, was put in, or was moved")
    return faults


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
