"""What fills the slots of a template: parameters drawn at random, of the shapes that real logs carry.

Names are drawn both from short lists and from syllables, so that a model cannot learn the lists: what it can learn is
where a parameter stands.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

HERE = Path(__file__).parent
ENGLISH = (HERE / "words.txt").read_text("utf-8").split()
"""Words of the documentation and sources of common programs (and of the templates)."""


def _lists() -> dict[str, list[str]]:
    rows = [row for row in (HERE / "lists.txt").read_text("utf-8").splitlines() if row and row[0] != "#"]
    return {row.split(": ", 1)[0]: row.split(": ", 1)[1].split(" | ") for row in rows}


LISTS = _lists()


def pick(r: Random, name: str) -> str:
    """One value of a list."""
    return r.choice(LISTS[name])


def word(r: Random) -> str:
    """A pronounceable word that means nothing; now and then one that does, as names do."""
    if r.random() < 0.15:
        return r.choice(ENGLISH)
    return "".join(pick(r, "syllables") for _ in range(r.randint(2, 4)))


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
    middle = r.choice(
        [word(r), pick(r, "names"), f"{r.choice(LISTS['names'])}-{r.randint(0, 99)}", f"node{r.randint(1, 99)}"]
    )
    return middle + r.choice(["", "", ".example.org", ".internal", ".corp.example.com", ".svc.cluster.local"])


def host_address(r: Random) -> str:
    return f"{r.choice([ip(r), host(r), 'localhost'])}:{r.randint(22, 65000)}"


def name(r: Random) -> str:
    base = r.choice([pick(r, "names"), word(r)])
    return base if r.random() < 0.4 else base + r.choice("-_.") + r.choice([pick(r, "suffixes"), word(r), number(r)])


def class_name(r: Random) -> str:
    package = pick(r, "packages") if r.random() < 0.4 else ""
    return package + "".join(r.sample(LISTS["class_words"], r.randint(1, 2))) + pick(r, "class_ends")


def path(r: Random) -> str:
    return (
        pick(r, "paths")
        + "/"
        + r.choice([word(r), name(r), number(r)])
        + r.choice(["", "", ".conf", ".json", ".log", "/data.csv", ".py"])
    )


def duration(r: Random) -> str:
    value = r.choice([str(r.randint(0, 90000)), f"{r.random() * 90:.{r.randint(1, 3)}f}"])
    return value + r.choice(["ms", " ms", "s", " s", " seconds", " ms", "us", " minutes"])


def timestamp(r: Random) -> str:
    date = f"20{r.randint(10, 35)}-{r.randint(1, 12):02}-{r.randint(1, 28):02}"
    clock = f"{r.randint(0, 23):02}:{r.randint(0, 59):02}:{r.randint(0, 59):02}"
    return date + r.choice([" ", "T"]) + clock + r.choice(["", ".123", ",456", "Z", ".789Z", " UTC"])


def http_time(r: Random) -> str:
    day = f"{r.randint(1, 28):02}/{r.choice(LISTS['months'])}/20{r.randint(10, 35)}"
    return f"{day}:{r.randint(0, 23):02}:{r.randint(0, 59):02}:07 +0000"


def size(r: Random) -> str:
    return f"{r.randint(1, 4000)}{r.choice(['K', 'M', 'G', ' MB', ' kB', 'MiB', ' GiB', ' bytes', ' B'])}"


def topic(r: Random) -> str:
    return r.choice(
        [pick(r, "names"), f"{r.choice(LISTS['names'])}.{word(r)}", f"{word(r)}-{r.choice(LISTS['suffixes'])}"]
    )


def listing(r: Random) -> str:
    body = ", ".join(r.choice([number(r), f"{topic(r)}-{r.randint(0, 9)}"]) for _ in range(r.randint(1, 5)))
    return r.choice(["[{}]", "({})", "{}"]).format(body)


def reason(r: Random) -> str:
    """Why something failed: a usual reason, or any words, since a tail is known by its place and not by its words."""
    if r.random() < 0.4:
        text = " ".join(r.choice(ENGLISH) for _ in range(r.randint(1, 6)))
    else:
        text = pick(r, "reasons")
    text = text.capitalize() if r.random() < 0.4 else text
    text = f"{class_name(r)}: {text}" if r.random() < 0.08 else text
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
    "thread": lambda r: r.choice(
        [
            "main",
            f"pool-{r.randint(1, 9)}-thread-{r.randint(1, 64)}",
            f"http-nio-8080-exec-{r.randint(1, 99)}",
            "Thread-7",
        ]
    ),
    "user": lambda r: r.choice([pick(r, "users"), word(r), f"{word(r)}{r.randint(1, 99)}"]),
    "email": lambda r: f"{word(r)}@{word(r)}.example.com",
    "word": lambda r: r.choice([pick(r, "words"), word(r)]),
    "value": lambda r: r.choice([word(r), number(r), f"{word(r)} {word(r)}"]),
    "var": lambda r: r.choice([word(r), f"{word(r)}_{word(r)}", "user_id", "name", "id", "length"]),
    "char": lambda r: r.choice("+-<>}]:,"),
    "class": class_name,
    "exception": lambda r: pick(r, "exceptions"),
    "package": lambda r: pick(r, "packages"),
    "method": lambda r: r.choice([pick(r, "methods"), word(r)]),
    "module": lambda r: r.choice([word(r), f"{word(r)}.{word(r)}"]),
    "path": path,
    "url": lambda r: (
        r.choice(["http://", "https://", "redis://", "jdbc:postgresql://"]) + host_address(r) + r.choice(["", path(r)])
    ),
    "req": lambda r: f"{r.choice(['GET', 'POST'])} {path(r)} HTTP/1.1",
    "verb": lambda r: r.choice(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"]),
    "status": lambda r: str(r.choice([200, 200, 201, 204, 301, 302, 304, 400, 401, 403, 404, 500, 502, 503])),
    "agent": lambda r: pick(r, "agents"),
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
    "version": lambda r: (
        f"{r.randint(0, 20)}.{r.randint(0, 30)}.{r.randint(0, 9)}" + r.choice(["", "-1ubuntu2", "-rc1", "+deb12u1"])
    ),
    "sql": lambda r: pick(r, "sql"),
    "reason": reason,
    "dns": lambda r: pick(r, "dns"),
    "ioreason": lambda r: pick(r, "os_reasons"),
}
