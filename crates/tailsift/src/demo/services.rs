//! A small recommender: five services that call each other over HTTP.
//!
//! ```text
//! gateway → recommendation → feature-store → (Redis)
//!                          → embeddings
//!                          → model-server
//! ```
//!
//! Their work is waiting; how long, and what goes wrong, is drawn from the seed. Whatever they
//! meant to do, only what their spans say counts in the end.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use axum::routing::post;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanExporter};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::dice::Dice;
use super::telemetry::{self, Step, Telemetry};

mod handlers;
#[cfg(test)]
mod tests;

/// The services at work, and the address to ask.
#[derive(Debug)]
pub(super) struct Services {
    gateway: Peer,
    http: HttpClient,
    providers: Vec<SdkTracerProvider>,
    /// Ends the servers when dropped.
    servers: JoinSet<std::io::Result<()>>,
}

/// What one user wants to know; the body of every request.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Question {
    /// The request's number: the choices hang on it.
    pub(super) request: u64,
    pub(super) user: u64,
    /// 0, then 1 if it is asked again.
    pub(super) attempt: u32,
}

/// A service as its callers see it.
#[derive(Debug, Clone, Copy)]
struct Peer {
    name: &'static str,
    route: &'static str,
    address: SocketAddr,
}

/// A service as it sees itself.
#[derive(Debug)]
struct Service<P> {
    name: &'static str,
    seed: u64,
    telemetry: Telemetry,
    http: HttpClient,
    peers: P,
}

/// Whom the recommendation service asks.
#[derive(Debug, Clone, Copy)]
struct Backends {
    features: Peer,
    embeddings: Peer,
    model: Peer,
}

type HttpClient = Client<HttpConnector, Body>;

impl Services {
    /// Starts all five on free loopback ports.
    ///
    /// # Errors
    /// If there is no free port.
    pub(super) async fn start<E: SpanExporter + 'static>(
        seed: u64,
        mut exporter: impl FnMut() -> E,
    ) -> anyhow::Result<Self> {
        let http = Client::builder(TokioExecutor::new()).build_http();
        let mut site = Site { seed, http, providers: Vec::new(), servers: JoinSet::new() };

        let features = site.service("feature-store", "1.9.3", (), exporter());
        let route = post(handlers::features).with_state(features);
        let features = site.serve("feature-store", "/features", route).await?;

        let embeddings = site.service("embeddings", "3.0.7", (), exporter());
        let route = post(handlers::embeddings).with_state(embeddings);
        let embeddings = site.serve("embeddings", "/embed", route).await?;

        let model = site.service("model-server", "7.1.2", (), exporter());
        let route = post(handlers::model).with_state(model);
        let model = site.serve("model-server", "/v2/models/recsys-ranker/infer", route).await?;

        let backends = Backends { features, embeddings, model };
        let recommendation = site.service("recommendation", "2.8.1", backends, exporter());
        let route = post(handlers::recommendation).with_state(recommendation);
        let recommendation = site.serve("recommendation", "/recommendations", route).await?;

        let gateway = site.service("gateway", "4.2.0", recommendation, exporter());
        let route = post(handlers::gateway).with_state(gateway);
        let gateway = site.serve("gateway", "/recommend", route).await?;

        let Site { http, providers, servers, .. } = site;
        Ok(Self { gateway, http, providers, servers })
    }

    /// A user of the gateway: one without tracing.
    pub(super) fn user(&self) -> User {
        User { gateway: self.gateway, http: self.http.clone() }
    }

    /// Exports what is left and stops the services. Blocks; no request may be under way.
    ///
    /// # Errors
    /// If spans could not be exported.
    pub(super) fn stop(mut self) -> anyhow::Result<()> {
        self.servers.abort_all();
        for provider in &self.providers {
            provider.shutdown().context("exporting the last spans of a demonstration service")?;
        }
        Ok(())
    }
}

/// Asks the gateway.
#[derive(Debug, Clone)]
pub(super) struct User {
    gateway: Peer,
    http: HttpClient,
}

impl User {
    /// Asks once; the answer's status.
    ///
    /// # Errors
    /// If no answer came.
    pub(super) async fn ask(&self, question: Question) -> anyhow::Result<StatusCode> {
        send(&self.http, self.gateway, question, header::HeaderMap::new()).await
    }
}

/// The services while they are started.
struct Site {
    seed: u64,
    http: HttpClient,
    providers: Vec<SdkTracerProvider>,
    servers: JoinSet<std::io::Result<()>>,
}

impl Site {
    fn service<P>(
        &mut self,
        name: &'static str,
        version: &'static str,
        peers: P,
        exporter: impl SpanExporter + 'static,
    ) -> Arc<Service<P>> {
        let provider = telemetry::provider(telemetry::resource(name, version), exporter);
        let telemetry = Telemetry::new(&provider);
        self.providers.push(provider);
        Arc::new(Service { name, seed: self.seed, telemetry, http: self.http.clone(), peers })
    }

    async fn serve(
        &mut self,
        name: &'static str,
        route: &'static str,
        handler: axum::routing::MethodRouter,
    ) -> anyhow::Result<Peer> {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .with_context(|| format!("opening a loopback port for the service {name}"))?;
        let address = listener
            .local_addr()
            .with_context(|| format!("asking for the port of the service {name}"))?;
        let router = Router::new().route(route, handler);
        self.servers.spawn(async move { axum::serve(listener, router).await });
        Ok(Peer { name, route, address })
    }
}

impl<P> Service<P> {
    fn dice(&self, question: Question) -> Dice {
        let place = format!("{}/{}", self.name, question.attempt);
        Dice::new(self.seed, question.request, &place)
    }

    /// Asks another service, in a span of its own.
    async fn call(&self, parent: &Step, peer: Peer, question: Question) -> StatusCode {
        let (step, headers) = self.telemetry.request(parent, peer.name, peer.address.port());
        if question.attempt > 0 {
            step.set("http.request.resend_count", i64::from(question.attempt));
        }
        match send(&self.http, peer, question, headers).await {
            Ok(status) => {
                step.set("http.response.status_code", i64::from(status.as_u16()));
                if status.is_server_error() {
                    step.fail(error_type(status), format!("{} answered {status}", peer.name));
                }
                status
            }
            Err(error) => {
                step.fail("connection", format!("{error:#}"));
                StatusCode::BAD_GATEWAY
            }
        }
    }
}

/// The low-cardinality name of a failure (semantic conventions, `error.type`).
fn error_type(status: StatusCode) -> &'static str {
    match status {
        StatusCode::INTERNAL_SERVER_ERROR => "500",
        StatusCode::BAD_GATEWAY => "502",
        StatusCode::SERVICE_UNAVAILABLE => "503",
        _ => "_OTHER",
    }
}

async fn send(
    http: &HttpClient,
    peer: Peer,
    question: Question,
    headers: header::HeaderMap,
) -> anyhow::Result<StatusCode> {
    let body = serde_json::to_vec(&question).context("writing a question")?;
    let mut request = Request::post(format!("http://{}{}", peer.address, peer.route))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body))
        .context("making a request")?;
    request.headers_mut().extend(headers);
    let response =
        http.request(request).await.with_context(|| format!("asking the service {}", peer.name))?;
    Ok(response.status())
}
