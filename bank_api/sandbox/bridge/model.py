"""Bridge's records. All values are JSON values: amounts are exact text, instants are epoch milliseconds."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from bank_api.sandbox.store import Record

# Status code → name (bridge.md 3.3).
STATUS_NAMES = {
	0: "ok",
	-2: "just_added",
	-3: "just_edited",
	402: "login_failed",
	429: "needs_human_action",
	430: "needs_password_rotation",
	1003: "could_not_refresh",
	1005: "not_supported",
	1007: "disabled_temporarily",
	1009: "incomplete",
	1010: "needs_manual_refresh",
	1099: "migration",
	1100: "pro_account_locked",
}
# Finer code given when a scenario names only the status; section 3.3 confirms ok, otp_required, bank_is_down and
# closed_account, the others are guesses.
DEFAULT_INFO = {
	0: "ok",
	402: "invalid_creds",
	1003: "bank_is_down",
	1005: "closed_account",
	1010: "otp_required",
}
DESCRIPTIONS = {
	"en": {
		0: "Everything is up to date.",
		-2: "Your bank has just been added. The first update is under way.",
		-3: "Your credentials have just been changed. The update is under way.",
		402: "Your credentials were refused by your bank. Please check them.",
		429: "Your bank asks for an action on its own site or app.",
		430: "Your bank asks you to change your password.",
		1003: "Your bank is not available at the moment. We will try again.",
		1005: "This account is not supported.",
		1007: "Updates are suspended for the moment.",
		1009: "Some of the data could not be updated.",
		1010: "Your bank asks you to authenticate again.",
		1099: "Your bank is being migrated.",
		1100: "Your business accounts have to be validated.",
	},
	"fr": {
		0: "Tout est à jour.",
		-2: "Votre banque vient d'être ajoutée. La première mise à jour est en cours.",
		-3: "Vos identifiants viennent d'être modifiés. La mise à jour est en cours.",
		402: "Vos identifiants ont été refusés par votre banque. Veuillez les vérifier.",
		429: "Votre banque demande une action de votre part sur son site ou son application.",
		430: "Votre banque vous demande de changer votre mot de passe.",
		1003: "Votre banque est momentanément indisponible. Nous réessaierons.",
		1005: "Ce compte n'est pas pris en charge.",
		1007: "Les mises à jour sont momentanément suspendues.",
		1009: "Une partie des données n'a pas pu être mise à jour.",
		1010: "Votre banque vous demande de vous authentifier à nouveau.",
		1099: "Votre banque est en cours de migration.",
		1100: "Vos comptes professionnels doivent être validés.",
	},
}


@dataclass
class App:
	"""An application: a pair of credentials and what belongs to it."""

	kind: ClassVar[str] = "app"
	client_id: str
	client_secret: str
	environment: str = "sandbox"

	def pk(self) -> str:
		"""Return the client id."""
		return self.client_id


@dataclass
class User:
	"""An end user."""

	kind: ClassVar[str] = "user"
	uuid: str
	app: str
	external_user_id: str | None = None
	email: str | None = None
	password: str | None = None
	created: int = 0

	def pk(self) -> str:
		"""Return the uuid."""
		return self.uuid


@dataclass
class Token:
	"""A bearer token."""

	kind: ClassVar[str] = "token"
	text: str
	user: str
	expires: int

	def pk(self) -> str:
		"""Return the token's text."""
		return self.text


@dataclass
class Session:
	"""One connect link and where its visitor stands."""

	kind: ClassVar[str] = "session"
	uuid: str
	user: str
	version: str
	flow: str  # add, edit, sync, pro, manage
	callback_url: str | None
	context: str | None
	created: int
	expires: int
	step: str
	item_id: int | None = None
	own_item: bool = False  # the item was made by this session
	provider_id: int | None = None
	country: str = "fr"
	account_types: str = "payment"
	allow_account_selection: bool = True
	max_selectable_accounts: int | None = None
	finished: bool = False
	error: str | None = None
	login: str | None = None
	attempts: int = 0
	waiting: str | None = None  # what an app validation waits for: approve, expire
	wait_until: int = 0
	group: str | None = None
	scenario: str | None = None

	def pk(self) -> str:
		"""Return the uuid."""
		return self.uuid


@dataclass
class Item:
	"""A connection to one bank."""

	kind: ClassVar[str] = "item"
	id: int
	user: str
	provider_id: int
	login: str
	status: int
	status_code_info: str | None
	account_types: str
	created: int
	version: str
	transactions: int | None = None
	last_try: int | None = None
	last_success: int | None = None
	authentication_expires: int | None = None
	queue: list[str] = field(default_factory=list)  # scenarios of the syncs to come
	ticks: int = 0
	flows: list[int] = field(default_factory=list)  # management flows, for the 4 in 24 h
	refresh_started: int | None = None
	refresh_ends: int | None = None
	refresh_result: str | None = None
	description: str | None = None

	def pk(self) -> int:
		"""Return the id."""
		return self.id


@dataclass
class Account:
	"""An account, a card, a security account or a loan."""

	kind: ClassVar[str] = "account"
	id: int
	item_id: int
	provider_id: int
	spec: int  # position in the bank's own list for this log-in
	name: str
	type: str
	iban: str | None
	currency: str
	opening: str  # balance before the first transaction; exact text
	pro: bool = False
	linked: int | None = None  # the spec of the checking account that a card is settled on
	loan: dict[str, Any] | None = None
	savings: dict[str, Any] | None = None
	data_access: str = "enabled"
	last_refresh_status: str = "successful"
	paused: bool = False
	closed: bool = False
	updated: int = 0
	balance_override: str | None = None
	extra: dict[str, Any] | None = None

	def pk(self) -> int:
		"""Return the id."""
		return self.id


@dataclass(slots=True)
class Transaction:
	"""A transaction. ``key`` is the sandbox's own; ``id`` is what clients see (blank, null, reused on demand)."""

	kind: ClassVar[str] = "transaction"
	key: int
	id: Any
	account_id: int
	amount: str
	currency: str
	date: str
	booking_date: str | None
	transaction_date: str | None
	value_date: str | None
	description: str
	clean: str
	category_id: int
	operation_type: str
	updated: int
	deleted: bool = False
	future: bool = False
	extra: dict[str, Any] | None = None
	text2: str | None = field(default=None, metadata={"transient": True}, compare=False)
	text3: str | None = field(default=None, metadata={"transient": True}, compare=False)

	def pk(self) -> int:
		"""Return the sandbox's own key."""
		return self.key


@dataclass
class Stock:
	"""A line of a securities account."""

	kind: ClassVar[str] = "stock"
	id: int
	account_id: int
	label: str
	isin: str
	ticker: str
	marketplace: str
	quantity: str
	current_price: str
	average_purchase_price: str
	total_value: str
	value_date: str
	currency: str
	created: int
	updated: int
	deleted: bool = False

	def pk(self) -> int:
		"""Return the id."""
		return self.id


KINDS: list[type[Record]] = [App, User, Token, Session, Item, Account, Transaction, Stock]
