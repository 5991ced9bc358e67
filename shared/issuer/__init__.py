"""A small identity provider, to sign in against without an account anywhere.

It does what a big one does (Auth0, Keycloak, Entra ID): it signs short-lived tokens (JWTs, ES256)
and publishes the public keys to check them with (a JWKS). For teaching only: it asks nobody for a
password. Lesson 6 is about the other side, the server that must not believe a token unchecked.

`python -m shared.issuer` serves it; see `shared.issuer.service` for its routes. To import this
package imports no web framework: who only signs tokens needs none.
"""

from shared.issuer.tokens import ALGORITHM, LIFETIME, Issuer

__all__ = ["ALGORITHM", "LIFETIME", "Issuer"]
