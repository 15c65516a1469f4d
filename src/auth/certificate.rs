use super::{Chosen, Mechanism, Report, Result, Scheme, Step};

/// The name that stands in `Authorization` when the TLS client certificate is the proof: a security
/// profile of DSP0226, and at the same time the scheme.
pub(super) const SCHEME: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual";

/// A login by TLS client certificate: TLS has proved it already, the header only names the profile.
#[derive(Clone, Copy, Debug, Default)]
pub struct Certificate;

impl Mechanism for Certificate {
    fn scheme(&self) -> Scheme {
        Scheme::Certificate
    }

    fn step(&mut self, _token: Option<&[u8]>) -> Result<Step> {
        Ok(Step::Done { token: None, seal: None, report: Report::new(Chosen::Certificate) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_needs_no_token() {
        let step = Certificate.step(None).unwrap();
        assert!(matches!(step, Step::Done { token: None, seal: None, .. }));
        assert_eq!(Certificate.scheme().name(), SCHEME);
    }
}
