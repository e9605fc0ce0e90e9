"""Things are killed, frozen and cut while jobs run; the stand-in's own log is the judge beside the database."""
