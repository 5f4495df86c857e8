"""The trunks of the settings as the media engine knows them: who we call as, where, how, with which password."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from gateway.base.errors import SetupError
from gateway.config.acd_sip import SipAcdSettings, SipTrunkSettings
from media.port import VoiceCodec, VoiceTransport, VoiceTrunk

_PASSWORD_LIMIT: Final = 256


class Lines:
    """Passwords from files are there after `read_passwords`."""

    def __init__(self, settings: SipAcdSettings) -> None:
        """SetupError (`acd_trunk_twice`)."""
        self._trunks: Mapping[str, SipTrunkSettings] = {trunk.name: trunk for trunk in settings.trunks}
        if len(self._trunks) < len(settings.trunks):
            raise SetupError("acd_trunk_twice", f"acds: two trunks of {settings.name} have the same name.")
        self._passwords = {name: trunk.password.get_secret_value() for name, trunk in self._trunks.items()}

    def read_passwords(self) -> None:
        """Blocking. SetupError (`acd_password`)."""
        for name, trunk in self._trunks.items():
            if trunk.password_file is None:
                continue
            try:
                lines = trunk.password_file.read_text(encoding="utf-8").splitlines()
            except (OSError, ValueError) as error:
                raise SetupError(
                    "acd_password", f"The password file of the trunk {name} can't be read: {trunk.password_file}"
                ) from error
            password = lines[0].strip() if lines else ""
            if not 0 < len(password) <= _PASSWORD_LIMIT:
                raise SetupError("acd_password", f"The password file of the trunk {name} holds no password.")
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
