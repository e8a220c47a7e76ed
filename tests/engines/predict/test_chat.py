"""The chat client against an endpoint that goes wrong in every way: each is seen as what it is, none raises."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from concurrent import futures
from typing import Any

import pydantic
import pytest
from fixtures import endpoints
from hypothesis import given
from hypothesis import strategies as st

from taihang.core import errors
from taihang.engines.predict import allowance, chat, said, speaker, wire


class Verdict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    grade: int
    why: str


ASK = (chat.Message("user", (chat.Text("How good is this?"),)),)
GOOD = '{"grade": 3, "why": "灯亮着"}'
OK = endpoints.said(GOOD)


def _client(url: str, allowed: allowance.Allowance | None = None, **more: Any) -> chat.Client:
    given = {"url": url, "private": True, "total_s": 5, "stall_s": 5, **more}
    return chat.Client(chat.Endpoint(**given), allowance=allowed, sleep=lambda _: None)


def _once(reply: endpoints.Reply, **more: Any) -> chat.Answer[Verdict]:
    with endpoints.endpoint(lambda body, n: reply) as (url, _):
        return _client(url, attempts=1, **more).ask(ASK, Verdict)


@pytest.mark.parametrize(
    "reply",
    [
        OK,
        endpoints.streamed(GOOD[:5], GOOD[5:]),
        endpoints.said(f"Here it is:\n```json\n{GOOD}\n```"),
        endpoints.said(f"<think>the form has {{grade}}</think>{GOOD}"),
        endpoints.said(f"答案如下：{GOOD} 谢谢"),
        endpoints.Reply({"choices": [{"message": {"content": [{"type": "text", "text": GOOD}]}}]}),
    ],
)
def test_an_answer_of_the_form_is_taken_however_it_is_wrapped(reply: endpoints.Reply) -> None:
    answer = _once(reply)
    assert answer.outcome == "ok"
    assert answer.value == Verdict(grade=3, why="灯亮着")


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (endpoints.said("The scene looks quite safe to me."), "prose"),
        (endpoints.said("La scène est sûre, je crois."), "prose"),
        (endpoints.said(""), "empty"),
        (endpoints.said(None), "empty"),
        (endpoints.Reply(b""), "empty"),
        (endpoints.Reply({"choices": []}), "empty"),
        (endpoints.Reply("data: [DONE]\n\n"), "empty"),
        (endpoints.Reply("<html>Welcome to nginx</html>"), "no_chat"),
        (endpoints.Reply("[1, 2]"), "no_chat"),
        (endpoints.said("I'm sorry, but I can't help with that."), "refusal"),
        (endpoints.said("抱歉，我无法处理这些图像。"), "refusal"),
        (endpoints.said(None, refusal="not this"), "refusal"),
        (endpoints.said("x", finish="content_filter"), "refusal"),
        (endpoints.said(GOOD[:14], finish="length"), "cut"),
        (endpoints.said(GOOD[:14]), "cut"),
        (endpoints.streamed(GOOD[:14], finish=None), "cut"),
        (endpoints.said("", finish="length"), "cut"),
        (endpoints.said(GOOD + GOOD), "schema"),
        (endpoints.said('{"grade": 3}'), "schema"),
        (endpoints.said('{"grade": 3, "why": "x", "more": 1}'), "schema"),
        (endpoints.said('{"grade": 1, "grade": 3, "why": "x"}'), "schema"),
        (endpoints.said('{"grade": NaN, "why": "x"}'), "schema"),
        (endpoints.said("[]"), "schema"),
        (endpoints.said('{"a":' * 100_000), "cut"),
        (endpoints.Reply("x" * (10 << 20)), "too_large"),
        (endpoints.Reply({}, 401), "denied"),
        (endpoints.Reply({}, 403), "denied"),
        (endpoints.Reply({}, 404), "status"),
        (endpoints.Reply({}, 500), "status"),
        (endpoints.Reply({}, 429), "status"),
        (endpoints.Reply({}, 302, {"Location": "http://127.0.0.1:9/"}), "status"),
        (endpoints.Reply(b"\x1f\x8b", 200, {"Content-Encoding": "gzip"}), "unreachable"),
    ],
)
def test_every_way_to_go_wrong_is_seen_as_what_it_is(reply: endpoints.Reply, outcome: str) -> None:
    answer = _once(reply)
    assert answer.outcome == outcome
    assert answer.value is None


def test_a_server_that_says_nothing_or_dribbles_is_left() -> None:
    assert _once(endpoints.slow(30, OK), stall_s=0.2).outcome == "stalled"
    dribble = endpoints.Reply("x" * 1000, drip_s=0.05)
    assert _once(dribble, stall_s=5, total_s=0.4).outcome == "stalled"


def test_nobody_there_is_unreachable_and_costs_nothing() -> None:
    allowed = allowance.Allowance(tokens=10_000)
    answer = _client("http://127.0.0.1:9/v1", allowed).ask(ASK, Verdict)
    assert (answer.outcome, answer.attempts) == ("unreachable", 4)
    assert allowed.spent == allowance.Usage()


@pytest.mark.parametrize("status", sorted(chat.AGAIN))
def test_what_may_pass_is_asked_again(status: int) -> None:
    replies = [endpoints.Reply({}, status, {"Retry-After": "0"})] * 2 + [OK]
    with endpoints.endpoint(lambda body, n: replies[n]) as (url, got):
        answer = _client(url).ask(ASK, Verdict)
    assert (answer.outcome, answer.attempts, len(got.bodies)) == ("ok", 3, 3)


@pytest.mark.parametrize("status", [401, 403, 404, 413])
def test_what_will_not_pass_is_not_asked_again(status: int) -> None:
    with endpoints.endpoint(lambda body, n: endpoints.Reply({}, status)) as (url, got):
        answer = _client(url).ask(ASK, Verdict)
    assert answer.attempts == len(got.bodies) == 1
    assert answer.detail == f"HTTP {status}"


def test_the_server_says_how_long_to_wait_but_not_for_ever() -> None:
    waits: list[float] = []
    replies = [endpoints.Reply({}, 429, {"Retry-After": after}) for after in ("7", "99999", "nan")]
    with endpoints.endpoint(lambda body, n: replies[n]) as (url, _):
        endpoint = chat.Endpoint(url=url, private=True, attempts=3)
        chat.Client(endpoint, sleep=waits.append).ask(ASK)
    assert waits == [7.0, 30.0]


def test_a_server_that_knows_no_schema_is_asked_more_plainly_and_remembered() -> None:
    def script(body: dict[str, Any], n: int) -> endpoints.Reply:
        known = not {"stream_options", "response_format", "guided_json"} & body.keys()
        return OK if known else endpoints.Reply({"error": {"message": "unknown field"}}, 400)

    with endpoints.endpoint(script) as (url, got):
        client = _client(url, attempts=1)
        assert client.ask(ASK, Verdict).outcome == "ok"
        asked = len(got.bodies)
        assert client.ask(ASK, Verdict).outcome == "ok"
        assert len(got.bodies) == asked + 1
    first = got.bodies[0]
    assert first["response_format"]["json_schema"]["schema"]["required"] == ["grade", "why"]
    assert "guided_json" in got.bodies[2]
    assert '"grade"' in got.bodies[-1]["messages"][-1]["content"]  # said in words, whatever the server enforces


def test_a_question_that_is_refused_as_such_does_not_make_later_ones_plainer() -> None:
    with endpoints.endpoint(lambda body, n: endpoints.Reply({}, 400) if n < 4 else OK) as (url, got):
        client = _client(url)
        assert client.ask(ASK, Verdict).outcome == "status"
        assert client.ask(ASK, Verdict).outcome == "ok"
    assert "response_format" in got.bodies[-1]


def test_pictures_travel_in_the_question() -> None:
    picture = chat.Image(b"\xff\xd8jpeg", 640, 360)
    with endpoints.endpoint(lambda body, n: OK) as (url, got):
        _client(url).ask([chat.Message("user", (chat.Text("what?"), picture))])
    assert got.bodies[0]["model"] == "scripted-1"
    assert got.bodies[0]["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "what?"},
                {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,/9hqcGVn"}},
            ],
        }
    ]


def test_no_more_calls_at_once_than_allowed() -> None:
    with endpoints.endpoint(lambda body, n: endpoints.slow(0.05, OK)) as (url, got):
        client = _client(url, concurrency=3)
        with futures.ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(lambda _: client.ask(ASK), range(12)))
    assert all(answer.outcome == "ok" for answer in answers)
    assert 1 < got.busiest <= 3


def test_the_budget_is_never_exceeded_and_the_rest_is_not_asked() -> None:
    most = chat.prompt_bound(ASK) + 50
    allowed = allowance.Allowance(tokens=3 * 50 + most)
    with endpoints.endpoint(lambda body, n: endpoints.said(GOOD, usage=(30, 20))) as (url, got):
        client = _client(url, allowed, concurrency=1, max_tokens=50)
        outcomes = [client.ask(ASK).outcome for _ in range(20)]
    asked = outcomes.count("ok")
    assert outcomes == ["ok"] * asked + ["allowance"] * (20 - asked)
    assert len(got.bodies) == asked >= 4
    assert allowed.spent == allowance.Usage(30 * asked, 20 * asked)
    assert allowed.tokens is not None
    assert allowed.spent.prompt + allowed.spent.completion <= allowed.tokens


def test_money_is_counted_by_price() -> None:
    price = allowance.Price(prompt=2.0, completion=10.0)
    allowed = allowance.Allowance(money=1.0, price=price)
    with endpoints.endpoint(lambda body, n: OK) as (url, _):
        _client(url, allowed).ask(ASK)
    assert allowed.cost == pytest.approx((100 * 2 + 20 * 10) / 1e6)
    poor = allowance.Allowance(money=1e-9, price=price)
    with endpoints.endpoint(lambda body, n: OK) as (url, got):
        assert _client(url, poor).ask(ASK).outcome == "allowance"
        assert not got.bodies


@pytest.mark.parametrize("usage", [None, (-5, 1), (True, 1), ("7", 1), (1 << 60, 1)])
def test_tokens_that_the_server_does_not_say_are_counted_at_their_most(usage: Any) -> None:
    answer = _once(endpoints.said(GOOD, usage=usage))
    assert answer.usage.estimated
    assert answer.usage.prompt > chat.prompt_bound(ASK)


def test_a_stalled_call_is_counted_as_paid() -> None:
    allowed = allowance.Allowance()
    with endpoints.endpoint(lambda body, n: endpoints.slow(30, OK)) as (url, _):
        _client(url, allowed, attempts=2, stall_s=0.1).ask(ASK)
    assert allowed.spent.completion == 2 * 1024


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=30), st.integers(0, 400))
def test_an_allowance_is_kept_whatever_is_asked(calls: list[tuple[int, int]], tokens: int) -> None:
    allowed = allowance.Allowance(tokens=tokens)
    held: list[allowance.Usage] = []
    for most, out in calls:
        usage = allowance.Usage(most, out)
        if allowed.reserve(usage):
            held.append(usage)
        if len(held) > 2:
            first = held.pop(0)
            allowed.settle(first, allowance.Usage(first.prompt // 2, first.completion))
        bound = sum(held, allowed.spent)
        assert bound.prompt + bound.completion <= tokens


def test_the_key_is_sent_and_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    secret = "sk-verysecret123"
    reply = endpoints.Reply({"error": {"message": f"bad key {secret}", "code": secret}}, 401)
    caplog.set_level(logging.DEBUG)
    with endpoints.endpoint(lambda body, n: reply) as (url, got):
        endpoint = chat.Endpoint(url=url, key="env:MY_KEY", private=True)
        client = chat.Client(endpoint, secret={"env:MY_KEY": secret}.__getitem__)
        answer = client.ask(ASK)
    assert got.headers[0]["Authorization"] == f"Bearer {secret}"
    assert secret not in repr(answer) + repr(client) + repr(endpoint) + caplog.text


@pytest.mark.parametrize("key", ["sk-naked", "ENV:KEY", "https://x"])
def test_a_key_stands_in_no_setting(key: str) -> None:
    with pytest.raises(errors.UserError) as raised:
        chat.Client(chat.Endpoint(url="http://localhost:1", key=key), secret=lambda _: "x")
    assert key not in str(raised.value)


@pytest.mark.parametrize("key", ["a b", "a\r\nX: y", "钥匙"])
def test_a_key_cannot_add_a_header(key: str) -> None:
    with pytest.raises(errors.UserError):
        chat.Client(chat.Endpoint(url="http://localhost:1", key="env:K"), secret=lambda _: key)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:8000",
        "ftp://h/v1",
        "http://",
        "http://u:p@h/v1",
        "http://h/v1?key=s3",
        "http://h:99999/",
        "file:///etc",
    ],
)
def test_what_is_no_address_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(errors.UserError) as raised:
        chat.base(url)
    assert "s3" not in str(raised.value)
    assert "u:p" not in str(raised.value)


def test_a_bare_host_means_its_first_version() -> None:
    assert chat.base("http://h:8000") == chat.base("http://h:8000/") == "http://h:8000/v1"
    assert chat.base("https://h/api/v3/chat/completions") == "https://h/api/v3"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "169.254.169.254", "[::1]", "2130706433", "10.0.0.8"])
def test_nothing_inside_is_called_unless_the_operator_chose_it(host: str) -> None:
    with endpoints.endpoint(lambda body, n: OK) as (url, got):
        port = url.split(":")[-1]
        answer = _client(f"http://{host}:{port}", private=False, attempts=1, connect_s=1).ask(ASK)
        assert answer.outcome == "unreachable"
        assert not got.bodies


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_no_body_makes_the_reader_raise(body: bytes) -> None:
    for kind in ("application/json", "text/event-stream"):
        found = said.spoken(wire.Response(200, {"content-type": kind}, body))
        assert found is None or isinstance(found.text, str)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["choices", "message", "content", "delta", "refusal", "finish_reason", "usage", "model"]),
        inner,
        max_size=4,
    ),
    max_leaves=20,
)  # fmt: skip


@given(JSON)
def test_no_document_makes_the_reader_raise(value: Any) -> None:
    for text in (json.dumps(value), f"data: {json.dumps(value)}\n\n"):
        reply = said.spoken(wire.Response(200, {}, text.encode()))
        if reply is not None:
            kind, found = said.judged(reply, Verdict)
            assert (kind == "ok") == (found is not None)


def test_two_threads_share_a_client() -> None:
    seen: list[str] = []

    def ask(client: chat.Client) -> Callable[[], None]:
        return lambda: seen.append(client.ask(ASK, Verdict).outcome)

    with endpoints.endpoint(lambda body, n: OK) as (url, _):
        client = _client(url)
        threads = [threading.Thread(target=ask(client)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert seen == ["ok"] * 8


def test_the_key_goes_to_its_own_host_alone() -> None:
    given = speaker.Settings(key="env:MY_KEY", key_host="127.0.0.1:9")
    with endpoints.endpoint(lambda body, n: OK) as (url, got):
        model = speaker.load(url, given, {"env:MY_KEY": "sk-secret"}.__getitem__)
        model.ask(ASK, Verdict)
        own = given.model_copy(update={"key_host": url[7:-3]})
        speaker.load(url, own, {"env:MY_KEY": "sk-secret"}.__getitem__).ask(ASK, Verdict)
    assert [h.get("Authorization") for h in got.headers] == [None, "Bearer sk-secret"]
