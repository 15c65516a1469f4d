use std::time::Duration;

use super::caller::label;
use super::{Error, Target};
use crate::cim::Interval;
use crate::wsman::{Operation, RequestHeader, encode_request};

impl Target {
    /// Returns the message that would be sent to the host for an operation, without sending anything: what a
    /// session would say, to the last octet but the message's own identifier.
    ///
    /// ```
    /// use refpoint::cim::ObjectPath;
    /// use refpoint::client::{Credentials, Login, Options, Target};
    /// use refpoint::wsman::Delete;
    ///
    /// let login = Login::new(Credentials::password(r"CORP\backup", "secret"));
    /// let target = Target::new("hv01".parse()?, Options::new(login));
    /// let variable = ObjectPath::new("root/cimv2", "Win32_Environment")
    ///     .with_key("Name", "TEMP2")
    ///     .with_key("UserName", "<SYSTEM>");
    /// let message = target.envelope_of(&Delete::new(variable))?;
    /// assert!(message.contains("http://schemas.xmlsoap.org/ws/2004/09/transfer/Delete"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn envelope_of<O: Operation>(&self, operation: &O) -> Result<String, Error> {
        encode_request(&self.header(self.operation_timeout), operation)
            .map_err(|source| Error::Unwritable { operation: label(operation), source: Box::new(source) })
    }

    /// Returns the headers of the next message.
    pub(super) fn header(&self, patience: Duration) -> RequestHeader {
        let id = uuid::Builder::from_random_bytes((self.random)().to_ne_bytes()).into_uuid();
        let id = format!("uuid:{}", id.hyphenated().to_string().to_uppercase());
        RequestHeader {
            operation_timeout: Some(Interval::new(patience)),
            max_envelope_size: Some(self.max_envelope_size),
            locale: self.locale.clone(),
            data_locale: self.locale.clone(),
            ..RequestHeader::new(self.endpoint.to_string(), id)
        }
    }
}
