"""Refusals in Open Finance Brasil's error shape (section 4.1), which Quanto's own calls use too."""

import json
from typing import Any

TITLES = {
	400: ("REQUISICAO_INVALIDA", "Requisição inválida"),
	401: ("NAO_AUTORIZADO", "Não autorizado"),
	403: ("ACESSO_NEGADO", "Acesso negado"),
	404: ("NAO_ENCONTRADO", "Recurso não encontrado"),
	405: ("METODO_NAO_PERMITIDO", "Método não permitido"),
	406: ("FORMATO_NAO_ACEITO", "Formato não aceito"),
	409: ("CONFLITO", "Conflito"),
	410: ("INDISPONIVEL", "Não está mais disponível"),
	415: ("FORMATO_NAO_SUPORTADO", "Formato não suportado"),
	422: ("ERRO_NAO_MAPEADO", "Requisição não processável"),
	423: ("LIMITE_OPERACIONAL_EXCEDIDO", "Limite operacional mensal excedido"),
	425: ("FORA_DA_JANELA", "Fora da janela de atendimento"),
	429: ("LIMITE_DE_REQUISICOES_EXCEDIDO", "Muitas requisições"),
	500: ("ERRO_INTERNO", "Erro interno"),
	503: ("SERVICO_INDISPONIVEL", "Serviço indisponível"),
	504: ("TEMPO_ESGOTADO", "Tempo de resposta esgotado"),
	529: ("SITE_SOBRECARREGADO", "Site sobrecarregado"),
}


class OfbError(Exception):
	"""A refusal.

	Args:
		status: HTTP status.
		code: Machine-readable code; the status has one of its own.
		detail: What is wrong.
		title: In short; the status has one of its own.
		headers: More headers of the answer.
		field: Which field is wrong, in Quanto's own answers.
	"""

	def __init__(
		self,
		status: int,
		code: str = "",
		detail: str = "",
		title: str = "",
		headers: dict[str, str] | None = None,
		field: str = "",
	) -> None:
		known = TITLES.get(status, ("ERRO", "Erro"))
		self.status, self.code = status, code or known[0]
		self.title = title or known[1]
		self.detail = detail or self.title
		self.headers, self.field = headers or {}, field
		super().__init__(f"{status} {self.code}: {self.detail}")


def body(error: OfbError, moment: str) -> str:
	"""Write an error.

	Args:
		error: What is wrong.
		moment: The sandbox's instant.

	Returns:
		JSON text.
	"""
	row = {"code": error.code[:255], "title": error.title[:255], "detail": error.detail[:2048]}
	if error.field:
		row["field"] = error.field
	meta = {
		"totalRecords": 1,
		"totalPages": 1,
		"requestDateTime": moment,
	}  # some of the files want totals here too
	found: dict[str, Any] = {"errors": [row], "meta": meta}
	return json.dumps(found, ensure_ascii=False)
