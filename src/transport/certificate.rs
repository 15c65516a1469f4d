use super::dial;
use super::patience::Patience;
use super::{Endpoint, Error, Fate, Options, Phase};

/// Returns the certificate that a host shows (DER), or `None` where it is reached without TLS. The connection is
/// closed then: nobody logs in.
pub async fn certificate_of(endpoint: &Endpoint, options: &Options) -> Result<Option<Vec<u8>>, Error> {
    let patience = Patience::by_phase(options.timeouts);
    let reached = dial::dial(endpoint, options);
    let reached = patience.wait(Phase::Connect, Fate::NotSent, reached).await??;
    Ok(reached.certificate)
}
