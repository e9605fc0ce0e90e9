"""A value that can never work stops the start; one that can is kept as its readers compare it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import TIMEOUT_MAX

import pytest

from shared.domain.params import RequestLimits, request_model
from shared.setting_faults import SettingsError
from shared.settings import ClientSettings, Settings

#: settings that count something and are not called MAX_…
COUNTS = {"breaker_fail_max", "sockets_per_user", "socket_buffer", "api_processes", "trusted_proxies"}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("IMAGE_STORE", "s3://"),
        ("IMAGE_STORE", "s3:///prefix"),
        ("DATA_DIR", "~nobody-of-that-name/forgeline"),
        ("FORGE_OVERRIDE_SETTINGS", '{"cfg": NaN}'),
        *(
            ("ALLOWED_ORIGINS", f"https://{rest}")
            for rest in ("*.a.example", "u@a.example", "a.example?x", "a.example#x")
        ),
        *(
            ("WEBHOOK_HOSTS", host)
            for host in ("a/b", "a b", "*.a.example", "a, *", "::1", "a:0", "a:99999", "ü.example")
        ),
    ],
)
def test_what_can_never_work_is_refused(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({name: value, "WEBHOOK_SECRET": "x"})
    assert {fault.name for fault in caught.value.faults} == {name}


@pytest.mark.parametrize("rest", ["", "!!!!", "MDE", "MDEy MDEy"])
def test_a_signing_key_that_is_none_is_refused_without_being_told(rest: str) -> None:
    with pytest.raises(SettingsError, match="WEBHOOK_SECRET: after whsec_ stands no key") as caught:
        Settings.from_env({"WEBHOOK_HOSTS": "a.example", "WEBHOOK_SECRET": f"whsec_{rest}"})
    assert rest == "" or rest not in str(caught.value)


@pytest.mark.parametrize("secret", ["any text", "whsec_MDEyMDEy"])
def test_a_signing_key_is_kept_as_it_was_given(secret: str) -> None:
    assert Settings.from_env({"WEBHOOK_HOSTS": "a.example", "WEBHOOK_SECRET": secret}).webhook_secret == secret


@pytest.mark.parametrize("name", [".env", "var/env"])
def test_a_file_of_settings_that_is_no_text_is_told_by_its_name(name: str) -> None:
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_bytes(b"# \xe9t\xe9\n")
    with pytest.raises(SettingsError, match="UTF-8") as caught:
        Settings.from_env({})
    assert [Path(fault.name).name for fault in caught.value.faults] == [Path(name).name]


@pytest.mark.parametrize("read", [Settings.from_env, ClientSettings.from_env])
def test_a_file_of_settings_that_may_not_be_read_is_told(
    monkeypatch: pytest.MonkeyPatch, read: Callable[[dict[str, str]], object]
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("shared.settings.dotenv_values", refused)  # root may read everything
    with pytest.raises(SettingsError, match=r"\.env: Permission denied"):
        read({})


def test_hosts_that_can_be_called_are_taken() -> None:
    hosts = (
        "hooks.example.com",
        "hooks.example.com:8443",
        "http://hooks.internal",
        "10.0.0.5",
        "[::1]:9000",
        "localhost",
    )
    assert Settings.from_env({"WEBHOOK_HOSTS": ",".join(hosts), "WEBHOOK_SECRET": "x"}).webhook_hosts == hosts


def test_an_origin_is_compared_as_a_browser_sends_it() -> None:
    listed = "https://A.example:443, http://a.example:80, https://a.example:80, http://[::1]:80/"
    settings = Settings.from_env({"ALLOWED_ORIGINS": listed})
    assert settings.allowed_origins == ("https://a.example", "http://a.example", "https://a.example:80", "http://[::1]")


EVERY_SECONDS = sorted(name.upper() for name in Settings.model_fields if name.endswith("_s"))
EVERY_COUNT = sorted(
    name.upper() for name, field in Settings.model_fields.items() if name.startswith("max_") or name in COUNTS
)


def test_ever_so_long_and_ever_so_many_are_what_every_reader_of_them_takes() -> None:
    forever = dict.fromkeys(EVERY_SECONDS, "1" + "0" * 300)
    settings = Settings.from_env(forever | dict.fromkeys(EVERY_COUNT, "9" * 30))
    for name in EVERY_SECONDS:
        value = getattr(settings, name.lower())
        longest = max(value) if isinstance(value, tuple) else value
        assert datetime.now(UTC) + timedelta(seconds=longest) > datetime(2050, 1, 1, tzinfo=UTC), name
        assert datetime.now(UTC) - timedelta(seconds=longest) > datetime(1900, 1, 1, tzinfo=UTC), name
        assert longest < TIMEOUT_MAX, name
    assert {getattr(settings, name.lower()) for name in EVERY_COUNT} == {2**31 - 1}
    assert request_model(RequestLimits(settings.max_prompt_chars, settings.max_pixels, settings.max_steps))
