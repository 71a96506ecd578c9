//! The commands that do not process.

mod acls;
mod check;
mod live;
mod load;
mod topics;

pub(crate) use check::check;
pub(crate) use load::{
    exit_code, import, import_whole, load, load_shadow, load_with_file, needs_dead_letters,
    needs_rekeying,
};
pub(crate) use topics::topics;

use std::io::Write as _;
use std::process::ExitCode;

/// `tailsift schema`.
pub(crate) fn schema() -> anyhow::Result<ExitCode> {
    writeln!(std::io::stdout().lock(), "{}", tailsift_config::json_schema().trim_end())?;
    Ok(ExitCode::SUCCESS)
}
