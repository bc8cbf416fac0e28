"""PROTOBUF and PROTOBUF_NOSR: records, schemas, and the wire format."""
