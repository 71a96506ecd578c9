//! Which traces are worth keeping.
