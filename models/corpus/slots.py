"""What fills the slots of a template: parameters drawn at random, of the shapes that real logs carry.

Names are drawn both from short lists and from syllables, so that a model cannot learn the lists: what it can learn is
where a parameter stands.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

ENGLISH = (Path(__file__).parent / "words.txt").read_text("utf-8").split()
"""Words of the documentation of common programs: what a word of a line that is no name looks like."""

SYLLABLES = "ba be bo ca co da de do fa fi ga go ha jo ka ki la le lo ma mi mo na ne no pa pe ra re ri ro sa se ta ti to va vi za".split()
NAMES = "orders payments inventory billing search users sessions catalog checkout shipping audit metrics events cache reports".split()
SUFFIXES = "service db api worker gateway pool queue job index store v1 v2 prod staging eu-west-1 01 02 main".split()
USERS = "alice bob carol dave erin frank grace heidi admin root guest test deploy backup oracle nginx www-data svc_batch".split()
CLASS_WORDS = "User Order Payment Session Cache Config Data Event Http Index Item Job Kafka Loader Message Query Request Stream Task Token".split()
CLASS_ENDS = "Service Controller Manager Handler Repository Client Factory Processor Listener Consumer Exception Error".split()
PACKAGES = "com.example. org.acme.shop. io.sample.core. com.acme.billing. net.demo. org.example.web. com.corp.app.util.".split()
REASONS = (
    "connection refused|connection reset by peer|permission denied|no such file or directory|timed out|operation timed out|"
    "Temporary failure in name resolution|Name or service not known|no route to host|broken pipe|end of file|unexpected EOF|"
    "out of memory|disk quota exceeded|too many open files|resource temporarily unavailable|device or resource busy|"
    "invalid argument|access denied|unauthorized|forbidden|not found|already exists|connection closed|host unreachable|"
    "network is unreachable|certificate has expired|certificate verify failed|handshake failure|bad gateway|service unavailable|"
    "gateway timeout|rate limit exceeded|quota exceeded|insufficient funds|card declined|lock wait timeout exceeded|deadlock detected|"
    "duplicate key|constraint violation|syntax error|unexpected token|checksum mismatch|corrupt data|version mismatch|"
    "unsupported format|schema mismatch|missing field|null value|null|unknown error|internal error|cancelled by user|leader not available|"
    "coordinator not available|not enough replicas|message too large|offset out of range|session expired|token expired|invalid signature|"
    "read-only file system|input/output error|no space left on device|address already in use|protocol error|remote end closed connection without response"
).split("|")
DNS = ["Temporary failure in name resolution", "Name or service not known", "nodename nor servname provided, or not known"]
OS_REASONS = "No such file or directory|Permission denied|Connection refused|Connection timed out|No space left on device|Broken pipe|Is a directory|Read-only file system|Input/output error|Cannot allocate memory".split("|")
METHODS = "run get put execute process handle doFilter invoke apply findById saveAll sendMessage loadConfig readObject".split()
EXCEPTIONS = "IllegalStateException NullPointerException IOException TimeoutException RuntimeException SQLException ValueError KeyError OSError RuntimeError ConnectionError HTTPError".split()
PATHS = "/var/lib/app /etc/app /usr/share/data /srv/files /opt/service/conf /home/user/docs /var/log/app /data/export /api/users /api/orders /static/css /index".split()
AGENTS = ["Mozilla/5.0 (X11; Linux x86_64)", "curl/8.1.2", "python-requests/2.31", "kube-probe/1.27", "Go-http-client/1.1"]
WORDS = "active idle ready pending running default primary secondary public private json html main worker remote local alpha beta java python".split()
SQL = ["SELECT * FROM orders WHERE id = 7", "UPDATE users SET age = 3", "INSERT INTO events VALUES (1, 2)", "DELETE FROM sessions", "select count(*) from items", "VACUUM ANALYZE users"]
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


def word(r: Random) -> str:
    """A pronounceable word that means nothing; now and then one that does, as names do."""
    if r.random() < 0.15:
        return r.choice(ENGLISH)
    return "".join(r.choice(SYLLABLES) for _ in range(r.randint(2, 4)))


def number(r: Random) -> str:
    return str(r.choice([r.randint(0, 9), r.randint(0, 999), r.randint(0, 10**6), r.randint(0, 2**40)]))


def hexadecimal(r: Random) -> str:
    digits = r.choice([8, 12, 16, 32, 40])
    return r.choice(["", "", "0x"]) + f"{r.getrandbits(4 * digits):0{digits}x}"


def uuid(r: Random) -> str:
    h = f"{r.getrandbits(128):032x}"
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


def ip(r: Random) -> str:
    if r.random() < 0.08:
        return ":".join(f"{r.getrandbits(16):x}" for _ in range(8))
    return ".".join(str(r.randint(1, 254)) for _ in range(4))


def host(r: Random) -> str:
    middle = r.choice([word(r), r.choice(NAMES), f"{r.choice(NAMES)}-{r.randint(0, 99)}", f"node{r.randint(1, 99)}"])
    return middle + r.choice(["", "", ".example.org", ".internal", ".corp.example.com", ".svc.cluster.local"])


def host_address(r: Random) -> str:
    return f"{r.choice([ip(r), host(r), 'localhost'])}:{r.randint(22, 65000)}"


def name(r: Random) -> str:
    base = r.choice([r.choice(NAMES), word(r)])
    return base if r.random() < 0.4 else base + r.choice("-_.") + r.choice([r.choice(SUFFIXES), word(r), number(r)])


def class_name(r: Random) -> str:
    package = r.choice(PACKAGES) if r.random() < 0.4 else ""
    return package + "".join(r.sample(CLASS_WORDS, r.randint(1, 2))) + r.choice(CLASS_ENDS)


def path(r: Random) -> str:
    return r.choice(PATHS) + "/" + r.choice([word(r), name(r), number(r)]) + r.choice(["", "", ".conf", ".json", ".log", "/data.csv", ".py"])


def duration(r: Random) -> str:
    value = r.choice([str(r.randint(0, 90000)), f"{r.random() * 90:.{r.randint(1, 3)}f}"])
    return value + r.choice(["ms", " ms", "s", " s", " seconds", " ms", "us", " minutes"])


def timestamp(r: Random) -> str:
    date = f"20{r.randint(10, 35)}-{r.randint(1, 12):02}-{r.randint(1, 28):02}"
    clock = f"{r.randint(0, 23):02}:{r.randint(0, 59):02}:{r.randint(0, 59):02}"
    return date + r.choice([" ", "T"]) + clock + r.choice(["", ".123", ",456", "Z", ".789Z", " UTC"])


def http_time(r: Random) -> str:
    return f"{r.randint(1, 28):02}/{r.choice(MONTHS)}/20{r.randint(10, 35)}:{r.randint(0, 23):02}:{r.randint(0, 59):02}:07 +0000"


def size(r: Random) -> str:
    return f"{r.randint(1, 4000)}{r.choice(['K', 'M', 'G', ' MB', ' kB', 'MiB', ' GiB', ' bytes', ' B'])}"


def topic(r: Random) -> str:
    return r.choice([r.choice(NAMES), f"{r.choice(NAMES)}.{word(r)}", f"{word(r)}-{r.choice(SUFFIXES)}"])


def listing(r: Random) -> str:
    body = ", ".join(r.choice([number(r), f"{topic(r)}-{r.randint(0, 9)}"]) for _ in range(r.randint(1, 5)))
    return r.choice(["[{}]", "({})", "{}"]).format(body)


def reason(r: Random) -> str:
    text = r.choice(REASONS)
    text = text.capitalize() if r.random() < 0.4 else text
    return text + (f" ({r.choice(['errno', 'code', 'status'])} {r.randint(1, 600)})" if r.random() < 0.1 else "")


SLOTS: dict[str, Callable[[Random], str]] = {
    "num": number,
    "nz": lambda r: str(r.randint(1, 250)),
    "zero": lambda r: "0",
    "hex": hexadecimal,
    "uuid": uuid,
    "ip": ip,
    "host": host,
    "hostaddr": host_address,
    "addr": lambda r: f"{r.choice([ip(r), ip(r), 'localhost', '[::1]'])}:{r.randint(22, 65000)}",
    "name": name,
    "service": lambda r: r.choice([name(r), "PostgreSQL", "Redis", "Kafka", "Elasticsearch", "upstream", host(r)]),
    "pool": lambda r: f"HikariPool-{r.randint(1, 9)}" if r.random() < 0.5 else name(r),
    "thread": lambda r: r.choice(["main", f"pool-{r.randint(1, 9)}-thread-{r.randint(1, 64)}", f"http-nio-8080-exec-{r.randint(1, 99)}", "Thread-7"]),
    "user": lambda r: r.choice([r.choice(USERS), word(r), f"{word(r)}{r.randint(1, 99)}"]),
    "email": lambda r: f"{word(r)}@{word(r)}.example.com",
    "word": lambda r: r.choice([r.choice(WORDS), word(r)]),
    "value": lambda r: r.choice([word(r), number(r), f"{word(r)} {word(r)}"]),
    "var": lambda r: r.choice([word(r), f"{word(r)}_{word(r)}", "user_id", "name", "id", "length"]),
    "char": lambda r: r.choice("+-<>}]:,"),
    "class": class_name,
    "exception": lambda r: r.choice(EXCEPTIONS),
    "package": lambda r: r.choice(PACKAGES),
    "method": lambda r: r.choice([r.choice(METHODS), word(r)]),
    "module": lambda r: r.choice([word(r), f"{word(r)}.{word(r)}"]),
    "path": path,
    "url": lambda r: r.choice(["http://", "https://", "redis://", "jdbc:postgresql://"]) + host_address(r) + r.choice(["", path(r)]),
    "req": lambda r: f"{r.choice(['GET', 'POST'])} {path(r)} HTTP/1.1",
    "verb": lambda r: r.choice(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"]),
    "status": lambda r: str(r.choice([200, 200, 201, 204, 301, 302, 304, 400, 401, 403, 404, 500, 502, 503])),
    "agent": lambda r: r.choice(AGENTS),
    "httptime": http_time,
    "time": timestamp,
    "dur": duration,
    "size": size,
    "pct": lambda r: f"{r.randint(0, 100)}%",
    "topic": topic,
    "topicpart": lambda r: f"{topic(r)}-{r.randint(0, 99)}",
    "list": listing,
    "dev": lambda r: r.choice(["sda", "sda1", "nvme0n1", "eth0", "eth1", "ens5", "md0", "dm-3", "wlan0"]),
    "image": lambda r: f"{word(r)}/{name(r)}:{r.randint(1, 9)}.{r.randint(0, 20)}",
    "version": lambda r: f"{r.randint(0, 20)}.{r.randint(0, 30)}.{r.randint(0, 9)}" + r.choice(["", "-1ubuntu2", "-rc1", "+deb12u1"]),
    "sql": lambda r: r.choice(SQL),
    "reason": reason,
    "dns": lambda r: r.choice(DNS),
    "ioreason": lambda r: r.choice(OS_REASONS),
}
