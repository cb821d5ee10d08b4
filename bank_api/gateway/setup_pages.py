"""Set-up step: how the provider's own pages look for our end users (seed 001, 2.4)."""

from frappe import _

from bank_api.connectors.onboarding import Theme
from bank_api.gateway import whitelabel
from bank_api.gateway.errors import BadArgument
from bank_api.gateway.setup_model import Action, BaseStep, Fact, Field, Record, Scene, Shown, Values, digest

DEFAULT_LANGUAGE = "Portuguese (Brazil)"


class Whitelabel(BaseStep):
	"""Logo, colours, font and texts of our customer, given to each of the provider's pages."""

	key = "whitelabel"
	after = ("api_key",)
	optional = True

	def show(self, scene: Scene) -> Shown:
		name = scene.doc.whitelabel
		sent = scene.kept("theme")
		done = bool(name) and sent == _mark(_theme(scene))
		return Shown(
			title=_("Make the provider's pages look like yours"),
			help=_(
				"End users who know where they are share with more trust. Choose a whitelabel: the gateway sends its logo, "
				"colours, font and texts for all pages of the provider."
			),
			done=done,
			reason=_("The whitelabel has been changed since: send it again.") if sent and not done else "",
			facts=(Fact(_("Whitelabel"), name),) if name else (),
			actions=(Action("send", _("Send to the Provider"), _fields(scene)),),
			records=(Record(whitelabel.DOCTYPE, name, name),) if name else (),
		)

	def run(self, scene: Scene, action: str, values: Values) -> None:
		language = values.text("language")
		if not values.text("whitelabel") or language not in whitelabel.LANGUAGES:
			raise BadArgument(_("Choose a whitelabel and a language."))
		scene.store(whitelabel=values.text("whitelabel"), whitelabel_language=language)
		theme = _theme(scene)
		for product in scene.connector.products():
			scene.connector.put_theme(product, theme)
		scene.store(kept={"theme": _mark(theme)})


def _fields(scene: Scene) -> tuple[Field, ...]:
	return (
		Field(
			"whitelabel",
			_("Whitelabel"),
			"Link",
			options=whitelabel.DOCTYPE,
			default=scene.doc.whitelabel,
			required=True,
		),
		Field(
			"language",
			_("Language of the Texts"),
			"Select",
			options="\n".join(whitelabel.LANGUAGES),
			default=scene.doc.whitelabel_language or DEFAULT_LANGUAGE,
			required=True,
		),
	)


def _theme(scene: Scene) -> Theme:
	language = whitelabel.LANGUAGES[scene.doc.whitelabel_language or DEFAULT_LANGUAGE]
	theme = whitelabel.theme(scene.doc.whitelabel, language)
	if theme.purpose or not scene.doc.default_purpose:
		return theme
	return Theme(theme.logo, theme.colors, theme.font, theme.texts, scene.doc.default_purpose)


def _mark(theme: Theme) -> str:
	return digest(theme.logo, theme.colors, theme.font, theme.texts, theme.purpose)
