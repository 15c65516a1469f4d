//! Inventories in YAML: groups as keys, each with its hosts, children and variables.

use super::Error;
use super::document::{Content, Node};
use super::graph::{Dialect, Graph};
use super::value::Place;

/// Reads a document into the graph.
pub(super) fn read(document: Node, graph: &mut Graph, file: &Place) -> Result<(), Error> {
    let place = document.place(file);
    if let Some(plugin) = document.get("plugin").filter(|plugin| !plugin.is_falsy()) {
        let name = plugin.key().unwrap_or_default();
        return Err(Error::Plugin { place: plugin.place(file), plugin: name });
    }
    let kind = document.kind();
    let Content::Map(groups) = document.content else {
        return Err(Error::syntax(place, format!("groups are expected here, and this is {kind}")));
    };
    for (name, content) in groups {
        group(&name, content, graph, file)?;
    }
    Ok(())
}

fn group(name: &Node, content: Node, graph: &mut Graph, file: &Place) -> Result<Option<usize>, Error> {
    let place = name.place(file);
    let Some(name) = name.text().filter(|name| !name.is_empty()) else {
        return Err(Error::syntax(place, "the name of a group is a text: put it in quotes"));
    };
    let entries = match content.content {
        Content::Map(entries) => entries,
        Content::Leaf(super::value::Value::Null) => Vec::new(),
        _ => {
            graph
                .warnings
                .push(format!("{place}: {name} is passed over: it is no group, but {}", content.kind()));
            return Ok(None);
        }
    };
    let at = graph.group(name);
    for (key, value) in entries {
        let place = key.place(file);
        let key = key.key().unwrap_or_default();
        let is_known = matches!(key.as_str(), "hosts" | "children" | "vars");
        let content = match value {
            value if value.is_null() => continue,
            // One name alone stands for a mapping with it.
            value if is_known && value.text().is_some() => {
                let nothing = Node { content: Content::Leaf(super::value::Value::Null), ..value.clone() };
                vec![(value, nothing)]
            }
            Node { content: Content::Map(entries), .. } => entries,
            value if is_known => {
                let kind = value.kind();
                return Err(Error::syntax(
                    place,
                    format!("{key} of group {name} wants a mapping, and this is {kind}"),
                ));
            }
            _ => {
                graph.warnings.push(format!("{place}: {key} of group {name} is passed over"));
                continue;
            }
        };
        match key.as_str() {
            "vars" => {
                for (variable, value) in content {
                    let place = variable.place(file);
                    let variable = variable.key().unwrap_or_default();
                    graph.set_of_group(at, &variable, value.value(&variable), &place)?;
                }
            }
            "children" => {
                for (child, content) in content {
                    let place = child.place(file);
                    if let Some(child) = group(&child, content, graph, file)? {
                        graph.add_child(at, child, &place)?;
                    }
                }
            }
            "hosts" => {
                for (host, variables) in content {
                    hosts(&host, variables, at, graph, file)?;
                }
            }
            _ => graph.warnings.push(format!(
                "{place}: {key} of group {name} is passed over: a group has hosts, children and vars"
            )),
        }
    }
    Ok(Some(at))
}

fn hosts(host: &Node, variables: Node, group: usize, graph: &mut Graph, file: &Place) -> Result<(), Error> {
    let place = host.place(file);
    let Some(pattern) = host.text() else {
        return Err(Error::syntax(place, "the name of a host is a text: put it in quotes"));
    };
    let (is_falsy, kind) = (variables.is_falsy(), variables.kind());
    let entries = match variables.content {
        Content::Map(entries) => entries,
        _ if is_falsy => Vec::new(),
        _ => {
            return Err(Error::syntax(
                place,
                format!("the variables of host {pattern} want a mapping, and this is {kind}"),
            ));
        }
    };
    let names = graph.add_pattern(pattern, group, Dialect::Ansible, &place)?;
    for (variable, value) in entries {
        let place = variable.place(file);
        let variable = variable.key().unwrap_or_default();
        let value = value.value(&variable);
        for name in &names {
            graph.set_of_name(name, &variable, value.clone(), &place)?;
        }
    }
    Ok(())
}
