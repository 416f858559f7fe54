from __future__ import annotations

import pytest

from asgi_framework.config import Config, Environ, EnvironError, environ


@pytest.fixture
def env_file(tmp_path):
    path = tmp_path / "env"
    path.write_text(
        "\ufeffBOM=1\n# a comment\nA=1\nB = \"x y\"\nC='q'\nD=\"un\nno value\nE=a=b\n  F=spaced  \nG=''\nH=v # a comment\n"
        "  # I=2\nexport J=3\n export\tK = 4\nexport=5\nL=a#b\nM=#fff\nN= # a comment\nO=\"a # b\"# a comment\nP='a' b\n"
        "Q='it\"s' # \"a\" 'comment'\nR=line\u2028line\n=6\nexporting=7\nS=\r\nT=\\n\r\n",
        encoding="utf-8",
    )
    return path


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("A", "1"),
        ("B", "x y"),
        ("C", "q"),
        ("D", '"un'),
        ("E", "a=b"),
        ("F", "spaced"),
        ("G", ""),
        ("H", "v"),
        ("BOM", "1"),
        ("J", "3"),
        ("K", "4"),
        ("export", "5"),
        ("L", "a#b"),
        ("M", "#fff"),
        ("N", ""),
        ("O", "a # b"),
        ("P", "'a' b"),
        ("Q", 'it"s'),
        ("R", "line\u2028line"),
        ("exporting", "7"),
        ("S", ""),
        ("T", "\\n"),
    ],
)
def test_a_line_of_the_file_is_a_value(env_file, key, value):
    assert Config(env_file, environ={})(key) == value


def test_what_is_not_an_assignment_is_not_a_value(env_file):
    assert not {"I", "no value", "", "# I"} & Config(env_file, environ={}).file_values.keys()


def test_the_environment_comes_before_the_file(env_file):
    assert Config(env_file, environ={"A": "2"})("A") == "2"


def test_the_prefix_stands_before_the_name():
    config = Config(environ={"APP_PORT": "80"}, env_prefix="APP_")
    assert config("PORT", cast=int) == 80
    with pytest.raises(KeyError, match="Config 'APP_HOST' is missing, and has no default."):
        config("HOST")


def test_a_missing_file_is_a_warning(tmp_path):
    with pytest.warns(UserWarning, match="Config file '.*nope' not found."):
        assert Config(tmp_path / "nope", environ={}).file_values == {}


def test_a_default_is_cast_and_none_is_a_default():
    config = Config(environ={})
    assert config("X", cast=int, default="5") == 5
    assert config("X", cast=int, default=None) is None
    assert config.get("X", default=3) == 3


@pytest.mark.parametrize(("text", "value"), [("True", True), ("1", True), ("FALSE", False), ("0", False)])
def test_a_bool_has_four_spellings(text, value):
    assert Config(environ={"K": text})("K", cast=bool) is value


@pytest.mark.parametrize(("cast", "name"), [(bool, "bool"), (int, "int"), (lambda value: int(value), "<lambda>")])
def test_a_value_that_cannot_be_cast_is_named(cast, name):
    with pytest.raises(ValueError, match=f"Config 'K' has value 'yes'. Not a valid {name}."):
        Config(environ={"K": "yes"})("K", cast=cast)


def test_a_bool_default_is_a_bool():
    assert Config(environ={})("K", cast=bool, default=True) is True


def test_what_has_been_read_cannot_be_changed():
    env = Environ({"A": "1", "B": "2"})
    env["B"] = "3"
    del env["B"]
    assert env["A"] == "1"
    assert list(env) == ["A"]
    assert len(env) == 1
    with pytest.raises(EnvironError, match="Attempting to set environ\\['A'\\], but the value has already been read."):
        env["A"] = "2"
    with pytest.raises(
        EnvironError, match="Attempting to delete environ\\['A'\\], but the value has already been read."
    ):
        del env["A"]


def test_the_environment_is_that_of_the_process(monkeypatch):
    monkeypatch.setenv("ASGI_FRAMEWORK_TEST", "1")
    assert Environ()["ASGI_FRAMEWORK_TEST"] == "1"
    assert isinstance(environ, Environ)
