"""Sign-in by an OpenID Connect provider.

`provider` speaks with it over `connection`, `claims` reads what it says of a person, `sessions` keeps what its
sessions need beside those of local accounts. Its routes stand beside the others, in `oidc_pages`.
"""
