"""What the hostile requests are made of."""

BAD_TEXT = [
    "null", "true", "5", "-1.5", "[]", "{}", '["a"]', '{"a": 1}', '"\\u0000"', '"a\\u0000b"', '"\\ud800"',
    '"x\\udfff"',
]  # fmt: skip

BAD_NUMBER = [
    "null", "true", "false", '"1024"', '""', "[]", "[1024]", "{}", "1e999", "-1e999", "9" * 400, "-" + "9" * 5000,
    "0.5", "1e-320", "99999999999999999999", "-0.1", '"NaN"', '"0x400"', '"\\u0661\\u0660\\u0662\\u0664"',
]  # fmt: skip

TEXT_FIELDS = [
    "prompt", "negative_prompt", "sampler_name", "scheduler",
]  # fmt: skip

NUMBER_FIELDS = [
    "width", "height", "steps", "seed",
]  # fmt: skip

NO_JSON = [
    b"", b" ", b"{", b"}", b"[", b'{"prompt"}', b'{"prompt": }', b"{'prompt': 'x'}", b'{"prompt": "x"',
    b'{"prompt": "x",}', b'{"prompt": NaN}', b'{"prompt": "x", "cfg_scale": NaN}',
    b'{"prompt": "x", "cfg_scale": Infinity}', b'{"prompt": "x", "cfg_scale": -Infinity}',
    b'{"prompt": "x", "width": 0x400}', b'{"prompt": "x", "width": 01024}', b'{"prompt": "x", "width": +1024}',
    b'{"prompt": "x", "width": .5}', b'{"prompt": "x", "width": 1_024}', b'{"prompt": "a\nb"}',
    b'{"prompt": "\xff\xfe"}', b'{"prompt": "\xc0\x80"}', b'{"prompt": "\xed\xa0\x80"}',
    '{"prompt": "x"}'.encode("utf-16"), '{"prompt": "x"}'.encode("utf-32"), b"\x00" * 100, b"\x80\x04K\x01.",
    b'{"prompt": "x"} {"prompt": "y"}', b'{"prompt": "x"}//', b"undefined", b"prompt=x", b"<prompt>x</prompt>",
    b'{"prompt": "\\u12"}', b'{"prompt": "\\x41"}', b'{"a":' * 10, b"1" * 5000 + b"e",
]  # fmt: skip

QUERIES = [
    ("GET", "/image/jobs", [
        "limit=0", "limit=201", "limit=-1", "limit=x", "limit=", "limit=1.5", "limit=1e2", "limit=%31%30%30%30",
        "limit=1&limit=2", "limit=٣", "limit=1%00", "limit=+5", "limit=1_0", "status=done", "status=QUEUED",
        "status=queued,error", "status=", "cursor=x", "cursor=-1", "cursor=" + "9" * 40, "cursor=1%27--", "all=2",
        "all=true", "all=", "offset=5", "LIMIT=5", "limit[]=5", "limit[$gt]=1", "%00=1", "a" * 900 + "=1",
    ]),
    ("GET", "/image/job/{id}/status", [
        "wait=31", "wait=-1", "wait=x", "wait=nan", "wait=inf", "wait=1e400", "wait=", "wait=1&wait=2", "w=1",
    ]),
    ("DELETE", "/image/jobs", [
        "", "status=processing", "status=all", "status=", "status=queued&status=queued", "status=queued&user=42",
    ]),
    ("GET", "/conversations", [
        "limit=0", "limit=999", "cursor=!!!", "cursor=AAAA", "cursor=" + "A" * 500, "cursor=%00", "user_id=42",
        "cursor=OTk5OS0xMi0zMVQyMzo1OTo1OS0yMzo1OSBh", "cursor=MDAwMS0wMS0wMVQwMDowMDowMCsyMzo1OSBh",
    ]),
    ("GET", "/conversations/{id}/messages", [
        "before=0", "before=-1", "before=x", "before=" + "9" * 30, "limit=0", "role=user",
    ]),
    ("GET", "/images/{id}", [
        "w=1", "w=100000", "w=-256", "w=x", "w=256&w=512", "download=2", "download=../../x", "path=/etc/passwd",
    ]),
    ("GET", "/image/status", [
        "all=1", "user=42",
    ]),
    ("POST", "/queue/pause", [
        "now=1",
    ]),
    ("GET", "/me", [
        "user_id=1", "token=x",
    ]),
]  # fmt: skip

PATHS = [
    "/images/..%2f..%2fetc%2fpasswd", "/images/%2e%2e/%2e%2e/etc/passwd", "/images/....//....//etc/passwd",
    "/images/%252e%252e%252f", "/images/flux_x.png%00.svg", "/images/C:%5cwindows", "/images/\\\\host\\share",
    "/images/.env", "/images/flux_%s.png", "/assets/..%2f..%2fauth.py", "/assets/%2e%2e/%2e%2e/app.py",
    "/assets//etc/passwd", "/assets/.git/config", "/.env", "/.git/config", "/server-status", "/admin",
    "/image/job/' OR 1=1--/status", "/image/job/%27%3b DROP TABLE jobs/status", "/image/job//status",
    "/image/job/00000000-0000-0000-0000-000000000000/status", "/image/job/{{7*7}}/status",
    "/image/job/${jndi:ldap:x}/status", "/image/job/%0d%0aSet-Cookie:%20a=b/status",
    "/conversations/%ff%fe/messages", "/conversations/" + "a" * 4000 + "/messages", "/image/generate/",
    "/IMAGE/GENERATE", "/image/generate.json", "/me/", "/me;a=b", "/image/%67enerate/x", "/openapi.yaml",
]  # fmt: skip

METHODS = [
    "GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "LOCK", "X",
]  # fmt: skip

KEYS = [
    "", "x" * 256, "a\tb", "a\x7fb", "a\x01b", "\x80\xff", "\u00ad".encode().decode("latin-1"), "x" * 10_000,
]  # fmt: skip

MEDIA_TYPES = [
    "", "text/plain", "text/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
    "application/xml", "application/json; charset=utf-16", "application/json; charset=latin-1",
    "application/jsonp", "application/merge-patch+json", "application/octet-stream", "application/x-python-pickle",
    "*/*", "json", "application/json, text/plain",
]  # fmt: skip

BAD_VALUES = [
    ("priority", '"HIGH"'), ("locale", '"EN"'), ("locale", '"../tr"'), ("model", "7"), ("model", '""'),
    ("conversation_id", "{}"), ("callback_url", '"http://169.254.169.254/"'),
    ("callback_url", '"file:///etc/passwd"'), ("callback_url", '"https://example.com"'), ("cfg_scale", '"7"'),
    ("cfg_scale", "1e999"), ("distilled_cfg_scale", "true"), ("cfg_scale", "31"),
]  # fmt: skip

STRANGE_FIELDS = [
    "__proto__", "constructor", "user_id", "job_id", "status", "roles", "n_iter", "override_settings", "",
    "Prompt ", "a\\u0000b", "\\ud800", "script_args", "alwayson_scripts", "$where", "prompt\\n",
]  # fmt: skip
