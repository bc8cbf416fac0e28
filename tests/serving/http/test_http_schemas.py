"""The engine's schema registry by Confluent's own client, and streams over what its serialisers write."""

import httpx
import pyarrow as pa
import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext

import mergus
from mergus.engine.io.schemas.opening import open_registry
from mergus.engine.io.schemas.schema import Schema as Kept

READING = (
    '{"type":"record","name":"Reading","fields":[{"name":"id","type":"string"},{"name":"c","type":["null","double"]}]}'
)
WITH_DEFAULT = READING[:-2] + ',{"name":"unit","type":"string","default":"C"}]}'
NO_DEFAULT = READING[:-2] + ',{"name":"unit","type":"string"}]}'


@pytest.fixture(scope="module")
def db(tmp_path_factory):
    with mergus.connect(tmp_path_factory.mktemp("schemas") / "data") as found:
        yield found


@pytest.fixture(scope="module")
def client(url):
    with SchemaRegistryClient({"url": f"{url}/schema-registry"}) as found:
        yield found


def refused(call):
    with pytest.raises(SchemaRegistryError) as why:
        call()
    return why.value.http_status_code, why.value.error_code


def test_register_look_up_evolve_delete(client):
    first = client.register_schema("a-value", Schema(READING, "AVRO"))
    assert client.register_schema("a-value", Schema(READING, "AVRO")) == first
    assert client.register_schema("b-value", Schema(READING, "AVRO")) == first
    assert client.test_compatibility("a-value", Schema(WITH_DEFAULT, "AVRO"))
    assert not client.test_compatibility("a-value", Schema(NO_DEFAULT, "AVRO"))
    assert refused(lambda: client.register_schema("a-value", Schema(NO_DEFAULT, "AVRO"))) == (409, 409)
    second = client.register_schema("a-value", Schema(WITH_DEFAULT, "AVRO"))
    latest = client.get_latest_version("a-value")
    assert (latest.version, latest.schema_id, latest.subject) == (2, second, "a-value")
    assert client.get_versions("a-value") == [1, 2]
    assert client.lookup_schema("a-value", Schema(READING, "AVRO")).version == 1
    assert client.delete_version("a-value", 1) == 1
    assert client.get_versions("a-value") == [2]
    assert client.delete_subject("a-value") == [2]
    assert "a-value" not in client.get_subjects()
    assert refused(lambda: client.delete_subject("b-value", permanent=True)) == (404, 40405)
    assert client.delete_subject("b-value") == client.delete_subject("b-value", permanent=True) == [1]


def test_compatibility_levels(client):
    assert client.get_compatibility() == "BACKWARD"
    client.register_schema("c-value", Schema(READING, "AVRO"))
    client.set_compatibility("c-value", "FORWARD")
    assert client.get_compatibility("c-value") == "FORWARD"
    assert client.register_schema("c-value", Schema(NO_DEFAULT, "AVRO"))
    client.set_compatibility("c-value", "NONE")
    assert client.register_schema("c-value", Schema('"int"', "AVRO"))
    assert refused(lambda: client.set_compatibility("c-value", "SIDEWAYS")) == (422, 42203)
    assert refused(lambda: client.get_compatibility("nothing-value")) == (404, 40408)


def test_error_codes(client, url):
    assert refused(lambda: client.get_latest_version("nothing-value")) == (404, 40401)
    client.register_schema("d-value", Schema(READING, "AVRO"))
    assert refused(lambda: client.get_version("d-value", 9)) == (404, 40402)
    assert refused(lambda: client.get_schema(12345)) == (404, 40403)
    assert refused(lambda: client.lookup_schema("d-value", Schema(NO_DEFAULT, "AVRO"))) == (404, 40403)
    assert refused(lambda: client.register_schema("d-value", Schema('{"type":"recor"}', "AVRO"))) == (422, 42201)
    answer = httpx.get(f"{url}/schema-registry/subjects/d-value/versions/0")
    assert (answer.status_code, answer.json()["error_code"]) == (422, 42202)
    for number, code in (("9" * 20, 40403), ("9" * 5_000, 40403), ("-1", 40403), ("x", 40403)):
        answer = httpx.get(f"{url}/schema-registry/schemas/ids/{number}")
        assert (answer.status_code, answer.json()["error_code"]) == (404, code)
    for number in ("9" * 20, "9" * 5_000, "²"):
        answer = httpx.get(f"{url}/schema-registry/subjects/d-value/versions/{number}")
        assert (answer.status_code, answer.json()["error_code"]) == (422, 42202)
        assert httpx.get(f"{url}/schema-registry/schemas?limit={number}").status_code == 200
    assert httpx.get(f"{url}/schema-registry/elsewhere").status_code == 404
    assert httpx.get(f"{url}/schema-registry/schemas/ids/1/versions").json()[-1].keys() == {"subject", "version"}
    assert httpx.get(f"{url}/schema-registry/subjects/d-value/versions/latest/schema").json()["name"] == "Reading"


def test_an_import_keeps_ids_and_versions(client, url):
    versions, mode = (f"{url}/schema-registry/{p}" for p in ("subjects/imported-value/versions", "mode/imported-value"))

    def post(**body):
        answer = httpx.post(versions, json=body).json()
        return answer.get("id", answer.get("error_code"))

    assert post(schema=READING, id=7001, version=5) == 42205
    assert httpx.put(mode, json={"mode": "IMPORT"}).json() == {"mode": "IMPORT"}
    assert post(schema=READING) == 42205
    assert post(schema=READING, id=7001, version=5) == 7001
    assert post(schema=READING, id=7001, version=5) == 7001
    assert post(schema=NO_DEFAULT, id=7002, version=5) == 42205
    assert post(schema=NO_DEFAULT, id=7002, version=8) == 7002  # incompatible, but what is there already
    assert post(schema=WITH_DEFAULT, id="x") == 42201
    assert client.get_versions("imported-value") == [5, 8]
    assert httpx.put(mode, json={"mode": "READWRITE"}).json() == {"mode": "READWRITE"}
    assert client.get_version("imported-value", 8).schema_id == 7002


def test_a_serialiser_s_records_are_read_and_ours_by_its_deserialiser(db, client):
    context = SerializationContext("readings", MessageField.VALUE)
    write = AvroSerializer(client, READING)
    values = [write({"id": f"r{i}", "c": None if i == 2 else i / 2}, context) for i in range(4)]
    topics = db.engine.topics
    topics.create("readings", 1, 1, {})
    records = {
        "timestamp": pa.array([0] * 5),
        "key": pa.nulls(5, pa.binary()),
        "value": pa.array([*values, b"no avro"]),
    }
    writer = topics.writer()
    writer.write("readings", pa.record_batch(records))
    writer.close()
    db.execute("CREATE STREAM readings WITH (kafka_topic='readings', value_format='AVRO');")
    db.execute("CREATE STREAM warm WITH (value_format='AVRO') AS SELECT ucase(id) AS id, c * 2 AS d FROM readings;")
    db.wait()
    found = [(r["ID"], r["D"]) for r in db.query("SELECT id, d FROM warm;").rows()]
    assert found == [("R0", 0.0), ("R1", 1.0), ("R2", None), ("R3", 3.0)]
    reader = topics.reader({("WARM", 0): 0})
    written = reader.poll(10, 5000).column("value").to_pylist()
    reader.close()
    assert AvroDeserializer(client)(written[1], context) == {"ID": "R1", "D": 1.0}
    db.execute("INSERT INTO readings (id, c) VALUES ('r9', 9.5);")
    assert client.get_versions("readings-value") == [1]
    db.wait()
    assert db.query("SELECT id FROM warm;").rows()[-1]["ID"] == "R9"


def test_what_was_inferred_stays_when_the_topic_s_schema_grows(tmp_path):
    with mergus.connect(tmp_path) as db:
        registry = open_registry(f"embedded:{tmp_path / 'schemas.db'}")
        registry.register("grown-value", Kept("AVRO", READING))
        db.execute("CREATE STREAM grown WITH (kafka_topic='grown', value_format='AVRO', partitions=1);")
        registry.register("grown-value", Kept("AVRO", WITH_DEFAULT))
    with mergus.connect(tmp_path) as db:
        assert db.engine.catalog.get("GROWN").schema_text() == "ID STRING, C DOUBLE"
        db.execute("INSERT INTO grown VALUES ('a', 1.5);")
        assert open_registry(f"embedded:{tmp_path / 'schemas.db'}").versions("grown-value") == [1, 2]
        db.execute("DROP STREAM grown DELETE TOPIC;")
        assert open_registry(f"embedded:{tmp_path / 'schemas.db'}").subjects() == []


def test_a_subject_s_name_may_hold_a_slash(client, url):
    name = "team/a 50%2F-value"
    number = client.register_schema(name, Schema(READING, "AVRO"))
    assert client.get_latest_version(name).schema_id == number
    client.set_compatibility(name, "NONE")
    assert client.get_compatibility(name) == "NONE"
    listed = httpx.get(f"{url}/schema-registry/schemas", params={"subjectPrefix": "team/"}).json()
    assert [(s["subject"], s["version"], s["id"]) for s in listed] == [(name, 1, number)]
    assert client.delete_subject(name) == [1]


def test_all_schemas(client, url):
    client.register_schema("all-value", Schema(READING, "AVRO"))
    client.register_schema("all-value", Schema(WITH_DEFAULT, "AVRO"))

    def versions(**given):
        answer = httpx.get(f"{url}/schema-registry/schemas", params={"subjectPrefix": "all-", **given})
        return [s["version"] for s in answer.json()]

    assert versions() == versions(limit=-1) == [1, 2]
    assert versions(latestOnly="true") == versions(offset=1) == [2]
    assert versions(limit=1) == [1]
    client.delete_version("all-value", 1)
    assert (versions(), versions(deleted="true")) == ([2], [1, 2])


@pytest.mark.parametrize(
    "schema", ['{"type":"strin"}', '{"properties":{"a":{"items":{"type":["null",3]}}}}', '{"oneOf":[{"type":"int"}]}']
)
def test_a_json_schema_of_no_known_type_is_refused(client, schema):
    assert refused(lambda: client.register_schema("typeless-value", Schema(schema, "JSON"))) == (422, 42201)
