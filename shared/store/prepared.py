"""A statement that the server keeps parsed and planned, for the busiest few: planning takes it as long as the rest.

Each connection learns it at its first use. Behind a pooler that deals its connections out anew each time it may be
unknown again at once; then it is sent as a plain one, and taught again the next time.
"""

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from psycopg2.errors import DuplicatePreparedStatement, InvalidSqlStatementName
from psycopg2.extensions import QuotedString, adapt, cursor

_PARAMETER = re.compile(r"%\((\w+)\)s")


@dataclass(frozen=True, slots=True)
class Prepared:
    """One statement in the three forms in which it is sent; all take the same named values."""

    plain: str
    prepare: str
    execute: str

    @classmethod
    def of(cls, statement: str, constants: Mapping[str, Any], arguments: Mapping[str, str]) -> "Prepared":
        """Return it for a statement in the driver's form; `arguments`: what changes from call to call, and its type."""
        names = list(arguments)

        def constant(found: re.Match[str]) -> str:
            if found[1] in arguments:
                return found[0]
            return _literal(constants[found[1]])

        plain = _PARAMETER.sub(constant, statement)
        numbered = _PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", plain).replace("%%", "%")
        called = f"forgeline_{sha256(numbered.encode()).hexdigest()[:16]}"
        given = ", ".join(f"%({name})s" for name in names)
        types = ", ".join(arguments.values())
        return cls(plain, f"PREPARE {called} ({types}) AS {numbered}", f"EXECUTE {called} ({given})")

    def run(self, at: cursor, values: Mapping[str, Any], known: set[str]) -> None:
        """Send it; raises psycopg2.Error for what the statement itself did wrong.

        `known`: what this connection has learned; asking it for anything else would be an error in the server's log.
        """
        if self.prepare not in known:
            with contextlib.suppress(DuplicatePreparedStatement):
                at.execute(self.prepare)
            known.add(self.prepare)
        with contextlib.suppress(InvalidSqlStatementName):
            at.execute(self.execute, values)
            return
        known.discard(self.prepare)
        at.execute(self.plain, values)


def _literal(value: Any) -> str:
    if not isinstance(value, str):
        return str(adapt(value).getquoted(), "utf-8")
    quoted = QuotedString(str(value))
    quoted.encoding = "utf-8"
    return str(quoted.getquoted(), "utf-8")
