"""What makes edge tables of what a plan's sources give: records of topics, rows of files, or both in one batch."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..operators.decode import Decoding
from ..operators.frame import merge_frames, set_column
from ..operators.operator import SEQUENCE, SEQUENCE_STEP, Frame, Report
from ..plan.physical.steps import QueryPlan
from .file_inputs import FileEdges


class MixedEdges:
    """Records of topics and rows of files in one batch, told apart by their topic's index."""

    def __init__(self, records: Decoding, rows: FileEdges, files: frozenset[int]) -> None:
        self._records = records
        self._rows = rows
        self._files = pa.array(sorted(files), pa.int32())

    def decode(self, batches: Sequence[pa.RecordBatch]) -> Frame:
        """One frame of both, in their order."""
        return merge_frames([self._decode(batch) for batch in batches])

    def _decode(self, batch: pa.RecordBatch) -> Frame:
        """Each kind is decoded apart, numbered from 0: its rows get back the places that they have in the batch."""
        of_file = pc.is_in(batch.column("topic"), self._files)
        whole = Frame({})
        for decoder, here in ((self._rows, of_file), (self._records, pc.invert(of_file))):
            part, places = batch.filter(here), pc.indices_nonzero(here).to_numpy().astype(np.int64)
            if part.num_rows:
                frame = decoder.decode([part])
                for edge, table in frame.edges.items():
                    row, rest = np.divmod(table.column(SEQUENCE).to_numpy(), SEQUENCE_STEP)
                    sequence = pa.array(places[row] * SEQUENCE_STEP + rest)
                    whole.edges[edge] = set_column(table, SEQUENCE, sequence)
                whole.stream_time.update(frame.stream_time)
        return whole


def decoding(
    plan: QueryPlan, topics: Sequence[str], connection: duckdb.DuckDBPyConnection, report: Report
) -> Decoding | FileEdges | MixedEdges:
    """What makes edge tables of what the plan's sources give."""
    files = [s for s in plan.sources if s.file is not None]
    if not files:
        return Decoding(plan.sources, topics, connection, report)
    rows = FileEdges(files, topics, report)
    records = [s for s in plan.sources if s.file is None]
    if not records:
        return rows
    places = frozenset(list(topics).index(s.input_name) for s in files)
    return MixedEdges(Decoding(records, topics, connection, report), rows, places)
