"""The console's pages, one module a domain; each adds itself to the registry."""
