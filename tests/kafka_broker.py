"""A real Apache Kafka 4 broker for tests and benchmarks: one JVM, KRaft, free ports, thrown away afterwards.

Mocks do not create topics with a replication factor, fence a transactional producer or hide an aborted record; what
Mergus promises of Kafka is tested on Kafka. Maven resolves the four artefacts that are a whole broker once, into a cache
folder outside the tree; a start takes about four seconds. `MERGUS_TEST_KAFKA=host:port` names a broker that runs already.

    with running_broker() as bootstrap:
        Producer({"bootstrap.servers": bootstrap})
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

KAFKA_VERSION = "4.1.0"
LOG4J_VERSION = "2.24.3"
START_TIMEOUT_S = 60.0
ADDRESS_ENVIRONMENT = "MERGUS_TEST_KAFKA"

Artefact = tuple[str, str, str]
ARTEFACTS: tuple[Artefact, ...] = (
    ("org.apache.kafka", "kafka_2.13", KAFKA_VERSION),
    ("org.apache.kafka", "kafka-tools", KAFKA_VERSION),
    ("org.apache.logging.log4j", "log4j-slf4j-impl", LOG4J_VERSION),
    ("org.apache.logging.log4j", "log4j-core", LOG4J_VERSION),
)

STREAMS: tuple[Artefact, ...] = (("org.apache.kafka", "kafka-streams", KAFKA_VERSION),)
"""Without what it depends on: its serialisers need no more than the broker's jars."""

LOG4J_PROPERTIES = """\
status = error
appender.file.type = File
appender.file.name = file
appender.file.fileName = {folder}/broker.log
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{{ISO8601}} %p %c - %m%n
rootLogger.level = warn
rootLogger.appenderRef.file.ref = file
"""


class BrokerUnavailable(Exception):
    """No broker can be had on this machine; the message says what is missing."""


@contextlib.contextmanager
def running_broker(heap_mb: int = 768) -> Iterator[str]:
    """Give `host:port` of a broker, and stop it at the end if it was started here. Raises BrokerUnavailable."""
    given = os.environ.get(ADDRESS_ENVIRONMENT)
    if given:
        yield given
        return
    jars = resolve_jars()
    with own_broker(heap_mb=heap_mb, jars=jars) as broker:
        yield broker.address


@contextlib.contextmanager
def own_broker(
    *,
    heap_mb: int = 512,
    protocol: str = "PLAINTEXT",
    settings: Mapping[str, str] | None = None,
    users: Sequence[str] = (),
    jars: Path | None = None,
) -> Iterator[Broker]:
    """A broker that nobody else uses, to be stopped and started again. `protocol`: of the listener for clients; `settings`:
    more of the broker's; `users`: SCRAM-SHA-256 credentials as `name=…,password=…`. Raises BrokerUnavailable."""
    jars = jars or resolve_jars()
    folder = Path(tempfile.mkdtemp(prefix="mergus-kafka-"))
    broker = Broker(jars, folder, heap_mb, protocol)
    try:
        broker.format(users, settings or {})
        broker.start()
        yield broker
    finally:
        broker.kill()
        shutil.rmtree(folder, ignore_errors=True)


def resolve_jars() -> Path:
    """Give the folder with the broker's jars, resolving them by Maven the first time. Several processes may ask at once."""
    return _resolved(f"kafka-{KAFKA_VERSION}", ARTEFACTS, alone=False)


def resolve_streams() -> str:
    """The class path of Kafka Streams, likewise. Raises BrokerUnavailable."""
    streams = _resolved(f"kafka-streams-{KAFKA_VERSION}", STREAMS, alone=True)
    return f"{resolve_jars()}/*{os.pathsep}{streams}/*"


def _resolved(name: str, artefacts: Sequence[Artefact], *, alone: bool) -> Path:
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            raise BrokerUnavailable(f"{program} is not installed: a Kafka broker needs Java 17 and Maven")
    cache = _cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    jars = cache / name
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not jars.is_dir():
            _fetch_jars(cache, jars, _pom(artefacts, alone=alone))
    return jars


def _cache_folder() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "mergus-test" / "kafka"


def _fetch_jars(cache: Path, jars: Path, project: str) -> None:
    """Fetch into a folder beside the final one and rename: a broken-off run leaves no half set of jars."""
    partial = cache / f"{jars.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    pom = partial / "pom.xml"
    pom.write_text(project)
    command = ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={partial}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        raise BrokerUnavailable(f"Maven could not resolve {jars.name}:\n{(done.stdout + done.stderr)[-2000:]}")
    shutil.rmtree(partial / "target", ignore_errors=True)
    partial.rename(jars)


def _pom(artefacts: Sequence[Artefact], *, alone: bool) -> str:
    """A project that depends on the artefacts; `alone`: not on what those depend on."""
    nothing_else = "<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>"
    dependencies = "\n".join(
        f"    <dependency><groupId>{group}</groupId><artifactId>{artefact}</artifactId><version>{version}</version>"
        f"{nothing_else if alone else ''}</dependency>"
        for group, artefact, version in artefacts
    )
    return (
        "<project>\n  <modelVersion>4.0.0</modelVersion>\n"
        "  <groupId>mergus.test</groupId><artifactId>broker</artifactId><version>1</version>\n"
        f"  <dependencies>\n{dependencies}\n  </dependencies>\n</project>\n"
    )


class Broker:
    """One broker: a folder, a port, and the process while it is up."""

    def __init__(self, jars: Path, folder: Path, heap_mb: int, protocol: str) -> None:
        self.folder = folder
        self.port, self._controller_port = _free_ports(2)
        self.protocol = protocol
        self._heap = [f"-Xms{heap_mb // 2}m", f"-Xmx{heap_mb}m"]
        self._java = ["java", "-cp", f"{jars}/*", f"-Dlog4j2.configurationFile={folder}/log4j2.properties"]
        self._properties = folder / "server.properties"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """What a client is given."""
        return f"127.0.0.1:{self.port}"

    def format(self, users: Sequence[str], settings: Mapping[str, str]) -> None:
        """Make its storage, once."""
        usual = _server_properties(self.folder, self.port, self._controller_port, self.protocol)
        self._properties.write_text("".join(f"{name}={value}\n" for name, value in (usual | dict(settings)).items()))
        (self.folder / "log4j2.properties").write_text(LOG4J_PROPERTIES.format(folder=self.folder))
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if cluster_id.startswith("-"):  # the tool would take it for an option
            cluster_id = "M" + cluster_id[1:]
        scram = [part for user in users for part in ("--add-scram", f"SCRAM-SHA-256=[{user}]")]
        tool = ["-XX:TieredStopAtLevel=1", "kafka.tools.StorageTool", "format", "-t", cluster_id]
        formatted = subprocess.run(
            [*self._java, *tool, "-c", str(self._properties), *scram],
            capture_output=True,
            text=True,
            timeout=START_TIMEOUT_S,
        )
        if formatted.returncode != 0:
            words = formatted.stdout + formatted.stderr
            raise BrokerUnavailable(f"the broker's storage could not be formatted:\n{words}")

    def start(self) -> None:
        """Come up, with what it held before."""
        with (self.folder / "console.log").open("a") as console:
            self._process = subprocess.Popen(
                [*self._java, *self._heap, "kafka.Kafka", str(self._properties)],
                stdout=console,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
        _wait_for_port(self._process, self.port, self.folder)

    def stop(self) -> None:
        """Go down in order: what it was given is on its disk."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(START_TIMEOUT_S)

    def hang(self) -> None:
        """Hold on to its connections, and answer nothing until it is killed."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        """End it: nothing of it is kept, so there is nothing to close in order."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def _die_with_parent() -> None:
    """Let the kernel stop the broker when a test run is killed before it could: 400 MB would stay behind each time."""
    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def _server_properties(folder: Path, broker_port: int, controller_port: int, protocol: str) -> dict[str, str]:
    broker = f"{protocol}://127.0.0.1:{broker_port}"
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "listeners": f"{broker},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": broker,
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": f"CONTROLLER:PLAINTEXT,{protocol}:{protocol}",
        "inter.broker.listener.name": protocol,
        "log.dirs": f"{folder}/data",
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.num.partitions": "4",
        "auto.create.topics.enable": "false",
        "message.max.bytes": str(16 * 1024 * 1024),
        "log.retention.ms": "-1",  # records of tests are of 1970: the first look at the logs would remove them
    }


def _free_ports(count: int) -> list[int]:
    """Ports that the system has just given away, held open together so that they differ."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _wait_for_port(broker: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    """Return once the broker accepts connections; its own log is the message when it ends instead."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        with contextlib.suppress(subprocess.TimeoutExpired):
            broker.wait(timeout=0.1)
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
    logs = "\n".join(
        path.read_text()[-2000:] for path in (folder / "console.log", folder / "broker.log") if path.exists()
    )
    raise BrokerUnavailable(f"the broker did not come up:\n{logs}")
