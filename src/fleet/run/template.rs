use crate::hyperv::{Directory, DirectoryError, Guid, Place};

/// Where exports go, with names to be filled in: `D:\exports\{vm}\{date}`.
///
/// | name | becomes |
/// |---|---|
/// | `{host}` | what the inventory calls the host |
/// | `{vm}` | what people call the machine or group |
/// | `{id}` | its GUID |
/// | `{date}` | the day on which the run began, `2026-11-21` |
/// | `{time}` | the time at which it began, `0200` |
/// | `{run}` | what the run is called |
///
/// What Windows does not allow in a name becomes `_`; `{{` and `}}` are braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Name(Name),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    Host,
    Vm,
    Id,
    Date,
    Time,
    Run,
}

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A brace that does not close, or closes what was not open.
    #[error("to: a brace is not closed or was not opened in {0:?}")]
    Brace(String),
    /// A name that nobody fills in.
    #[error("to: {{{0}}} is not known; there are {{host}} {{vm}} {{id}} {{date}} {{time}} {{run}}")]
    Unknown(String),
    /// Every machine would be written to one directory.
    #[error("to: without {{vm}} or {{id}} all machines would share one directory")]
    Shared,
    /// Every run would be written to one directory.
    #[error(
        "to: without {{date}} or {{run}} each run would find the directory of the one before, and be refused: \
         {{time}} is the same each night"
    )]
    Stale,
    /// Machines of all hosts are written to one place, where names may be the same.
    #[error(
        "to: on a share, machines of the same name on two hosts would share one directory without {{host}} or {{id}}"
    )]
    ManyHosts,
    /// What it becomes is no directory.
    #[error("to: {0}")]
    Directory(DirectoryError),
}

/// What is filled in.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    /// What the inventory calls the host.
    pub host: &'a str,
    /// What people call the machine or group.
    pub vm: &'a str,
    /// Its GUID.
    pub id: &'a Guid,
    /// The day on which the run began.
    pub date: &'a str,
    /// The time at which it began.
    pub time: &'a str,
    /// What the run is called.
    pub run: &'a str,
}

impl Template {
    /// Reads a template, and looks whether what it becomes can be a directory of its own for each export.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let brace = || TemplateError::Brace(text.to_owned());
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let open = rest.find(['{', '}']).unwrap_or(rest.len());
            let (plain, after) = rest.split_at(open);
            if !plain.is_empty() {
                parts.push(Part::Text(plain.to_owned()));
            }
            if let Some((brace, after)) = ["{", "}"]
                .iter()
                .find_map(|brace| Some((*brace, after.strip_prefix(brace)?.strip_prefix(brace)?)))
            {
                parts.push(Part::Text(brace.to_owned()));
                rest = after;
                continue;
            }
            let Some(after) = after.strip_prefix('{') else {
                if after.is_empty() {
                    break;
                }
                return Err(brace());
            };
            let (name, after) = after.split_once('}').ok_or_else(brace)?;
            parts.push(Part::Name(Name::parse(name)?));
            rest = after;
        }
        let template = Self(parts);
        let has = |names: &[Name]| {
            template.0.iter().any(|part| matches!(part, Part::Name(name) if names.contains(name)))
        };
        let id = Guid::nil();
        let example =
            Names { host: "hv01", vm: "web01", id: &id, date: "2026-11-21", time: "0200", run: "nightly-1" };
        let directory = template.fill(&example).map_err(TemplateError::Directory)?;
        if !has(&[Name::Vm, Name::Id]) {
            return Err(TemplateError::Shared);
        }
        if !has(&[Name::Date, Name::Run]) {
            return Err(TemplateError::Stale);
        }
        if matches!(directory.place(), Place::Share { .. }) && !has(&[Name::Host, Name::Id]) {
            return Err(TemplateError::ManyHosts);
        }
        Ok(template)
    }

    /// Fills the names in.
    pub fn fill(&self, names: &Names<'_>) -> Result<Directory, DirectoryError> {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Name(name) => text.push_str(&step(match name {
                    Name::Host => names.host,
                    Name::Vm => names.vm,
                    Name::Id => names.id.as_str(),
                    Name::Date => names.date,
                    Name::Time => names.time,
                    Name::Run => names.run,
                })),
            }
        }
        Directory::parse(&text)
    }
}

impl Name {
    fn parse(text: &str) -> Result<Self, TemplateError> {
        Ok(match text {
            "host" => Self::Host,
            "vm" => Self::Vm,
            "id" => Self::Id,
            "date" => Self::Date,
            "time" => Self::Time,
            "run" => Self::Run,
            other => return Err(TemplateError::Unknown(other.to_owned())),
        })
    }
}

/// Makes a part of a path of a name that somebody else gave: it must not lead elsewhere, and Windows must take it.
fn step(name: &str) -> String {
    let allowed = |letter: char| !(letter.is_control() || r#"<>:"/\|?*"#.contains(letter));
    let safe: String = name.chars().map(|letter| if allowed(letter) { letter } else { '_' }).collect();
    // Windows drops dots and spaces at the end, and takes `..` for the way up.
    let kept = safe.trim_end_matches(['.', ' ']);
    let dropped = safe[kept.len()..].chars().count();
    let mut step = kept.to_owned() + &"_".repeat(dropped);
    if step.is_empty() {
        step.push('_');
    }
    let stem = step.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    let numbered = |prefix| stem.strip_prefix(prefix).is_some_and(|rest: &str| rest.chars().count() == 1);
    if ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"].contains(&&*stem)
        || numbered("COM")
        || numbered("LPT")
    {
        step.insert(0, '_');
    }
    step
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fill(template: &str, vm: &str) -> String {
        let id = "3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91".parse().unwrap();
        let names =
            Names { host: "hv01.lab.test", vm, id: &id, date: "2026-11-21", time: "0200", run: "n-1" };
        Template::parse(template).unwrap().fill(&names).unwrap().to_string()
    }

    #[test]
    fn names_are_filled_in() {
        assert_eq!(fill(r"D:\exports\{vm}\{date}", "web01"), r"D:\exports\web01\2026-11-21");
        assert_eq!(
            fill(r"\\nas1\hv\{host}\{vm}-{id}\{run}", "web01"),
            r"\\nas1\hv\hv01.lab.test\web01-3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91\n-1"
        );
    }

    #[test]
    fn doubled_braces_are_braces() {
        let volume = r"\\?\Volume{{b75e2c83-0000-0000-0000-602f00000000}}\e\{id}\{run}";
        assert!(
            fill(volume, "web01").starts_with(r"\\?\Volume{b75e2c83-0000-0000-0000-602f00000000}\e\3F2C")
        );
    }

    #[test]
    fn a_name_cannot_lead_elsewhere() {
        let to = r"D:\exports\{vm}\{date}";
        for (vm, step) in [
            (r"..\..\Windows", ".._.._Windows"),
            ("..", "__"),
            ("a/b:c", "a_b_c"),
            ("nul", "_nul"),
            ("com1.log", "_com1.log"),
            ("ends. ", "ends__"),
            ("", "_"),
            ("日本 & <x>", "日本 & _x_"),
        ] {
            assert_eq!(fill(to, vm), format!(r"D:\exports\{step}\2026-11-21"), "{vm:?}");
        }
    }

    #[test]
    fn a_template_under_which_exports_would_meet_is_refused() {
        for (text, words) in [
            (r"D:\exports\{date}", "{vm} or {id}"),
            (r"D:\exports\{vm}", "{date} or {run}"),
            (r"D:\exports\{vm}\{time}", "{date} or {run}"),
            (r"\\nas1\hv\{vm}\{date}", "{host} or {id}"),
            (r"D:\exports\{name}\{date}", "{name} is not known"),
            (r"D:\exports\{vm\{date}", "not known"),
            (r"D:\exports\vm}\{date}", "brace"),
            (r"D:\exports\{vm}\{date", "brace"),
            (r"exports\{vm}\{date}", "relative"),
            ("/srv/{vm}/{date}", "Unix path"),
        ] {
            let error = Template::parse(text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_name_becomes_one_step_of_a_directory_that_may_be_sent(vm in "\\PC*", host in any::<String>()) {
            let id = Guid::nil();
            let names = Names { host: &host, vm: &vm, id: &id, date: "2026-11-21", time: "0200", run: "n-1" };
            let filled = Template::parse(r"D:\exports\{host}\{vm}\{date}").unwrap().fill(&names);
            let filled = filled.unwrap();
            prop_assert_eq!(filled.as_str().matches('\\').count(), 4, "{}", filled);
        }
    }
}
