//! The directory: `serialNumber` of a virtual server's object. It is only read; this program never writes there.

use std::fmt;

use async_trait::async_trait;

/// Why the directory gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the directory gave no version of {server}: {why}")]
pub struct DirectoryError {
    /// Which virtual server.
    pub server: String,
    /// Why.
    pub why: String,
}

/// Something that knows the versions of virtual servers, as Active Directory does.
#[async_trait]
pub trait Directory: Send + Sync + fmt::Debug {
    /// `serialNumber` of the server object with this name: `Version 6.5 (Build 7638.2: Service Pack 2)`.
    /// None: there is no such object.
    ///
    /// # Errors
    /// When the directory can't be asked.
    async fn serial_number(&self, server: &str) -> Result<Option<String>, DirectoryError>;
}
