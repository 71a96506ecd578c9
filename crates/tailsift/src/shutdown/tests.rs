use std::process::Command;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use super::*;

fn send(name: &str) {
    let status = Command::new("kill").args(["-s", name, &std::process::id().to_string()]).status();
    assert!(status.unwrap().success());
}

fn until(deadline: Duration, condition: impl Fn() -> bool) -> bool {
    let start = Instant::now();
    while !condition() {
        if start.elapsed() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    true
}

/// Watches with an exit that reports its code instead.
fn watched(runtime: &Handle) -> (Arc<Stop>, Receiver<i32>) {
    let stop = Arc::new(Stop::default());
    let (sender, codes) = sync_channel(1);
    watch(runtime, Arc::clone(&stop), move |code| sender.send(code).unwrap()).unwrap();
    (stop, codes)
}

// One test: signals go to the whole process.
#[test]
fn the_first_signal_asks_and_the_second_ends() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for (signals, code) in [(["TERM", "INT"], 130), (["INT", "TERM"], 1)] {
        let (stop, codes) = watched(runtime.handle());
        assert!(!stop.is_set());
        send(signals[0]);
        assert!(until(Duration::from_secs(20), || stop.is_set()), "{} was not seen", signals[0]);
        assert!(codes.try_recv().is_err(), "the first signal must not end the process");
        send(signals[1]);
        assert_eq!(codes.recv_timeout(Duration::from_secs(20)), Ok(code));
    }
}
