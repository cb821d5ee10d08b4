"""The dependency rule of the house: public API → gateway → connectors, payments, crypto; nothing points back up."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
APP = ROOT / "bank_api"
FRAMEWORK_FREE = ("connectors", "payments", "crypto", "sandbox")
API_MODULES = ("bridge", "migdal", "quanto", "kb", "webhooks", "www")


def imports(path: Path) -> set[str]:
	found: set[str] = set()
	for node in ast.walk(ast.parse(path.read_text())):
		if isinstance(node, ast.Import):
			found.update(alias.name for alias in node.names)
		elif isinstance(node, ast.ImportFrom) and node.module:
			found.add(node.module)
			found.update(f"{node.module}.{alias.name}" for alias in node.names)
	return found


def modules(*parts: str) -> list[Path]:
	return sorted(APP.joinpath(*parts).rglob("*.py"))


def relative(path: Path) -> str:
	return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", [p for name in FRAMEWORK_FREE for p in modules(name)], ids=relative)
def test_no_framework_below_the_gateway(path):
	assert not {name for name in imports(path) if name.split(".")[0] == "frappe"}


@pytest.mark.parametrize("path", [p for name in FRAMEWORK_FREE[:3] for p in modules(name)], ids=relative)
def test_lower_layers_know_nothing_of_the_gateway(path):
	above = ("bank_api.gateway", "bank_api.bank_api", "bank_api.sandbox") + tuple(
		f"bank_api.{n}" for n in API_MODULES
	)
	assert not {name for name in imports(path) if name.startswith(above)}


@pytest.mark.parametrize("path", modules("crypto"), ids=relative)
def test_crypto_stands_alone(path):
	ours = {name for name in imports(path) if name.split(".")[0] == "bank_api"}
	assert not {name for name in ours if not name.startswith("bank_api.crypto")}


@pytest.mark.parametrize("path", modules("connectors"), ids=relative)
def test_connectors_use_crypto_and_nothing_else_of_ours(path):
	ours = {name for name in imports(path) if name.startswith("bank_api.")}
	assert not {name for name in ours if name.split(".")[1] not in ("connectors", "crypto", "__version__")}


@pytest.mark.parametrize("path", modules("gateway"), ids=relative)
def test_the_gateway_knows_nothing_of_the_public_api(path):
	above = tuple(f"bank_api.{n}" for n in API_MODULES) + ("bank_api.sandbox",)
	assert not {name for name in imports(path) if name.startswith(above)}


@pytest.mark.parametrize("path", [p for p in modules() if p.parent == APP], ids=relative)
def test_the_public_api_goes_through_the_gateway(path):
	assert not {name for name in imports(path) if name.startswith(("bank_api.payments", "bank_api.sandbox"))}


@pytest.mark.parametrize("path", modules("bank_api"), ids=relative)
def test_doctype_controllers_make_no_http(path):
	assert not {
		name for name in imports(path) if name.split(".")[0] in ("requests", "urllib3", "http", "httpx")
	}


@pytest.mark.parametrize("path", modules("sandbox"), ids=relative)
def test_the_sandbox_shares_no_code_with_the_connectors(path):
	assert not {
		name
		for name in imports(path)
		if name.startswith(
			("bank_api.connectors", "bank_api.gateway", "bank_api.crypto", "bank_api.payments")
		)
	}


@pytest.mark.parametrize("path", modules(), ids=relative)
def test_one_choke_point_for_http(path):
	if (path.name.startswith("http") and path.parent.name == "connectors") or "sandbox" in path.parts:
		return
	calls = {
		f"{node.func.value.id}.{node.func.attr}"
		for node in ast.walk(ast.parse(path.read_text()))
		if isinstance(node, ast.Call)
		and isinstance(node.func, ast.Attribute)
		and isinstance(node.func.value, ast.Name)
	}
	assert not calls & {f"requests.{verb}" for verb in ("get", "post", "put", "delete", "request", "Session")}


@pytest.mark.parametrize("path", modules(), ids=relative)
def test_annotations_are_types_not_strings(path):
	assert "__future__.annotations" not in imports(path)


@pytest.mark.parametrize(
	"path", [p for n in ("connectors", "payments", "gateway") for p in modules(n)], ids=relative
)
def test_no_float_near_an_amount(path):
	tree = ast.parse(path.read_text())
	calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "float"]
	assert not calls


def test_no_provider_is_named_outside_its_own_modules():
	for path in modules("gateway"):
		for node in ast.walk(ast.parse(path.read_text())):
			if isinstance(node, ast.Compare):
				values = [c.value for c in node.comparators if isinstance(c, ast.Constant)]
				assert not set(values) & {"bridge", "migdal", "quanto", "kb"}, relative(path)
