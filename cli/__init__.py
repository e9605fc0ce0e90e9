"""What a person types: everything on one machine, and the client of a running server."""
