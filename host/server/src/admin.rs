//! The admin listener: health, readiness, metrics and calls by people, away from the public one.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

use crate::{
    apps::Apps,
    control::{Control, socket},
    metrics::Metrics,
    shutdown::Shutdown,
};

/// Serves `/healthz`, `/readyz`, `/metrics` and `POST /invoke/COMPONENT/METHOD`, until the very end: a host that drains
/// can be watched.
#[derive(Debug)]
pub struct Admin {
    pub apps: Arc<Apps>,
    pub metrics: Arc<Metrics>,
    pub shutdown: Shutdown,
    pub control: Arc<Control>,
}

impl Admin {
    pub async fn run(self, listener: TcpListener) {
        let admin = Arc::new(self);
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let admin = admin.clone();
                    tokio::spawn(async move {
                        let service = service_fn(move |request| {
                            let admin = admin.clone();
                            async move { Ok::<_, Infallible>(admin.answer(request).await) }
                        });
                        let mut server = http1::Builder::new();
                        server.timer(TokioTimer::new());
                        if let Err(error) = server.serve_connection(TokioIo::new(stream), service).await {
                            tracing::debug!(%error, "admin connection ended");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept admin connections for now");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if request.method() == http::Method::POST && request.uri().path().starts_with("/invoke/") {
            if self.shutdown.has_begun() {
                return text(StatusCode::SERVICE_UNAVAILABLE, "shutting down\n");
            }
            // A page in the operator's browser can send here, too. It cannot leave this field out.
            if request.headers().contains_key(header::ORIGIN) {
                return text(StatusCode::FORBIDDEN, "calls from web pages are not taken\n");
            }
            return socket::answer(&self.control, request).await;
        }
        match request.uri().path() {
            "/healthz" => text(StatusCode::OK, "ok\n"),
            "/readyz" if self.shutdown.has_begun() => {
                text(StatusCode::SERVICE_UNAVAILABLE, "shutting down\n")
            }
            "/readyz" => text(StatusCode::OK, "ready\n"),
            "/metrics" => self.measure(),
            _ => text(
                StatusCode::NOT_FOUND,
                "here are /healthz, /readyz, /metrics and POST /invoke/COMPONENT/METHOD\n",
            ),
        }
    }

    fn measure(&self) -> Response<Full<Bytes>> {
        let live = self.apps.live();
        live.measure(&self.metrics);
        match self.metrics.render() {
            Ok(rendered) => {
                let mut response = Response::new(Full::from(rendered));
                let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
                response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
                response
            }
            Err(error) => {
                tracing::error!(%error, "cannot render metrics");
                text(StatusCode::INTERNAL_SERVER_ERROR, "cannot render metrics\n")
            }
        }
    }
}

fn text(status: StatusCode, body: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response
}
