"""Banks and categories: asked for once, kept in Redis, served old while the provider is down."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import frappe
import pytest

from bank_api.connectors.errors import ProviderError
from bank_api.gateway import reference
from bank_api.gateway.errors import UnknownObject
from dev.seeding import provider

CATEGORY = '{"id": 83, "name": "Restaurants é", "parent_id": 170, "exact": 0.10}'
BANK = '{"id":574,"name":"Demo Bank","country_code":"FR","logo_url":""}'
LIST = (
	'{"resources":[{"id":170,"name":"Food","categories":[' + CATEGORY + ']}],"pagination":{"next_uri":null}}'
)


class Provider:
	"""A provider of reference data on a real port, which notes what it is asked."""

	def __init__(self) -> None:
		self.asked: list[tuple[str, str]] = []
		self.status = 200
		owner = self

		class Handler(BaseHTTPRequestHandler):
			def do_GET(self) -> None:
				owner.asked.append((self.path.partition("?")[0], self.headers.get("Accept-Language", "")))
				found = {
					"/v2/categories/83": CATEGORY,
					"/v2/banks/574": BANK,
					"/v2/categories": LIST,
				}.get(self.path.partition("?")[0])
				status = owner.status if owner.status != 200 else 200 if found else 404
				body = (
					found if status == 200 else '{"type":"x","message":"y","documentation_url":null}'
				).encode()
				self.send_response(status)
				self.send_header("Content-Type", "application/json")
				self.send_header("Content-Length", str(len(body)))
				self.end_headers()
				self.wfile.write(body)

			def log_message(self, *_arguments: Any) -> None:
				"""Say nothing."""

		self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
		self.url = f"http://127.0.0.1:{self.server.server_port}"
		threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture(scope="module")
def server() -> Iterator[Provider]:
	server = Provider()
	yield server
	server.server.shutdown()


@pytest.fixture
def source(db: Any, server: Provider) -> str:
	"""Name of a provider whose answers nobody has kept yet."""
	name = provider("Reference Bridge", api_base_url=server.url, app_calls_per_5_minutes=0)
	frappe.db.set_value("Bank API Provider", name, "api_base_url", server.url)
	frappe.db.commit()
	reference.forget(name)
	server.asked.clear()
	server.status = 200
	return name


def age(source: str, seconds: float) -> None:
	"""Let time pass for all that is kept."""
	cache = frappe.cache()
	for key in cache.get_keys(f"bank_api:reference:{source}:"):
		name = key.decode().partition("|")[2]
		until, text = cache.get_value(name, expires=True)
		left = cache.ttl(key)
		if left - seconds <= 0:
			cache.delete_value(name)
		else:
			cache.set_value(name, (until - seconds, text), expires_in_sec=int(left - seconds))


def test_the_text_comes_as_received_and_is_asked_for_once(source: str, server: Provider) -> None:
	for _ in range(3):
		assert reference.category(source, "83") == CATEGORY
		assert reference.category(source, 83, "en") == CATEGORY
		assert reference.bank(source, 574) == BANK
		assert json.loads(reference.category(source)) == json.loads(LIST)
	assert [path for path, _ in server.asked] == ["/v2/categories/83", "/v2/banks/574", "/v2/categories"]


def test_languages_are_kept_apart_and_unknown_ones_are_english(source: str, server: Provider) -> None:
	for lang in ("fr", "fr-FR", "FR", "fr_CA", "en", "en-GB", "de", "", None, "x" * 50):
		assert reference.category(source, "83", lang) == CATEGORY
	assert [language for _, language in server.asked] == ["fr", "en"]


def test_an_unknown_id_is_unknown_and_asked_for_once_in_a_while(source: str, server: Provider) -> None:
	for _ in range(3):
		with pytest.raises(UnknownObject):
			reference.category(source, "999")
	assert len(server.asked) == 1
	age(source, reference.UNKNOWN_SECONDS)
	with pytest.raises(UnknownObject):
		reference.category(source, "999")
	assert len(server.asked) == 2


@pytest.mark.parametrize("identifier", ["../users", "83/..", "8 3", "83?x=1", "é", "x" * 65, "%2e"])
def test_what_cannot_be_an_id_reaches_nobody(source: str, server: Provider, identifier: str) -> None:
	for call in (reference.category, reference.bank):
		with pytest.raises(UnknownObject):
			call(source, identifier)
	assert server.asked == []


def test_after_a_day_it_is_asked_for_again(source: str, server: Provider) -> None:
	reference.category(source, "83")
	age(source, reference.FRESH_SECONDS - 60)
	reference.category(source, "83")
	assert len(server.asked) == 1
	age(source, 61)
	reference.category(source, "83")
	assert len(server.asked) == 2


@pytest.mark.parametrize("status", [500, 503, 429, 401])
def test_the_last_answer_serves_for_a_week_while_the_provider_fails(
	source: str, server: Provider, status: int
) -> None:
	reference.category(source, "83")
	age(source, reference.FRESH_SECONDS + 1)
	server.status = status
	assert reference.category(source, "83") == CATEGORY
	asked = len(server.asked)
	assert reference.category(source, "83") == CATEGORY
	assert len(server.asked) == asked, "a failing provider is left alone for a while"
	age(source, reference.PAUSE_SECONDS + 1)
	assert reference.category(source, "83") == CATEGORY
	assert len(server.asked) > asked
	age(source, reference.KEPT_SECONDS - reference.FRESH_SECONDS - 60)
	with pytest.raises(ProviderError):
		reference.category(source, "83")
	server.status = 200
	assert reference.category(source, "83") == CATEGORY


def test_without_a_copy_the_failure_shows(source: str, server: Provider) -> None:
	server.status = 500
	with pytest.raises(ProviderError):
		reference.bank(source, "574")


def test_a_provider_that_is_gone_does_not_delay_what_is_kept(source: str, server: Provider) -> None:
	reference.category(source, "83")
	frappe.db.set_value("Bank API Provider", source, "api_base_url", "http://127.0.0.1:9")
	frappe.db.commit()
	age(source, reference.FRESH_SECONDS + 1)
	reference.category(source, "83")
	began = time.perf_counter()
	assert reference.category(source, "83") == CATEGORY
	assert time.perf_counter() - began < 0.1


def test_a_changed_provider_forgets(source: str, server: Provider) -> None:
	reference.category(source, "83")
	frappe.get_doc("Bank API Provider", source).save()
	reference.category(source, "83")
	assert len(server.asked) == 2


def test_without_redis_the_provider_is_asked(
	source: str, server: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
	import redis

	def unreachable(*_arguments: Any, **_named: Any) -> None:
		raise redis.exceptions.ConnectionError

	cache = frappe.cache()
	for name in ("get", "set", "setex", "ttl"):
		monkeypatch.setattr(type(cache), name, unreachable)
	assert reference.category(source, "83") == CATEGORY
	assert reference.category(source, "83") == CATEGORY
	assert server.asked


def test_many_at_once_get_the_same(source: str, server: Provider) -> None:
	site, path = frappe.local.site, frappe.local.sites_path
	answers: list[str] = []

	def ask() -> None:
		frappe.init(site, sites_path=path)
		frappe.connect()
		try:
			answers.append(reference.category(source, "83"))
		finally:
			frappe.destroy()

	threads = [threading.Thread(target=ask) for _ in range(8)]
	for thread in threads:
		thread.start()
	for thread in threads:
		thread.join()
	assert answers == [CATEGORY] * 8
	assert len(server.asked) <= 8
