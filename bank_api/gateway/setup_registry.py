"""Which steps the set-up of a provider has, by connector: the only place that knows them all."""

from collections.abc import Callable, Iterator

from frappe import _

from bank_api.gateway.setup_access import ApiKey, Contacts, DirectoryIds
from bank_api.gateway.setup_certificates import OwnCertificate, UploadCertificates
from bank_api.gateway.setup_commercial import CommercialCertificate
from bank_api.gateway.setup_directory import LevelsInDirectory, Organization, PublicAddress, SoftwareStatement
from bank_api.gateway.setup_model import StepKind
from bank_api.gateway.setup_pages import Whitelabel
from bank_api.gateway.setup_portal import Channel, PortalKeys, Proof, StatementContacts
from bank_api.gateway.setup_registration import Registration
from bank_api.gateway.setup_statement import Statement
from bank_api.gateway.setup_webhook import Webhook, WebhookTest

Group = tuple[Callable[[], str], tuple[StepKind, ...]]

STEPS: dict[str, tuple[Group, ...]] = {
	"quanto": (
		(
			lambda: _("This Gateway"),
			(PublicAddress(),),
		),
		(
			lambda: _("In the Directory of Participants"),
			(
				Organization(),
				SoftwareStatement(),
				OwnCertificate("Signing"),
				OwnCertificate("Transport"),
				LevelsInDirectory(),
			),
		),
		(
			lambda: _("At the Provider"),
			(
				Contacts(),
				ApiKey(),
				UploadCertificates(),
				DirectoryIds(),
				Whitelabel(),
				Webhook(),
				WebhookTest(),
			),
		),
	),
	"kb": (
		(
			lambda: _("This Gateway"),
			(PublicAddress(), StatementContacts()),
		),
		(
			lambda: _("What You Bring"),
			(PortalKeys(), CommercialCertificate()),
		),
		(
			lambda: _("At the Bank"),
			(Statement(), Registration(), Proof(), Channel()),
		),
	),
}


def groups_of(connector: str) -> Iterator[tuple[str, tuple[StepKind, ...]]]:
	"""The steps of a connector under their headings; none if its providers need no guided set-up."""
	for heading, kinds in STEPS.get(connector, ()):
		yield heading(), kinds


def kinds_of(connector: str) -> Iterator[StepKind]:
	"""The steps of a connector, one after the other."""
	for _heading, kinds in STEPS.get(connector, ()):
		yield from kinds
