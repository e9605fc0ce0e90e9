"""The page in a real browser: against a stand-in that can send anything, and against the real stack."""
