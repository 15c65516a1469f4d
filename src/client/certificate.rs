use super::{Error, Target};
use crate::transport;

/// Returns the certificate that a host shows (DER), or `None` where it is reached over http. Nobody logs in.
pub async fn certificate_of(target: &Target) -> Result<Option<Vec<u8>>, Error> {
    let certificate = transport::certificate_of(&target.endpoint, &target.options).await;
    certificate.map_err(|source| Error::Transport {
        operation: "looking at the certificate".to_owned(),
        source: Box::new(source),
    })
}
