import json

import frappe
from frappe import _
from frappe.model.document import Document

from bank_api.bank_api.rules import button
from bank_api.gateway import consent_pages, logo, whitelabel
from bank_api.gateway.errors import GatewayError


class BankAPIWhitelabel(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		from bank_api.bank_api.doctype.bank_api_whitelabel_text.bank_api_whitelabel_text import (
			BankAPIWhitelabelText,
		)

		background_color: DF.Color | None
		font: DF.Literal["System", "Sans Serif", "Humanist", "Serif"]
		logo: DF.LongText | None
		on_primary_color: DF.Color | None
		primary_color: DF.Color | None
		text_color: DF.Color | None
		texts: DF.Table[BankAPIWhitelabelText]
		title: DF.Data
	# end: auto-generated types

	def validate(self):
		try:
			self._check_colors()
			self._check_logo()
		except GatewayError as error:
			frappe.throw(error.message)
		self._check_texts()

	def _check_colors(self):
		colors = whitelabel.colors_of(self)
		for role, color in colors.items():
			self.set(f"{role}_color", color)
		if problems := whitelabel.problems(colors):
			frappe.throw(" ".join(problems), title=_("Not Enough Contrast"))

	def _check_logo(self):
		"""Whoever sends a picture by another way than the button gets it written anew all the same."""
		if not self.logo:
			return
		before = self.get_doc_before_save()
		if not (before and before.logo == self.logo):
			self.logo = logo.from_data(self.logo)

	def _check_texts(self):
		seen = set()
		for row in self.texts:
			if (row.language, row.text_key) in seen:
				frappe.throw(
					_("The text {0} is there twice in {1}.").format(_(row.text_key), _(row.language))
				)
			seen.add((row.language, row.text_key))
			row.text = whitelabel.plain(row.text, row.text_key)
			if not row.text:
				frappe.throw(_("The text {0} in {1} is empty.").format(_(row.text_key), _(row.language)))

	@frappe.whitelist(methods=["POST"])
	@button
	def set_logo(self, picture: str) -> None:
		"""Take a picture as a `data:` address; it is made small and written anew."""
		self.logo = logo.from_data(picture)
		self.save()

	@frappe.whitelist(methods=["POST"])
	@button
	def remove_logo(self) -> None:
		"""Do without a logo."""
		self.logo = None
		self.save()


@frappe.whitelist(methods=["POST"])
@button
def preview(values: str, language: str = "English") -> dict:
	"""The page as it would look with a form's present values.

	Args:
		values: the form's fields as JSON; nothing of it is stored.
		language: one of the languages of the texts.

	Returns:
		`html` of the page, `problems` with its colours.
	"""
	try:
		entered = json.loads(values)
	except ValueError:
		entered = {}
	code = whitelabel.LANGUAGES.get(language, "en")
	theme = whitelabel.theme_of_values(entered if isinstance(entered, dict) else {}, code)
	return {"html": consent_pages.sample(theme, code), "problems": whitelabel.problems(theme.colors)}
