//! Development only: a seeded world that runs the production core.
