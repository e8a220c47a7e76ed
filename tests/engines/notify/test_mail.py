"""E-mail through a real SMTP server: encrypted, in both languages, nothing injected."""

from __future__ import annotations

import email
import email.policy
from pathlib import Path
from typing import Any

import pydantic
import pytest
from engines.notify import receivers

from taihang.core import errors, i18n
from taihang.engines.notify import channel, mail, settings

TO = channel.Email(kind="email", to=("ops@example.com", "shift@example.com"))
SUBJECT = i18n.Text(zh="[太行] 重大：空值", en="[Taihang] red: nulls")
TEXT = i18n.Text(zh="工单已开。\n负责人：李", en="A ticket was opened.\nowner: li")


def _limits(port: int, file: Path | None, **more: Any) -> settings.Settings:
    return settings.Settings(
        smtp_host="localhost", smtp_port=port, ca_file=file, timeout_s=5, sender="taihang@example.com", **more
    )


def _sent(box: receivers.Mailbox) -> email.message.EmailMessage:
    return email.message_from_bytes(box.letters[-1].content, policy=email.policy.default)  # type: ignore[return-value]


def _composed(to: channel.Email = TO, **more: i18n.Text) -> Any:
    return mail.compose(
        to, **{"subject": SUBJECT, "body": TEXT, **more}, ident="delivery-9", sender="taihang@example.com"
    )


@pytest.mark.parametrize("implicit", [False, True])
def test_both_languages_arrive_encrypted_and_signed_in(tmp_path: Path, implicit: bool) -> None:
    file, context = receivers.certificate(tmp_path)
    box = receivers.Mailbox()
    with receivers.mail_server(box, context, implicit=implicit) as port:
        more = {"smtp_security": "ssl"} if implicit else {"smtp_user": "bot"}
        limits = _limits(port, file, **more)
        assert mail.send(_composed(), limits, "pass word") == ()
        if not implicit:
            with pytest.raises(mail.Undelivered):
                mail.send(_composed(), limits, "wrong")
    letter = _sent(box)
    assert letter["Subject"] == "[太行] 重大：空值 / [Taihang] red: nulls"
    assert letter["Message-ID"] == "<delivery-9@example.com>"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert box.letters[-1].rcpt_tos == ["ops@example.com", "shift@example.com"]
    assert letter.get_content().replace("\r\n", "\n") == f"{TEXT.zh}\n\n{TEXT.en}\n"
    assert len(box.letters) == 1
    assert box.users == ([None] if implicit else ["bot"])


def test_one_language_when_asked() -> None:
    made = _composed(channel.Email(kind="email", to=("a@b.cn",), language="zh"))
    assert made["Subject"] == SUBJECT.zh
    assert made.get_content() == TEXT.zh + "\n"


def test_a_server_without_encryption_gets_nothing() -> None:
    box = receivers.Mailbox()
    with receivers.mail_server(box, None) as port:
        with pytest.raises(mail.Undelivered):
            mail.send(_composed(), _limits(port, None), None)
        with pytest.raises(errors.UserError, match="in the clear"):
            mail.send(_composed(), _limits(port, None, smtp_security="none", smtp_user="bot"), "pass word")
        assert not box.letters
        mail.send(_composed(), _limits(port, None, smtp_security="none"), None)
        assert len(box.letters) == 1


def test_an_unknown_certificate_is_refused(tmp_path: Path) -> None:
    _, context = receivers.certificate(tmp_path)
    box = receivers.Mailbox()
    with receivers.mail_server(box, context) as port, pytest.raises(mail.Undelivered, match="certificate"):
        mail.send(_composed(), _limits(port, None), None)
    assert not box.letters


def test_nothing_becomes_a_header(tmp_path: Path) -> None:
    file, context = receivers.certificate(tmp_path)
    box = receivers.Mailbox()
    evil = i18n.Text(zh="题\r\nBcc: eve@evil.example\r\n\r\nhi", en="t\nX-Evil: 1\x00\u2028\ud800")
    with receivers.mail_server(box, context) as port:
        mail.send(_composed(subject=evil, body=evil), _limits(port, file), None)
    letter = _sent(box)
    assert letter["Bcc"] is None
    assert letter["X-Evil"] is None
    assert "\n" not in str(letter["Subject"])
    assert box.letters[-1].rcpt_tos == ["ops@example.com", "shift@example.com"]


def test_recipients_that_are_refused_are_named(tmp_path: Path) -> None:
    file, context = receivers.certificate(tmp_path)
    box = receivers.Mailbox(refuse=("shift@example.com",))
    with receivers.mail_server(box, context) as port:
        assert mail.send(_composed(), _limits(port, file), None) == ("shift@example.com",)
    assert box.letters[-1].rcpt_tos == ["ops@example.com"]


@pytest.mark.parametrize(
    "address", ["", "a", "a@", "@b", "a@b\r\nBcc: c@d", "a b@c", "a@b,c@d", "<a@b>", "a@-b", "a@b@c", "a@b.", "中@b.cn"]
)
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(pydantic.ValidationError):
        channel.Email(kind="email", to=(address,))


def test_without_a_server_it_says_what_to_set() -> None:
    with pytest.raises(errors.UserError, match="TAIHANG_NOTIFY_SMTP_HOST"):
        mail.send(_composed(), settings.Settings(), None)
