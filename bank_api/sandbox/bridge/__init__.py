"""Bridge (bridgeapi.io), versions 2021-06-01 and 2025-01-15, as described in protocols/bridge.md."""

V2 = "2021-06-01"
V3 = "2025-01-15"
