"""The Open Finance banks: consents, resources and data as the published OpenAPI files have them, and their pages."""
