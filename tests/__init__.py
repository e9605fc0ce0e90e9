"""The tests: unit (fakes), integration (real servers), faults (things killed), e2e (a browser)."""
