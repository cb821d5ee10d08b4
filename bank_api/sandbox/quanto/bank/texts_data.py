"""Names and texts for the generated data."""

FIRST = (
	"Ana Beatriz",
	"João Pedro",
	"Conceição",
	"Antônio",
	"Luíza",
	"Márcio",
	"Thaís",
	"Otávio",
	"Vitória",
	"Cauã",
)
LAST = (
	"de Souza Araújo",
	"Gonçalves",
	"Nóbrega Leão",
	"da Conceição",
	"Magalhães",
	"Íris Brandão",
	"d'Ávila",
	"Simões",
)
COMPANIES = ("Padaria Pão de Ló", "Oficina São Jorge", "Comércio de Grãos Ipê-Roxo", "Tecelagem Três Irmãs")
SHOPS = (
	"PADARIA PÃO QUENTE",
	"SUPERMERCADO AÇAÍ",
	"POSTO IPIRANGA BR 116",
	"DROGARIA SÃO PAULO",
	"UBER *TRIP",
	"MERCADO LIVRE",
	"RESTAURANTE DONA LÚCIA",
	"LIVRARIA CULTURA",
	"CASAS BAHIA",
	"IFOOD *IFOOD",
	"AÇOUGUE BOI GORDO",
	"CINEMARK",
)
BILLERS = (
	"ENEL DISTRIBUICAO SP",
	"SABESP",
	"CLARO S/A",
	"CONDOMINIO ED. ARARAS",
	"VIVO FIBRA",
	"PREFEITURA IPTU",
)
# Texts that break careless code.
NASTY = (
	'PIX "ACME" \\ O\'BRIEN; DROP TABLE',
	"<script>alert(1)</script> & Cia",
	"🍕 PIZZARIA 👩🏽‍💻 CAFÉ ☕",
	"=SOMA(A1:A9)",
	"CONCEIC\u0327A\u0303O (acentos combinantes)",
	"תשלום PIX עברית",
	"%s {0} %(x)s \\u0000",
)
