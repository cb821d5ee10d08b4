"""Categories (bridge.md 6.4).

The ids of the children and their grouping are documented; so are the names in ``_KNOWN``. Parent ids, and the
names of the other children, were not published: they are the sandbox's own.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Category:
	"""One category in two languages."""

	id: int
	en: str
	fr: str
	parent: int | None

	def name(self, language: str) -> str:
		"""Return the name in ``fr`` or else English."""
		return self.fr if language == "fr" else self.en


_TREE: tuple[tuple[int, str, str, tuple[tuple[int, str, str], ...]], ...] = (
	(
		165,
		"Auto & Transport",
		"Auto & Transports",
		(
			(84, "Parking", "Stationnement"),
			(87, "Gas & fuel", "Carburant"),
			(196, "Taxi", "Taxi"),
			(197, "Public transport/train", "Transports en commun/train"),
			(198, "Plane ticket", "Billets d'avion"),
			(247, "Public transportation", "Transports en commun"),
			(251, "Auto insurance", "Assurance véhicule"),
			(264, "Car rental", "Location de véhicule"),
			(288, "Auto & Transport – Others", "Auto & Transports – Autres"),
			(309, "Tolls", "Péages"),
		),
	),
	(
		171,
		"Bills & Utilities",
		"Abonnements",
		(
			(180, "Internet", "Internet"),
			(219, "Cable TV", "Câble / Satellite"),
			(258, "Home phone", "Téléphonie fixe"),
			(277, "Mobile phone", "Téléphonie mobile"),
			(280, "Bills & Utilities – Others", "Abonnements – Autres"),
		),
	),
	(
		170,
		"Entertainment",
		"Loisirs & Sorties",
		(
			(223, "Travels / Vacation", "Voyages / Vacances"),
			(224, "Pets", "Animaux"),
			(226, "Hobbies", "Loisirs créatifs"),
			(227, "Bars", "Bars / Clubs"),
			(242, "Sports", "Sport"),
			(244, "Arts & Amusement", "Divertissements"),
			(249, "Restaurants out", "Sorties"),
			(263, "Hotels", "Hôtels"),
			(269, "Amusement", "Culture"),
			(310, "Entertainment – Others", "Loisirs – Autres"),
			(320, "Winter sports", "Sports d'hiver"),
		),
	),
	(
		168,
		"Food & Dining",
		"Alimentation & Restaurants",
		(
			(83, "Restaurants", "Restaurants"),
			(188, "Food – others", "Alimentation – Autres"),
			(260, "Fast foods", "Fast foods"),
			(273, "Supermarkets/Groceries", "Supermarché / Épicerie"),
			(313, "Coffee shop", "Café"),
		),
	),
	(
		163,
		"Health",
		"Santé",
		(
			(236, "Pharmacy", "Pharmacie"),
			(245, "Optician", "Opticien"),
			(261, "Doctor", "Médecin"),
			(268, "Health insurance", "Mutuelle"),
			(322, "Health – Others", "Santé – Autres"),
			(325, "Dentist", "Dentiste"),
		),
	),
	(
		161,
		"Home",
		"Logement",
		(
			(194, "Mortgage", "Emprunt immobilier"),
			(216, "Rent", "Loyer"),
			(217, "Electricity", "Électricité"),
			(218, "Gas", "Gaz"),
			(220, "Home improvement", "Entretien"),
			(221, "Furniture", "Décoration"),
			(222, "Home insurance", "Assurance habitation"),
			(246, "Home – Others", "Logement – Autres"),
			(293, "Water", "Eau"),
			(323, "Home services", "Charges diverses"),
			(328, "Garden", "Extérieur et jardin"),
		),
	),
	(
		2,
		"Incomes",
		"Revenus",
		(
			(3, "Other incomes", "Autres rentrées"),
			(80, "Refunds", "Remboursements"),
			(230, "Salaries", "Salaires"),
			(231, "Sales", "Ventes"),
			(232, "Services", "Services"),
			(233, "Extra incomes", "Extras"),
			(271, "Interests", "Intérêts"),
			(279, "Grants", "Subventions"),
			(283, "Rents received", "Loyers perçus"),
			(289, "Pensions", "Retraite"),
			(327, "Deposits", "Dépôts d'argent"),
		),
	),
	(
		169,
		"Personal care",
		"Esthétique & Soins",
		(
			(235, "Hairdresser", "Coiffeur"),
			(248, "Cosmetics", "Cosmétique"),
			(316, "Spa & Massage", "Spa & Massage"),
			(317, "Beauty", "Esthétique"),
			(321, "Personal care – Others", "Soins – Autres"),
		),
	),
	(
		162,
		"Shopping",
		"Achats & Shopping",
		(
			(183, "Gifts", "Cadeaux"),
			(184, "High tech", "High-tech"),
			(186, "Shopping – Others", "Achats – Autres"),
			(243, "Books", "Livres"),
			(262, "Music", "Musique"),
			(272, "Clothing & Shoes", "Vêtements / Chaussures"),
			(318, "Sporting goods", "Articles de sport"),
			(319, "Movies", "Films & DVD"),
		),
	),
	(
		160,
		"Taxes",
		"Impôts & Taxes",
		(
			(159, "Income taxes", "Impôts sur le revenu"),
			(206, "Taxes – Others", "Impôts – Autres"),
			(208, "Property taxes", "Taxe foncière"),
			(302, "VAT", "TVA"),
		),
	),
	(
		164,
		"Bank",
		"Banque",
		(
			(79, "Bank charges", "Frais bancaires"),
			(85, "Withdrawals", "Retrait d'espèces"),
			(191, "Hosting of debts", "Remboursement d'emprunt"),
			(195, "Savings", "Épargne"),
			(326, "Internal transfer", "Virements internes"),
		),
	),
	(
		166,
		"Misc.",
		"Divers",
		(
			(1, "Uncategorised", "À catégoriser"),
			(276, "Insurance", "Assurance"),
			(294, "Charity", "Dons"),
			(308, "Tuition", "Éducation"),
		),
	),
)

CATEGORIES: dict[int, Category] = {}
CHILDREN: dict[int, list[int]] = {}
for _id, _en, _fr, _children in _TREE:
	CATEGORIES[_id] = Category(_id, _en, _fr, None)
	CHILDREN[_id] = [child[0] for child in _children]
	CATEGORIES.update({child: Category(child, en, fr, _id) for child, en, fr in _children})
