"""Our Standard Webhooks signatures against the reference library, in both directions."""

import base64
import json
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from bank_api.connectors.model import Secret
from bank_api.crypto import standard_webhooks

NOW = datetime.now(timezone.utc)
SECRET = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")

bodies = st.dictionaries(st.text(), st.text() | st.integers()).map(
	lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
)
secrets = st.binary(min_size=24, max_size=64).map(
	lambda raw: Secret("whsec_" + base64.b64encode(raw).decode())
)
message_ids = st.from_regex(r"msg_[A-Za-z0-9]{1,40}", fullmatch=True)


def test_the_vector_of_the_norms_libraries():
	# github.com/standard-webhooks/standard-webhooks, libraries' test "test_sign_function"
	made = standard_webhooks.signature(
		SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
	)
	assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(secrets, message_ids, bodies)
def test_the_library_accepts_what_we_sign(secret, message_id, body):
	headers = standard_webhooks.headers([secret], message_id, datetime.now(timezone.utc), body)
	assert Webhook(secret.reveal()).verify(body.decode(), headers) == json.loads(body)


@given(secrets, message_ids, bodies)
def test_we_accept_what_the_library_signs(secret, message_id, body):
	headers = {
		"webhook-id": message_id,
		"webhook-timestamp": str(int(NOW.timestamp())),
		"webhook-signature": Webhook(secret.reveal()).sign(message_id, NOW, body.decode()),
	}
	assert standard_webhooks.verify([secret], headers, body, NOW)


@given(secrets, secrets, bodies)
def test_either_secret_of_a_rotation_is_enough(old, new, body):
	headers = standard_webhooks.headers([new, old], "msg_1", datetime.now(timezone.utc), body)
	for secret in (old, new):
		Webhook(secret.reveal()).verify(body.decode(), headers)


@given(secrets, bodies, st.integers(min_value=0))
def test_one_changed_bit_is_noticed(secret, body, place):
	headers = standard_webhooks.headers([secret], "msg_1", NOW, body)
	changed = bytearray(body)
	changed[place % len(body)] ^= 1
	assert not standard_webhooks.verify([secret], headers, bytes(changed), NOW)


@pytest.mark.parametrize("header", ["webhook-id", "webhook-timestamp", "webhook-signature"])
@pytest.mark.parametrize(
	"value", ["", " ", "v1,", "v1", "x" * 5000, "v1,AAAA v2,BBBB", "1e9", "-1", "\u0661"]
)
def test_odd_headers_are_refused_without_an_error(header, value):
	headers = standard_webhooks.headers([SECRET], "msg_1", NOW, b"{}") | {header: value}
	assert not standard_webhooks.verify([SECRET], headers, b"{}", NOW)
	del headers[header]
	assert not standard_webhooks.verify([SECRET], headers, b"{}", NOW)


def test_old_and_future_messages_are_refused():
	headers = standard_webhooks.headers([SECRET], "msg_1", NOW, b"{}")
	assert standard_webhooks.verify([SECRET], headers, b"{}", NOW + timedelta(seconds=299))
	assert not standard_webhooks.verify([SECRET], headers, b"{}", NOW + timedelta(seconds=302))
	assert not standard_webhooks.verify([SECRET], headers, b"{}", NOW - timedelta(seconds=302))


def test_another_secret_does_not_fit():
	headers = standard_webhooks.headers([SECRET], "msg_1", NOW, b"{}")
	other = standard_webhooks.new_secret()
	assert not standard_webhooks.verify([other], headers, b"{}", NOW)
	assert not standard_webhooks.verify([], headers, b"{}", NOW)
	with pytest.raises(WebhookVerificationError):
		Webhook(other.reveal()).verify("{}", headers)


def test_new_secrets_are_the_norms_and_differ():
	made = {standard_webhooks.new_secret().reveal() for _ in range(100)}
	assert len(made) == 100
	assert all(len(base64.b64decode(text.removeprefix("whsec_"), validate=True)) == 32 for text in made)


def test_a_secret_does_not_show_itself():
	secret = standard_webhooks.new_secret()
	assert secret.reveal() not in f"{secret!r} {secret}"


def test_ids_with_dots_and_secrets_that_are_no_base64_are_refused():
	with pytest.raises(ValueError):
		standard_webhooks.signature(SECRET, "msg.1", 1, b"")
	with pytest.raises(ValueError):
		standard_webhooks.signature(Secret("whsec_%%%"), "msg_1", 1, b"")
