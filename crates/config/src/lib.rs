//! The configuration file: the only crate that knows its format.
//!
//! [`load`] turns YAML into a [`Config`], or into every [`ConfigError`] at once; [`Report`] prints
//! them. What keys there are, with their types, bounds, defaults and meaning, is one table, from
//! which the file is checked and read and [`json_schema`], [`reference()`] and [`reference_yaml`]
//! are written. [`policy_kinds`] adds what each kind of policy means, costs, and surprises people
//! by; [`ConfigFile::advice`] tells what a file that is right can hardly mean.
//!
//! ```
//! use tailsift_config::{Report, load};
//!
//! let text = "
//! kafka: {bootstrap_servers: 'localhost:9092'}
//! window: {decision_wait: 30}
//! policies: [{name: slow, type: latency, latency: {threshold_ms: 500}}]
//! ";
//! let read_file = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
//! let errors = load(text, &[], &|_| None, &read_file).unwrap_err();
//! assert!(Report(&errors).to_string().starts_with(
//!     "line 3: window.decision_wait: expected a duration with a unit (ms, s, m, h) such as 30s, got 30"
//! ));
//! ```

mod advice;
mod assemble;
mod check;
mod collector;
mod error;
mod fill;
mod fingerprint;
mod key;
mod kinds;
mod load;
mod node;
mod overrides;
mod policy;
mod quantity;
mod read;
mod reference;
mod reload;
mod schema;
mod settings;
mod suggest;
mod table;
mod view;
mod yaml;

pub use advice::{Advice, Weight};
pub use collector::{
    Import, Matter, Note, SamplingStrategy, import_collector, import_collector_file,
};
pub use error::{ConfigError, Origin, Report};
pub use kinds::policy_kinds;
pub use load::{ConfigFile, load};
pub use reference::{reference, reference_yaml};
pub use reload::{Reload, Token};
pub use schema::json_schema;
pub use settings::{
    Completion, Compression, Config, Decisions, Delivery, Encoding, Http, Input, Kafka, KeyedBy,
    Output, Partitioner, Repartition, SecondChance, Start, Window,
};
