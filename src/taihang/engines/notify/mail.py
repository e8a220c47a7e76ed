"""Mail: a message as an e-mail over SMTP, encrypted; nothing in it can become a header."""

from __future__ import annotations

import email.message
import email.policy
import email.utils
import re
import smtplib
import ssl
from typing import Any

from taihang.core import errors, i18n
from taihang.engines.notify import channel, outward, settings

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")
_LONGEST_SUBJECT = 200
Undelivered = outward.Undelivered


def compose(
    to: channel.Email, *, subject: i18n.Text, body: i18n.Text, ident: str, sender: str
) -> email.message.EmailMessage:
    """The e-mail, in the channel's language or in both; equal attempts have an equal Message-ID."""
    made = email.message.EmailMessage(email.policy.SMTP)
    both = to.language == "both"
    made["From"] = sender
    made["To"] = ", ".join(to.to)
    made["Subject"] = _line(f"{subject.zh} / {subject.en}" if both else subject.in_(to.language))  # type: ignore[arg-type]
    made["Message-ID"] = f"<{re.sub('[^A-Za-z0-9.-]', '-', ident)}@{sender.rpartition('@')[2]}>"
    made["Date"] = email.utils.formatdate()
    made["Auto-Submitted"] = "auto-generated"
    made["Taihang-Delivery"] = _line(ident)
    text = f"{body.zh}\n\n{body.en}" if both else body.in_(to.language)  # type: ignore[arg-type]
    made.set_content(_body(text) + "\n", charset="utf-8")
    return made


def send(message: email.message.EmailMessage, limits: settings.Settings, password: str | None) -> tuple[str, ...]:
    """Hand an e-mail to the server; returns recipients that it refused while it took others.

    Raises Undelivered, and errors.UserError when no server is set or a password would go in the clear.
    """
    if not limits.smtp_host:
        raise errors.UserError("engines.notify:no_server")
    if limits.smtp_security == "none" and limits.smtp_user:
        raise errors.UserError("engines.notify:clear")
    context = ssl.create_default_context(cafile=str(limits.ca_file) if limits.ca_file else None)
    place: dict[str, Any] = {"host": limits.smtp_host, "port": limits.smtp_port, "timeout": limits.timeout_s}
    try:
        with (
            smtplib.SMTP_SSL(context=context, **place)
            if limits.smtp_security == "ssl"
            else smtplib.SMTP(**place) as server
        ):
            if limits.smtp_security == "starttls":
                server.starttls(context=context)
            if limits.smtp_user:
                server.login(limits.smtp_user, password or "")
            refused = server.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        reason = str(error).split("\n", 1)[0] or type(error).__name__
        raise Undelivered(
            "engines.notify:unreachable", host=limits.smtp_host, port=limits.smtp_port, reason=reason
        ) from None
    return tuple(refused)


def _line(text: str) -> str:
    return _CONTROLS.sub(" ", text)[:_LONGEST_SUBJECT].strip()


def _body(text: str) -> str:
    return "\n".join(_CONTROLS.sub(" ", line) for line in text.splitlines())
