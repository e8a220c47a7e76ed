"""The web console: pages over the API, in the name of whoever is signed in."""
