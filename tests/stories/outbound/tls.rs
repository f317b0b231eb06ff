//! HTTPS: with a certificate that is trusted, and with others.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpStream},
    sync::Arc,
};

use mecha_tests::host::{App, Host, serve};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};

use super::{
    assert_failed, fetch, sent,
    server::{Server, Stream},
};

/// Somebody who signs certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A server with a certificate for this name.
    fn server(&self, name: &str) -> Server {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let chain = vec![CertificateDer::from(certificate.der().to_vec())];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let config = Arc::new(config);
        Server::wrapped(move |socket: TcpStream| {
            let mut stream = StreamOwned::new(ServerConnection::new(config.clone()).ok()?, socket);
            stream.conn.complete_io(&mut stream.sock).ok()?;
            Some(Box::new(stream) as Box<dyn Stream>)
        })
    }
}

/// A host that trusts this authority and no other, with a probe that may go to these servers.
fn host(trusted: &Authority, servers: &[&Server]) -> (Host, App) {
    let grants: Vec<_> = servers
        .iter()
        .map(|server| format!("{{ host: 'https://localhost:{}', private: true }}", server.port))
        .collect();
    let app = App::new(&format!(
        "
name: tls
components:
  probe:
    source: '{{guests}}/probe.wasm'
    http: [/]
    outbound: [{}]
",
        grants.join(", ")
    ))
    .with_file("roots.pem", trusted.0.pem());
    let roots = app.path().join("roots.pem");
    (Host::run(serve(app.path(), &[]).env("SSL_CERT_FILE", roots).env_remove("SSL_CERT_DIR")), app)
}

fn url(server: &Server) -> String {
    format!("https://localhost:{}/", server.port)
}

#[test]
fn a_server_whose_certificate_is_trusted_is_spoken_to() {
    let authority = Authority::new();
    let server = authority.server("localhost");
    let (host, _app) = host(&authority, &[&server]);
    for _ in 0..2 {
        assert_eq!(fetch(&host, &url(&server)).text(), "200\nhello from connection 1");
    }
    assert_eq!(server.requests(), ["GET /", "GET /"]);
    assert_eq!(sent(&host, "ok"), 2.0);
}

#[test]
fn a_server_whose_certificate_is_not_trusted_is_not() {
    let (trusted, other) = (Authority::new(), Authority::new());
    let good = trusted.server("localhost");
    let untrusted = other.server("localhost");
    let misnamed = trusted.server("elsewhere.example");
    let plain = Server::wrapped(|mut socket: TcpStream| {
        // It hears something that is no HTTP, and says so.
        _ = socket.read(&mut [0; 512]);
        _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
        _ = socket.shutdown(Shutdown::Write);
        _ = socket.read_to_end(&mut vec![]);
        None
    });
    let (host, _app) = host(&trusted, &[&good, &untrusted, &misnamed, &plain]);
    assert_failed(&fetch(&host, &url(&untrusted)), "TlsCertificateError");
    assert_failed(&fetch(&host, &url(&misnamed)), "TlsCertificateError");
    assert_failed(&fetch(&host, &url(&plain)), "TlsProtocolError");
    assert_eq!(sent(&host, "unavailable"), 3.0);
    assert_eq!(untrusted.requests().len() + misnamed.requests().len(), 0, "nothing of a request was sent");
    assert_eq!(fetch(&host, &url(&good)).status, 200);
}

#[test]
fn a_grant_of_https_is_none_of_http() {
    let authority = Authority::new();
    let server = authority.server("localhost");
    let (host, _app) = host(&authority, &[&server]);
    assert_failed(&fetch(&host, &url(&server).replace("https", "http")), "HttpRequestDenied");
    assert_eq!(server.connections(), 0);
}
