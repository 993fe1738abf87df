"""Who may do what: accounts, sessions, tokens, OIDC, roles and permissions."""
