//! The directory of an export: its form, and what can be seen of it.

use refpoint::client::Session;
use refpoint::hyperv::{Contents, Directory, Host, Place as Where, Seen};
use serde_json::json;

use super::finding::{Blocks, Finding, Fix, Layer, Place, quoted};
use super::here;
use super::trouble::Trouble;
use crate::cli::exit::Exit;

/// Less than this many octets are soon full.
const LITTLE: u64 = 10 << 30;

/// Checks the form; it takes no host to do so.
pub(super) fn form(text: &str) -> Result<Directory, Box<Finding>> {
    Directory::parse(text).map_err(|error| {
        let fix = match &error.suggestion {
            Some(suggestion) => Fix::new("This may have been meant")
                .here(format!("refpoint doctor … --to {}", here::word(suggestion))),
            None => Fix::new(
                r"Name a directory as the host sees it: D:\exports\web01\0400, or \\server\share\web01\0400",
            ),
        };
        let seen = format!("{error}");
        let finding = Finding::fail(Layer::Directory, Exit::Usage, seen, fix).blocking(Blocks::Nothing);
        Box::new(finding.with(json!({"directory": text})))
    })
}

/// Looks at what can be seen of it.
pub(super) async fn look(directory: &Directory, session: Session) -> Finding {
    let facts = |more: serde_json::Value| json!({"directory": directory.as_str(), "seen": more});
    if let Where::Share { server, share } = directory.place() {
        return share_of(directory, &server, &share, session)
            .await
            .with(facts("a share cannot be looked at".into()));
    }
    let host = Host::new(session);
    let contents = host.contents(directory).await;
    let free = host.free_space(directory).await;
    let has_drive = match &contents {
        Ok(Seen::Known(Contents::Missing { parent_exists: false })) => host.has_drive(directory).await.ok(),
        _ => None,
    };
    // How it ends is no part of the finding.
    let _ = host.close().await;
    let contents = match contents {
        Ok(contents) => contents,
        Err(error) => {
            return match error.client() {
                Some(error) => Trouble::of_session(error).at(Layer::Directory),
                None => Finding::fail(
                    Layer::Directory,
                    Exit::Failed,
                    error.to_string(),
                    Fix::new("Look at it on the host")
                        .on_host(format!("Get-Item {}", quoted(directory.as_str()))),
                ),
            };
        }
    };
    let free = free.ok().and_then(Seen::known);
    let room = free.map_or_else(|| "free space not known".to_owned(), |free| format!("{} free", size(free)));
    let make = format!("New-Item -ItemType Directory {}", quoted(directory.as_str()));
    let finding = match contents {
        Seen::Hidden(why) => Finding::warn(
            Layer::Directory,
            format!("its form is right; it was not looked at: {why}"),
            Fix::new("Look yourself whether it is there and empty")
                .on_host(format!("Get-ChildItem {}", quoted(directory.as_str()))),
        ),
        Seen::Known(Contents::Missing { .. }) if has_drive == Some(Seen::Known(false)) => {
            let drive = match directory.place() {
                Where::Drive(letter) => format!("{letter}:"),
                Where::Share { .. } | Where::Volume => "of that name".to_owned(),
            };
            Finding::fail(
                Layer::Directory,
                Exit::NotFound,
                format!("the host has no drive {drive}"),
                Fix::new("Name a directory on a drive that the host has: this shows them")
                    .on_host("Get-Volume"),
            )
            .blocking(Blocks::Nothing)
        }
        Seen::Known(Contents::Missing { parent_exists }) => {
            let also = if parent_exists { "" } else { ", nor is the one it would be in" };
            Finding::warn(
                Layer::Directory,
                format!(
                    "{directory} is not there{also}; whether Hyper-V makes it is documented nowhere ({room})"
                ),
                Fix::new("Make it, empty, before the export").on_host(make),
            )
        }
        Seen::Known(Contents::Something) => Finding::warn(
            Layer::Directory,
            format!("{directory} is not empty: an export refuses files that are there already ({room})"),
            Fix::new("Give each export a fresh directory").on_host(format!(
                "New-Item -ItemType Directory {}",
                quoted(&format!(r"{}\NEW", directory.as_str().trim_end_matches('\\')))
            )),
        ),
        Seen::Known(Contents::Empty) if free.is_some_and(|free| free < LITTLE) => Finding::warn(
            Layer::Directory,
            format!("{directory} is there and empty, and there is little room: {room}"),
            Fix::new("Make room, or name another drive").on_host("Get-Volume"),
        ),
        Seen::Known(Contents::Empty) => {
            Finding::pass(Layer::Directory, format!("{directory} is there and empty; {room}"))
        }
    };
    finding.with(json!({"directory": directory.as_str(), "free_bytes": free}))
}

async fn share_of(directory: &Directory, server: &str, share: &str, session: Session) -> Finding {
    let host = Host::new(session);
    let name = host.name().await.ok();
    let _ = host.close().await;
    // What is no name of a computer must not become part of a command.
    let is_name =
        |name: &String| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let account = format!(r"DOMAIN\{}$", name.filter(is_name).as_deref().unwrap_or("HOST"));
    let seen = format!(
        "{directory} is on a share, which cannot be seen from here. The host writes there with its computer account \
         ({account}), and may ask for yours as well; a login from afar is not passed on without delegation. A NAS \
         outside the domain knows no computer accounts"
    );
    let fix = Fix::new(format!(
        "Give the computer account full control of the share and of the folder on {server}; the second with icacls \
         FOLDER /grant '{account}:(OI)(CI)F'"
    ))
    .at(
        Place::FileServer,
        format!("Grant-SmbShareAccess -Name {} -AccountName {} -AccessRight Full -Force", quoted(share), quoted(&account)),
    );
    Finding::warn(Layer::Directory, seen, fix)
}

fn size(octets: u64) -> String {
    match octets {
        0..0x4000_0000 => format!("{} MiB", octets >> 20),
        0x4000_0000..0x100_0000_0000 => format!("{} GiB", octets >> 30),
        _ => format!("{:.1} TiB", octets as f64 / (1_u64 << 40) as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_of_this_machine_is_a_usage_error_and_a_slip_is_proposed_right() {
        assert_eq!(form("/srv/exports").unwrap_err().exit, Exit::Usage);
        let finding = form("D:/exports/web01").unwrap_err();
        let (_, command) = finding.fix.unwrap().command.unwrap();
        assert!(command.contains(r"D:\exports\web01"), "{command}");
        assert!(form(r"D:\exports\web01").is_ok());
    }

    #[test]
    fn sizes_are_read_at_a_glance() {
        assert_eq!([size(5 << 20), size(64 << 30), size(3 << 40)], ["5 MiB", "64 GiB", "3.0 TiB"]);
    }
}
