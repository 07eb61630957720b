"""Settings of the box: one frozen model; TELLERBOX_* in the environment wins over tellerbox.toml, that over defaults."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from app.errors import TellerboxError

PROJECT = Path(__file__).resolve().parent.parent


def default_home() -> Path:
    """The platform's folder for an application's data."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "Tellerbox"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", str(Path.home()))) / "Tellerbox"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "tellerbox"


Language = Literal["en", "es", "fr", "de", "pt", "it", "zh", "ar"]
"""A language that the box answers in."""


class Settings(BaseSettings):
    """Every setting there is. Each may be given as TELLERBOX_<NAME> or as a line of tellerbox.toml."""

    model_config = SettingsConfigDict(env_prefix="TELLERBOX_", frozen=True, extra="forbid", toml_file="tellerbox.toml")

    home: Path = Field(default_factory=default_home, description="where the box writes: ledger, index, pulled models")
    policies: Path = Field(PROJECT / "knowledge" / "policies", description="the folder of policies to answer from")
    models: Path = Field(PROJECT / "models", description="the folder of the models that ship with the box")
    model: str = Field("", description="a name of the catalogue or a path to a GGUF; empty for the one in use")
    branch: str = Field("branch-1", description="the name of this branch in records", pattern=r"^[\w.-]{1,64}$")
    jurisdiction: str = Field("ES", description="the country of this branch (ISO 3166 alpha-2)", pattern=r"^[A-Z]{2}$")
    bank: str = Field("Alborada", description="the bank's name as the pages show it", max_length=80)
    public_numbers: tuple[str, ...] = Field(
        (
            "+34 910 555 010",
            "+34 910 555 011",
            "+34 910 555 012",
            "complaints@alborada.example",
            "privacy@alborada.example",
        ),
        description="the bank's own numbers and addresses, which are not redacted",
    )
    recognizers: tuple[str, ...] = Field(
        (), description="the bank's own recognizers beside ours: package.module:name, or spacy:PATH"
    )
    default_language: Language = Field(
        "en", description="the language when nothing else tells"
    )
    max_question_chars: int = Field(2_000, ge=50, le=20_000, description="a longer question is refused")
    max_tokens: int = Field(160, ge=8, le=2_048, description="the most tokens of one answer")
    max_seconds: float = Field(20.0, ge=0.5, le=300, description="the most seconds the model may take for one answer")
    context_tokens: int = Field(2_048, ge=256, le=131_072, description="the model's context")
    threads: int = Field(0, ge=0, le=256, description="threads of the model; 0: as was measured, else as the box has cores, at most 4")
    people: int = Field(4, ge=1, le=64, description="people whom the model answers at the same time")
    waiting: int = Field(16, ge=0, le=1_000, description="people who wait in line beside them; more are told to come again")
    model_memory_mb: int = Field(0, ge=0, description="memory of the model's process; 0 for half of what the box may use")
    prefix_mb: int = Field(64, ge=0, le=65_536, description="memory for what was read before and need not be read again; 0 for none")
    flash_attention: Literal["auto", "on", "off"] = Field("auto", description="auto: what was measured, else off")
    kv: Literal["auto", "f16", "q8_0", "q4_0"] = Field("auto", description="the model's cache; auto: what was measured, else f16")
    server: str = Field("", description="the address of an OpenAI-compatible server that words answers instead; empty for none")
    server_model: str = Field("", description="the model that is asked for there; empty for its first")
    server_key: SecretStr = Field(SecretStr(""), description="the key that the server wants, if any")
    slm: bool = Field(True, description="whether the model words answers; without it the box quotes")
    model_languages: tuple[Language, ...] = Field(
        (), description="languages in which the model words answers, the box quoting in the others; empty for those of the catalogue"
    )
    idle_minutes: float = Field(5.0, gt=0, le=240, description="a session without a message is wiped after this long")
    max_sessions: int = Field(500, ge=1, description="sessions kept at once; the one idle longest goes first")
    handoff_minutes: float = Field(30.0, gt=0, le=480, description="how long a session is kept while its person waits for a teller")
    turns_per_minute: int = Field(20, ge=1, description="the most turns of one session in a minute")
    requests_per_minute: int = Field(300, ge=10, description="the most requests of one API key, browser or address in a minute")
    sign_ins_per_minute: int = Field(20, ge=1, description="the most tries to sign in from one address in a minute")

    oidc_issuer: str = Field("", description="the bank's sign-in service (OpenID Connect), by its issuer; empty for none")
    oidc_client_id: str = Field("", description="what that service calls this box")
    oidc_client_secret: SecretStr = Field(SecretStr(""), description="the secret it wants, if any; give it in the environment")
    oidc_client_secret_file: Path | None = Field(None, description="a file that holds that secret")
    oidc_role_claim: str = Field("groups", description="the claim of its ID tokens that decides on the role; dots lead into objects")
    oidc_roles: dict[str, Literal["teller", "steward", "officer", "admin"]] = Field(
        {}, description="what stands in that claim, and the role it gives; the first line that fits decides"
    )
    oidc_scope: str = Field("openid profile", description="the scopes that it is asked for")
    oidc_prompt: Literal["login", "select_account", ""] = Field(
        "login", description="login: it asks for the password each time; empty: whoever is signed in there comes in"
    )
    oidc_callback: str = Field("", description="the address of /console/oidc/callback as it knows it; empty: as the browser asked")

    retention_months: int = Field(12, ge=0, le=1_200, description="how long records are kept at least; PCI DSS asks for 12 months")
    ledger_url: SecretStr = Field(
        SecretStr(""), description="postgresql://… keeps the records on that server, the keys under home; empty for a file under home"
    )
    ledger_passphrase: SecretStr = Field(SecretStr(""), description="encrypts the ledger's keys at rest; give it in the environment")
    ledger_passphrase_file: Path | None = Field(None, description="a file that holds that passphrase")

    def ledger_secret(self) -> bytes | None:
        """The passphrase of the ledger's keys: the setting, the file, or the systemd credential named
        `tellerbox-ledger-passphrase`; None where there is none. Raises TellerboxError."""
        if given := self.ledger_passphrase.get_secret_value():
            return given.encode()
        folder = os.environ.get("CREDENTIALS_DIRECTORY")
        credential = Path(folder) / "tellerbox-ledger-passphrase" if folder else None
        path = self.ledger_passphrase_file or (credential if credential and credential.exists() else None)
        return None if path is None else _secret_in(path, "passphrase of the ledger")

    def oidc_secret(self) -> str:
        """The secret that the sign-in service wants: the setting, or the file; empty where there is none. Raises TellerboxError."""
        if (given := self.oidc_client_secret.get_secret_value()) or self.oidc_client_secret_file is None:
            return given
        return _secret_in(self.oidc_client_secret_file, "secret of the sign-in service").decode("utf-8", "replace")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def _secret_in(path: Path, what: str) -> bytes:
    try:
        secret = path.read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise TellerboxError(f"the {what} cannot be read from {path} ({error.strerror})") from None
    if not secret:
        raise TellerboxError(f"the {what} in {path} is empty")
    return secret


def load_settings(**given: object) -> Settings:
    """The settings; raises TellerboxError naming the first setting that is wrong (never its value)."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "settings"
        raise TellerboxError(f"setting {name!r} is wrong: {first['msg']}") from None
    except (OSError, ValueError) as error:
        raise TellerboxError(f"tellerbox.toml cannot be read ({type(error).__name__})") from None
