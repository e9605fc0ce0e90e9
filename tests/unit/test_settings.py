"""Settings are read once, checked as a whole, and every fault is named."""

from pathlib import Path

import pytest
from limits import parse_many

from cli.up_folder import write_addresses
from shared.redis_link import connect
from shared.setting_faults import SettingsError
from shared.setting_rules import RATE
from shared.settings import ClientSettings, Settings
from shared.store.connected import driver_url


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def faults(**environ: str) -> list[str]:
    """Return the names of the settings that are refused."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(environ)
    return [fault.name for fault in caught.value.faults]


def test_nothing_set_gives_the_documented_defaults(tmp_path: Path) -> None:
    settings = Settings.from_env({})
    assert (settings.host, settings.port, settings.url) == ("127.0.0.1", 8000, "http://127.0.0.1:8000")
    assert settings.data_dir == tmp_path / "var"
    assert (settings.database_url, settings.redis_url, settings.forge_url) == (None, None, None)
    assert settings.forge_retry_delays_s == (1.0, 2.0, 4.0)
    assert (settings.lease_s, settings.heartbeat_s, settings.max_queue) == (30.0, 5.0, 1000)
    assert settings.image_store == (tmp_path / "var" / "images").as_uri()


def test_every_fault_is_named_at_once() -> None:
    wrong = {
        "PORT": "0",
        "LEASE_S": "9.9",
        "FORGE_URL": "ftp://forge",
        "REDIS_URL": "http://redis",
        "DATABASE_URL": "mysql://db",
        "FORGE_AUTH": "nobody",
        "FORGE_OVERRIDE_SETTINGS": "[1",
        "FORGE_RETRY_DELAYS_S": "1,soon",
        "QUEUE_TTL_S": "-1",
        "RATE_LIMIT": "often",
        "IMAGE_STORE": "ftp://bucket",
        "PREVIEWS": "maybe",
        "ALLOWED_ORIGINS": "https://a.example/path",
        "LOGIN_URL": "javascript:alert(1)",
        "WEBHOOK_HOSTS": "hooks.example.com",
        "ALLOWED_HOSTS": "art.example, https://other.example",
        "JWT_PUBLIC_KEY": "abc",
        "DEFAULT_LOCALE": "de",
    }
    assert set(faults(**wrong)) == set(wrong) - {"WEBHOOK_HOSTS"} | {"WEBHOOK_SECRET"}


@pytest.mark.parametrize(
    "name", [name for name in Settings.model_fields if name.endswith("_s") and "delays" not in name]
)
@pytest.mark.parametrize("value", ["0.05", "7", "100000.5"])
def test_any_positive_decimal_is_a_duration(name: str, value: str) -> None:
    around = {"heartbeat_s": {"LEASE_S": "1000000"}, "lease_s": {"HEARTBEAT_S": "0.01"}}.get(name, {})
    assert getattr(Settings.from_env({name.upper(): value, **around}), name) == float(value)


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "soon"])
def test_what_is_no_positive_decimal_is_no_duration(value: str) -> None:
    assert faults(FORGE_TIMEOUT_S=value) == ["FORGE_TIMEOUT_S"]


def test_a_lease_outlives_two_heartbeats() -> None:
    assert faults(LEASE_S="2", HEARTBEAT_S="1") == ["LEASE_S"]
    assert Settings.from_env({"LEASE_S": "2.1", "HEARTBEAT_S": "1"}).lease_s == 2.1


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "forge.example.com"])
def test_local_mode_stays_on_loopback_unless_the_network_is_trusted(host: str) -> None:
    assert faults(HOST=host) == ["HOST"]
    assert Settings.from_env({"HOST": host, "LOCAL_TRUST_NETWORK": "yes"}).host == host
    assert Settings.from_env({"HOST": host, "AUTH_MODE": "jwt", "JWT_SECRET": "s" * 32}).host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.3.2.1", "::1", "localhost"])
def test_loopback_goes_by_several_names(host: str) -> None:
    assert Settings.from_env({"HOST": host}).host == host


@pytest.mark.parametrize(("host", "url"), [("[::1]", "http://[::1]:8000"), ("[::]", "http://[::1]:8000")])
def test_an_ipv6_host_may_stand_in_brackets(host: str, url: str) -> None:
    settings = Settings.from_env({"HOST": host, "LOCAL_TRUST_NETWORK": "yes"})
    assert (settings.host, settings.url) == (host.strip("[]"), url)


def test_tokens_need_a_key_to_be_checked_with() -> None:
    assert faults(AUTH_MODE="jwt") == ["JWT_JWKS_URL"]


def test_the_cap_of_a_user_applies_in_local_mode_only_if_set() -> None:
    assert Settings.from_env({}).max_jobs_per_user is None
    assert Settings.from_env({"MAX_JOBS_PER_USER": "3"}).max_jobs_per_user == 3
    assert Settings.from_env({"AUTH_MODE": "jwt", "JWT_SECRET": "s" * 32}).max_jobs_per_user == 20


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:/db",
        "postgresql://h:port/d",
        "postgresql://h:65536/d",
        "postgresql://h1:5432,h2:5432/d",
        "postgresql://u:hunter#2@h/d",
        "postgresql://u:hunter/2@h/d",
        "postgresql://u:hunter@2@h/d",
    ],
)
def test_an_address_of_postgresql_that_its_readers_take_otherwise_is_refused(url: str) -> None:
    assert faults(DATABASE_URL=url) == ["DATABASE_URL"]


@pytest.mark.parametrize(
    "url",
    [
        "redis://h:port/0",
        "redis://h/first",
        "redis://:hunter#2@h/0",
        "redis://:hunter/2@h/0",
        "rediss://h/0?ssl_cert_reqs=CERT_REQUIRED",
        "sentinel://h:26379",
        "sentinel://h:26379/m/first",
        "sentinel://h:port/m",
    ],
)
def test_an_address_of_redis_that_its_readers_take_otherwise_is_refused(url: str) -> None:
    assert faults(REDIS_URL=url) == ["REDIS_URL"]


@pytest.mark.parametrize(
    "url",
    [
        "postgres://h/d",
        "postgresql+psycopg2://u@h/d",
        "postgresql://u:p%40%2F%23@[::1]:5432/d?sslmode=verify-full&sslrootcert=/etc/ssl/pg.pem",
        "postgresql:///d?host=/var/run/postgresql",
    ],
)
def test_an_address_of_postgresql_may_have_every_part(url: str) -> None:
    assert Settings.from_env({"DATABASE_URL": url}).database_url == url
    assert driver_url(url).render_as_string(hide_password=False)


@pytest.mark.parametrize(
    "url",
    [
        "redis://h",
        "redis://:p%2F@[::1]:6379/",
        "rediss://u:p@h:6380/0?ssl_cert_reqs=required&ssl_ca_certs=/etc/ssl/redis.pem",
        "sentinel://:p%40@s1:26379,s2,[::1]:26379/main/1",
    ],
)
def test_an_address_of_redis_may_have_every_part(url: str) -> None:
    assert Settings.from_env({"REDIS_URL": url}).redis_url == url
    assert connect(url)


@pytest.mark.parametrize(
    "url", ["s3://", "s3:///prefix", "s3://a[b]/prefix", "s3://a bucket", "/var/images", "file://images"]
)
def test_an_image_store_that_names_no_folder_and_no_bucket_is_refused(url: str) -> None:
    assert faults(IMAGE_STORE=url) == ["IMAGE_STORE"]


@pytest.mark.parametrize(
    "url", ["http://forge:port", "http://forge:65536", "http://a forge:7860", "http://forge?x=1", "http://forge/#top"]
)
def test_an_address_of_a_forge_that_cannot_be_asked_is_refused(url: str) -> None:
    assert faults(FORGE_URL=url) == ["FORGE_URL"]


def test_a_host_may_stand_in_the_brackets_it_has_in_an_address() -> None:
    settings = Settings.from_env({"HOST": "[::1]"})
    assert (settings.host, settings.url) == ("::1", "http://[::1]:8000")


def test_an_address_keeps_its_last_slash_where_one_is_sent_there() -> None:
    assert Settings.from_env({"LOGIN_URL": "https://a.example/"}, while_up=False).login_url == "https://a.example/"


def test_lists_are_separated_by_commas() -> None:
    settings = Settings.from_env({"ALLOWED_ORIGINS": "https://A.example, http://b:8000/", "ALLOWED_HOSTS": "a,b,"})
    assert settings.allowed_origins == ("https://a.example", "http://b:8000")
    assert settings.allowed_hosts == ("a", "b")


def test_an_empty_value_is_an_unset_one() -> None:
    assert Settings.from_env({"PORT": "", "FORGE_URL": " ", "JWT_SECRET": ""}) == Settings.from_env({})


def test_the_environment_wins_over_the_dotenv_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=9001\nMAX_QUEUE=5\nJWT_SECRET='a$b${c}'\n")
    settings = Settings.from_env({"PORT": "9002"})
    assert (settings.port, settings.max_queue, settings.jwt_secret) == (9002, 5, "a$b${c}")


def test_addresses_of_a_running_stack_fill_in_what_nobody_set(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    folder.mkdir()
    write_addresses(
        folder / "env",
        {"DATABASE_URL": "postgresql://u:p@h/d?a=1&b=2", "REDIS_URL": "redis://:p@h:1/0", "FORGE_URL": "http://f:1"},
    )
    settings = Settings.from_env({"FORGE_URL": "http://mine:7860/"})
    assert settings.database_url == "postgresql://u:p@h/d?a=1&b=2"
    assert settings.redis_url == "redis://:p@h:1/0"
    assert settings.forge_url == "http://mine:7860"
    assert Settings.from_env({}, while_up=False).redis_url is None


def test_no_secret_is_shown_in_a_fault_or_a_repr() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({"FORGE_AUTH": "hunter2", "REDIS_URL": "hunter2"})
    assert "hunter2" not in str(caught.value)
    secrets = {"JWT_SECRET": "hunter2", "FORGE_AUTH": "a:hunter2", "DATABASE_URL": "postgresql://a:hunter2@b/c"}
    assert "hunter2" not in repr(Settings.from_env(secrets))


@pytest.mark.parametrize("text", ["120/minute", "5 per 10 seconds", "1/second; 100/hour", "10/day|2/second"])
def test_a_rate_we_take_is_one_the_limiter_reads(text: str) -> None:
    assert Settings.from_env({"RATE_LIMIT": text}).rate_limit == text
    assert parse_many(text)


@pytest.mark.parametrize("text", ["often", "0/minute", "5/fortnight", "5"])
def test_other_rates_are_refused(text: str) -> None:
    assert RATE.fullmatch(text) is None
    assert faults(RATE_LIMIT=text) == ["RATE_LIMIT"]


def test_a_client_needs_no_other_setting() -> None:
    client = ClientSettings.from_env({"FORGELINE_URL": "https://f.example/", "PORT": "wrong"})
    assert (client.forgeline_url, client.forgeline_token) == ("https://f.example", None)
