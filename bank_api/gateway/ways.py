"""How an end user renews or changes a sharing: by what its provider's connector offers, never by its name."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from bank_api.connectors.errors import ProviderError
from bank_api.connectors.model import Identity, LinkKind, Presence, Secret, TokenHolder, UserAction
from bank_api.gateway import (
	access_links,
	connect,
	consent_check,
	consent_extension,
	consent_rows,
	consents,
	items,
	providers,
	sessions,
	trip,
)
from bank_api.gateway.access_links import Visit
from bank_api.gateway.errors import NotConfigured
from bank_api.gateway.sharing import Note, Sharing, State, masked


@dataclass(frozen=True, slots=True)
class Choice:
	"""Something that may be shared or not; `label` and `group` are English, or a number."""

	key: str
	label: str
	group: str = ""
	chosen: bool = True


@dataclass(frozen=True, slots=True)
class Form:
	"""What an end user has to enter.

	Attributes:
		person: the national number of the person who acts.
		business: that of the company whose data it is.
		choices: what may be picked; none where it is picked at the bank.
		away: the end user is sent to a page of the bank.
	"""

	person: bool = False
	business: bool = False
	choices: tuple[Choice, ...] = ()
	away: bool = True


@dataclass(frozen=True, slots=True)
class Entered:
	"""What an end user has entered; the numbers are sent on and kept nowhere."""

	person: Secret
	business: Secret
	chosen: tuple[str, ...] = ()


class Way(Protocol):
	"""What may be done with the sharings of one kind of provider.

	`renew` and `change` give the page that the end user has to visit, or nothing if it is done already.
	"""

	def labels(self, found: Sharing) -> tuple[str, ...]:
		"""What may be read, in English words; empty if the provider names no permissions."""

	def renewal(self, found: Sharing) -> Form | None:
		"""What to enter to renew it; None if it cannot be renewed."""

	def alteration(self, found: Sharing) -> Form | None:
		"""What to enter to change it; None if it cannot be changed."""

	def renew(self, visit: Visit, found: Sharing, entered: Entered, presence: Presence | None) -> str:
		"""Renew it."""

	def change(self, visit: Visit, found: Sharing, entered: Entered, presence: Presence | None) -> str:
		"""Change it."""


def of(found: Sharing) -> Way:
	"""The way of a sharing's provider.

	Raises:
		NotConfigured: the provider is not set up.
	"""
	return _WAYS[providers.connector(found.provider).token_holder]


def tells_end(found: Sharing) -> bool:
	"""Whether the bank is told when a sharing is ended here; otherwise its tokens are forgotten, and only the bank can end the rest."""
	if not found.consent:
		return True
	try:
		return bool(getattr(providers.connector(found.provider), "tells_end", True))
	except (ProviderError, NotConfigured):
		return True  # nothing can be ended then


def can_be_renewed(found: Sharing) -> bool:
	"""Whether a sharing is given, or was until it ran out."""
	return (
		bool(found.item)
		and not found.deleted
		and (found.state is State.ACTIVE or (found.state is State.ENDED and found.note is Note.EXPIRED))
	)


def back_here(visit: Visit, item: str) -> trip.Addresses:
	"""The end user comes back to the page; webhooks go where the item's have gone."""
	return trip.Addresses(
		redirect_url=trip.public_url() + access_links.PATH,
		webhook_url=items.webhook_url(item),
		base_url=visit.client.base_url,
	)


class _ByLink:
	"""The provider has pages of its own for it (`TokenHolder.END_USER`)."""

	_KINDS: Mapping[str, LinkKind] = {
		UserAction.EDIT_CREDENTIALS.value: LinkKind.EDIT,
		UserAction.CONFIRM_PRO.value: LinkKind.PRO,
	}

	def labels(self, found: Sharing) -> tuple[str, ...]:
		return ()

	def renewal(self, found: Sharing) -> Form | None:
		return Form() if can_be_renewed(found) else None

	def alteration(self, found: Sharing) -> Form | None:
		return Form() if can_be_renewed(found) else None

	def renew(self, visit: Visit, found: Sharing, entered: Entered, presence: Presence | None) -> str:
		return self._link(visit, found, self._KINDS.get(found.user_action, LinkKind.SCA))

	def change(self, visit: Visit, found: Sharing, entered: Entered, presence: Presence | None) -> str:
		return self._link(visit, found, LinkKind.EDIT)

	def _link(self, visit: Visit, found: Sharing, kind: LinkKind) -> str:
		answer = connect.start(
			visit.client, found.provider, found.end_user, kind, back_here(visit, found.item), item=found.item
		)
		return answer["link"]


class _ByConsent:
	"""A new consent takes the place of the present one (`TokenHolder.CONSENT`)."""

	def labels(self, found: Sharing) -> tuple[str, ...]:
		return ()

	def renewal(self, found: Sharing) -> Form | None:
		if not found.consent or not can_be_renewed(found):
			return None
		return Form(person=consent_check.connector_of(found.provider).names_end_user)

	def alteration(self, found: Sharing) -> Form | None:
		form = self.renewal(found)
		return replace(form, choices=self._choices(found)) if form else None

	def _choices(self, found: Sharing) -> tuple[Choice, ...]:
		"""Its accounts, if it was asked for named ones; otherwise they are picked at the bank."""
		if not self._is_detailed(found):
			return ()
		return tuple(Choice(number, masked(number)) for number in found.references)

	def _is_detailed(self, found: Sharing) -> bool:
		row = consent_rows.get(found.consent)
		return bool(row) and row.kind == consent_rows.DETAILED

	def renew(self, visit: Visit, found: Sharing, entered: Entered, presence: Presence | None) -> str:
		return self._start(visit, found, entered, presence, {})

	def change(self, visit: Visit, found: Sharing, entered: Entered, presence: Presence | None) -> str:
		if not self._is_detailed(found):
			return self._start(visit, found, entered, presence, {})
		chosen = tuple(number for number in found.references if number in entered.chosen)
		return self._start(visit, found, entered, presence, {"references": chosen})

	def _start(
		self,
		visit: Visit,
		found: Sharing,
		entered: Entered,
		presence: Presence | None,
		other: dict[str, Any],
	) -> str:
		answer = consents.start(
			visit.client,
			found.provider,
			found.end_user,
			replace(consents.renewed_terms(consent_rows.get(found.consent)), **other),
			back_here(visit, found.item),
			psu_id=entered.person,
			presence=presence,
			replaces=found.item,
		)
		return answer["link"]


class _ByVisit:
	"""A consent is extended, or asked for anew in a visit (`TokenHolder.APPLICATION`)."""

	def labels(self, found: Sharing) -> tuple[str, ...]:
		granted = set(found.permissions)
		return tuple(
			group.label for group in sessions.groups_of(found.provider) if granted >= set(group.permissions)
		)

	def renewal(self, found: Sharing) -> Form | None:
		if not found.consent or not can_be_renewed(found):
			return None
		return Form(person=True, business=True, away=not self._can_be_extended(found))

	def alteration(self, found: Sharing) -> Form | None:
		if not found.consent or not can_be_renewed(found):
			return None
		granted = set(found.permissions)
		choices = tuple(
			Choice(group.key, group.label, group.category, granted >= set(group.permissions))
			for group in sessions.groups_of(found.provider)
		)
		return Form(person=True, business=True, choices=choices)

	def _can_be_extended(self, found: Sharing) -> bool:
		row = consent_rows.get(found.consent)
		return bool(row) and consent_extension.may_be_extended(row)

	def renew(self, visit: Visit, found: Sharing, entered: Entered, presence: Presence | None) -> str:
		if presence is None or not self._can_be_extended(found):
			return self._start(visit, found, entered, ())
		consent_extension.extend(
			consent_rows.get(found.consent),
			self._identity(entered),
			sessions.default_end(found.provider),
			presence,
		)
		return ""

	def change(self, visit: Visit, found: Sharing, entered: Entered, presence: Presence | None) -> str:
		known = [group.key for group in sessions.groups_of(found.provider)]
		return self._start(visit, found, entered, tuple(key for key in known if key in entered.chosen))

	def _start(self, visit: Visit, found: Sharing, entered: Entered, groups: tuple[str, ...]) -> str:
		terms = sessions.terms(
			found.provider,
			groups=groups,
			language=visit.client.language,
			before=consent_rows.get(found.consent),
		)
		answer = sessions.start(
			visit.client,
			found.provider,
			found.end_user,
			terms,
			back_here(visit, found.item),
			identity=self._identity(entered),
			replaces=found.item,
		)
		return answer["link"]

	def _identity(self, entered: Entered) -> Identity:
		return Identity(entered.person, entered.business or None)


_WAYS: dict[TokenHolder, Way] = {
	TokenHolder.END_USER: _ByLink(),
	TokenHolder.CONSENT: _ByConsent(),
	TokenHolder.APPLICATION: _ByVisit(),
}
