"""What can go wrong with keys, certificates and signatures: a stable code and a sentence that says what to do."""


class CryptoError(ValueError):
	"""Base of the errors of this package.

	The messages never quote what was given: it may be a private key.

	Args:
		code: stable, machine-readable.
		message: what is wrong and what to do, in words.
	"""

	def __init__(self, code: str, message: str):
		super().__init__(message)
		self.code = code
		self.message = message

	def __reduce__(self) -> tuple[type, tuple[str, str]]:
		return type(self), (self.code, self.message)


class CertificateError(CryptoError):
	"""A key, a certificate, a file with them, or a wish for a certificate cannot be used."""


class SignatureError(CryptoError):
	"""A request cannot be signed, or its signature does not hold."""
