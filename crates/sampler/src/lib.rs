//! The sampling state machine: window, stream time, decisions, ledger of offsets.
