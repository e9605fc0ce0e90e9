"""The rules of Forgeline, without any input or output.

Everything here takes data and `now` and returns a value; it may import the standard
library and pydantic, nothing else (an import-linter contract holds that).
"""
