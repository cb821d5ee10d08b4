"""What both versions share: headers, credentials, limits, bodies, answers."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import format_datetime
from json import JSONDecodeError, loads
from typing import Any

from werkzeug.wrappers import Request, Response

from bank_api.sandbox.bridge import V2, V3
from bank_api.sandbox.bridge.errors import BridgeError, body, plain
from bank_api.sandbox.bridge.events import Events
from bank_api.sandbox.bridge.lifecycle import Lifecycle
from bank_api.sandbox.bridge.listing import Page, TransactionQueries, escape
from bank_api.sandbox.bridge.model import Account, App, Item, User
from bank_api.sandbox.bridge.state import BridgeState
from bank_api.sandbox.bridge.views import dumps
from bank_api.sandbox.clock import parse_instant

MINUTE_MS = 60_000
EXTERNAL_ID = re.compile(r"[a-zA-Z0-9_-]{1,128}")
# As recorded once (bridge.md 0).
HEADERS = {
	"Cache-Control": "no-cache, no-store, max-age=0, must-revalidate",
	"Pragma": "no-cache",
	"Expires": "0",
}


@dataclass
class Context:
	"""One call of a client."""

	version: int
	request: Request
	app: App | None
	user: User | None
	language: str
	json: dict[str, Any]

	@property
	def query(self) -> dict[str, str]:
		"""The query's parameters, first values."""
		return self.request.args.to_dict()

	@property
	def app_id(self) -> str:
		"""The caller's application."""
		if self.app is not None:
			return self.app.client_id
		return self.user.app if self.user is not None else ""


Handler = Callable[..., Response]


@dataclass(frozen=True)
class Route:
	"""One operation."""

	method: str
	path: str
	handler: Handler
	auth: str = "user"  # or "app"


def language_of(request: Request) -> str:
	"""Return ``fr`` or ``en`` by Accept-Language."""
	return request.accept_languages.best_match(["en", "fr"], default="en") or "en"


class Api:
	"""Runs handlers behind the checks that the real gateway makes."""

	def __init__(
		self,
		state: BridgeState,
		events: Events,
		lifecycle: Lifecycle,
		queries: TransactionQueries,
		base: Callable[[], str],
	) -> None:
		self.state, self.events, self.lifecycle, self.queries, self.base = (
			state,
			events,
			lifecycle,
			queries,
			base,
		)

	@property
	def switches(self) -> Any:
		"""The switches."""
		return self.state.switches

	# calls
	def call(self, version: int, route: Route, request: Request, args: dict[str, Any]) -> Response:
		"""Check a call and run its handler; errors become answers."""
		try:
			context = self._context(version, route, request)
			return route.handler(context, **args)
		except BridgeError as error:
			return self.error(version, error)

	def error(self, version: int, error: BridgeError) -> Response:
		"""Write an error answer."""
		text = body(
			version, self.switches.v3_error_shape, error.status, error.code, error.message, error.parameter
		)
		headers = dict(HEADERS)
		if error.retry_after is not None and self.switches.retry_after == "seconds":
			headers["Retry-After"] = str(error.retry_after)
		elif error.retry_after is not None and self.switches.retry_after == "date":
			moment = datetime.fromtimestamp(self.state.now / 1000 + error.retry_after, timezone.utc)
			headers["Retry-After"] = format_datetime(moment, usegmt=True)
		return Response(text, error.status, headers, content_type="application/json")

	def fault_body(self, version: int, status: int) -> str:
		"""Write the body of an injected failure."""
		return plain(version, self.switches.v3_error_shape, status)

	def _context(self, version: int, route: Route, request: Request) -> Context:
		self._check_version(version, request)
		user = self._bearer(request) if route.auth == "user" else None
		app = self._app(request, user)
		if user is not None and app is not None and user.app != app.client_id:
			raise BridgeError(401, "invalid_access_token", "The access token belongs to another application.")
		context = Context(version, request, app, user, language_of(request), {})
		self._limits(context)
		context.json = self._json(request)
		return context

	def _check_version(self, version: int, request: Request) -> None:
		if not self.switches.version_check:
			return
		wanted = V2 if version == 2 else V3
		given = request.headers.get("Bridge-Version")
		if given is None and version == 2 and self.switches.old_version_header:
			given = request.headers.get("Bankin-Version")
		if given != wanted:
			message = f"The Bridge-Version header must be {wanted} here, not {given or 'missing'}."
			raise BridgeError(400, "invalid_version", message, "Bridge-Version")

	def _bearer(self, request: Request) -> User:
		scheme, _, text = request.headers.get("Authorization", "").partition(" ")
		token = self.state.tokens.get(text.strip()) if scheme.lower() == "bearer" else None
		if token is None:
			raise BridgeError(401, "invalid_access_token", "The access token is missing or not valid.")
		if token.expires <= self.state.now:
			raise BridgeError(401, "expired_access_token", "The access token has expired.")
		return self.state.users[token.user]

	def _app(self, request: Request, user: User | None) -> App | None:
		client_id, secret = request.headers.get("Client-Id"), request.headers.get("Client-Secret")
		if not client_id and not secret and user is not None and self.switches.client_optional_with_bearer:
			return None
		app = self.state.apps.get(client_id or "")
		if app is None or app.client_secret != secret:
			raise BridgeError(
				401, "invalid_client_credentials", "The client credentials are missing or not valid."
			)
		return app

	def _limits(self, context: Context) -> None:
		self.take("app", context.app_id, self.switches.app_limit, 5 * MINUTE_MS)
		if context.user is not None:
			self.take("user", context.user.uuid, self.switches.user_limit, MINUTE_MS)

	def take(self, name: str, key: str, limit: int, window_ms: int) -> None:
		"""Count a call against a limit of section 8.3; raises BridgeError 429 when it is used up."""
		if not self.switches.rate_limits:
			return
		wait = self.state.core.limiter.take(name, key, limit, window_ms, self.state.now)
		if wait:
			raise BridgeError(429, "too_many_requests", "Too many requests.", retry_after=-(-wait // 1000))

	@staticmethod
	def _json(request: Request) -> dict[str, Any]:
		data = request.get_data()
		if request.method in ("GET", "HEAD") or not data:
			return {}
		if request.mimetype != "application/json":
			raise BridgeError(415, "unsupported_media_type", "The content type must be application/json.")
		try:
			value = loads(data)
		except (JSONDecodeError, UnicodeDecodeError) as error:
			raise BridgeError(422, "invalid_json", "The body is not valid JSON.") from error
		if not isinstance(value, dict):
			raise BridgeError(400, "invalid_parameter", "The body must be a JSON object.")
		return value

	# answers
	def answer(self, value: Any, status: int = 200) -> Response:
		"""Answer JSON."""
		text = dumps(value)
		return Response(
			escape(text) if self.switches.ascii_json else text,
			status,
			HEADERS,
			content_type="application/json",
		)

	@staticmethod
	def nothing(status: int = 204) -> Response:
		"""Answer without a body."""
		return Response(b"", status, HEADERS)

	def listing(
		self,
		context: Context,
		rows: Sequence[Any],
		key: Callable[[Any], Any],
		render: Callable[[Any], Any],
		filters: tuple[str, ...] = (),
	) -> Response:
		"""Answer one page of a small list."""
		page = self.page(context, filters)
		ordered = sorted(rows, key=key)
		taken, next_uri = page.cut(ordered, [key(row) for row in ordered])
		return self.send_page(context, page, [dumps(render(row)) for row in taken], next_uri)

	def page(self, context: Context, filters: tuple[str, ...]) -> Page:
		"""Read limit, cursor and filters of a call."""
		return Page(context.request.path, context.query, filters, self.switches, self.base())

	def send_page(self, context: Context, page: Page, texts: Sequence[str], next_uri: str | None) -> Response:
		"""Answer one page."""
		data = page.envelope(texts, next_uri, context.version, self.state.now)
		return Response(data, 200, HEADERS, content_type="application/json")

	# look-ups: what belongs to somebody else is unknown
	def own_item(self, context: Context, item_id: Any) -> Item:
		"""Return an item of the caller's user, or raise 404."""
		item = self.state.items.get(number(item_id, "item_id"))
		if item is None or context.user is None or item.user != context.user.uuid:
			raise BridgeError(404, "not_found", "The item does not exist.")
		return item

	def own_account(self, context: Context, account_id: Any) -> Account:
		"""Return an account of the caller's user, or raise 404."""
		account = self.state.accounts.get(number(account_id, "account_id"))
		if account is None or not self.visible(account):
			raise BridgeError(404, "not_found", "The account does not exist.")
		if context.user is None or self.state.items[account.item_id].user != context.user.uuid:
			raise BridgeError(404, "not_found", "The account does not exist.")
		return account

	def visible(self, account: Account) -> bool:
		"""Whether an account shows in lists (one that is no longer shared stays, marked, unless switched)."""
		return account.data_access == "enabled" or self.switches.unshared_account == "disabled"


def number(value: Any, name: str) -> int:
	"""Read an id; raises BridgeError 400."""
	if isinstance(value, int) and not isinstance(value, bool):
		return value
	try:
		return int(str(value))
	except ValueError as error:
		raise BridgeError(400, "invalid_parameter", f"{name} must be a number.", name) from error


def moment(text: str | None, name: str) -> int | None:
	"""Read an instant; raises BridgeError 400."""
	if not text:
		return None
	try:
		return parse_instant(text)
	except (ValueError, OverflowError) as error:
		raise BridgeError(400, "invalid_parameter", f"{name} must be an ISO 8601 date-time.", name) from error


def day(text: str | None, name: str) -> str | None:
	"""Read a date (or the date of an instant) as ISO text; raises BridgeError 400."""
	if not text:
		return None
	found = moment(text, name)
	return datetime.fromtimestamp((found or 0) / 1000, timezone.utc).date().isoformat()
