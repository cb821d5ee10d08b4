"""What can go wrong with a provider's answer, as the sandbox plays it."""

from typing import Any

READ_TIMEOUT = 1
RETRY_AFTER = 120
FAULTS: dict[str, dict[str, Any]] = {
	"500": {"kind": "status", "status": 500},
	"429": {"kind": "status", "status": 429, "retry_after": str(RETRY_AFTER)},
	"403": {"kind": "status", "status": 403},
	"slow": {"kind": "slow", "seconds": READ_TIMEOUT + 0.3},
	"cut mid-body": {"kind": "cut"},
	"reset": {"kind": "reset"},
	"truncated JSON": {"kind": "truncated"},
	"garbage": {"kind": "garbage"},
	"HTML error page": {"kind": "html"},
	"HTML with 200": {"kind": "html", "status": 200},
	"empty 200": {"kind": "empty"},
	"204": {"kind": "no_content"},
	"empty object": {"kind": "body", "body": "{}"},
	"null": {"kind": "body", "body": "null"},
}
SECRETS = ("secret-", "Bearer", "Traceback", "<html", "http://")
"""What an error that people read must not hold."""
