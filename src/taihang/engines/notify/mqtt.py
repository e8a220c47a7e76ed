"""MQTT: a message published to a broker, at least once (quality of service 1), by paho-mqtt."""

from __future__ import annotations

import contextlib
import ssl
import urllib.parse

from taihang.core import errors
from taihang.engines.notify import outward, settings

try:
    import paho.mqtt.client as paho
    from paho.mqtt.enums import CallbackAPIVersion
except ImportError:  # the extra is not installed: said when somebody wants to publish
    paho = None  # type: ignore[assignment]

Undelivered = outward.Undelivered


class Publisher:
    """One connection to a broker, made when first needed and again after it broke.

    `address`: mqtt[s]://[USER@]HOST[:PORT]/TOPIC; `password` is for USER. Raises errors.MissingExtra, errors.UserError.
    """

    def __init__(self, address: str, password: str | None, limits: settings.Settings) -> None:
        if paho is None:
            raise errors.MissingExtra("mqtt", "MQTT")
        parts = urllib.parse.urlsplit(address)
        self._topic = parts.path.strip("/")
        if not parts.hostname or not self._topic or parts.password or any(c in self._topic for c in "#+\0"):
            raise errors.UserError("engines.notify:mqtt")
        self._host, self._tls = parts.hostname, parts.scheme == "mqtts"
        self._port = parts.port or (8883 if self._tls else 1883)
        self._user, self._password, self._limits = parts.username, password, limits
        self._client: paho.Client | None = None

    def send(self, body: bytes) -> None:
        """Publish and wait until the broker has it. Raises Undelivered."""
        try:
            client = self._connected()
            sent = client.publish(self._topic, body, qos=1)
            sent.wait_for_publish(self._limits.timeout_s)
            if not sent.is_published():
                raise TimeoutError("-")
        except (OSError, ValueError, RuntimeError) as error:
            self.close()
            raise Undelivered(
                "engines.notify:unreachable", host=self._host, port=self._port, reason=str(error) or "-"
            ) from None

    def close(self) -> None:
        """Hang up."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(OSError, ValueError, RuntimeError):
                client.disconnect()
                client.loop_stop()

    def _connected(self) -> paho.Client:
        if self._client is None:
            client = paho.Client(CallbackAPIVersion.VERSION2)
            client.connect_timeout = self._limits.timeout_s
            if self._user:
                client.username_pw_set(self._user, self._password)
            if self._tls:
                cafile = str(self._limits.ca_file) if self._limits.ca_file else None
                client.tls_set_context(ssl.create_default_context(cafile=cafile))
            client.connect(self._host, self._port, keepalive=30)
            client.loop_start()
            self._client = client
        return self._client
