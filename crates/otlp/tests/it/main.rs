//! The scan and the split against prost, on generated, broken and recorded bytes.

mod converted;
mod corpus;
mod detail;
mod encode;
mod generate;
mod hostile;
mod json;
mod more;
mod raw;
mod recorded;
mod redact;
mod scan;
mod seen;
mod size;
mod split;
mod threshold;
