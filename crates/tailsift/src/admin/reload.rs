//! Asking for a reload, and what is told of it.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use super::Surface;
use super::api::Problem;
use crate::reload::{Answer, Outcome};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whoever can reach the port sees what is wrong with a file, but no line of it.
pub(super) async fn show(State(surface): State<Arc<Surface>>) -> impl IntoResponse {
    Json(surface.desk.standing().without_quotes())
}

/// 200 if the file's rules are in force, 422 if it was refused.
pub(super) async fn ask(State(surface): State<Arc<Surface>>, headers: HeaderMap) -> Response {
    let Some(token) = surface.desk.token() else {
        return problem(
            StatusCode::FORBIDDEN,
            "reload.token: expected a token that callers must show, got none",
            "set reload.token and restart, or send SIGHUP to the process",
        )
        .into_response();
    };
    if !shown(&headers).is_some_and(|shown| token.is(shown)) {
        let refusal = problem(
            StatusCode::UNAUTHORIZED,
            "Authorization: expected Bearer and the value of reload.token, got something else",
            "send the token that the configuration file names",
        );
        let mut response = refusal.into_response();
        let scheme = HeaderValue::from_static("Bearer");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        return response;
    }
    let answer = match surface.desk.ask() {
        Some(answer) => timeout(PATIENCE, answer).await,
        None => return unanswered(),
    };
    match answer {
        Ok(Ok(answer)) => (status(&answer), Json(answer)).into_response(),
        Ok(Err(_)) | Err(_) => unanswered(),
    }
}

fn shown(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn status(answer: &Answer) -> StatusCode {
    match answer.outcome {
        Outcome::Taken | Outcome::Unchanged => StatusCode::OK,
        Outcome::Refused => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

fn unanswered() -> Response {
    problem(
        StatusCode::SERVICE_UNAVAILABLE,
        "the configuration file was not looked at in time: the process starts, stops, or is asked too often",
        "see GET /api/v1/reload, and ask again",
    )
    .into_response()
}

fn problem(status: StatusCode, error: &str, remedy: &str) -> Problem {
    Problem { status, error: error.to_owned(), remedy: remedy.to_owned() }
}
