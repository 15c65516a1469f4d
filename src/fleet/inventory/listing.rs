//! What `ansible-inventory --list` prints, and every inventory script: groups, and `_meta` with the variables of
//! the hosts.

use super::Error;
use super::document::{Content, Node};
use super::graph::{Dialect, Graph, UNGROUPED};
use super::value::Place;

/// Returns whether a document is such a list.
pub(super) fn is_listing(document: &Node) -> bool {
    document.get("_meta").and_then(|meta| meta.get("hostvars")).is_some()
}

/// Reads a list into the graph.
pub(super) fn read(document: Node, graph: &mut Graph, file: &Place) -> Result<(), Error> {
    let Content::Map(entries) = document.content else {
        return Err(Error::syntax(file.clone(), "what ansible-inventory --list prints is expected here"));
    };
    let mut variables = None;
    for (key, content) in entries {
        let Some(name) = key.text().map(str::to_owned) else { continue };
        match name.as_str() {
            "_meta" => variables = Some(content),
            _ => group(&name, content, graph, file)?,
        }
    }
    let Some(Content::Map(meta)) = variables.map(|meta| meta.content) else { return Ok(()) };
    let hosts =
        meta.into_iter().find(|(key, _)| key.text() == Some("hostvars")).map(|(_, hosts)| hosts.content);
    let Some(Content::Map(hosts)) = hosts else { return Ok(()) };
    for (host, content) in hosts {
        let Some(name) = host.text() else { continue };
        if graph.find_host(name).is_none() {
            graph.add_host(name, UNGROUPED, None, Dialect::Ansible, file)?;
        }
        let Content::Map(entries) = content.content else { continue };
        for (variable, value) in entries {
            let Some(variable) = variable.key() else { continue };
            // All that holds for this host, and for no group that is called like it.
            graph.set_of_host(name, &variable, value.value(&variable), file);
        }
    }
    Ok(())
}

fn group(name: &str, content: Node, graph: &mut Graph, file: &Place) -> Result<(), Error> {
    let wrong = |what: &str| Error::syntax(file.clone(), format!("group {name}: {what}"));
    let at = graph.group(name);
    let entries = match content.content {
        Content::List(hosts) => return members(hosts, at, graph, file),
        Content::Map(entries) => entries,
        _ => return Err(wrong("a mapping or a list of hosts is expected")),
    };
    for (key, value) in entries {
        match (key.text().unwrap_or_default(), value.content) {
            ("hosts", Content::List(hosts)) => members(hosts, at, graph, file)?,
            ("vars", Content::Map(variables)) => {
                for (variable, value) in variables {
                    let Some(variable) = variable.key() else { continue };
                    graph.set_of_group(at, &variable, value.value(&variable), file)?;
                }
            }
            ("children", Content::List(children)) => {
                for child in children {
                    let child = child.text().ok_or_else(|| wrong("a child is no name"))?;
                    let child = graph.group(child);
                    graph.add_child(at, child, file)?;
                }
            }
            (key, _) => {
                return Err(wrong(&format!(
                    "{key:?} is none of hosts, vars and children, or of another kind"
                )));
            }
        }
    }
    Ok(())
}

fn members(hosts: Vec<Node>, group: usize, graph: &mut Graph, file: &Place) -> Result<(), Error> {
    for host in hosts {
        let name = host.text().ok_or_else(|| Error::syntax(file.clone(), "a host is no name"))?;
        graph.add_host(name, group, None, Dialect::Ansible, file)?;
    }
    Ok(())
}
