//! The routes, and what they answer to good and bad requests.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use tailsift_policy::CloseReason;
use tailsift_trace::TraceId;

use super::health::Report;
use super::{Surface, reload};
use crate::live::{Document, Filter, Summaries, close_reason_from_name, verdict_from_name};

/// Traces listed unless `limit` is given.
const LIMIT_DEFAULT: usize = 100;
/// The greatest `limit`.
const LIMIT_MAX: usize = 1000;
/// Characters of a wrong value that an error repeats.
const ECHO_MAX: usize = 80;

const INDEX: &str = "tailsift: tail sampling over Kafka

GET /api/v1/traces       recently decided traces, newest first
                         ?verdict=keep|drop &policy=NAME &close_reason=REASON &limit=1..1000
                         &before=CURSOR (next_before of the page before)
GET /api/v1/traces/{id}  one of them, with votes and waterfall
GET /api/v1/reload       which policies and redaction are in force, and what became of the last file
POST /api/v1/reload      looks at the configuration file now; needs reload.token
GET /metrics             own metrics, Prometheus text format
GET /healthz             200 as long as no worker has died
GET /readyz              200 once every assigned partition is restored and running
";

pub(super) fn router(surface: Arc<Surface>) -> Router {
    Router::new()
        .route("/", get(async || INDEX))
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/api/v1/traces", get(list_traces))
        .route("/api/v1/traces/{id}", get(show_trace))
        .route("/api/v1/reload", get(reload::show).post(reload::ask))
        .method_not_allowed_fallback(wrong_method)
        .fallback(unknown_path)
        .with_state(surface)
}

type Pairs = Result<Query<Vec<(String, String)>>, QueryRejection>;

async fn metrics(State(surface): State<Arc<Surface>>) -> impl IntoResponse {
    let format = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (format, surface.exposition.render())
}

async fn healthz(State(surface): State<Arc<Surface>>) -> Response {
    answer(surface.health.alive())
}

async fn readyz(State(surface): State<Arc<Surface>>) -> Response {
    answer(surface.health.ready())
}

fn answer(report: Report) -> Response {
    let status = if report.good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(report)).into_response()
}

async fn list_traces(
    State(surface): State<Arc<Surface>>,
    query: Pairs,
) -> Result<Response, Problem> {
    let (filter, limit) = read_filter(pairs(query)?)?;
    let page = surface.live.list(&filter, limit);
    Ok(Json(Summaries::new(&page)).into_response())
}

async fn show_trace(
    State(surface): State<Arc<Surface>>,
    path: Result<Path<String>, PathRejection>,
    query: Pairs,
) -> Result<Response, Problem> {
    if let Some((key, _)) = pairs(query)?.first() {
        return Err(Problem::unknown_key(key, "ask without a query"));
    }
    let Path(text) = path.map_err(|error| {
        Problem::bad_request(format!("unreadable path: {error}"), "give a trace ID in hex")
    })?;
    let trace_id: TraceId = text.parse().map_err(|_| {
        Problem::bad_request(
            format!("trace ID: expected 32 hex digits, got {}", echo(&text)),
            "copy the ID from /api/v1/traces",
        )
    })?;
    let trace = surface.live.get(trace_id).ok_or_else(|| Problem {
        status: StatusCode::NOT_FOUND,
        error: format!("trace {trace_id} is not among those decided lately"),
        remedy: "see /api/v1/traces for those that are; older ones are in the kept topic".into(),
    })?;
    // The permit goes with the work, which goes on when the client has left.
    let permit = Arc::clone(&surface.decodes).acquire_owned().await;
    let body = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        serde_json::to_vec(&Document::new(&trace))
    });
    match body.await {
        Ok(Ok(body)) => Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response()),
        Ok(Err(error)) => Err(Problem::internal(&error)),
        Err(error) => Err(Problem::internal(&error)),
    }
}

fn pairs(query: Pairs) -> Result<Vec<(String, String)>, Problem> {
    query.map(|Query(pairs)| pairs).map_err(|error| {
        Problem::bad_request(
            format!("unreadable query: {error}"),
            "write it as key=value&key=value, percent-encoded",
        )
    })
}

fn read_filter(pairs: Vec<(String, String)>) -> Result<(Filter, usize), Problem> {
    let mut filter = Filter::default();
    let mut limit = None;
    for (key, value) in pairs {
        let repeated = match key.as_str() {
            "verdict" => filter
                .verdict
                .replace(known(&key, &value, verdict_from_name(&value), || {
                    "keep or drop".to_owned()
                })?)
                .is_some(),
            "close_reason" => {
                let reason = known(&key, &value, close_reason_from_name(&value), || {
                    CloseReason::ALL.map(CloseReason::name).join(", ")
                })?;
                filter.close_reason.replace(reason).is_some()
            }
            "policy" => filter.policy.replace(value).is_some(),
            "before" => {
                let before = known(&key, &value, value.parse().ok(), || {
                    "the next_before of an earlier page".to_owned()
                })?;
                filter.before.replace(before).is_some()
            }
            "limit" => {
                let parsed = value.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
                let parsed =
                    known(&key, &value, parsed, || format!("a number from 1 to {LIMIT_MAX}"))?;
                limit.replace(parsed).is_some()
            }
            unknown => {
                return Err(Problem::unknown_key(
                    unknown,
                    "use verdict, policy, close_reason, before, limit",
                ));
            }
        };
        if repeated {
            return Err(Problem::bad_request(
                format!("query key {key}: expected once, got it twice"),
                "give each key once",
            ));
        }
    }
    Ok((filter, limit.unwrap_or(LIMIT_DEFAULT)))
}

fn known<T>(
    key: &str,
    value: &str,
    parsed: Option<T>,
    expected: impl Fn() -> String,
) -> Result<T, Problem> {
    parsed.ok_or_else(|| {
        let expected = expected();
        Problem::bad_request(
            format!("query key {key}: expected {expected}, got {}", echo(value)),
            format!("give {expected}"),
        )
    })
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    Problem {
        status: StatusCode::METHOD_NOT_ALLOWED,
        error: format!("{}: expected GET, got {}", uri.path(), echo(method.as_str())),
        remedy: "use GET; there is one POST, /api/v1/reload".into(),
    }
}

async fn unknown_path(uri: Uri) -> Problem {
    Problem {
        status: StatusCode::NOT_FOUND,
        error: format!("no such path: {}", echo(uri.path())),
        remedy: "see / for those that exist".into(),
    }
}

/// A value in quotes, cut short.
fn echo(value: &str) -> String {
    format!("{:?}", value.chars().take(ECHO_MAX).collect::<String>())
}

/// An error as people and programs get it.
#[derive(Debug, Serialize)]
pub(super) struct Problem {
    #[serde(skip)]
    pub(super) status: StatusCode,
    pub(super) error: String,
    pub(super) remedy: String,
}

impl Problem {
    fn bad_request(error: String, remedy: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error, remedy: remedy.into() }
    }

    fn unknown_key(key: &str, remedy: &str) -> Self {
        Self::bad_request(format!("unknown query key {}", echo(key)), remedy)
    }

    fn internal(error: &dyn std::error::Error) -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            error: format!("the trace could not be shown: {error}"),
            remedy: "ask again; if it stays so, report it".into(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status, Json(self)).into_response()
    }
}
