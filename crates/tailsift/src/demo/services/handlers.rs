//! What each service does with a question.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};

use super::{Backends, Dice, Peer, Question, Service, Step, error_type};

/// Feature look-ups that wait for a slow shard, for 550 to 700 ms.
const SLOW_LOOKUP: f64 = 0.03;
/// Embeddings that fail at the first attempt; the second one works.
const EMBEDDINGS_OVERLOADED: f64 = 0.01;
/// Predictions that fail for good.
const MODEL_FAILS: f64 = 0.016;
/// Predictions that wait for a cold accelerator, for 520 to 750 ms.
const MODEL_COLD: f64 = 0.015;
/// Requests that the new model answers.
const NEW_MODEL: f64 = 0.3;
/// Of these, the share that the new preprocessing prepares.
const NEW_PREPROCESSING: f64 = 0.5;
/// Unsure predictions: of the new model on the new preprocessing, and of all others.
const UNSURE_DRIFTED: f64 = 0.14;
const UNSURE: f64 = 0.015;

pub(super) async fn gateway(
    State(service): State<Arc<Service<Peer>>>,
    headers: HeaderMap,
    Json(question): Json<Question>,
) -> StatusCode {
    let step = service.telemetry.serve(&headers, "/recommend");
    step.set("user.id", format!("user-{}", question.user));
    let answer = service.call(&step, service.peers, question).await;
    let status = if answer.is_success() { StatusCode::OK } else { StatusCode::BAD_GATEWAY };
    answered(&step, status, "no recommendation")
}

pub(super) async fn recommendation(
    State(service): State<Arc<Service<Backends>>>,
    headers: HeaderMap,
    Json(question): Json<Question>,
) -> StatusCode {
    let step = service.telemetry.serve(&headers, "/recommendations");
    let mut dice = service.dice(question);
    let Backends { features, embeddings, model } = service.peers;

    if !service.call(&step, features, question).await.is_success() {
        return answered(&step, StatusCode::BAD_GATEWAY, "no features");
    }
    let mut embedded = service.call(&step, embeddings, question).await;
    if embedded == StatusCode::SERVICE_UNAVAILABLE {
        let again = Question { attempt: question.attempt + 1, ..question };
        embedded = service.call(&step, embeddings, again).await;
    }
    if !embedded.is_success() {
        return answered(&step, StatusCode::BAD_GATEWAY, "no embeddings");
    }
    if !service.call(&step, model, question).await.is_success() {
        return answered(&step, StatusCode::BAD_GATEWAY, "no prediction");
    }
    let rank = service.telemetry.step(&step, "Rank Candidates");
    rank.set("candidates", 200);
    rank.set("returned", 20);
    work(dice.between(1.0, 4.0)).await;
    drop(rank);
    answered(&step, StatusCode::OK, "")
}

pub(super) async fn features(
    State(service): State<Arc<Service<()>>>,
    headers: HeaderMap,
    Json(question): Json<Question>,
) -> StatusCode {
    let step = service.telemetry.serve(&headers, "/features");
    let mut dice = service.dice(question);
    let slow = dice.chance(SLOW_LOOKUP);

    let extraction = service.telemetry.step(&step, "Feature Extraction");
    extraction.set("feature.set", "user-item-v4");
    extraction.set("feature.count", 148);
    let query = service.telemetry.query(&extraction, "redis", "HGETALL");
    query.set("db.query.text", "HGETALL user:?");
    query.set("shard", if slow { "fs-03" } else { "fs-01" });
    work(if slow { dice.between(550.0, 700.0) } else { dice.skewed(4.0, 36.0) }).await;
    drop(query);
    work(1.0).await;
    drop(extraction);
    answered(&step, StatusCode::OK, "")
}

pub(super) async fn embeddings(
    State(service): State<Arc<Service<()>>>,
    headers: HeaderMap,
    Json(question): Json<Question>,
) -> StatusCode {
    let step = service.telemetry.serve(&headers, "/embed");
    let mut dice = service.dice(question);
    if question.attempt == 0 && dice.chance(EMBEDDINGS_OVERLOADED) {
        work(2.0).await;
        return answered(&step, StatusCode::SERVICE_UNAVAILABLE, "all accelerators busy");
    }
    step.set("gen_ai.operation.name", "embeddings");
    step.set("gen_ai.request.model", "text-embed-2");
    step.set("gen_ai.usage.input_tokens", input_tokens(&service, question));
    work(dice.skewed(6.0, 30.0)).await;
    answered(&step, StatusCode::OK, "")
}

pub(super) async fn model(
    State(service): State<Arc<Service<()>>>,
    headers: HeaderMap,
    Json(question): Json<Question>,
) -> StatusCode {
    let step = service.telemetry.serve(&headers, "/v2/models/recsys-ranker/infer");
    let mut dice = service.dice(question);
    let prediction = Prediction::draw(&mut dice);

    let predict = service.telemetry.step(&step, "predict");
    predict.set("gen_ai.request.model", "recsys-ranker");
    predict.set("model_version", prediction.model_version);
    predict.set("preprocessing_version", prediction.preprocessing_version);
    predict.set("input_token_count", input_tokens(&service, question));
    if dice.chance(MODEL_FAILS) {
        work(dice.between(5.0, 15.0)).await;
        predict.fail("OutOfMemory", "the accelerator is out of memory");
        drop(predict);
        return answered(&step, StatusCode::INTERNAL_SERVER_ERROR, "inference failed");
    }
    let cold = dice.chance(MODEL_COLD);
    if cold {
        predict.set("accelerator.cold", true);
    }
    let milliseconds = if cold { dice.between(520.0, 750.0) } else { dice.skewed(20.0, 80.0) };
    work(milliseconds).await;
    predict.set("inference_latency", rounded(milliseconds));
    predict.set("prediction_confidence", prediction.confidence);
    drop(predict);
    answered(&step, StatusCode::OK, "")
}

/// Which model answers, and how sure it is.
struct Prediction {
    model_version: &'static str,
    preprocessing_version: &'static str,
    confidence: f64,
}

impl Prediction {
    fn draw(dice: &mut Dice) -> Self {
        let new_model = dice.chance(NEW_MODEL);
        let new_preprocessing = new_model && dice.chance(NEW_PREPROCESSING);
        let unsure = dice.chance(if new_preprocessing { UNSURE_DRIFTED } else { UNSURE });
        let confidence = if unsure { dice.between(0.2, 0.49) } else { dice.between(0.62, 0.98) };
        Self {
            model_version: if new_model { "recsys-v3" } else { "recsys-v2" },
            preprocessing_version: if new_preprocessing { "prep-8" } else { "prep-7" },
            confidence: rounded(confidence),
        }
    }
}

/// The user's history in tokens: the same wherever it is counted.
fn input_tokens<P>(service: &Service<P>, question: Question) -> i64 {
    let mut dice = Dice::new(service.seed, question.request, "tokens");
    64 + dice.below(960).cast_signed()
}

/// Ends a span with the status of its answer.
fn answered(step: &Step, status: StatusCode, failure: &'static str) -> StatusCode {
    step.set("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        step.fail(error_type(status), failure);
    }
    status
}

async fn work(milliseconds: f64) {
    tokio::time::sleep(Duration::from_secs_f64(milliseconds / 1000.0)).await;
}

/// To three decimals, as people write them.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
