"""HTTP in, WebSocket out: the process that browsers and clients talk to."""
