//! Requests to a host that may die at any moment.

use std::net::SocketAddr;

use anyhow::{Context as _, ensure};
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, body::Bytes, header::CONTENT_TYPE};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;

/// A client. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client(legacy::Client<HttpConnector, Full<Bytes>>);

/// An answer that came in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub body: Bytes,
}

impl Default for Client {
    fn default() -> Self {
        Self(legacy::Client::builder(TokioExecutor::new()).build(HttpConnector::new()))
    }
}

impl Client {
    /// # Errors
    /// If there is no answer, or only a part of it.
    pub async fn post(
        &self,
        to: SocketAddr,
        path: &str,
        key: Option<&str>,
        body: &Value,
    ) -> anyhow::Result<Answer> {
        let mut request =
            Request::post(format!("http://{to}{path}")).header(CONTENT_TYPE, "application/json");
        if let Some(key) = key {
            request = request.header("idempotency-key", format!("\"{key}\""));
        }
        self.answer(request.body(body.to_string().into())?).await
    }

    /// What a path shows.
    ///
    /// # Errors
    /// If it is not shown.
    pub async fn get(&self, from: SocketAddr, path: &str) -> anyhow::Result<Value> {
        let answer = self.answer(Request::get(format!("http://{from}{path}")).body(Full::default())?).await?;
        answer.json(200).with_context(|| path.to_owned())
    }

    async fn answer(&self, request: Request<Full<Bytes>>) -> anyhow::Result<Answer> {
        let response = self.0.request(request).await?;
        let status = response.status().as_u16();
        Ok(Answer { status, body: response.into_body().collect().await?.to_bytes() })
    }
}

impl Answer {
    /// The body, if the status is this one.
    ///
    /// # Errors
    /// If it is another, or the body no JSON.
    pub fn json(&self, status: u16) -> anyhow::Result<Value> {
        let said = String::from_utf8_lossy(&self.body);
        ensure!(self.status == status, "{} and not {status}: {said}", self.status);
        serde_json::from_slice(&self.body).with_context(|| said.into_owned())
    }
}
