//! Resolves names to addresses that may be connected to.
//!
//! The connection goes to an address that was checked: a name that changes its mind in between gains nothing.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use hyper_util::client::legacy::connect::dns::Name;
use mecha_primitives::address::is_public;

#[derive(Debug, Clone)]
pub(super) struct Resolver {
    pub private: bool,
}

/// An upstream's addresses are all in the host's own neighbourhood.
#[derive(Debug, thiserror::Error)]
#[error("the host has only addresses that need `private: true`")]
pub(super) struct Prohibited;

impl tower_service::Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let private = self.private;
        Box::pin(async move {
            let mut found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let any = !found.is_empty();
            found.retain(|address| private || is_public(address.ip()));
            if any && found.is_empty() {
                return Err(io::Error::other(Prohibited));
            }
            Ok(found.into_iter())
        })
    }
}
