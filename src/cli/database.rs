//! Which database a command speaks to.

use std::sync::Once;

use super::{arguments::Global, console::Console};
use crate::{
    error::Result,
    postgres::{embedded::EmbeddedServer, endpoint::Endpoint},
};

/// The database that is named somewhere, else the embedded server, started if need be.
pub(super) async fn endpoint(global: &Global, console: &Console) -> Result<Endpoint> {
    match named(global, console)? {
        Some(endpoint) => Ok(endpoint),
        None => EmbeddedServer::of_user()?.ensure_started().await,
    }
}

/// The database that is named by an option or the environment, if one is.
pub(super) fn named(global: &Global, console: &Console) -> Result<Option<Endpoint>> {
    let endpoint = Endpoint::resolve(global.database.as_deref())?;
    if let Some(endpoint) = &endpoint {
        // Several pipelines of one command ask for the same database.
        static TOLD: Once = Once::new();
        TOLD.call_once(|| {
            endpoint.warnings().iter().for_each(|warning| console.warn(warning));
        });
    }
    Ok(endpoint)
}
