"""Our two certificates at work: the TLS context of the connection, and the signature of each request (5, 6)."""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bank_api.connectors.berlin_group.settings import BerlinSettings
from bank_api.connectors.errors import ConfigurationError
from bank_api.connectors.model import KeyPair, ProviderConfig
from bank_api.crypto import keys
from bank_api.crypto.certificates import Certificate, read_bundle
from bank_api.crypto.client_tls import client_context
from bank_api.crypto.errors import CryptoError
from bank_api.crypto.http_signature import KeyIdStyle, SignatureScheme, sign_request

Sign = Callable[[Mapping[str, str], bytes], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class _Seal:
	"""What a signature needs, read once."""

	key: keys.PrivateKey
	certificate: Certificate
	scheme: SignatureScheme


class Credentials:
	"""Reads the provider record's certificates when they are first needed, so that a record can be half set up."""

	def __init__(self, config: ProviderConfig, settings: BerlinSettings):
		self._config = config
		self._settings = settings
		self._seal: _Seal | None = None

	def tls(self) -> ssl.SSLContext:
		"""The context that shows our transport certificate, and verifies the provider's.

		Raises:
			ConfigurationError: the transport certificate is missing or unusable.
		"""
		pair = self._config.transport
		if pair is None:
			raise _missing("transport")
		try:
			return client_context(
				pair.chain, keys.parsed(pair.key.reveal()), self._settings.ca_bundle or None
			)
		except CryptoError as error:
			raise _unusable("transport", error) from None
		except (ssl.SSLError, ValueError, OSError):
			raise ConfigurationError(
				"The transport certificate, its key, or the certificate authorities of the provider record "
				"cannot be used together."
			) from None

	def signer(self, names: tuple[str, ...]) -> Sign | None:
		"""What signs a request; None if the source wants no signature.

		Args:
			names: headers to sign, in this order, as far as they are sent.

		Raises:
			ConfigurationError: the signing certificate is missing or unusable.
		"""
		if self._settings.certificates != "both":
			return None
		seal = self._read_seal()

		def sign(headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
			present = {name.lower() for name in headers} | {"digest"}
			try:
				return sign_request(
					headers,
					body,
					names=[name for name in names if name in present],
					signer=seal.key,
					certificate=seal.certificate,
					scheme=seal.scheme,
				)
			except CryptoError as error:
				raise ConfigurationError(f"The request cannot be signed: {error.message}") from None

		return sign

	def client_id(self) -> str:
		"""Our identifier at the authorisation server: as set, else the certificate's organizationIdentifier (3.1).

		Raises:
			ConfigurationError: there is none.
		"""
		known = self._settings.client_id or self._config.client_id.strip()
		if known:
			return known
		pair = self._config.signing or self._config.transport
		if pair is None:
			raise _missing("signing")
		identifier = _leaf(pair, "signing" if self._config.signing else "transport").organization_identifier
		if not identifier:
			raise ConfigurationError(
				"The signing certificate has no organizationIdentifier: enter the client id in the provider record."
			)
		return identifier

	def _read_seal(self) -> _Seal:
		if self._seal is None:
			pair = self._config.signing
			if pair is None:
				raise _missing("signing")
			certificate = _leaf(pair, "signing")
			try:
				key = keys.parsed(pair.key.reveal())
			except CryptoError as error:
				raise _unusable("signing", error) from None
			self._seal = _Seal(key, certificate, self._scheme())
		return self._seal

	def _scheme(self) -> SignatureScheme:
		try:
			return SignatureScheme(
				algorithm=self._settings.signature_algorithm,
				digest=self._settings.digest_algorithm,
				key_id_style=KeyIdStyle(self._settings.key_id_style),
			)
		except CryptoError as error:
			raise ConfigurationError(error.message) from None
		except ValueError:
			styles = ", ".join(style.value for style in KeyIdStyle)
			raise ConfigurationError(
				f"The provider's setting key_id_style must be one of: {styles}."
			) from None


def _leaf(pair: KeyPair, which: str) -> Certificate:
	try:
		chain = read_bundle(pair.chain.encode()).chain
	except CryptoError as error:
		raise _unusable(which, error) from None
	if not chain:
		raise _missing(which)
	return chain[0]


def _missing(which: str) -> ConfigurationError:
	return ConfigurationError(f"The provider record lacks its {which} certificate.")


def _unusable(which: str, error: CryptoError) -> ConfigurationError:
	return ConfigurationError(
		f"The {which} certificate of the provider record cannot be used: {error.message}"
	)
