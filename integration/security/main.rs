//! Security on a real broker: TLS, certificates, passwords, grants, secrets, rotation.

mod canary;
#[path = "../faults/feed.rs"]
mod feed;
#[path = "../faults/form.rs"]
#[expect(dead_code, reason = "shared with the tests of faults, which use more of it")]
mod form;
mod grants;
#[path = "../end_to_end/http.rs"]
#[expect(dead_code, reason = "shared with the end-to-end tests, which use more of it")]
mod http;
#[path = "../faults/life.rs"]
#[expect(dead_code, reason = "shared with the tests of faults, which use more of it")]
mod life;
mod matrix;
#[path = "../end_to_end/payload.rs"]
#[expect(dead_code, reason = "shared with the end-to-end tests, which use more of it")]
mod payload;
#[path = "../end_to_end/policies.rs"]
#[expect(dead_code, reason = "shared with the end-to-end tests, which use more of it")]
mod policies;
#[path = "../end_to_end/rig.rs"]
#[expect(dead_code, reason = "shared with the end-to-end tests, which use more of it")]
mod rig;
mod rotation;
mod secure;
#[path = "../faults/stage.rs"]
#[expect(dead_code, reason = "shared with the tests of faults, which use more of it")]
mod stage;

use std::process::ExitCode;

use tailsift_fixture::integration_main_in_order;

fn main() -> ExitCode {
    // The one that prints a table comes last.
    let suites = [canary::TESTS, rotation::TESTS, matrix::TESTS];
    let code = integration_main_in_order(suites.concat());
    secure::stop();
    code
}
