"""The page in a real browser: what a person sees and does. Skipped where there is no chromium."""

from __future__ import annotations

import json
from urllib.parse import quote

import pyarrow as pa
import pytest

import mergus
from tests.browser import CONTROL, DOWN, ENTER, ESCAPE, browser

HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
SETUP = """
    CREATE STREAM lines (host STRING KEY, level STRING, code BIGINT)
      WITH (kafka_topic='lines', value_format='JSON', partitions=1);
    CREATE TABLE levels AS SELECT level, COUNT(*) AS times, MAX(code) AS code FROM lines GROUP BY level EMIT CHANGES;
    CREATE TABLE minutes AS
      SELECT host, COUNT(*) AS times FROM lines WINDOW TUMBLING (SIZE 1 MINUTE) GROUP BY host EMIT CHANGES;
"""
FAR = 9007199254740993  # JavaScript's numbers end two before


@pytest.fixture(scope="module")
def db():
    with mergus.connect() as db:
        db.execute(SETUP)
        yield db


@pytest.fixture(scope="module")
def window(url):
    with browser() as found:
        yield found


@pytest.fixture
def page(window, url):
    """A fresh page; whatever the browser complains of in the test fails it."""
    window.go("about:blank")  # away from the last test's page, whose queries end so
    window.complaints()
    window.url = url
    yield window
    assert window.complaints() == []


def write(db, host, level, code=1):
    db.insert("LINES", [{"HOST": host, "LEVEL": level, "CODE": code}])


def cells(page):
    return page.js(
        "[...document.querySelectorAll('.rows tbody tr')].map(tr => [...tr.children].map(td => td.innerText))"
    )


def shows(text):
    return f"document.body.innerText.includes({json.dumps(text)})"


def test_from_the_overview_to_a_table_that_changes(page, db):
    write(db, "a", "INFO", FAR)
    page.go(f"{page.url}/")
    page.until(shows("CTAS_LEVELS_0"))
    page.until(
        "[...document.querySelectorAll('.card')].some(c => /^LEVELS[^]*LEVEL STRING *primary key/.test(c.innerText))"
    )
    page.js("document.querySelector('.card a[href=\"#/live/LEVELS\"]').click()")
    page.until("document.querySelector('.state.live') && document.querySelectorAll('.rows tbody tr').length === 1")
    assert cells(page) == [["INFO", "1", str(FAR)]]
    write(db, "b", HOSTILE)
    page.until("document.querySelectorAll('.rows tbody tr').length === 2")
    write(db, "c", HOSTILE)
    page.until("[...document.querySelectorAll('td.number.fresh')].some(td => td.innerText === '2')")
    assert [HOSTILE, "2", "1"] in cells(page)
    assert page.js("document.querySelectorAll('main img, main script').length") == 0
    assert page.js("window.hacked") is None


def test_a_filter_that_a_row_begins_and_ceases_to_meet(page, db):
    write(db, "a", "WARN")
    page.go(f"{page.url}/#/live/LEVELS/" + quote("LEVEL = 'WARN' AND TIMES % 2 = 0"))
    page.until("document.querySelector('.state.live')")
    assert cells(page) == []
    write(db, "a", "WARN")
    page.until("document.querySelectorAll('.rows tbody tr').length === 1")
    write(db, "a", "WARN")
    page.until("document.querySelectorAll('.rows tbody tr').length === 0")


def test_pause_holds_the_page_still(page, db):
    page.go(f"{page.url}/#/live/MINUTES")
    page.until("document.querySelector('.state.live')")
    page.js("[...document.querySelectorAll('button')].find(b => b.innerText === 'Pause').click()")
    write(db, "held", "INFO")
    page.until("/; \\d+ changes? waiting/.test(document.body.innerText)")
    assert "held" not in [row[0] for row in cells(page)]
    page.js("document.querySelector('button[aria-pressed=true]').click()")
    page.until("[...document.querySelectorAll('.rows tbody td')].some(td => td.innerText === 'held')")
    (row,) = [row for row in cells(page) if row[0] == "held"]
    assert row[1].endswith(":00")  # the window's start as a time of day
    assert row[2].endswith(":00")


def test_statements_queries_and_refusals(page, db):
    page.go(f"{page.url}/#/sql")
    page.until("document.activeElement.id === 'sql'")
    page.press("#sql", f"SHOW TABLES; SELECT level, tmes FROM levels;{CONTROL}{ENTER}")
    told = page.until("document.querySelector('.answer .problem')?.innerText")
    assert "column TMES does not exist" in told
    assert told.splitlines()[2] == " " * 25 + "^^^^"
    assert page.js("getSelection().toString()") == "tmes"
    assert page.js("document.querySelector('.answer td').innerText") == "LEVELS"
    assert len(page.complaints()) == 1  # the refusal's status
    page.press("#sql", "times")  # over what is selected
    page.js("document.querySelector('#sql').setSelectionRange(0, 0)")
    page.press("#sql", f"{CONTROL}{ENTER}")
    page.until("/^\\d rows?, \\d+ ms$/m.test(document.querySelector('.results').innerText)")
    assert page.js("document.querySelectorAll('.answer').length") == 2
    assert "This session" in page.js(
        "document.querySelector('select').textContent + [...document.querySelectorAll('optgroup')].map(g => g.label)"
    )


def test_a_query_that_goes_on_until_it_is_stopped(page, db):
    page.go(f"{page.url}/#/sql")
    page.js("sessionStorage.clear()")
    page.js("document.querySelector('#sql').value = 'SELECT host FROM lines EMIT CHANGES;'")
    page.press("#sql", f"{CONTROL}{ENTER}")
    page.until("document.querySelector('.answer thead th')")
    write(db, "pushed", "INFO")
    page.until("[...document.querySelectorAll('.answer td')].some(td => td.innerText === 'pushed')")
    page.js("[...document.querySelectorAll('button')].find(b => b.innerText === 'Stop').click()")
    page.until(shows("1 row, stopped"))


def test_what_went_wrong_is_told_with_its_record(page, db):
    topic = db.engine.topics.writer()
    topic.write("lines", record_of(b"no JSON at all"))
    topic.flush()
    topic.close()
    page.go(f"{page.url}/#/log")
    page.until(shows("no JSON at all"))
    page.js("document.querySelector('.rows tbody tr').click()")
    page.until("document.querySelector('dialog[open]').innerText.includes('no JSON at all')")


def record_of(value):
    return pa.record_batch({"key": pa.array([b"k"], pa.binary()), "value": pa.array([value], pa.binary())})


def test_models_and_the_plan_of_a_query(page, db, tmp_path):
    (tmp_path / "twice.py").write_text("def predict(x):\n    return x * 2\n")
    db.execute(
        f"CREATE MODEL twice INPUT (x DOUBLE) OUTPUT (y DOUBLE) WITH (PROVIDER='python', PATH='{tmp_path}/twice.py');"
    )
    page.go(f"{page.url}/#/models")
    page.until(shows("TWICE (X DOUBLE) -> DOUBLE"))
    page.until("/champion\\s+version 1/.test(document.body.innerText)")
    page.js("location.hash = '#/query/CTAS_LEVELS_0'")
    page.until(shows("Logical plan"))
    assert "GROUP BY level" in page.text()


def test_the_topology_as_a_picture(page, db, tmp_path):
    (tmp_path / "thrice.py").write_text("def predict(x):\n    return x * 3\n")
    db.execute(
        f"CREATE MODEL thrice INPUT (x DOUBLE) OUTPUT (y DOUBLE) WITH (PROVIDER='python', PATH='{tmp_path}/thrice.py');"
        "CREATE STREAM coded AS SELECT host, thrice(code) AS y FROM lines EMIT CHANGES;"
        "CREATE STREAM `<i>odd</i>` WITH (kafka_topic='odd') AS SELECT * FROM lines WHERE level = 'ROUND' EMIT CHANGES;"
    )
    page.go(f"{page.url}/#/topology")
    page.until("document.querySelector('svg[role=img] .thing.model')")
    things = page.js("[...document.querySelectorAll('svg[role=img] .thing title')].map(t => t.textContent)")
    assert {"topic lines", "stream LINES", "table LEVELS", "model THRICE, version 1", "stream <i>odd</i>"} <= set(
        things
    )
    arrows = page.js("[...document.querySelectorAll('svg[role=img] .edge title')].map(t => t.textContent)")
    assert "LINES is read by CTAS_LEVELS_0" in arrows
    assert any(arrow.endswith("asks (champion = version 1) THRICE") for arrow in arrows)
    x = "Object.fromEntries([...document.querySelectorAll('svg[role=img] .thing')].map(t => [t.textContent, t.getBBox().x]))"
    ordered = sorted((at, told) for told, at in page.js(x).items() if "LEVELS" in told or "ines" in told.lower())
    kinds = [told.split()[0] for _, told in ordered]
    assert kinds.index("topic") < kinds.index("stream") < kinds.index("query") < kinds.index("table")
    boxes = page.js(
        "[...document.querySelectorAll('svg[role=img] .thing')].map(t => t.getBBox()).map(b => [b.x, b.y, b.width, b.height])"
    )
    for i, (x1, y1, w1, h1) in enumerate(boxes):
        assert not any(abs(x1 - x2) < min(w1, w2) and abs(y1 - y2) < min(h1, h2) for x2, y2, w2, h2 in boxes[:i])
    assert page.js("document.querySelectorAll('svg[role=img] .cycle').length") == 0
    db.execute("INSERT INTO lines SELECT * FROM `<i>odd</i>` EMIT CHANGES;")
    page.until("document.querySelectorAll('svg[role=img] .cycle').length === 6")
    assert "LINES → CSAS_<i>odd</i>" in page.js("document.querySelector('.problem').innerText")
    page.click("a.thing[href='#/query/CTAS_LEVELS_0'] text")
    page.until(shows("Logical plan"))


def test_rows_by_the_keyboard(page, db):
    write(db, "a", "INFO")
    write(db, "a", "OTHER")
    page.go(f"{page.url}/#/live/LEVELS/" + quote("LEVEL IN ('INFO', 'OTHER')"))
    page.until("document.querySelectorAll('.rows tbody tr').length === 2")
    page.press("th button", ENTER)  # sorts downwards, then upwards
    page.until("document.querySelector('th[aria-sort=descending]')")
    page.press("th button", ENTER)
    page.until(
        "[...document.querySelectorAll('.rows tbody tr')].map(tr => tr.children[0].innerText).join() === 'INFO,OTHER'"
    )
    page.js("document.querySelector('.rows tbody tr').focus()")
    page.press(".rows tbody tr", DOWN)
    assert page.js("document.activeElement.innerText").startswith("OTHER")
    page.press(".rows tbody tr:focus", ENTER)
    page.until("/LEVEL STRING\\s+OTHER/.test(document.querySelector('dialog[open]')?.innerText)")
    page.press("dialog button", ESCAPE)
    page.until("!document.querySelector('dialog')")


def test_the_policy_refuses_markup_made_of_text(page):
    page.go(f"{page.url}/")
    page.until("document.querySelector('h1')")
    refused = "(() => { try { document.body.innerHTML = '<b>'; return 'made' } catch (why) { return why.name } })()"
    assert page.js(refused) == "TypeError"
    assert len(page.complaints()) == 1  # of the attempt
