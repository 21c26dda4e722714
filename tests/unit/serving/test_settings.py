from pathlib import Path

import pytest

from recsys.encoding import Invalid
from recsys.serving import Settings, read_settings, settings_table

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "settings.md"


def test_without_an_environment_every_setting_has_its_default():
    assert read_settings({}) == Settings()


def test_the_environment_is_read_and_the_command_line_wins():
    environ = {"RECSYS_SERVE_WORKERS": "3", "RECSYS_SERVE_CONFIRM_S": "1.5", "RECSYS_STORE": "/s"}
    settings = read_settings(environ, workers=4, port=None)
    assert (settings.workers, settings.confirm_s, settings.store, settings.port) == (4, 1.5, "/s", 8000)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("RECSYS_SERVE_WORKER", "RECSYS_SERVE_WORKERS"),
        ("RECSYS_SERV_CONFIRM_S", "RECSYS_SERVE_CONFIRM_S"),
        ("RECSYS_HOSTDIR", "RECSYS_HOST_DIR"),
    ],
)
def test_a_slip_in_a_name_is_an_error_that_suggests_the_right_one(name, nearest):
    with pytest.raises(Invalid, match=f"did you mean `{nearest}`"):
        read_settings({name: "1"})


def test_variables_of_others_are_none_of_our_business():
    read_settings({"RECSYS_ACTOR": "me", "RECSYS_LOG": "x", "PATH": "/bin"})


@pytest.mark.parametrize("value", ["many", "0", "-1", "1.5"])
def test_a_value_that_is_not_of_its_unit_is_an_error_that_names_the_variable(value):
    with pytest.raises(Invalid, match="RECSYS_SERVE_WORKERS"):
        read_settings({"RECSYS_SERVE_WORKERS": value})


def test_a_word_that_is_none_of_a_settings_few_is_an_error_that_suggests_the_right_one():
    with pytest.raises(Invalid, match=r"RECSYS_SERVE_LOG_LEVEL.*did you mean `info`"):
        read_settings({"RECSYS_SERVE_LOG_LEVEL": "INFO"})


@pytest.mark.parametrize("env", ["production", "Production", " PRODUCTION ", "prod", "staging", "produciton", " "])
def test_development_headers_are_refused_wherever_users_may_be(env):
    with pytest.raises(Invalid, match="development headers are refused in"):
        read_settings({"RECSYS_ENV": env, "RECSYS_SERVE_DEV_HEADERS": "true"})
    assert read_settings({"RECSYS_ENV": env}).env == env.strip().lower()


@pytest.mark.parametrize("environ", [{}, {"RECSYS_ENV": "Development"}, {"RECSYS_ENV": " test"}])
def test_development_headers_are_taken_in_development_and_tests(environ):
    assert read_settings(environ | {"RECSYS_SERVE_DEV_HEADERS": "true"}).dev_headers


def test_a_machines_name_is_made_fit_for_paths():
    assert Settings(host_name="Web-1.Example.COM").machine == "web-1-example-com"
    assert Settings(host_name="***").machine == "host"


def test_the_settings_page_lists_every_setting_as_the_code_has_it():
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `RECSYS_")]
    assert rows == [
        f"| `{line.variable}` | {f'`{line.default}`' if line.default else ''} | {line.unit} | {line.text} |"
        for line in settings_table()
    ]


def test_what_kubernetes_sets_for_a_service_of_our_name_is_no_slip_of_the_pen():
    linked = {"RECSYS_SERVICE_HOST": "10.0.0.7", "RECSYS_SERVICE_PORT": "80", "RECSYS_PORT": "tcp://10.0.0.7:80"}
    assert read_settings({**linked, "KUBERNETES_SERVICE_HOST": "10.0.0.1"}) == read_settings({})
    with pytest.raises(Invalid):
        read_settings(linked)
