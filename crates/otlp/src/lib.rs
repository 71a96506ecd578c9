//! OTLP on the wire: scan, split, assemble, JSON.
