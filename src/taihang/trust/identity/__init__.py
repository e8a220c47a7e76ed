"""Identity: accounts, sessions, tenants, API tokens, and sign-in through an organisation's own provider."""
