"""Settings come from four layers, and say which."""

import pytest

from mergus.engine.config import load
from mergus.engine.errors import UserError


def test_layers(tmp_path):
    file = tmp_path / "mergus.toml"
    file.write_text('workers = 2\nlisten = "127.0.0.1:1"\n[kafka]\nbootstrap = "a:1"\nsasl.password = "pw"\n')
    config = load({"workers": 4, "data": None}, {"MERGUS_LISTEN": "127.0.0.1:2", "MERGUS_WORKERS": "3"}, file)
    shown = {name: (value, origin) for name, value, origin in config.shown()}
    assert config["workers"] == 4
    assert shown["workers"] == ("4", "command line")
    assert shown["listen"] == ("127.0.0.1:2", "environment")
    assert shown["kafka.bootstrap"] == ("a:1", "file")
    assert shown["epoch.ms"] == ("500", "default")
    assert config.kafka() == {"sasl.password": "pw"}
    assert shown["kafka.sasl.password"][0] == "********"


def test_kafka_settings_from_the_environment():
    config = load({}, {"MERGUS_KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "OTHER": "x"})
    assert config.kafka() == {"security.protocol": "SASL_SSL"}


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ({"worker": 3}, 'did you mean "workers"'),
        ({"workers": "many"}, "a whole number"),
        ({"functions.inline": "perhaps"}, "true or false"),
        ({"workers": 1.5}, "a whole number"),
        ({"workers": True}, "a whole number"),
        ({"workers": [1]}, "a whole number"),
        ({"workers": 0}, "at least 1, not 0"),
        ({"threads": "-2"}, "at least 0, not -2"),
        ({"epoch.ms": "0"}, "at least 1, not 0"),
        ({"batch.rows.max": 0}, "at least 1, not 0"),
        ({"memory.mb": -5}, "at least 1, not -5"),
        ({"data": ["a"]}, "takes text"),
        ({"kafka.bootstrap": ""}, "is empty"),
    ],
)
def test_what_is_refused(layer, message):
    with pytest.raises(UserError, match=message):
        load(layer, {})


def test_a_file_that_is_not_toml(tmp_path):
    file = tmp_path / "mergus.toml"
    for content in (b"workers = = 2", b"\xff\xfe\x00"):
        file.write_bytes(content)
        with pytest.raises(UserError, match="is not TOML"):
            load({}, {}, file)
