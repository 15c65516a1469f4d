//! Identify: who answers there (DSP0226 11).

use crate::xml::{Element, Reader, Writer};

use super::error::Error;
use super::instance::{Decoder, Style};
use super::names::IDENTITY;
use super::operation::{Head, Operation};

/// `wsmid:Identify`: the one request that needs no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identify;

/// `wsmid:IdentifyResponse`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Identity {
    /// The namespaces of the protocol versions that the service speaks.
    pub protocol_versions: Vec<String>,
    /// Who made the service.
    pub vendor: Option<String>,
    /// Its version: `OS: 10.0.20348 SP: 0.0 Stack: 3.0`, with zeros for who has not logged in.
    pub version: Option<String>,
    /// The security profiles it names.
    pub security_profiles: Vec<String>,
    /// Everything else it says, by local name.
    pub others: Vec<(String, String)>,
}

impl Operation for Identify {
    type Reply = Identity;

    const REPEATABLE: bool = true;

    fn head(&self) -> Head<'_> {
        Head::default()
    }

    fn write_body(&self, writer: &mut Writer) {
        writer.start(IDENTITY, "Identify").end();
    }

    fn read_reply(
        &self,
        reader: &mut Reader<'_>,
        first: Option<Element<'_>>,
        _: &mut Decoder<'_>,
    ) -> Result<Identity, Error> {
        // OMI puts the wrapper into SOAP's namespace: the local name decides.
        match first {
            Some(element) if element.name.local == "IdentifyResponse" => Identity::read(reader),
            Some(other) => Err(Error::unexpected("wsmid:IdentifyResponse", other.name.local, other.offset)),
            None => Err(Error::missing("wsmid:IdentifyResponse", "s:Body")),
        }
    }

    fn write_reply(&self, reply: &Identity, _: Style, writer: &mut Writer) {
        writer.start(IDENTITY, "IdentifyResponse");
        for version in &reply.protocol_versions {
            writer.element(IDENTITY, "ProtocolVersion", version);
        }
        for (local, text) in [("ProductVendor", &reply.vendor), ("ProductVersion", &reply.version)] {
            if let Some(text) = text {
                writer.element(IDENTITY, local, text);
            }
        }
        if !reply.security_profiles.is_empty() {
            writer.start(IDENTITY, "SecurityProfiles");
            for profile in &reply.security_profiles {
                writer.element(IDENTITY, "SecurityProfileName", profile);
            }
            writer.end();
        }
        for (local, text) in &reply.others {
            writer.element(IDENTITY, local, text);
        }
        writer.end();
    }
}

impl Identity {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let mut identity = Self::default();
        while let Some(element) = reader.child()? {
            match element.name.local {
                "ProtocolVersion" => identity.protocol_versions.push(reader.trimmed()?),
                "ProductVendor" => identity.vendor = Some(reader.trimmed()?),
                "ProductVersion" => identity.version = Some(reader.trimmed()?),
                "SecurityProfiles" => {
                    while let Some(profile) = reader.child()? {
                        match profile.name.local {
                            "SecurityProfileName" => identity.security_profiles.push(reader.trimmed()?),
                            _ => reader.skip()?,
                        }
                    }
                }
                other => {
                    let other = other.to_owned();
                    let text = flat_text(reader)?;
                    identity.others.push((other, text));
                }
            }
        }
        Ok(identity)
    }
}

/// Reads the text of the current element and of everything in it: what a vendor adds has any shape.
fn flat_text(reader: &mut Reader<'_>) -> Result<String, Error> {
    let mut text = String::new();
    let mut open = 1;
    while open > 0 {
        match reader.node()? {
            crate::xml::Node::Text(piece) => text.push_str(&piece),
            crate::xml::Node::Element(_) => open += 1,
            crate::xml::Node::End => open -= 1,
        }
    }
    Ok(text.trim().to_owned())
}
