use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::timeout;

use super::{RequestCounts, Requests, drive};
use crate::demo::services::Services;
use crate::demo::tests::Recorder;

const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn the_users_stop_when_they_are_told_or_done() {
    let runtime = Runtime::new().unwrap();
    let recorder = Recorder::default();
    let services = runtime.block_on(Services::start(7, || recorder.clone())).unwrap();

    let requests = Arc::new(Requests::default());
    let (stop, stopping) = watch::channel(false);
    let done = drive(services.user(), 7, 500, 12, Arc::clone(&requests), stopping.clone());
    runtime.block_on(async { timeout(PATIENCE, done).await }).unwrap();
    assert_eq!(requests.counts().sent, 12);
    assert_eq!(requests.counts().unanswered, 0);

    let endless = Arc::new(Requests::default());
    let driving = drive(services.user(), 7, 200, u64::MAX, Arc::clone(&endless), stopping);
    let seen = Arc::clone(&endless);
    runtime.block_on(async {
        let driving = tokio::spawn(driving);
        let some = async {
            while seen.counts().sent < 5 {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, some).await.unwrap();
        stop.send_replace(true);
        timeout(PATIENCE, driving).await.unwrap().unwrap();
    });
    let RequestCounts { sent, unanswered, .. } = endless.counts();
    assert!((5..1_000).contains(&sent), "{sent}");
    assert_eq!(unanswered, 0);

    services.stop().unwrap();
    let roots = recorder
        .spans
        .lock()
        .unwrap()
        .iter()
        .filter(|(_, span)| span.name == "POST /recommend")
        .count();
    assert_eq!(roots as u64, 12 + sent, "every request that was sent has its spans exported");
}

#[test]
fn services_that_are_gone_are_noticed() {
    let runtime = Runtime::new().unwrap();
    let services = runtime.block_on(Services::start(7, Recorder::default)).unwrap();
    let user = services.user();
    services.stop().unwrap();
    // With their runtime the last of their tasks is gone.
    drop(runtime);
    let runtime = Runtime::new().unwrap();
    let requests = Arc::new(Requests::default());
    let (_stop, stopping) = watch::channel(false);
    let done = drive(user, 7, 500, 3, Arc::clone(&requests), stopping);
    runtime.block_on(async { timeout(PATIENCE, done).await }).unwrap();
    assert_eq!(requests.counts(), RequestCounts { sent: 3, failed: 0, unanswered: 3 });
}
