//! The process: what was replaced while it runs, its build, memory and age.

use super::Metric;

/// Secrets that were replaced.
pub(crate) const SECRETS_RELOADED: Metric = Metric::counter(
    "tailsift_secrets_reloaded_total",
    &["outcome"],
    "Times that replaced certificates or passwords were found: taken, or refused (those from before \
     stay in use, and the new ones are tried again after kafka.reload_interval).",
);
/// Looks at the configuration file.
pub(crate) const RELOADS: Metric = Metric::counter(
    "tailsift_reloads_total",
    &["outcome"],
    "Times that a changed configuration file was taken, or was refused (the rules from before stay \
     in force, and tailsift_config_info and /api/v1/reload say which); unchanged counts answers to \
     SIGHUP and POST alone.",
);
/// The rules in force.
pub(crate) const CONFIG: Metric = Metric::gauge(
    "tailsift_config_info",
    &["fingerprint"],
    "1, labelled with the fingerprint of policies and redaction in force, as in the header \
     tailsift.config.",
);
/// Workers whose clients were made anew.
pub(crate) const RECONNECTS: Metric = Metric::counter(
    "tailsift_reconnects_total",
    &["worker"],
    "Times that a worker ended in order and made its Kafka clients anew, to use replaced \
     certificates. Passwords are given to clients that run.",
);
/// The build.
pub(crate) const BUILD: Metric =
    Metric::gauge("tailsift_build_info", &["version"], "1, labelled with the version.");
/// The process's memory.
pub(crate) const RESIDENT_MEMORY: Metric = Metric::gauge(
    "tailsift_process_resident_memory_bytes",
    &[],
    "Resident memory of the process (Linux only).",
);
/// The process's age.
pub(crate) const UPTIME: Metric =
    Metric::gauge("tailsift_process_uptime_seconds", &[], "Time since the process started.");
