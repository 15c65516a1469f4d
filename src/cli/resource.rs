//! Objects that commands are about: CIM's, and those at any other resource.

use refpoint::cim::{Name, ObjectPath};
use refpoint::client::Session;

use super::connection::ConnectionArgs;
use super::error::Error;
use super::object;
use super::schema::{Schema, Source};

/// One object.
#[derive(Debug, clap::Args)]
pub(crate) struct ObjectArgs {
    /// The object: CLASS key=value…, or its path in one word; with --resource-uri its keys alone
    #[arg(required_unless_present = "resource_uri", value_name = "PATH")]
    path: Vec<String>,
    #[command(flatten)]
    pub(crate) resource: ResourceArgs,
}

/// A resource that is no class.
#[derive(Debug, clap::Args)]
pub(crate) struct ResourceArgs {
    /// Ask for this resource instead of a class: winrm/config, winrm/config/listener, or a whole URI
    #[arg(long, value_name = "URI")]
    pub(crate) resource_uri: Option<String>,
}

impl ObjectArgs {
    /// Returns the object and what is known of its class; the host is asked for that where it shall be.
    pub(crate) async fn find(
        &self,
        source: Source,
        session: &mut Session,
        connection: &ConnectionArgs,
    ) -> Result<(ObjectPath, Schema), Error> {
        let namespace = connection.namespace();
        let schema = match (&self.resource.resource_uri, self.path.first()) {
            (None, Some(first)) if source == Source::Host => {
                let named = object::parse_path(first, &namespace)?;
                let namespace = named.namespace.as_deref().unwrap_or(&namespace);
                Schema::of_host(session, namespace, &named.class, &connection.host()).await?
            }
            _ => Schema::bundled(),
        };
        Ok((self.path(&namespace, &schema)?, schema))
    }

    /// Returns the object, checked against a schema.
    pub(crate) fn path(&self, namespace: &str, schema: &Schema) -> Result<ObjectPath, Error> {
        let Some(uri) = &self.resource.resource_uri else {
            return object::parse_with(&self.path, namespace, schema);
        };
        let mut keys = Vec::new();
        for word in &self.path {
            let (name, value) = object::pair(word)?;
            keys.push((Name::from(name), value.into()));
        }
        Ok(ObjectPath::from_resource(&whole(uri)?, keys))
    }
}

impl ResourceArgs {
    /// Returns the resource, where there is one.
    pub(crate) fn path(&self) -> Result<Option<ObjectPath>, Error> {
        let Some(uri) = &self.resource_uri else { return Ok(None) };
        Ok(Some(ObjectPath::from_resource(&whole(uri)?, Vec::new())))
    }
}

/// Returns a whole URI: winrm's short forms are taken too.
fn whole(uri: &str) -> Result<String, Error> {
    let short = [("winrm/", ""), ("wmi/", "wmi/"), ("wmicimv2/", "wmi/root/cimv2/")];
    for (prefix, place) in short {
        if let Some(rest) = uri.strip_prefix(prefix) {
            return Ok(format!("http://schemas.microsoft.com/wbem/wsman/1/{place}{rest}"));
        }
    }
    if uri.contains("://") && !uri.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Ok(uri.to_owned());
    }
    Err(Error::usage(format!("{uri:?} is no resource URI"))
        .hint("write winrm/config, winrm/config/listener, or a whole URI, http://…"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_stand_for_whole_uris() {
        let base = "http://schemas.microsoft.com/wbem/wsman/1";
        assert_eq!(whole("winrm/config").unwrap(), format!("{base}/config"));
        assert_eq!(whole("wmicimv2/Win32_Service").unwrap(), format!("{base}/wmi/root/cimv2/Win32_Service"));
        assert_eq!(whole("http://x/y").unwrap(), "http://x/y");
        assert!(whole("config").is_err() && whole("http://x y").is_err());
    }
}
