//! `winrm/config`: how the service is set up, which administrators may read.

use crate::cim::ObjectPath;
use crate::wsman::{Decoder, Error, Head, Operation, Style};
use crate::xml::{Element, Namespace, Reader, Writer};

use super::super::scenario::Scenario;
use super::super::service::Hardening;

/// The resource.
pub(in crate::lab) const CONFIG: &str = "http://schemas.microsoft.com/wbem/wsman/1/config";

/// A Get of `winrm/config`, answered as Windows does: elements in the namespace of the resource, and no types.
pub(in crate::lab) struct ReadConfig<'r> {
    pub(in crate::lab) resource: &'r ObjectPath,
    pub(in crate::lab) scenario: &'r Scenario,
}

impl Operation for ReadConfig<'_> {
    type Reply = ();

    const REPEATABLE: bool = true;

    fn head(&self) -> Head<'_> {
        Head::new(crate::wsman::names::action::GET, self.resource)
    }

    fn write_body(&self, _: &mut Writer) {}

    fn read_reply(
        &self,
        reader: &mut Reader<'_>,
        first: Option<Element<'_>>,
        _: &mut Decoder<'_>,
    ) -> Result<(), Error> {
        if first.is_some() {
            reader.skip()?;
        }
        Ok(())
    }

    fn write_reply(&self, (): &(), _: Style, writer: &mut Writer) {
        let cfg = Namespace::new("cfg", CONFIG);
        let (limits, service) = (&self.scenario.limits, &self.scenario.service);
        let yes = |value: bool| if value { "true" } else { "false" };
        writer.start(cfg, "Config");
        writer.element(cfg, "MaxEnvelopeSizekb", &(limits.max_envelope_size / 1024).to_string());
        writer.element(cfg, "MaxTimeoutms", &limits.max_timeout.as_millis().to_string());
        writer.element(cfg, "MaxBatchItems", &limits.max_batch_items.to_string());
        writer.element(cfg, "MaxProviderRequests", "4294967295");
        writer.start(cfg, "Service");
        writer.element(cfg, "MaxConcurrentOperations", "4294967295");
        writer.element(cfg, "MaxConcurrentOperationsPerUser", &limits.max_operations.to_string());
        writer.element(cfg, "EnumerationTimeoutms", &limits.enumeration_timeout.as_millis().to_string());
        writer.element(cfg, "MaxConnections", "300");
        writer.element(cfg, "MaxPacketRetrievalTimeSeconds", "120");
        writer.element(cfg, "AllowUnencrypted", yes(service.allow_unencrypted));
        writer.start(cfg, "Auth");
        writer.element(cfg, "Basic", yes(service.basic));
        writer.element(cfg, "Kerberos", yes(service.kerberos));
        writer.element(cfg, "Negotiate", yes(service.negotiate));
        writer.element(cfg, "Certificate", yes(!service.certificates.is_empty()));
        writer.element(cfg, "CredSSP", "false");
        let hardening = match service.channel_bindings {
            Hardening::None => "None",
            Hardening::Relaxed => "Relaxed",
            Hardening::Strict => "Strict",
        };
        writer.element(cfg, "CbtHardeningLevel", hardening);
        writer.end().end().end();
    }
}
