//! Objects that commands are about: CIM's, and those at any other resource.

use refpoint::cim::{Name, ObjectPath};
use refpoint::client::Session;

use super::connection::ConnectionArgs;
use super::error::Error;
use super::object;
use super::schema::{Schema, Source};

/// One object.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ObjectArgs {
    /// The object: CLASS key=value…, or its path in one word; with --resource-uri its keys alone
    #[arg(required_unless_present = "resource_uri", value_name = "PATH")]
    path: Vec<String>,
    #[command(flatten)]
    pub(crate) resource: ResourceArgs,
}

/// A resource that is no class.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ResourceArgs {
    /// Ask for this resource instead of a class: winrm/config, winrm/config/service/auth,
    /// winrm/config/listener?Address=*+Transport=HTTP, or a whole URI
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
        match self.resource.with_keys(&self.path)? {
            Some(path) => Ok(path),
            None => object::parse_with(&self.path, namespace, schema),
        }
    }
}

impl ResourceArgs {
    /// Returns the resource, where there is one.
    pub(crate) fn path(&self) -> Result<Option<ObjectPath>, Error> {
        self.with_keys(&[])
    }

    /// Returns the object that keys name at the resource, where there is one.
    pub(crate) fn with_keys(&self, words: &[String]) -> Result<Option<ObjectPath>, Error> {
        let Some(uri) = &self.resource_uri else { return Ok(None) };
        // Winrm itself writes keys so: winrm/config/listener?Address=*+Transport=HTTP
        let (uri, beside) = uri.split_once('?').unwrap_or((uri, ""));
        let beside = beside.split('+').filter(|word| !word.is_empty());
        let mut keys = Vec::new();
        for word in beside.chain(words.iter().map(String::as_str)) {
            let (name, value) = object::pair(word)?;
            keys.push((Name::from(name), value.into()));
        }
        Ok(Some(ObjectPath::from_resource(&whole(uri)?, keys)))
    }

    /// Says whether it is among the settings of WinRM.
    pub(crate) fn is_config(&self) -> bool {
        let uri = self.resource_uri.as_deref().and_then(|uri| whole(uri).ok()).unwrap_or_default();
        uri.strip_prefix(CONFIG).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// Returns what the element is called in which a resource is written.
pub(crate) fn element(path: &ObjectPath) -> Name {
    const KNOWN: [&str; 8] =
        ["Config", "Client", "Service", "Auth", "DefaultPorts", "Winrs", "Listener", "CertMapping"];
    let known = KNOWN.iter().find(|known| path.class == **known);
    known.map_or_else(|| path.class.clone(), |known| Name::from(*known))
}

/// Returns what names an object: the path of WMI's, or what is written behind `--resource-uri`.
pub(crate) fn name_of(path: &ObjectPath) -> String {
    if path.is_cim() {
        return path.to_string();
    }
    let uri = path.resource_uri();
    let uri = match uri.strip_prefix(BASE) {
        Some(rest) => format!("winrm/{rest}"),
        None => uri.into_owned(),
    };
    let keys: Vec<String> = path.keys.iter().map(|(name, key)| format!("{name}={}", key.text())).collect();
    if keys.is_empty() { uri } else { format!("{uri}?{}", keys.join("+")) }
}

/// Where all of WinRM's own resources are.
const BASE: &str = "http://schemas.microsoft.com/wbem/wsman/1/";
/// Where its settings are.
const CONFIG: &str = "http://schemas.microsoft.com/wbem/wsman/1/config";

/// Returns a whole URI: winrm's short forms are taken too.
fn whole(uri: &str) -> Result<String, Error> {
    let short = [("winrm/", ""), ("wmi/", "wmi/"), ("wmicimv2/", "wmi/root/cimv2/")];
    for (prefix, place) in short {
        let (start, rest) = uri.split_at_checked(prefix.len()).unwrap_or(("", uri));
        if start.eq_ignore_ascii_case(prefix) {
            // What the letter case of these is does not count on a host; here it does.
            let is_config = rest.get(..6).is_some_and(|rest| rest.eq_ignore_ascii_case("config"));
            let rest = if is_config { rest.to_ascii_lowercase() } else { rest.to_owned() };
            return Ok(format!("{BASE}{place}{rest}"));
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
        assert_eq!(whole("winrm/config/Listener").unwrap(), format!("{base}/config/listener"));
        assert_eq!(
            whole("wmi/root/cimv2/Win32_Service").unwrap(),
            format!("{base}/wmi/root/cimv2/Win32_Service")
        );
        assert!(whole("config").is_err() && whole("http://x y").is_err());
    }

    #[test]
    fn what_names_a_resource_finds_it_again() {
        for name in ["winrm/config/listener?Address=*+Transport=HTTPS", "winrm/config", "http://x/y?A=1"] {
            let resource = ResourceArgs { resource_uri: Some(name.to_owned()) };
            assert_eq!(name_of(&resource.path().unwrap().unwrap()), name);
        }
        let resource = ResourceArgs { resource_uri: Some("winrm/config/Listener?Address=*".to_owned()) };
        let path = resource.with_keys(&["Transport=HTTP".to_owned()]).unwrap().unwrap();
        assert_eq!(name_of(&path), "winrm/config/listener?Address=*+Transport=HTTP");
        assert_eq!(element(&path), "Listener");
        assert!(
            resource.is_config()
                && !ResourceArgs { resource_uri: Some("winrm/configure".into()) }.is_config()
        );
    }
}
