"""Tables of identity. Accounts, sessions and links are the installation's; memberships and tokens a tenant's.

A person has one account and may belong to several tenants; so who signs in is looked up before any tenant is
known, and what they may do there is a row of that tenant.
"""

from __future__ import annotations

import sqlalchemy as sa

from taihang.engines.store import schema

_ID = 40
_HASH = 64

tenants = sa.Table(
    "tenants",
    schema.metadata,
    sa.Column("id", sa.String(100), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("created_at", schema.Utc, nullable=False),
    sa.Column("disabled_at", schema.Utc),
)

accounts = sa.Table(
    "accounts",
    schema.metadata,
    sa.Column("id", sa.String(_ID), primary_key=True),
    # As `names.login` writes it: one person, one spelling.
    sa.Column("login", sa.String(254), nullable=False, unique=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("email", sa.String(254), nullable=False),
    # The encoded argon2id hash; NULL: signs in through a provider only.
    sa.Column("password", sa.String(400)),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("created_at", schema.Utc, nullable=False),
    sa.Column("changed_at", schema.Utc, nullable=False),
)

memberships = schema.tenanted(
    "memberships",
    sa.Column("account_id", sa.String(_ID), primary_key=True),
    sa.Column("roles", sa.JSON, nullable=False),
    sa.Column("created_at", schema.Utc, nullable=False),
    sa.Index("ix_memberships_account", "account_id"),
)

# One-time links: the first admin's, invitations, resets of a password. The secret is kept as its hash.
links = sa.Table(
    "one_time_links",
    schema.metadata,
    sa.Column("hash", sa.String(_HASH), primary_key=True),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("tenant", sa.String(100), nullable=False),
    sa.Column("account_id", sa.String(_ID)),
    sa.Column("login", sa.String(254), nullable=False),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("email", sa.String(254), nullable=False),
    sa.Column("roles", sa.JSON, nullable=False),
    sa.Column("created_by", sa.String(100), nullable=False),
    sa.Column("created_at", schema.Utc, nullable=False),
    sa.Column("expires_at", schema.Utc, nullable=False),
    sa.Column("used_at", schema.Utc),
)

sessions = sa.Table(
    "sessions",
    schema.metadata,
    sa.Column("hash", sa.String(_HASH), primary_key=True),
    sa.Column("id", sa.String(_ID), nullable=False, unique=True),
    sa.Column("account_id", sa.String(_ID), nullable=False, index=True),
    sa.Column("tenant", sa.String(100), nullable=False),
    sa.Column("created_at", schema.Utc, nullable=False),
    sa.Column("seen_at", schema.Utc, nullable=False),
    sa.Column("expires_at", schema.Utc, nullable=False),
    sa.Column("ended_at", schema.Utc),
    # What the browser calls itself, so that its owner knows it again in the list.
    sa.Column("agent", sa.String(200), nullable=False),
)

tokens = schema.tenanted(
    "api_tokens",
    sa.Column("id", sa.String(_ID), primary_key=True),
    sa.Column("hash", sa.String(_HASH), nullable=False),
    sa.Column("account_id", sa.String(_ID), nullable=False, index=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("created_at", schema.Utc, nullable=False),
    sa.Column("expires_at", schema.Utc, nullable=False),
    sa.Column("used_at", schema.Utc),
    sa.Column("revoked_at", schema.Utc),
    # A token is found by its id before its tenant is known.
    sa.Index("uq_api_tokens_id", "id", unique=True),
)

# Failed sign-ins, by hash of the login tried or of the address it came from; whether that login exists or not.
attempts = sa.Table(
    "sign_in_attempts",
    schema.metadata,
    sa.Column("key", sa.String(80), primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("last_at", schema.Utc, nullable=False),
    sa.Column("locked_until", schema.Utc),
)

# Things that happen once in an installation's life: the key decides a race.
marks = sa.Table(
    "identity_marks",
    schema.metadata,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("at", schema.Utc, nullable=False),
)

# Accounts of an organisation's provider: who is (issuer, subject) here.
subjects = sa.Table(
    "provider_subjects",
    schema.metadata,
    sa.Column("issuer", sa.String(500), primary_key=True),
    sa.Column("subject", sa.String(255), primary_key=True),
    sa.Column("account_id", sa.String(_ID), nullable=False, index=True),
    sa.Column("created_at", schema.Utc, nullable=False),
)

# Sign-ins through a provider that have been begun and not yet come back.
flows = sa.Table(
    "provider_flows",
    schema.metadata,
    sa.Column("state_hash", sa.String(_HASH), primary_key=True),
    sa.Column("browser_hash", sa.String(_HASH), nullable=False),
    sa.Column("provider", sa.String(100), nullable=False),
    sa.Column("nonce", sa.String(100), nullable=False),
    sa.Column("verifier", sa.String(128), nullable=False),
    sa.Column("return_to", sa.String(500), nullable=False),
    sa.Column("expires_at", schema.Utc, nullable=False),
)
