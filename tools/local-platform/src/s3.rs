//! Embedded S3: buckets as folders of a temporary folder, behind S3's REST protocol by `s3s` and `s3s-fs`.
//!
//! Path-style requests only. Objects are taken with their SHA-256 checked where a request names it.
//!
//! Left out on purpose: signatures are not checked, and there are no lifecycle rules, versions or events. What is
//! stored is gone when the server is dropped.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use uuid::Uuid;

use crate::serving::{self, Serving, Stop};

/// The bytes that one request may carry; AWS takes more, this process does not.
pub const OBJECT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Why S3 could not be started.
#[derive(Debug, thiserror::Error)]
pub enum S3Error {
    /// The loopback port is taken or may not be used.
    #[error("cannot bind 127.0.0.1:{port} for S3")]
    Bind {
        /// The port asked for; 0 stands for any.
        port: u16,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The folder of the objects cannot be made.
    #[error("cannot make the folder {} for S3", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The folder of the objects cannot be served.
    #[error("cannot serve a folder as S3: {0}")]
    Storage(String),
}

/// A running S3; dropping it stops it and removes every object.
#[derive(Debug)]
pub struct LocalS3 {
    serving: Serving,
    folder: Folder,
}

/// A temporary folder, removed when it is dropped.
#[derive(Debug)]
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "the folder of S3 was not removed");
        }
    }
}

impl LocalS3 {
    /// Starts the server on `127.0.0.1:port` (0 picks a free port) with these buckets, empty; it is ready when this
    /// returns.
    ///
    /// # Errors
    /// [`S3Error`] when the port is taken or the folder cannot be made.
    pub async fn start(port: u16, buckets: &[&str]) -> Result<Self, S3Error> {
        let folder = std::env::temp_dir().join(format!("tailrace-s3-{}", Uuid::new_v4()));
        make(&folder)?;
        let folder = Folder(folder);
        for bucket in buckets {
            make(&folder.0.join(bucket))?;
        }
        let storage =
            FileSystem::new(&folder.0).map_err(|error| S3Error::Storage(format!("{error:?}")))?;
        let service = Service {
            s3: S3ServiceBuilder::new(storage).build(),
            folder: folder.0.as_path().into(),
        };
        let (listener, address) = serving::bind(port)
            .await
            .map_err(|source| S3Error::Bind { port, source })?;
        let router = Router::new().fallback(answer).with_state(service);
        Ok(Self {
            serving: Serving::router(listener, address, router, Stop::new()),
            folder,
        })
    }

    /// Returns the address that is served.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.serving.address()
    }

    /// Returns the endpoint to give to a client, such as `AWS_ENDPOINT_URL_S3`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Stops the server after its open requests, and removes every object.
    pub async fn shutdown(self) {
        self.serving.shutdown().await;
        drop(self.folder);
    }
}

fn make(folder: &Path) -> Result<(), S3Error> {
    std::fs::create_dir_all(folder).map_err(|source| S3Error::Folder {
        folder: folder.to_owned(),
        source,
    })
}

/// What answers requests.
#[derive(Clone)]
struct Service {
    s3: S3Service,
    folder: Arc<Path>,
}

impl Service {
    /// Whether a request is to an object of a bucket that was not made; `s3s-fs` would make it.
    fn lacks_bucket(&self, path: &str) -> bool {
        let parts = path.trim_start_matches('/').split_once('/');
        parts.is_some_and(|(bucket, key)| !key.is_empty() && !self.folder.join(bucket).is_dir())
    }
}

async fn answer(State(service): State<Service>, mut request: Request) -> Response {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let bytes = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if bytes.is_some_and(|bytes| bytes > OBJECT_BYTES_MAX) {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    }
    if service.lacks_bucket(request.uri().path()) {
        let xml =
            "<Error><Code>NoSuchBucket</Code><Message>The bucket does not exist</Message></Error>";
        let xml_type = [(header::CONTENT_TYPE, "application/xml")];
        return (StatusCode::NOT_FOUND, xml_type, xml).into_response();
    }
    // Any credentials are right here: a request without a signature is what is answered without looking for one.
    request.headers_mut().remove(header::AUTHORIZATION);
    match (service.s3)
        .call(request.map(s3s::Body::http_body_unsync))
        .await
    {
        Ok(response) => response.map(Body::new),
        Err(error) => {
            tracing::error!(?error, "S3 failed");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
