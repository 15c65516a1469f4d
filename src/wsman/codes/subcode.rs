//! The subcodes of faults and the URIs that refine them, \[DSP0226\] "Faults" and its fault tables.

use super::Retry;

/// The beginning of every fault detail URI, \[DSP0226\] "Fault encoding".
pub const FAULT_DETAIL_PREFIX: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman/faultDetail/";

/// Describes the subcode of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subcode {
    /// The specification that the subcode belongs to, which is its namespace.
    pub space: Space,
    /// The name as it is commonly written, such as `w:AccessDenied`; the prefix is that of [`Space::prefix`].
    pub symbol: &'static str,
    /// The stable name used in JSON, such as `access-denied`.
    pub name: &'static str,
    /// Whom the specification blames.
    pub blame: Blame,
    /// What the subcode says.
    pub meaning: &'static str,
    /// What usually leads to it.
    pub cause: &'static str,
    /// What an administrator does next.
    pub advice: &'static str,
    /// Whether trying again can help.
    pub retry: Retry,
}

impl Subcode {
    /// Returns the local name, such as `AccessDenied`.
    pub fn local(&self) -> &'static str {
        self.symbol.split_once(':').map_or(self.symbol, |(_, local)| local)
    }

    /// Returns whether a fault with this subcode proves that the method it answers was not begun.
    ///
    /// As with [`proves_not_started`](super::proves_not_started), these are quotas and concurrency.
    pub fn proves_not_started(&self) -> bool {
        self.space == Space::Management && matches!(self.local(), "QuotaLimit" | "Concurrency")
    }
}

/// Names the specification that a subcode belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Space {
    /// WS-Management, \[DSP0226\].
    Management,
    /// WS-Addressing, August 2004.
    Addressing,
    /// WS-Enumeration.
    Enumeration,
    /// WS-Eventing.
    Eventing,
    /// WS-Transfer.
    Transfer,
    /// The WS-Management CIM binding, \[DSP0227\].
    Binding,
}

impl Space {
    /// Returns the namespace URI.
    pub fn uri(self) -> &'static str {
        match self {
            Space::Management => "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
            Space::Addressing => "http://schemas.xmlsoap.org/ws/2004/08/addressing",
            Space::Enumeration => "http://schemas.xmlsoap.org/ws/2004/09/enumeration",
            Space::Eventing => "http://schemas.xmlsoap.org/ws/2004/08/eventing",
            Space::Transfer => "http://schemas.xmlsoap.org/ws/2004/09/transfer",
            Space::Binding => "http://schemas.dmtf.org/wbem/wsman/1/cimbinding.xsd",
        }
    }

    /// Returns the prefix that Windows uses for the namespace, for texts only.
    pub fn prefix(self) -> &'static str {
        match self {
            Space::Management => "w",
            Space::Addressing => "a",
            Space::Enumeration => "n",
            Space::Eventing => "e",
            Space::Transfer => "x",
            Space::Binding => "b",
        }
    }
}

/// Says whom a fault blames: the `Code` above the subcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The one who sent the request.
    Sender,
    /// The one who received it.
    Receiver,
}

/// Describes a fault detail URI, which refines a subcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FaultDetail {
    /// The whole URI.
    pub uri: &'static str,
    /// The stable name used in JSON, such as `max-envelope-size`.
    pub name: &'static str,
    /// What the detail says.
    pub meaning: &'static str,
    /// What usually leads to it.
    pub cause: &'static str,
    /// What an administrator does next.
    pub advice: &'static str,
    /// Whether trying again can help.
    pub retry: Retry,
}

impl FaultDetail {
    /// Returns the last part of the URI, such as `MaxEnvelopeSize`.
    pub fn local(&self) -> &'static str {
        self.uri.strip_prefix(FAULT_DETAIL_PREFIX).unwrap_or(self.uri)
    }

    /// Returns whether the fault says that the operation was carried out and only its answer is missing.
    pub fn was_carried_out(&self) -> bool {
        self.local() == "UnreportableSuccess"
    }
}

/// Finds a subcode by its namespace and local name.
pub fn subcode(namespace: &str, local: &str) -> Option<&'static Subcode> {
    SUBCODES.iter().find(|subcode| subcode.space.uri() == namespace && subcode.local() == local)
}

/// Finds a fault detail by its URI.
pub fn fault_detail(uri: &str) -> Option<&'static FaultDetail> {
    let index = DETAILS.binary_search_by_key(&uri, |detail| detail.uri).ok()?;
    DETAILS.get(index)
}

/// Writes the table of subcodes, one row as
/// `Space "prefix:Local" "name" Blame Retry meaning "…" cause "…" advice "…";`.
macro_rules! subcodes {
    ($(
        $space:ident $symbol:literal $name:literal $blame:ident $retry:ident
        meaning $meaning:literal cause $cause:literal advice $advice:literal;
    )*) => {
        &[$(Subcode {
            space: Space::$space,
            symbol: $symbol,
            name: $name,
            blame: Blame::$blame,
            meaning: $meaning,
            cause: $cause,
            advice: $advice,
            retry: Retry::$retry,
        }),*]
    };
}

/// Writes the table of fault details, one row as
/// `"Local" "name" Retry meaning "…" cause "…" advice "…";`.
macro_rules! details {
    ($(
        $local:literal $name:literal $retry:ident
        meaning $meaning:literal cause $cause:literal advice $advice:literal;
    )*) => {
        &[$(FaultDetail {
            uri: concat!("http://schemas.dmtf.org/wbem/wsman/1/wsman/faultDetail/", $local),
            name: $name,
            meaning: $meaning,
            cause: $cause,
            advice: $advice,
            retry: Retry::$retry,
        }),*]
    };
}

/// The subcodes by namespace, then by name.
pub(super) static SUBCODES: &[Subcode] = subcodes! {
    Management "w:AccessDenied" "access-denied" Sender Never
        meaning "The account is known but may not do this."
        cause   "Not in Remote Management Users or Administrators, no WMI or Hyper-V rights, or a local \
                account cut down by UAC."
        advice  "Check the groups; for local accounts see LocalAccountTokenFilterPolicy or use a domain \
                account.";
    Management "w:AlreadyExists" "already-exists" Sender Never
        meaning "What should be created exists already."
        cause   "An earlier attempt succeeded although its answer got lost, or the name is taken."
        advice  "List what exists and use it, or choose another name.";
    Management "w:CannotProcessFilter" "cannot-process-filter" Sender Never
        meaning "The host cannot make sense of the query."
        cause   "A WQL syntax error, or WQL sent to a class instead of the namespace."
        advice  "Correct the query; double each backslash inside a string.";
    Management "w:Concurrency" "concurrency" Sender BackOff
        meaning "A conflicting request is being worked on; this one was not begun."
        cause   "Something else is using the resource at this moment."
        advice  "It is tried again by itself; see `refpoint job list` if it persists.";
    Management "w:DeliveryRefused" "delivery-refused" Sender Never
        meaning "The receiver of events refuses them."
        cause   "The subscription does not suit its receiver."
        advice  "Subscribe again with pull delivery, as `refpoint cim watch` does.";
    Management "w:EncodingLimit" "encoding-limit" Sender Never
        meaning "A size or encoding limit was met."
        cause   "The detail says which; UnreportableSuccess means that the work was done but its answer did \
                not fit."
        advice  "Read the detail. Never repeat a method call on this alone; use smaller pages for listings.";
    Management "w:EventDeliverToUnusable" "event-deliver-to-unusable" Sender Never
        meaning "The address for events cannot be used."
        cause   "The host cannot reach the receiver that was named."
        advice  "Use pull delivery, as `refpoint cim watch` does.";
    Management "w:FragmentDialectNotSupported" "fragment-dialect-not-supported" Sender Never
        meaning "The host cannot address parts of an object in this language."
        cause   "The provider offers whole objects only."
        advice  "Read the whole object instead.";
    Management "w:InternalError" "internal-error" Receiver RepeatableOnly
        meaning "The provider or WMI failed inside."
        cause   "The detail of the fault holds the WMI code with the real cause."
        advice  "Read the inner code; reading is repeated, a method call is looked up first.";
    Management "w:InvalidBookmark" "invalid-bookmark" Sender Never
        meaning "The bookmark of the subscription is not known."
        cause   "The events it points at are gone."
        advice  "Subscribe afresh and look once at the present state.";
    Management "w:InvalidOptions" "invalid-options" Sender Never
        meaning "An option of the request is not acceptable."
        cause   "The provider does not know the option or its value."
        advice  "Leave out options given by hand.";
    Management "w:InvalidParameter" "invalid-parameter" Sender Never
        meaning "A parameter of the request is not acceptable."
        cause   "A wrong name, type or value; the detail says which."
        advice  "Compare with `refpoint cim describe CLASS`.";
    Management "w:InvalidSelectors" "invalid-selectors" Sender Never
        meaning "The keys that name the object are not right."
        cause   "A missing, unknown or mistyped key; the detail says which."
        advice  "Look the object up again and copy its keys.";
    Management "w:NoAck" "no-ack" Sender Never
        meaning "The receiver of events did not confirm them."
        cause   "The receiver was gone or too slow."
        advice  "Subscribe again and look once at the present state.";
    Management "w:QuotaLimit" "quota-limit" Sender BackOff
        meaning "A WinRM quota is used up; this request was not begun."
        cause   "Too many requests by this account or on this host, from all clients together."
        advice  "Lower the concurrency and wait; use an account of its own for this program.";
    Management "w:SchemaValidationError" "schema-validation-error" Sender Never
        meaning "The body does not fit the shape of the method."
        cause   "A reference in the wrong wrapping, or an embedded object sent as elements instead of text."
        advice  "This is a defect on our side: report it with `--dump`.";
    Management "w:TimedOut" "timed-out" Receiver PollAgain
        meaning "The time for one request ran out; nothing is known to have failed."
        cause   "The work takes longer than the operation time-out, and a method goes on running on the \
                host."
        advice  "Reading and waiting simply continue. After a method call look for its job first.";
    Management "w:UnsupportedFeature" "unsupported-feature" Sender Never
        meaning "The host does not offer a feature that the request asks for."
        cause   "An older or foreign WS-Management stack; the detail names the feature."
        advice  "Check with `refpoint identify` who answers.";
    Addressing "a:ActionNotSupported" "action-not-supported" Sender Never
        meaning "The host does not know this operation for the resource."
        cause   "A wrong method, or a host that is older than it."
        advice  "Check the method with `refpoint cim describe CLASS` and the Windows version.";
    Addressing "a:DestinationUnreachable" "destination-unreachable" Sender Never
        meaning "The class, object or namespace does not exist there."
        cause   "The job or object has gone, the machine moved, or the Hyper-V role is missing."
        advice  "Look it up again; on a cluster ask the owning node. A job that vanished leaves its outcome \
                open.";
    Addressing "a:EndpointUnavailable" "endpoint-unavailable" Receiver BackOff
        meaning "The service is not available just now."
        cause   "It is starting, stopping or overloaded."
        advice  "Wait and try again; check WinRM if it lasts.";
    Addressing "a:InvalidMessageInformationHeader" "invalid-message-information-header" Sender Never
        meaning "An addressing header is not valid."
        cause   "A gateway changed the message, or a defect on our side."
        advice  "Report it as a bug with `--dump`.";
    Addressing "a:MessageInformationHeaderRequired" "message-information-header-required" Sender Never
        meaning "An addressing header is missing."
        cause   "A gateway removed it, or a defect on our side."
        advice  "Report it as a bug with `--dump`.";
    Enumeration "n:CannotProcessFilter" "cannot-process-filter" Sender Never
        meaning "The host cannot make sense of the query."
        cause   "A WQL syntax error, or WQL sent to a class instead of the namespace."
        advice  "Correct the query; double each backslash inside a string.";
    Enumeration "n:FilterDialectRequestedUnavailable" "filter-dialect-requested-unavailable" Sender Never
        meaning "The host does not know the query language."
        cause   "Another stack than Windows, or an unusual dialect."
        advice  "Use WQL on Windows; check with `refpoint identify` who answers.";
    Enumeration "n:FilteringNotSupported" "filtering-not-supported" Sender Never
        meaning "This resource cannot be listed with a filter."
        cause   "The provider lists everything or nothing."
        advice  "List without a filter and select on this side.";
    Enumeration "n:InvalidEnumerationContext" "invalid-enumeration-context" Receiver Never
        meaning "The host no longer knows this listing."
        cause   "It expired between two pages, ended already, or WinRM was restarted."
        advice  "Start the listing again from the beginning.";
    Enumeration "n:InvalidExpirationTime" "invalid-expiration-time" Sender Never
        meaning "The life time asked for the listing is not acceptable."
        cause   "It is zero, in the past, or too long."
        advice  "Leave out the expiry.";
    Enumeration "n:TimedOut" "timed-out" Sender RepeatableOnly
        meaning "The host gave up preparing the page in time."
        cause   "A slow provider or a busy host."
        advice  "Ask again, with smaller pages or a longer `--operation-timeout`.";
    Enumeration "n:UnsupportedExpirationType" "unsupported-expiration-type" Sender Never
        meaning "The host does not take this way to say how long a listing lives."
        cause   "A point in time was given where a duration is wanted, or the other way round."
        advice  "Leave out the expiry.";
    Eventing "e:DeliveryModeRequestedUnavailable" "delivery-mode-requested-unavailable" Sender Never
        meaning "The host does not deliver events in this way."
        cause   "Push was asked for where only pull is offered."
        advice  "Use pull delivery, as `refpoint cim watch` does.";
    Eventing "e:EventSourceUnableToProcess" "event-source-unable-to-process" Receiver Never
        meaning "The source of events cannot take the subscription."
        cause   "It is busy, badly set up, or lacks rights."
        advice  "See the WMI-Activity log on the host, then subscribe again.";
    Eventing "e:FilteringRequestedUnavailable" "filtering-requested-unavailable" Sender Never
        meaning "Events cannot be filtered in this way."
        cause   "The filter dialect is not known to the event source."
        advice  "Use a WQL event query.";
    Eventing "e:InvalidExpirationTime" "invalid-expiration-time" Sender Never
        meaning "The life time asked for the subscription is not acceptable."
        cause   "It is zero, in the past, or too long."
        advice  "Leave out the expiry or make it shorter.";
    Eventing "e:InvalidMessage" "invalid-message" Sender Never
        meaning "The subscription request is malformed."
        cause   "A gateway changed the message, or a defect on our side."
        advice  "Report it as a bug with `--dump`.";
    Eventing "e:UnableToRenew" "unable-to-renew" Receiver Never
        meaning "The subscription cannot be prolonged."
        cause   "It has expired or its source has gone."
        advice  "Subscribe again and look once at the present state.";
    Eventing "e:UnsupportedExpirationType" "unsupported-expiration-type" Sender Never
        meaning "The host does not take this way to say how long a subscription lives."
        cause   "A point in time was given where a duration is wanted, or the other way round."
        advice  "Leave out the expiry.";
    Transfer "x:InvalidRepresentation" "invalid-representation" Sender Never
        meaning "The object sent to be written does not fit its class."
        cause   "A property is missing, unknown or of the wrong type."
        advice  "Compare the input with `refpoint cim describe CLASS`.";
    Binding "b:PolymorphismModeNotSupported" "polymorphism-mode-not-supported" Sender Never
        meaning "The host cannot treat subclasses in the way that was asked."
        cause   "A listing asked for a view that this stack lacks."
        advice  "List the class itself without that setting.";
};

/// The fault details, sorted by URI.
pub(super) static DETAILS: &[FaultDetail] = details! {
    "AddressingMode" "addressing-mode" Never
        meaning "The way in which the answer should be addressed is not supported."
        cause   "The request asked for an answer to another address."
        advice  "Report it as a bug with `--dump`.";
    "AmbiguousSelectors" "ambiguous-selectors" Never
        meaning "The keys fit more than one object."
        cause   "Too few keys were given."
        advice  "Give all keys that `refpoint cim describe CLASS` marks.";
    "CharacterSet" "character-set" Never
        meaning "The character set of the message is not supported."
        cause   "A gateway re-encoded the request."
        advice  "Connect without the gateway.";
    "DuplicateSelectors" "duplicate-selectors" Never
        meaning "A key was given twice."
        cause   "The same key appears more than once."
        advice  "Give each key once.";
    "EncodingType" "encoding-type" Never
        meaning "The encoding of the message is not supported."
        cause   "A gateway re-encoded the request."
        advice  "Connect without the gateway.";
    "InsufficientSelectors" "insufficient-selectors" Never
        meaning "Keys are missing."
        cause   "The class has more key properties than were given."
        advice  "Give all keys that `refpoint cim describe CLASS` marks.";
    "InvalidName" "invalid-name" Never
        meaning "There is no parameter of this name."
        cause   "A spelling error, or the host is older than the parameter."
        advice  "Check the name with `refpoint cim describe CLASS`.";
    "InvalidResourceURI" "invalid-resource-uri" Never
        meaning "The resource URI is not valid or names nothing."
        cause   "A wrong namespace or class."
        advice  "Check `--namespace` and the class name; is the Hyper-V role installed?";
    "InvalidValue" "invalid-value" Never
        meaning "A value is not acceptable."
        cause   "A key or parameter that is out of range or malformed."
        advice  "Look the object up again and copy the value.";
    "MaxElements" "max-elements" Never
        meaning "The host cannot limit the number of objects in a page."
        cause   "A limited WS-Management stack."
        advice  "Check with `refpoint identify` who answers.";
    "MaxEnvelopeSize" "max-envelope-size" Never
        meaning "The message is larger than the size limit of the request or host."
        cause   "Large objects, a large page, or a low MaxEnvelopeSizekb."
        advice  "Use smaller pages or raise MaxEnvelopeSizekb on the host.";
    "MaxEnvelopeSizeExceeded" "max-envelope-size-exceeded" Never
        meaning "The answer goes past the allowed size."
        cause   "A page with very many or very large objects."
        advice  "Use smaller pages. After a method call look for its job or result first.";
    "MinimumEnvelopeLimit" "minimum-envelope-limit" Never
        meaning "The allowed answer size is below the minimum of 8192 bytes."
        cause   "The request set too small a limit."
        advice  "Do not set a smaller envelope size.";
    "MissingValues" "missing-values" Never
        meaning "A required value is missing."
        cause   "A required parameter was left out."
        advice  "Add it; `refpoint cim describe CLASS` shows what is required.";
    "OperationTimeout" "operation-timeout" Never
        meaning "The host cannot work with an operation time-out."
        cause   "A limited WS-Management stack."
        advice  "Leave out `--operation-timeout`.";
    "OptionLimit" "option-limit" Never
        meaning "The request carries too many options."
        cause   "More options than the host takes."
        advice  "Leave out options that are not needed.";
    "SelectorLimit" "selector-limit" Never
        meaning "The request names too many keys."
        cause   "More keys than the host takes."
        advice  "Name the object by its key properties only.";
    "ServiceEnvelopeLimit" "service-envelope-limit" Never
        meaning "The message goes past the envelope size that the service is set to."
        cause   "MaxEnvelopeSizekb on the host is small for this work."
        advice  "Use smaller pages or raise MaxEnvelopeSizekb on the host.";
    "TypeMismatch" "type-mismatch" Never
        meaning "A key or parameter has the wrong type."
        cause   "A text where a number belongs, or the other way round."
        advice  "Compare with `refpoint cim describe CLASS`.";
    "URILimitExceeded" "uri-limit-exceeded" Never
        meaning "The resource URI is too long."
        cause   "An unusually long namespace or class name."
        advice  "Shorten what was given on the command line.";
    "UnexpectedSelectors" "unexpected-selectors" Never
        meaning "A key was given that the class does not have."
        cause   "A property that is no key was used to name the object."
        advice  "Use only the properties marked as key.";
    "UnreportableSuccess" "unreportable-success" Never
        meaning "The work was done, but its answer did not fit into a message."
        cause   "The result is larger than the allowed answer size."
        advice  "Do not repeat it: look for the job or result instead.";
    "Whitespace" "whitespace" Never
        meaning "White space in the message is not acceptable to the host."
        cause   "A gateway reformatted the message."
        advice  "Connect without the gateway; report it with `--dump`.";
};

#[cfg(test)]
mod tests {
    use super::super::code::tests::{assert_name, assert_text};
    use super::*;

    fn locals(space: Space) -> Vec<&'static str> {
        SUBCODES.iter().filter(|subcode| subcode.space == space).map(Subcode::local).collect()
    }

    #[test]
    fn every_documented_subcode_is_listed_once_under_its_namespace() {
        assert_eq!(
            locals(Space::Management),
            [
                "AccessDenied",
                "AlreadyExists",
                "CannotProcessFilter",
                "Concurrency",
                "DeliveryRefused",
                "EncodingLimit",
                "EventDeliverToUnusable",
                "FragmentDialectNotSupported",
                "InternalError",
                "InvalidBookmark",
                "InvalidOptions",
                "InvalidParameter",
                "InvalidSelectors",
                "NoAck",
                "QuotaLimit",
                "SchemaValidationError",
                "TimedOut",
                "UnsupportedFeature",
            ]
        );
        assert_eq!(
            locals(Space::Addressing),
            [
                "ActionNotSupported",
                "DestinationUnreachable",
                "EndpointUnavailable",
                "InvalidMessageInformationHeader",
                "MessageInformationHeaderRequired",
            ]
        );
        assert_eq!(
            locals(Space::Enumeration),
            [
                "CannotProcessFilter",
                "FilterDialectRequestedUnavailable",
                "FilteringNotSupported",
                "InvalidEnumerationContext",
                "InvalidExpirationTime",
                "TimedOut",
                "UnsupportedExpirationType",
            ]
        );
        assert_eq!(
            locals(Space::Eventing),
            [
                "DeliveryModeRequestedUnavailable",
                "EventSourceUnableToProcess",
                "FilteringRequestedUnavailable",
                "InvalidExpirationTime",
                "InvalidMessage",
                "UnableToRenew",
                "UnsupportedExpirationType",
            ]
        );
        assert_eq!(locals(Space::Transfer), ["InvalidRepresentation"]);
        assert_eq!(locals(Space::Binding), ["PolymorphismModeNotSupported"]);
        assert_eq!(SUBCODES.len(), 18 + 5 + 7 + 7 + 1 + 1);
    }

    #[test]
    fn every_documented_fault_detail_is_listed_in_order() {
        let locals: Vec<&str> = DETAILS.iter().map(FaultDetail::local).collect();
        assert_eq!(
            locals,
            [
                "AddressingMode",
                "AmbiguousSelectors",
                "CharacterSet",
                "DuplicateSelectors",
                "EncodingType",
                "InsufficientSelectors",
                "InvalidName",
                "InvalidResourceURI",
                "InvalidValue",
                "MaxElements",
                "MaxEnvelopeSize",
                "MaxEnvelopeSizeExceeded",
                "MinimumEnvelopeLimit",
                "MissingValues",
                "OperationTimeout",
                "OptionLimit",
                "SelectorLimit",
                "ServiceEnvelopeLimit",
                "TypeMismatch",
                "URILimitExceeded",
                "UnexpectedSelectors",
                "UnreportableSuccess",
                "Whitespace",
            ]
        );
        assert!(DETAILS.is_sorted_by(|a, b| a.uri < b.uri));
    }

    #[test]
    fn texts_and_names_are_sound() {
        for subcode in SUBCODES {
            assert_name(subcode.name);
            assert_eq!(subcode.name.replace('-', ""), subcode.local().to_lowercase());
            for text in [subcode.meaning, subcode.cause, subcode.advice] {
                assert_text(text);
            }
        }
        for detail in DETAILS {
            assert_name(detail.name);
            assert_eq!(detail.name.replace('-', ""), detail.local().to_lowercase());
            assert!(detail.uri.starts_with(FAULT_DETAIL_PREFIX));
            for text in [detail.meaning, detail.cause, detail.advice] {
                assert_text(text);
            }
        }
    }

    #[test]
    fn the_written_prefix_is_that_of_the_namespace() {
        for subcode in SUBCODES {
            let (prefix, _) = subcode.symbol.split_once(':').expect("symbols have a prefix");
            assert_eq!(prefix, subcode.space.prefix(), "{}", subcode.symbol);
        }
    }

    #[test]
    fn the_same_local_name_in_two_namespaces_is_two_subcodes() {
        let timed_out = |space: Space| subcode(space.uri(), "TimedOut").map(|s| (s.blame, s.retry));
        assert_eq!(timed_out(Space::Management), Some((Blame::Receiver, Retry::PollAgain)));
        assert_eq!(timed_out(Space::Enumeration), Some((Blame::Sender, Retry::RepeatableOnly)));
        assert_eq!(timed_out(Space::Eventing), None);
        assert_eq!(subcode("http://example.org/", "TimedOut"), None);
    }

    #[test]
    fn only_quota_and_concurrency_prove_that_nothing_was_begun() {
        let proof: Vec<&str> = SUBCODES.iter().filter(|s| s.proves_not_started()).map(|s| s.symbol).collect();
        assert_eq!(proof, ["w:Concurrency", "w:QuotaLimit"]);
    }

    #[test]
    fn unreportable_success_alone_says_that_the_work_was_done() {
        let uri = "http://schemas.dmtf.org/wbem/wsman/1/wsman/faultDetail/UnreportableSuccess";
        let detail = fault_detail(uri).expect("listed above");
        assert!(detail.was_carried_out());
        assert_eq!(detail.retry, Retry::Never);
        assert_eq!(DETAILS.iter().filter(|detail| detail.was_carried_out()).count(), 1);
    }

    #[test]
    fn an_unknown_fault_detail_is_not_guessed() {
        assert_eq!(fault_detail("UnreportableSuccess"), None);
        assert_eq!(fault_detail("http://schemas.dmtf.org/wbem/wsman/1/wsman/faultDetail/Nothing"), None);
    }
}
