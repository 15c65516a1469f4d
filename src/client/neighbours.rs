use crate::cim::{Name, ObjectPath};

/// Through which associations an object's neighbours are sought; by default through all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Through {
    /// Only through associations of this class.
    pub association_class: Option<Name>,
    /// Only results of this class.
    pub result_class: Option<Name>,
    /// Only where the object has this role.
    pub role: Option<Name>,
    /// Only results that have this role.
    pub result_role: Option<Name>,
}

impl Through {
    /// Returns the way to all neighbours of one class.
    pub fn to_class(result_class: impl Into<Name>) -> Self {
        Self { result_class: Some(result_class.into()), ..Self::default() }
    }

    /// Returns the query for the neighbours. Windows' own tools ask in WQL rather than with an association
    /// filter, and so it is better trodden.
    pub(super) fn associators(&self, object: &ObjectPath) -> String {
        let clauses = [
            ("AssocClass", &self.association_class),
            ("ResultClass", &self.result_class),
            ("Role", &self.role),
            ("ResultRole", &self.result_role),
        ];
        query("ASSOCIATORS", object, clauses)
    }

    /// Returns the query for the associations themselves: for those the result's class is theirs, and the
    /// result's role is none.
    pub(super) fn references(&self, object: &ObjectPath) -> String {
        let class = self.association_class.clone().or_else(|| self.result_class.clone());
        query("REFERENCES", object, [("ResultClass", &class), ("Role", &self.role)])
    }
}

fn query<'a>(
    verb: &str,
    object: &ObjectPath,
    clauses: impl IntoIterator<Item = (&'a str, &'a Option<Name>)>,
) -> String {
    // The namespace is that of the query; a path that repeats it is taken for another machine's by some.
    let mut object = object.clone();
    (object.host, object.namespace) = (None, None);
    let mut query = format!("{verb} OF {{{object}}}");
    let mut word = " WHERE";
    for (clause, name) in clauses {
        if let Some(name) = name {
            query.push_str(&format!("{word} {clause}={name}"));
            word = "";
        }
    }
    query
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_asked_for_in_wql() {
        let point = ObjectPath::new("root/virtualization/v2", "Msvm_VirtualSystemReferencePoint")
            .with_key("InstanceID", r#"Microsoft:1\"2"#)
            .on_host("HV01");
        let through = Through {
            association_class: Some("Msvm_ReferencePointOfVirtualSystem".into()),
            role: Some("Dependent".into()),
            ..Through::to_class("Msvm_ComputerSystem")
        };
        assert_eq!(
            through.associators(&point),
            r#"ASSOCIATORS OF {Msvm_VirtualSystemReferencePoint.InstanceID="Microsoft:1\\\"2"} WHERE AssocClass=Msvm_ReferencePointOfVirtualSystem ResultClass=Msvm_ComputerSystem Role=Dependent"#
        );
        assert_eq!(
            through.references(&point),
            r#"REFERENCES OF {Msvm_VirtualSystemReferencePoint.InstanceID="Microsoft:1\\\"2"} WHERE ResultClass=Msvm_ReferencePointOfVirtualSystem Role=Dependent"#
        );
        assert_eq!(
            Through::default().associators(&ObjectPath::new("root", "X").with_key("k", "1")),
            r#"ASSOCIATORS OF {X.k="1"}"#
        );
    }
}
