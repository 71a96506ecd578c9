use std::future::poll_fn;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::pin::pin;
use std::task::Poll;
use std::time::Instant;

use axum::serve::Listener as _;
use serde_json::{Value, json};
use tailsift_config::Token;
use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use super::*;
use crate::live::tests::{dropped, kept, recommendation};
use crate::metrics::tests::exposition;
use crate::reload::{Answer as Reloaded, Asker, Request, Requests};

/// A server on a loopback port of its own, stopped at the end.
struct Server {
    runtime: Runtime,
    address: SocketAddr,
    health: Arc<Health>,
    live: Arc<LiveView>,
    requests: Requests,
    stop: watch::Sender<bool>,
    serving: Option<JoinHandle<io::Result<()>>>,
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Server {
    fn start() -> Self {
        Self::start_with(None)
    }

    /// A server on which who has this token may ask for a reload.
    fn start_with(token: Option<Token>) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = bind("127.0.0.1:0".parse().unwrap(), true).unwrap();
        let address = listener.local_addr().unwrap();
        let health = Arc::new(Health::new(2));
        let live = Arc::new(LiveView::new(5000, 64 << 20));
        let (desk, requests) = Desk::new(token, "f00d".to_owned());
        let desk = Arc::new(desk);
        let surface = Surface::new(Arc::clone(&health), Arc::clone(&live), exposition(), desk);
        let (stop, stopped) = watch::channel(false);
        let serving = Some(runtime.spawn(serve(listener, Arc::new(surface), stopped)));
        Self { runtime, address, health, live, requests, stop, serving }
    }

    fn get(&self, target: &str) -> Answer {
        self.request("GET", target)
    }

    fn request(&self, method: &str, target: &str) -> Answer {
        self.raw(format!("{method} {target} HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n"))
    }

    fn raw(&self, request: impl AsRef<[u8]>) -> Answer {
        Self::answer(self.send(request))
    }

    fn send(&self, request: impl AsRef<[u8]>) -> TcpStream {
        let mut stream = self.connect();
        stream.write_all(request.as_ref()).unwrap();
        stream
    }

    fn answer(mut stream: TcpStream) -> Answer {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    }

    /// Tells the server to stop and waits until it has.
    fn stop(&mut self) {
        self.stop.send(true).unwrap();
        let serving = self.serving.take().unwrap();
        let deadline = Duration::from_secs(20);
        let ended = self.runtime.block_on(async { tokio::time::timeout(deadline, serving).await });
        ended.expect("the server stops in time").unwrap().unwrap();
    }
}

impl Answer {
    fn json(&self) -> Value {
        assert!(self.head.contains("content-type: application/json"), "{}", self.head);
        serde_json::from_str(&self.body).unwrap()
    }
}

#[test]
fn the_index_names_every_endpoint() {
    let server = Server::start();
    let answer = server.get("/");
    assert_eq!(answer.status, 200);
    for path in ["/api/v1/traces", "/api/v1/reload", "/metrics", "/healthz", "/readyz"] {
        assert!(answer.body.contains(path), "{path}");
        assert!([200, 503].contains(&server.get(path).status), "{path}");
    }
}

#[test]
fn metrics_are_prometheus_text() {
    let server = Server::start();
    let answer = server.get("/metrics");
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains("content-type: text/plain; version=0.0.4"), "{}", answer.head);
    assert!(answer.body.contains("tailsift_build_info{version=\""), "{}", answer.body);
}

#[test]
fn ready_means_every_worker_and_healthy_means_none_died() {
    let server = Server::start();
    let check = |healthy: u16, ready: u16| {
        assert_eq!((server.get("/healthz").status, server.get("/readyz").status), (healthy, ready));
    };
    check(200, 503);
    server.health.worker_started(0);
    server.health.worker_started(1);
    check(200, 503);
    server.health.worker_ready(0, true, "");
    server.health.worker_ready(1, false, "partition 3: restoring decisions");
    check(200, 503);
    assert_eq!(
        server.get("/readyz").json(),
        json!({"status": "not ready", "workers": [
            {"worker": 0, "state": "ready", "reason": null},
            {"worker": 1, "state": "not_ready", "reason": "partition 3: restoring decisions"},
        ]})
    );
    server.health.worker_ready(1, true, "");
    check(200, 200);
    server.health.worker_finished(0);
    check(200, 503);
    server.health.worker_stopped(1, "producer was fenced for good");
    server.health.worker_stopped(2, "there is no such worker");
    check(503, 503);
    assert_eq!(
        server.get("/healthz").json(),
        json!({"status": "not alive", "workers": [
            {"worker": 0, "state": "finished", "reason": null},
            {"worker": 1, "state": "died", "reason": "producer was fenced for good"},
        ]})
    );
}

#[test]
fn recent_traces_are_listed_and_filtered() {
    let server = Server::start();
    for number in 1..=6 {
        server.live.record(if number % 2 == 0 {
            dropped(number)
        } else {
            kept(number, "très slow & sure", recommendation())
        });
    }
    let ids = |target: &str| {
        let list = server.get(target).json();
        let ids = list["traces"].as_array().unwrap().iter();
        let ids: Vec<_> =
            ids.map(|trace| trace["trace_id"].as_str().unwrap()[1..2].to_owned()).collect();
        (ids.join(""), list["next_before"].clone())
    };
    assert_eq!(ids("/api/v1/traces"), ("654321".into(), Value::Null));
    assert_eq!(ids("/api/v1/traces?limit=1000").0, "654321");
    assert_eq!(ids("/api/v1/traces?verdict=drop").0, "642");
    assert_eq!(ids("/api/v1/traces?policy=tr%C3%A8s+slow+%26%20sure&verdict=keep").0, "531");
    assert_eq!(ids("/api/v1/traces?close_reason=drain").0, "");
    let (first, cursor) = ids("/api/v1/traces?limit=4");
    assert_eq!(first, "6543");
    let rest = ids(&format!("/api/v1/traces?limit=4&before={cursor}"));
    assert_eq!(rest, ("21".into(), Value::Null));
}

#[test]
fn a_trace_is_shown_with_votes_and_waterfall() {
    let server = Server::start();
    server.live.record(kept(0xab, "errors", recommendation()));
    server.live.record(dropped(0xcd));
    let trace = server.get(&format!("/api/v1/traces/{}", "AB".repeat(16))).json();
    assert_eq!(trace["trace_id"], "ab".repeat(16));
    assert_eq!(trace["votes"], json!([{"policy": "errors", "vote": "sampled"}]));
    assert_eq!(trace["waterfall"][1]["name"], "Feature Extraction");
    assert_eq!(trace["waterfall_note"], Value::Null);
    let trace = server.get(&format!("/api/v1/traces/{}", "cd".repeat(16))).json();
    assert_eq!(trace["verdict"], "drop");
    assert_eq!(trace["waterfall"], Value::Null);
    assert!(trace["waterfall_note"].as_str().unwrap().contains("was dropped"));
}

#[test]
fn bad_requests_say_what_is_wrong_and_what_would_do() {
    let server = Server::start();
    let unknown_trace = format!("/api/v1/traces/{}", "12".repeat(16));
    let with_query = format!("{unknown_trace}?full=1");
    let long = format!("/api/v1/traces/{}", "z".repeat(5000));
    for (method, target, status, error) in [
        ("GET", "/api/v1/traces/xyz", 400, "trace ID: expected 32 hex digits, got \"xyz\""),
        ("GET", "/api/v1/traces/%ff", 400, "unreadable path: "),
        ("GET", "/api/v1/traces/", 404, "no such path: \"/api/v1/traces/\""),
        ("GET", &long, 400, "trace ID: expected 32 hex digits, got \"zzz"),
        ("GET", &unknown_trace, 404, "trace 1212"),
        ("GET", &with_query, 400, "unknown query key \"full\""),
        ("GET", "/api/v1/traces?limit=0", 400, "query key limit: expected a number from 1 to 1000"),
        ("GET", "/api/v1/traces?limit=1001", 400, "query key limit: "),
        ("GET", "/api/v1/traces?limit=-1", 400, "query key limit: "),
        ("GET", "/api/v1/traces?limit=ten", 400, "query key limit: "),
        ("GET", "/api/v1/traces?limit=5&limit=6", 400, "query key limit: expected once"),
        ("GET", "/api/v1/traces?verdict=sampled", 400, "query key verdict: expected keep or drop"),
        ("GET", "/api/v1/traces?close_reason=", 400, "query key close_reason: expected complete"),
        ("GET", "/api/v1/traces?before=x", 400, "query key before: "),
        ("GET", "/api/v1/traces?polcy=a", 400, "unknown query key \"polcy\""),
        ("GET", "/nowhere", 404, "no such path: \"/nowhere\""),
        ("POST", "/api/v1/traces", 405, "/api/v1/traces: expected GET, got \"POST\""),
        ("DELETE", "/metrics", 405, "/metrics: expected GET, got \"DELETE\""),
        ("BREW", "/", 405, "/: expected GET, got \"BREW\""),
    ] {
        let answer = server.request(method, target);
        assert_eq!(answer.status, status, "{method} {target}: {}", answer.body);
        let problem = answer.json();
        let said = problem["error"].as_str().unwrap();
        assert!(said.starts_with(error), "{method} {target}: {said}");
        assert!(said.len() < 200, "{said}");
        assert!(!problem["remedy"].as_str().unwrap().is_empty());
        assert_eq!(answer.head.contains("\r\nallow: get"), status == 405, "{}", answer.head);
    }
}

#[test]
fn a_reload_is_asked_for_with_the_token_alone() {
    let post = |token: &str| {
        format!(
            "POST /api/v1/reload HTTP/1.1\r\nhost: t\r\nconnection: close\r\ncontent-length: 0\r\n{token}\r\n"
        )
    };
    let bearer = "authorization: Bearer s3cret\r\n";
    let answer = Server::start().raw(post(bearer));
    assert_eq!(answer.status, 403);
    assert!(answer.json()["remedy"].as_str().unwrap().starts_with("set reload.token"));

    let server = Server::start_with(Some(Token::new("s3cret".to_owned())));
    for wrong in ["", "authorization: Bearer s3cre\r\n", "authorization: Basic s3cret\r\n"] {
        let answer = server.raw(post(wrong));
        assert_eq!(answer.status, 401, "{wrong}");
        assert!(answer.head.contains("www-authenticate: bearer"), "{}", answer.head);
    }
    assert!(server.requests.0.try_recv().is_err(), "nobody was let in");
    for (found, status, outcome) in [
        (Ok(true), 200, "taken"),
        (Ok(false), 200, "unchanged"),
        (Err("no".into()), 422, "refused"),
    ] {
        let said = Reloaded::now(Asker::Http, "beef".to_owned(), found);
        let asking = server.send(post(bearer));
        let request = server.requests.0.recv_timeout(Duration::from_secs(30)).unwrap();
        let Request::Http(sender) = request else { panic!("a signal came") };
        sender.send(said).unwrap();
        let answer = Server::answer(asking);
        assert_eq!(answer.status, status);
        let answer = answer.json();
        assert_eq!((&answer["outcome"], &answer["fingerprint"]), (&json!(outcome), &json!("beef")));
    }
}

#[test]
fn what_is_in_force_is_shown() {
    assert_eq!(
        Server::start().get("/api/v1/reload").json(),
        json!({"fingerprint": "f00d", "taken": 0, "refused": 0, "last": null})
    );
}

#[test]
fn garbage_does_not_end_the_server() {
    let server = Server::start();
    for garbage in [&b"\0\x01\x02\r\n\r\n"[..], b"GET / HTTP/9.9\r\n\r\n", b"GET  \r\n\r\n"] {
        let mut stream = server.connect();
        stream.write_all(garbage).unwrap();
        // Whether it is refused or cut off, it ends.
        let _ = stream.read_to_end(&mut Vec::new());
    }
    assert_eq!(server.get("/healthz").status, 200);
}

#[test]
fn a_silent_connection_does_not_hold_up_the_stop() {
    let mut server = Server::start();
    let mut silent = server.connect();
    silent.write_all(b"GET /healthz HTTP/1.1\r\n").unwrap();
    assert_eq!(server.get("/healthz").status, 200);
    server.stop();
}

#[test]
fn connections_beyond_the_bound_wait_for_a_place() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut listener = bounded_listener(2, IDLE_MAX).await;
        let address = listener.address().unwrap();
        let _peers = [(); 3].map(|()| TcpStream::connect(address).unwrap());
        let first = listener.accept().await;
        let _second = listener.accept().await;
        let mut third = pin!(listener.accept());
        let pending = poll_fn(|context| Poll::Ready(third.as_mut().poll(context).is_pending()));
        assert!(pending.await);
        drop(first);
        third.await;
    });
}

#[test]
fn a_silent_connection_is_closed_and_a_lively_one_is_not() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let idle_max = Duration::from_millis(100);
        let mut listener = bounded_listener(2, idle_max).await;
        let mut peer = TcpStream::connect(listener.address().unwrap()).unwrap();
        let (mut connection, _) = listener.accept().await;
        let start = Instant::now();
        while start.elapsed() < 2 * idle_max {
            peer.write_all(b"x").unwrap();
            assert_eq!(read(&mut connection).await.unwrap(), 1);
        }
        let silent = read(&mut connection).await.unwrap_err();
        assert_eq!(silent.kind(), ErrorKind::TimedOut);
    });
}

async fn read(connection: &mut connection::Connection) -> io::Result<usize> {
    let mut bytes = [0; 8];
    let mut buffer = ReadBuf::new(&mut bytes);
    poll_fn(|context| pin!(&mut *connection).poll_read(context, &mut buffer)).await?;
    Ok(buffer.filled().len())
}

async fn bounded_listener(connections_max: usize, idle_max: Duration) -> BoundedListener {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    BoundedListener::new(listener, connections_max, idle_max)
}

#[test]
fn a_busy_default_port_moves_and_a_busy_configured_one_is_an_error() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let moved = bind(address, false).unwrap().local_addr().unwrap();
    assert!((1..=PORTS_TRIED).contains(&(moved.port() - address.port())), "{moved}");
    let error = bind(address, true).unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "http.listen: {address} is in use; stop the other process, give a free port, or \
             `http: off`"
        )
    );
}

#[test]
fn an_address_of_another_machine_is_an_error_and_not_a_busy_port() {
    // 192.0.2.0/24 is documentation's (RFC 5737): no machine has it.
    let error = bind("192.0.2.1:8080".parse().unwrap(), false).unwrap_err();
    assert!(error.to_string().starts_with("http.listen: cannot listen on 192.0.2.1:8080; "));
}

#[test]
fn only_a_shadow_says_that_it_is_one() {
    for (is_shadow, mode) in [(true, json!("shadow")), (false, json!(null))] {
        let health = Health::new(1).shadowing(is_shadow);
        for report in [health.alive(), health.ready()] {
            assert_eq!(serde_json::to_value(&report).unwrap()["mode"], mode);
        }
    }
}
