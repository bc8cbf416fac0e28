"""`template_id(text)`: 16 hex digits, the same for log lines of the same wording; `log_template(text)`: that wording.

Parameters are masked by rules that hold for any log: what follows them never depends on other lines, so a line's id is
given at once and for ever. The passes run over whole columns in native code (some 250,000 lines a second and core); only
distinct templates, of which a log has few, are hashed one by one.
"""

import hashlib

import pyarrow as pa
import pyarrow.compute as pc

import mergus

END = r"\s=,;()\[\]{}\"'<>|"  # what ends a parameter
UNIT = r"[KMGTkm]i?B|B|bytes|[mun]?s|secs?|seconds?|min|minutes?|hours?|days?"
DAY_OR_MONTH = r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b"
ADDRESS = r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>]*"
MAIL = rf"[^{END}]+@[^{END}]+"
PATH = rf"[^{END}:/]*(?:/[^{END}:/]+){{2,}}/?"
JOINED = r"[A-Za-z]+(?:-[A-Za-z]+){2,}"  # a word of three parts is a name
NAME = r"[A-Za-z][^\s,;:()\[\]]*"  # where only a name stands
HOLDS_A_DIGIT = rf"[^{END}:]*\d(?:[^{END}]*[^{END}:.])?"  # a colon or full stop behind it stays

PASSES = (
    (rf"{ADDRESS}|\"[^\"]*\"|'[^']*'", "#"),
    (rf"{MAIL}|{PATH}|{DAY_OR_MONTH}|{HOLDS_A_DIGIT}", "#"),
    (rf"(^|[\s\"'(\[,=]){JOINED}", r"\1#"),
    (r"=[^\s,;()\[\]{}]+", "=#"),
    (r"\b(?:[A-Za-z_$][A-Za-z_$-]*\.)+[A-Za-z_$]+", "#"),  # dotted names
    (rf"\b((?:for|invalid|illegal|unknown|as|of|to|with) user) +{NAME}", r"\1 #"),
    (rf"\b([Uu]ser|[Aa]ccount|[Ll]ogin) +{NAME} (from|by|on|at|logged|is|was|has|not|into)\b", r"\1 # \2"),
    (rf"\bfor +{NAME} from ", "for # from "),
    (r"\( *\)", "(#)"),  # a value that is absent
    (r"[<>~]=?#([^>]|$)", r"#\1"),  # "less than" belongs to the number; <#> is a number in brackets
    (rf"#(?: ?(?:{UNIT})\b|%|[^{END}:.]+|\{{#\}}|\[#\]|\(#\))", "#"),  # units, and what hangs on a parameter
    (r"# ?\(#\)", "#"),  # the same once more: 1190 bytes (1.16 KB), 4096 (0x1000)
    (r"#(?:[ ,:;/|.-]*#)+", "#"),  # lists of any length
    (r"\s\s+", " "),
)


def masked(text: pa.Array) -> pa.Array:
    """Each line with its parameters masked, and without space at its ends."""
    for pattern, replacement in PASSES:
        text = pc.replace_substring_regex(text, pattern, replacement)
    return pc.utf8_trim_whitespace(text)


def digest(template: str) -> str:
    """16 hex digits that name a template on every machine."""
    return hashlib.blake2b(template.encode(), digest_size=8).hexdigest()


@mergus.udf(
    params=["STRING"],
    returns="STRING",
    vectorized=True,
    category="MODEL",
    description="16 hex digits, the same for log lines of the same wording whatever their parameters.",
    examples=["SELECT template_id(message), COUNT(*) FROM logs GROUP BY template_id(message) EMIT CHANGES;"],
)
def template_id(text: pa.Array) -> pa.Array:
    """The id of each line's template; NULL stays NULL."""
    encoded = masked(text).dictionary_encode()
    ids = pa.array([digest(template) for template in encoded.dictionary.to_pylist()], pa.string())
    return ids.take(encoded.indices)


@mergus.udf(
    params=["STRING"],
    returns="STRING",
    vectorized=True,
    category="MODEL",
    description="A log line with its parameters masked by #: what template_id tells apart.",
    examples=["SELECT log_template(message) FROM logs EMIT CHANGES;"],
)
def log_template(text: pa.Array) -> pa.Array:
    """Each line with its parameters masked; NULL stays NULL."""
    return masked(text)
