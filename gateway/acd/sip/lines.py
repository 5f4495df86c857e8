"""The trunks of the settings as the media engine knows them: who we call as, where, how, with which password."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from gateway.base.errors import SetupError
from gateway.config.acd_sip import SipAcdSettings, SipTrunkSettings
from media.port import VoiceCodec, VoiceTransport, VoiceTrunk

_PASSWORD_LIMIT: Final = 256
_ADDRESS_LIMIT: Final = 256
_HOST: Final = re.compile(r"(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9][A-Za-z0-9.-]{0,126})(?::[0-9]{1,5})?")
_HOP: Final = re.compile(
    rf"(?:sips?:)?{_HOST.pattern}(?:;[A-Za-z0-9._!%*+~'-]{{1,64}}(?:=[A-Za-z0-9._!%*+~'\[\]:/-]{{1,128}})?){{0,8}}"
)
_PORT: Final = re.compile(r":([0-9]{1,5})(?:;|$)")
"""What the media engine takes for a host, and for a next hop (RFC 3261 §25.1, without what nobody needs)."""

_NO_PASSWORD: Final = re.compile(r'["\\\x00-\x1f\x7f]')
_NO_USER: Final = re.compile(r'[\s;<>"\\\x00-\x1f\x7f]')
_NO_PATH: Final = re.compile(r'[;"<>\s\x00-\x1f\x7f]')
"""What the line of an account has no spelling for: a quoted value can't hold a quote, a bare one no space. The media
engine refuses it too, but at the first call, when customers wait."""


def _unfit(password: str) -> bool:
    return len(password) > _PASSWORD_LIMIT or _NO_PASSWORD.search(password) is not None


def _is_address(text: str, shape: re.Pattern[str]) -> bool:
    if len(text) > _ADDRESS_LIMIT or shape.fullmatch(text) is None:
        return False
    port = _PORT.search(text)
    return port is None or 0 < int(port[1]) < 65536


class Lines:
    """Passwords from files are there after `read_passwords`."""

    def __init__(self, settings: SipAcdSettings) -> None:
        """SetupError (`acd_trunk_twice`, `acd_trunk_domain`, `acd_trunk_caller_domain`, `acd_trunk_proxy`,
        `acd_trunk_user`, `acd_trunk_certificate`, `acd_password`)."""
        self._trunks: Mapping[str, SipTrunkSettings] = {trunk.name: trunk for trunk in settings.trunks}
        if len(self._trunks) < len(settings.trunks):
            raise SetupError("acd_trunk_twice", f"acds: two trunks of {settings.name} have the same name.")
        self._passwords = {name: trunk.password.get_secret_value() for name, trunk in self._trunks.items()}
        for name, trunk in self._trunks.items():
            if not _is_address(trunk.domain, _HOST):
                raise SetupError(
                    "acd_trunk_domain",
                    f"acds: the domain of the trunk {name} must be a host or host:port, such as pbx.example.com.",
                )
            if trunk.caller_domain and not _is_address(trunk.caller_domain, _HOST):
                raise SetupError(
                    "acd_trunk_caller_domain",
                    f"acds: caller_domain of the trunk {name} must be a host or host:port, such as video.example.com.",
                )
            if trunk.proxy and not _is_address(trunk.proxy, _HOP):
                raise SetupError(
                    "acd_trunk_proxy",
                    f"acds: the proxy of the trunk {name} must be a host or host:port, such as sbc.example.com:5060.",
                )
            if _NO_USER.search(trunk.user):
                raise SetupError(
                    "acd_trunk_user",
                    f"acds: the user of the trunk {name} may hold no space, quote, backslash, semicolon, < or >.",
                )
            if _NO_PATH.search(trunk.tls_certificate_file):
                raise SetupError(
                    "acd_trunk_certificate",
                    f"acds: tls_certificate_file of the trunk {name} may hold no space, quote, semicolon, < or >.",
                )
            if _unfit(self._passwords[name]):
                raise SetupError(
                    "acd_password",
                    f"acds: the password of the trunk {name} may hold no double quote, backslash, tab or line break, "
                    "and 256 characters at most.",
                )

    def read_passwords(self) -> None:
        """Blocking. SetupError (`acd_password`)."""
        for name, trunk in self._trunks.items():
            if trunk.password_file is None:
                continue
            try:
                text = trunk.password_file.read_text(encoding="utf-8")
            except (OSError, ValueError) as error:
                raise SetupError(
                    "acd_password", f"The password file of the trunk {name} can't be read: {trunk.password_file}"
                ) from error
            password = text.partition("\n")[0].strip()
            if not password:
                raise SetupError("acd_password", f"The password file of the trunk {name} holds no password.")
            if _unfit(password):
                raise SetupError(
                    "acd_password",
                    f"The password file of the trunk {name} may hold no double quote, backslash or tab, "
                    "and 256 characters at most.",
                )
            self._passwords[name] = password

    def voice_trunk(self, name: str, caller: str = "", caller_name: str = "") -> VoiceTrunk:
        """That trunk, calling as `caller` or as its own number."""
        trunk = self._trunks[name]
        return VoiceTrunk(
            name=name,
            transport=VoiceTransport(trunk.transport),
            from_uri=f"sip:{caller or trunk.caller}@{trunk.caller_domain or trunk.domain}",
            from_display=caller_name,
            outbound_proxy=trunk.proxy,
            user=trunk.user,
            password=self._passwords[name],
            codecs=tuple(VoiceCodec(codec) for codec in trunk.codecs),
            srtp=trunk.srtp,
            tls_certificate_file=trunk.tls_certificate_file,
        )

    def probed_trunk(self, name: str) -> VoiceTrunk:
        """That trunk with its next hop named: without a proxy it would be asked for at our own domain."""
        trunk = self._trunks[name]
        return replace(self.voice_trunk(name), outbound_proxy=trunk.proxy or trunk.domain)

    def address(self, name: str, number: str) -> str:
        """What is called for that number over that trunk."""
        return f"sip:{number}@{self._trunks[name].domain}"
