"""The engine's own schema registry: ids, versions, deletion, compatibility, several processes' connections."""

import json

import pytest

from mergus.engine.errors import AnalysisError, EnvironmentFault, UserError
from mergus.engine.io.schemas.embedded import EmbeddedRegistry
from mergus.engine.io.schemas.opening import open_registry, registry_of, subject_of
from mergus.engine.io.schemas.refusals import Incompatible, Missing, Refused
from mergus.engine.io.schemas.schema import Reference, Schema


def avro(*fields, name="R"):
    return Schema("AVRO", json.dumps({"type": "record", "name": name, "fields": list(fields)}))


def field(name, kind, **more):
    return {"name": name, "type": kind, **more}


ID = field("id", "int")


@pytest.fixture
def registry():
    made = EmbeddedRegistry(None)
    yield made
    made.close()


def test_an_id_is_a_schema_s_whatever_its_subject(registry):
    assert registry.register("a-value", avro(ID)) == 1
    spaced = Schema("AVRO", json.dumps(json.loads(avro(ID).text), indent=2))
    assert registry.register("b-value", spaced) == 1
    assert registry.register("a-value", avro(ID, field("x", ["null", "int"], default=None))) == 2
    assert [registry.latest("a-value").version, registry.latest("b-value").version] == [2, 1]
    assert registry.version("a-value", 1).schema == registry.by_id(1)
    assert registry.places(1) == [("a-value", 1), ("b-value", 1)]


def test_versions_and_ids_are_never_used_twice(registry):
    registry.register("a-value", avro(ID))
    assert registry.delete_subject("a-value") == [1]
    assert registry.subjects() == []
    assert registry.by_id(1) == registry.version("a-value", 1, deleted=True).schema
    assert registry.register("a-value", avro(field("other", "string"))) == 2
    assert registry.versions("a-value") == [2]
    with pytest.raises(Refused, match="was not deleted first"):
        registry.delete_version("a-value", 2, permanent=True)
    assert registry.delete_version("a-value", 1, permanent=True) == 1
    assert registry.versions("a-value", deleted=True) == [2]


@pytest.mark.parametrize(
    ("new", "backward", "forward"),
    [
        (avro(ID, field("x", "int")), False, True),
        (avro(ID, field("x", "int", default=1)), True, True),
        (avro(), True, False),
        (avro(field("id", "long")), True, False),
        (avro(field("id", "string")), False, False),
        (avro(field("id", ["null", "int"])), True, False),
        (avro(ID, name="Other"), False, False),
        (avro(field("number", "int", aliases=["id"])), True, False),
        (Schema("AVRO", '"int"'), False, False),
        (Schema("JSON", "{}"), False, False),
    ],
)
def test_compatibility(registry, new, backward, forward):
    registry.register("s", avro(ID))
    for level, fits in (("BACKWARD", backward), ("FORWARD", forward), ("FULL", backward and forward), ("NONE", True)):
        registry.set("s", "compatibility", level)
        assert (registry.incompatibility("s", new) is None) == fits, level
    registry.set("s", "compatibility", None)
    if backward:
        registry.register("s", new)
    else:
        with pytest.raises(Incompatible, match="incompatible") as why:
            registry.register("s", new)
        assert why.value.detail


def test_transitive_levels_look_at_all_versions(registry):
    registry.set("s", "compatibility", "NONE")
    registry.register("s", avro(field("a", "string")))
    registry.register("s", avro(ID))
    added = avro(field("id", "int", default=0), field("a", "int", default=1))
    registry.set("s", "compatibility", "BACKWARD")
    assert registry.incompatibility("s", added) is None
    registry.set("s", "compatibility", "BACKWARD_TRANSITIVE")
    assert "a/: string cannot be read as int" in registry.incompatibility("s", added)


def test_references_are_kept_and_hold_what_they_name(registry):
    registry.register("in", Schema("AVRO", '{"type":"record","name":"a.In","fields":[]}'))
    whole = Schema("AVRO", '{"type":"array","items":"a.In"}', (Reference("a.In", "in", 1),))
    number = registry.register("out", whole)
    assert registry.by_id(number).references == whole.references
    assert registry.referencing("in", 1) == [number]
    with pytest.raises(Refused, match="references exist"):
        registry.delete_subject("in")
    with pytest.raises(Missing):
        registry.register("bad", Schema("AVRO", '"a.No"', (Reference("a.No", "nothing", 1),)))
    assert registry.subjects() == ["in", "out"]


@pytest.mark.parametrize("text", ["", "{", '{"type":"recor"}', '"nothing"', '{"type":"record","name":"R"}', "[", "7"])
def test_what_is_no_schema_is_refused(registry, text):
    with pytest.raises(UserError, match="Invalid AVRO schema"):
        registry.register("s", Schema("AVRO", text))
    assert registry.subjects() == []


def test_modes_and_settings(registry):
    registry.set("s", "mode", "READONLY")
    with pytest.raises(Refused, match="read-only"):
        registry.register("s", avro(ID))
    with pytest.raises(Refused, match="Valid values are NONE, BACKWARD"):
        registry.set("", "compatibility", "UPWARD")
    assert registry.setting("t", "compatibility", own=True) is None
    assert registry.setting("t", "compatibility") == "BACKWARD"


def test_two_connections_see_one_registry(tmp_path):
    one, other = EmbeddedRegistry(tmp_path / "x" / "schemas.db"), EmbeddedRegistry(tmp_path / "x" / "schemas.db")
    assert one.register("s", avro(ID)) == other.register("s", avro(ID)) == 1
    assert other.register("s", avro(field("id", "long"))) == 2
    assert one.latest("s").id == 2
    one.close()
    other.close()


def test_locations(tmp_path):
    assert open_registry("memory:a") is open_registry("memory:a") is not open_registry("memory:b")
    with pytest.raises(UserError, match="not a schema registry"):
        open_registry("ftp://x")
    with pytest.raises(AnalysisError, match="needs a schema registry"):
        registry_of({}, "AVRO")
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentFault, match="cannot open the schema registry"):
        EmbeddedRegistry(tmp_path / "file" / "schemas.db")
    assert subject_of("t", is_key=True) == "t-key"


def test_a_registry_that_is_not_there_is_the_environment_s_fault():
    remote = open_registry("http://127.0.0.1:1")
    remote._client._rest_client.max_retries = 0
    with pytest.raises(EnvironmentFault, match="cannot be used"):
        remote.subjects()
