"""Every status and code of Open Finance Brasil, and Quanto's own, as a stable error with a sentence (3.6, 4.1, 4.2)."""

import ofb_spec
import pytest
from quanto_stub import CPF, Quanto, refused, session_request, token

from bank_api.connectors import errors
from bank_api.connectors.quanto.refusals import CODES


@pytest.fixture
def quanto():
	with Quanto() as server:
		yield server


def answer_to(quanto, status, code="X", *, route="POST /v1/sessions", call=None, **options):
	quanto.on(route, (status, refused(code)))
	call = call or (lambda speaks: speaks.start_session(session_request()))
	with pytest.raises(errors.ProviderError) as caught:
		call(quanto.connector(max_attempts="1", **options))
	assert CPF not in str(caught.value) and "Detalhe" not in str(caught.value)
	return caught.value


READ = {
	"route": "GET /v1/consents/urn:banco:C1DD33123/customers/personal/identifications",
	"call": lambda speaks: speaks.body(token(), "customers/personal/identifications"),
}


@pytest.mark.parametrize("call", [{}, READ], ids=["session", "data"])
@pytest.mark.parametrize(
	("status", "kind"),
	[
		(400, errors.InvalidRequest),
		(405, errors.Unsupported),
		(406, errors.Unsupported),
		(415, errors.Unsupported),
		(422, errors.InvalidRequest),
		(423, errors.RateLimited),
		(425, errors.Unsupported),
		(429, errors.RateLimited),
		(500, errors.ProviderUnavailable),
		(502, errors.ProviderUnavailable),
		(503, errors.ProviderUnavailable),
		(504, errors.ProviderTimeout),
		(529, errors.RateLimited),
		(301, errors.ConfigurationError),
	],
)
def test_statuses(quanto, status, kind, call):
	error = answer_to(quanto, status, **call)
	assert type(error) is kind and error.status == status and error.request_id and str(error).endswith(".")


@pytest.mark.parametrize(
	("status", "code", "session", "data"),
	[
		(401, "X", errors.ConfigurationError, errors.ConsentRequired),
		(401, "CHAVE_DE_API_INVALIDA", errors.ConfigurationError, errors.ConfigurationError),
		(403, "API_KEY_REVOKED", errors.ConfigurationError, errors.ConfigurationError),
		(403, "X", errors.ConfigurationError, errors.ConsentRequired),
		(404, "X", errors.NotFound, errors.NotFound),
		(409, "X", errors.ConfigurationError, errors.AlreadyExists),
		(422, "SETUP_INCOMPLETE", errors.ConfigurationError, errors.ConfigurationError),
	],
)
def test_who_is_refused(quanto, status, code, session, data):
	assert type(answer_to(quanto, status, code)) is session
	assert type(answer_to(quanto, status, code, **READ)) is data


@pytest.mark.parametrize("code", sorted(CODES))
@pytest.mark.parametrize("change", [str, str.lower])
def test_codes(quanto, code, change):
	error = answer_to(quanto, 403 if "RESOURCE" in code else 422, change(code))
	assert (
		type(error) is CODES[code][0] and str(error) == CODES[code][1] and error.provider_code == change(code)
	)


def test_every_code_that_the_published_file_names_is_known():
	ofb_spec.needed()
	named: set[str] = set()

	def walk(node):
		if isinstance(node, dict):
			for name, value in node.items():
				if name == "enum" and any("NAO_MAPEADO" in str(one) for one in value):
					named.update(value)
				walk(value)
		elif isinstance(node, list):
			for one in node:
				walk(one)

	walk(ofb_spec.document("consents"))
	assert len(named) >= 8 and named <= set(CODES)


@pytest.mark.parametrize(
	("code", "word"),
	[
		("CERTIFICADO_NO_NIVEL_ERRADO", "level"),
		("CHAVE_NAO_CORRESPONDE", "key"),
		("CERTIFICADO_FORA_DA_VALIDADE", "today"),
		("AC_NAO_CONFIAVEL", "authority"),
		("ORGANIZACAO_DIVERGENTE", "credentials"),
		("PERFIL_INVALIDO", "profile"),
	],
)
def test_certificates_that_are_refused(quanto, code, word):
	assert word in str(answer_to(quanto, 422, code))
	assert "level" in str(answer_to(quanto, 422, "WRONG", **{"name.codes_level": "OTHER,WRONG"}))


def test_the_first_known_code_counts(quanto):
	body = {"errors": [{"code": "NEW_ONE"}, {"code": "DATA_EXPIRACAO_INVALIDA"}, "x", {"code": 7}]}
	quanto.on("POST /v1/sessions", (422, body))
	with pytest.raises(errors.InvalidRequest) as caught:
		quanto.connector().start_session(session_request())
	assert "12 months" in str(caught.value) and caught.value.provider_code == "NEW_ONE"


@pytest.mark.parametrize(
	"body", ["", "<html>", "[]", '{"errors": []}', '{"errors": null}', "7", '{"code": "A B"}', "{"]
)
@pytest.mark.parametrize("status", [400, 401, 403, 422])
def test_bodies_that_are_none(quanto, body, status):
	quanto.on("POST /v1/sessions", (status, body))
	with pytest.raises(errors.ProviderError) as caught:
		quanto.connector().start_session(session_request())
	assert caught.value.provider_code is None and caught.value.status == status


@pytest.mark.parametrize(("header", "wait"), [("12", 12.0), ("", 60.0), ("soon", 60.0)])
@pytest.mark.parametrize("status", [429, 529])
def test_how_long_to_wait(quanto, status, header, wait):
	if header:
		quanto.headers["Retry-After"] = header
	error = answer_to(quanto, status)
	assert (error.retry_after, error.scope) == (wait, "")


def test_a_month_that_is_used_up_concerns_one_object(quanto):
	error = answer_to(quanto, 423, **READ)
	assert error.scope == errors.OBJECT and error.retry_after == (9 * 24 + 12) * 3600


def test_retry_only_what_does_no_harm(quanto):
	for route, call in (
		("GET /v1/sessions/s", lambda speaks: speaks.session("s")),
		("DELETE /v1/consents/c", lambda speaks: speaks.delete_consent("c")),
	):
		quanto.on(route, (500, ""))
		with pytest.raises(errors.ProviderUnavailable):
			call(quanto.connector())
		asked = quanto.calls(route)
		assert len(asked) == 3
		assert len({one.headers["x-fapi-interaction-id"] for one in asked}) == (3 if "GET" in route else 1)
