use super::super::{Protection, Result, Seal, kerberos, ntlm};

/// The keys of the finished mechanism.
pub(super) enum Keys {
    Ntlm { sealer: Box<ntlm::Sealer>, signs: bool },
    Kerberos(kerberos::Session),
}

impl Keys {
    pub(super) fn can_sign(&self) -> bool {
        match self {
            Self::Ntlm { signs, .. } => *signs,
            Self::Kerberos(_) => true,
        }
    }

    pub(super) fn mic(&mut self, list: &[u8]) -> Result<Vec<u8>> {
        match self {
            Self::Ntlm { sealer, .. } => sealer.mic(list).map(Vec::from),
            Self::Kerberos(session) => session.mic(list),
        }
    }

    pub(super) fn verify_mic(&mut self, list: &[u8], mic: &[u8]) -> Result<()> {
        match self {
            Self::Ntlm { sealer, .. } => sealer.verify_mic(list, mic),
            Self::Kerberos(session) => session.verify_mic(list, mic),
        }
    }

    pub(super) fn into_seal(self, protection: Protection) -> Option<Box<dyn Seal>> {
        if protection == Protection::Tls {
            return None;
        }
        Some(match self {
            Self::Ntlm { sealer, .. } => sealer,
            Self::Kerberos(session) => Box::new(session),
        })
    }
}
